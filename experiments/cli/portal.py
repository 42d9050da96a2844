"""`iles portal DIR`: a finished run's folder over HTTP; `iles portal users`: who may log in."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from fastapi import FastAPI

    from portal.server import Tls


class _ServeUnlessNamed(TyperGroup):
    """`iles portal DIR` is `iles portal serve DIR`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Put the command there where none is named."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["serve", *args]
        return super().parse_args(ctx, args)


_HELP = """Serve a finished run over HTTP (`iles portal DIR`), and say who may log in (`iles portal users`).

A browser is asked to log in: the first start prints the administrator's one-time password, `iles portal users add` lets others in.
A client shows a token. The operator's lies in DIR/portal.token and opens all; each market party, and each researcher, occupant
and administrator of DIR/data/access/principals.json, has its own in DIR/portal.parties/, which opens what is the party's:

curl -H "Authorization: Bearer $(cat DIR/portal.token)" http://127.0.0.1:8080/dso/state

curl -H "Authorization: Bearer $(cat DIR/portal.parties/NAME.token)" http://127.0.0.1:8080/data/access

http://127.0.0.1:8080/data/pages/playground is a page to try a query; docs/portal.md says who may call, docs/access.md who sees
which rows and columns.
"""

app = typer.Typer(cls=_ServeUnlessNamed, no_args_is_help=True, help=_HELP)


@app.command("serve")
def portal(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A finished run's folder (`iles run strem --out DIR`).")
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Its port; 0 takes a free one.")] = 8080,
    host: Annotated[str, typer.Option(help="Where it listens; others than loopback need TLS.")] = "127.0.0.1",
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="Certificate chain (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its private key (PEM).")] = None,
) -> None:
    """Serve a finished run: health, the DSO's view, the market and the data, until you stop it.

    On loopback, unless --host says otherwise, which needs --tls-cert and --tls-key.
    """
    from portal.server import tls_of

    asyncio.run(_serve(folder, host, port, tls_of(tls_cert, tls_key)))


def finished_app(folder: Path) -> FastAPI:
    """The portal of a finished run's folder; tokens that are not there are made.

    Raises:
        BadInput: it is no such folder, or a file in it cannot be read.
    """
    from pilot.page_sources import site_named, sources_of
    from portal.app import create_app
    from portal.auth.caller import SERVICE_PATHS
    from portal.auth.log_in import LogIn
    from portal.auth.users import FIRST
    from portal.callers import market_callers, market_roles, named_callers, named_roles
    from portal.finished import FinishedRun
    from portal.live_data import LiveData
    from portal.news import News
    from portal.tokens import party_tokens, portal_token, service_tokens

    run, callers = FinishedRun(folder), (*market_callers(folder), *named_callers(folder))
    data = LiveData(folder, lambda: datetime.now(UTC), make_index=True)
    data()  # what cannot be read is said now
    log_in = LogIn(folder)
    if (first := log_in.users.first_start()) is not None:
        print(f"log in as {FIRST} with the one-time password {first}; it is not shown again", flush=True)
    return create_app(
        run,
        portal_token(folder),
        parties=party_tokens(folder, callers),
        data=data,
        data_folder=folder,
        roles={**market_roles(folder), **named_roles(folder)},
        log_in=log_in,
        sources=sources_of(folder, *site_named(run.name)),
        news=News(lambda: run.end),
        services=service_tokens(folder, SERVICE_PATHS),
    )


async def _serve(folder: Path, host: str, port: int, tls: Tls | None) -> None:
    from portal.server import serve

    over = asyncio.Event()
    async with serve(finished_app(folder), host, port, tls) as server:
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, over.set)
        print(f"portal of {folder} at {server.url}, its token in {folder}; Ctrl-C stops it", flush=True)
        await over.wait()
