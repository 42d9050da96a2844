"""`iles days`: which days of a site's profile year are worth a look."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Days of a site's profile year.")


@app.callback()
def _days() -> None:
    """Days of a site's profile year."""


@app.command()
def worst(
    site: Annotated[str, typer.Argument(help="A known site (`strem`) or the path of a site file.")] = "strem",
    count: Annotated[int, typer.Option(min=1, max=366, help="How many days.")] = 5,
    out: Annotated[
        Path | None, typer.Option(help="A file to write the dates to, one a line: for `iles run --days-file`.")
    ] = None,
) -> None:
    """The days on which the grid is furthest above its limits while nothing is controlled (column `idle`), worst first."""
    from experiments.run.columns.worst_days import worst_days

    found = worst_days(site, count)
    typer.echo("date        above limits, kWh   limits broken   highest loading, %")
    for day in found:
        typer.echo(f"{day.day}  {day.over_limit_wh / 1000:18.1f}  {day.violations:14d}  {day.max_loading_pct:19.1f}")
    if out is not None:
        out.write_text("".join(f"{day.day}\n" for day in found), encoding="utf-8")
        typer.echo(f"{out}: written")
