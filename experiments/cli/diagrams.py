"""`iles docs`: the parts of the documentation that are drawn from the source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Documentation that is drawn from the source.")

HEAD = """# Conversations

Drawn by `iles docs diagrams` from the tables of states and transitions that the agents go by; do not edit.
What arrives without changing the state (acknowledgements, messages that crossed) is in the tables, not in the diagrams.
"""


@app.command()
def diagrams(
    out: Annotated[Path, typer.Option(help="The Markdown file to write.")] = Path("docs/diagrams.md"),
) -> None:
    """Draw every conversation's state diagram (Mermaid) from its table."""
    out.write_text(document(), encoding="utf-8")
    typer.echo(f"{out}: written")


@app.command()
def tables(
    out: Annotated[Path, typer.Option(help="The Markdown file to write.")] = Path("docs/store.md"),
) -> None:
    """Describe the tables that publications are kept in, from their classes."""
    from experiments.cli.store_tables import page

    out.write_text(page(), encoding="utf-8")
    typer.echo(f"{out}: written")


@app.command()
def cim(
    out: Annotated[Path, typer.Option(help="The Markdown file to write.")] = Path("docs/cim.md"),
) -> None:
    """Describe the Common Information Model's classes and mappings, from the classes."""
    from experiments.cli.cim_page import page

    out.write_text(page(), encoding="utf-8")
    typer.echo(f"{out}: written")


@app.command()
def summary(
    out: Annotated[Path, typer.Option(help="The Markdown file to write.")] = Path("docs/summary.md"),
) -> None:
    """Describe the fields of summary.json, from the classes that write it."""
    from experiments.cli.summary_page import page

    out.write_text(page(), encoding="utf-8")
    typer.echo(f"{out}: written")


def document() -> str:
    """The Markdown page of all conversations' diagrams."""
    from agents.planning.dispatch import session
    from market.negotiation import conversation as negotiation
    from market.register import lifecycle
    from market.settlement import arbitration
    from market.settlement import conversation as settlement
    from market.trading import conversation as trading

    parts = [HEAD]
    for table, module in (
        (lifecycle.LIFE_CYCLE, lifecycle),
        (negotiation.NEGOTIATION, negotiation),
        (trading.TRADING, trading),
        (session.SPLIT, session),
        (session.MEMBERSHIP, session),
        (settlement.SETTLEMENT, settlement),
        (arbitration.ARBITRATION, arbitration),
    ):
        source = f"Table: `{module.__name__.replace('.', '/')}.py`."
        parts.append(f"## {table.title}\n\n{table.about} {source}\n\n```mermaid\n{table.mermaid()}```\n")
    return "\n".join(parts)
