"""`iles market`: look at what a finished run's market left behind."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="market", help="Show the market of a finished run.", no_args_is_help=True)


@app.callback()
def _several() -> None:
    """Show the market of a finished run."""


@app.command("show")
def show_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder, with its ledger.db and publications.")],
    only: Annotated[
        list[str] | None, typer.Option("--only", help="One of register, book, contracts, settlements; several times.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it as JSON, with the units in the names.")] = False,
) -> None:
    """Register, book (requests, offers, orders), contracts and settlements of a run, from its ledger and publications."""
    from rich.console import Console

    from experiments.market.book import market_book
    from experiments.market.tables import SECTIONS, tables

    unknown = [name for name in only or () if name not in SECTIONS]
    if unknown:
        raise typer.BadParameter(f"--only {unknown[0]}; expected one of {', '.join(SECTIONS)}")
    book = market_book(folder)
    if as_json:
        typer.echo(json.dumps(asdict(book), indent=1))
        return
    console = Console(highlight=False)
    if not console.is_terminal:  # a table in a file or pipe is not cut to eighty columns
        console.width = 240
    for table in tables(book, only or SECTIONS):
        console.print(table)
