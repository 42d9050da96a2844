"""`/data/status`: how the data platform is, for the operator."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, HTTPException, Request

from cim.platform.orchestrator.status import DataStatus


def add_data_status(app: FastAPI, look: Callable[[], DataStatus]) -> None:
    """Add the route."""

    @app.get("/data/status")
    def status(request: Request) -> DataStatus:
        """Each module's state, history and last error, the queue, sizes, quarantine, index (operator only)."""
        if not request.state.known:
            raise HTTPException(403, "the data platform's status is the operator's; expected the operator's token")
        return look()
