"""`iles market`: look at what a finished run's market left behind, and bill it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="market", help="Show the market of a finished run, and its invoices.", no_args_is_help=True)


@app.callback()
def _several() -> None:
    """Show the market of a finished run."""


@app.command("show")
def show_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder, with its ledger.db and publications.")],
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            help="One of register, book, tenders, contracts, settlements, baselines, disputes, keys; several times.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it as JSON, with the units in the names.")] = False,
) -> None:
    """Register, book (requests, offers, orders), contracts, settlements and baselines of a run, from its ledger and tables."""
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


@app.command("invoices")
def invoices_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder, with its ledger.db.")],
    write: Annotated[
        bool, typer.Option("--write", help="Write DIR/invoices/*.json and a page to print (*.html) beside each.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The invoices as JSON, with the units in the names.")] = False,
) -> None:
    """Invoices and credit notes of a run, recomputed from its ledger: one a month between a seller and its buyer.

    A run writes them; here they are listed and compared with what is in DIR/invoices. Exit code 1: one is missing or differs.
    """
    from rich.console import Console

    from experiments.market.invoices import invoice_json, invoices_of_run, write_invoices
    from experiments.market.tables import invoice_table

    if write:
        write_invoices(folder)
    found = invoices_of_run(folder)
    if as_json:
        typer.echo("[" + ",\n".join(invoice_json(one.invoice).rstrip() for one in found) + "]")
    else:
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = 240
        console.print(invoice_table(found))
    if any(one.state != "as written" for one in found):
        raise typer.Exit(1)
