"""`iles portal`: a finished run's folder over HTTP."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fastapi import FastAPI


def portal(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A finished run's folder (`iles run strem --out DIR`).")
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Its port on loopback; 0 takes a free one.")] = 8080,
) -> None:
    """Serve a finished run on loopback: health, the DSO's view, the market and the data, until you stop it.

    Everything but /health asks for a token. The operator's lies in DIR/portal.token and opens all; each market party, and
    each researcher, occupant and administrator of DIR/data/access/principals.json, has its own in DIR/portal.parties/,
    which opens what is the party's:

    curl -H "Authorization: Bearer $(cat DIR/portal.token)" http://127.0.0.1:8080/dso/state

    curl -H "Authorization: Bearer $(cat DIR/portal.parties/NAME.token)" http://127.0.0.1:8080/data/access

    http://127.0.0.1:8080/data/playground is a page to try a query; docs/access.md says who sees which rows and columns.
    """
    asyncio.run(_serve(folder, port))


def finished_app(folder: Path) -> FastAPI:
    """The portal of a finished run's folder; tokens that are not there are made.

    Raises:
        BadInput: it is no such folder, or a file in it cannot be read.
    """
    from cim.platform.orchestrator.status import status_of
    from portal.app import create_app
    from portal.callers import market_callers, named_callers
    from portal.finished import FinishedRun
    from portal.live_data import LiveData
    from portal.tokens import party_tokens, portal_token

    run, callers = FinishedRun(folder), (*market_callers(folder), *named_callers(folder))
    data = LiveData(folder, lambda: datetime.now(UTC), make_index=True)
    data()  # what cannot be read is said now
    parties = party_tokens(folder, callers)
    return create_app(run, portal_token(folder), parties=parties, data=data, data_status=lambda: status_of(folder))


async def _serve(folder: Path, port: int) -> None:
    from portal.server import serve

    over = asyncio.Event()
    async with serve(finished_app(folder), port=port) as server:
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, over.set)
        print(f"portal of {folder} at {server.url}, its token in {folder}; Ctrl-C stops it", flush=True)
        await over.wait()
