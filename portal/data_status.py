"""`/data/status` and `/data/quarantine`: how the data platform is, and what it could not take, for the operator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request

from cim.platform.orchestrator.status import DataStatus, HeldRecord, held_in, status_of


def add_data_status(app: FastAPI, folder: Path) -> None:
    """Add the routes of a run's or site's folder."""

    @app.get("/data/status")
    def status(request: Request) -> DataStatus:
        """Each module's state, history and last error, the queue, sizes, sources, quarantine, index (operator only)."""
        _for_operator(request, "status")
        return status_of(folder)

    @app.get("/data/quarantine")
    def quarantine(
        request: Request,
        source: Annotated[str | None, Query(max_length=200, description="Of this source alone.")] = None,
        rows: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 100,
    ) -> list[HeldRecord]:
        """Records and whole deliveries (line null) that are held, each with its reason (operator only)."""
        _for_operator(request, "quarantine")
        return list(held_in(folder, source, rows))


def _for_operator(request: Request, what: str) -> None:
    if not request.state.known:
        raise HTTPException(403, f"the data platform's {what} is the operator's; expected the operator's token")
