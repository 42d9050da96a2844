"""`iles days`: which days of a site's profile year are worth a look."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cim.model.errors import BadInput
from experiments.cli.sites import SITE_HELP

app = typer.Typer(no_args_is_help=True, help="Days of a site's profile year.")


@app.callback()
def _days() -> None:
    """Days of a site's profile year."""


@app.command()
def worst(
    site: Annotated[str, typer.Argument(help=SITE_HELP)] = "strem",
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


@app.command()
def needs(
    site: Annotated[str, typer.Argument(help=SITE_HELP)] = "strem",
    share_pct: Annotated[
        float, typer.Option(min=1, max=100, help="Of what has to be moved, how much must lie in the season.")
    ] = 95.0,
) -> None:
    """What the DSO expects to need in a year while nothing is controlled: the season, hours, amount and energy of its options."""
    from experiments.run.columns.year_needs import year_needs

    found = year_needs(site, share_pct)
    if found is None:
        typer.echo("no congestion point is above its limit in the whole year")
        return
    for point, energy_kwh in found.over_limit_kwh.items():
        typer.echo(f"{point}: {energy_kwh:.0f} kWh above its limit")
    season = found.season
    typer.echo(f"to be moved (what is moved below relieves what is above): {found.moved_kwh:.0f} kWh")
    typer.echo(
        f"season: months {season.first_month} to {season.last_month}, hours {season.from_hour} to {season.to_hour}; "
        f"{found.season_pct:.1f} % of it"
    )
    typer.echo(
        f"at once, where something has to be: median {found.median_w / 1000:.1f} kW, {found.median_share:.4f} of the connections"
    )


@app.command()
def prognoses(
    site: Annotated[str, typer.Argument(help=SITE_HELP)] = "strem",
    first: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="First local day; two days before the site's default.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=31, help="How many days.")] = 4,
    seeds: Annotated[str, typer.Option(help="Seeds of the weather service's error, for example 1-20.")] = "1",
    inflate: Annotated[str | None, typer.Option(help="A seller that foretells more feed-in than it expects.")] = None,
    by_pct: Annotated[float, typer.Option(min=0, help="By how much.")] = 30.0,
) -> None:
    """After each day the sellers whose prognoses the DSO replaces, without devices or agents but the DSO (a second a day)."""
    from datetime import date, timedelta

    from environment.sites import load_site
    from experiments.run.prognosis_study import Cheating, suspected
    from experiments.run.study.study_command import seeds_of

    cheating = None if inflate is None else Cheating(inflate, by_pct)
    try:
        begin = load_site(site).default_day - timedelta(days=2) if first is None else date.fromisoformat(first)
    except ValueError:
        raise BadInput(f"--first: {first!r} is no date; expected YYYY-MM-DD") from None
    for seed in seeds_of(seeds):
        found = suspected(site, begin, days, seed, cheating)
        typer.echo(f"seed {seed}: " + " · ".join(", ".join(sellers) or "nobody" for sellers in found))
