"""`iles community`: energy shared by law, and what each member pays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from experiments.cli.sites import SITE_HELP

if TYPE_CHECKING:
    from experiments.community.command import Billed


class _SiteFirst(TyperGroup):
    """`iles community strem` is `iles community month strem`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override] # click's own, which typer hides
        named = args and (args[0] in self.commands or args[0].startswith("-"))
        return super().parse_args(ctx, args if named or not args else ["month", *args])


app = typer.Typer(
    cls=_SiteFirst,
    no_args_is_help=True,
    help="Energy shared in a community by law (Austria, Spain), and what each member pays.\n\n"
    "`iles community SITE` bills a month of a site. Worked out from rules as read, not from the gazettes: it is no invoice, and "
    "bills for real people need a lawyer first (docs/community.md).",
)

_Json = Annotated[bool, typer.Option("--json", help="All of it as JSON, with the units in the names.")]
_Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Write community.json, a page to print for each member, and (Austria) intervals.csv.",
    ),
]
_Coefficients = Annotated[
    Path | None,
    typer.Option(
        "--coefficients", metavar="FILE", help="Spain, hourly_ex_ante: the distributor's file CAU_YEAR.txt, as agreed."
    ),
]


@app.command("month")
def month_command(
    site: Annotated[str, typer.Argument(help=SITE_HELP)],
    month: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM", help="Of the profile year; that of the site's default day otherwise."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Spreads the batteries' first state of charge.")] = 1,
    coefficients: _Coefficients = None,
    out: _Out = None,
    as_json: _Json = False,
) -> None:
    """A month of the site's profile year, every device by its owner's rule, metered, shared and billed (seconds)."""
    from experiments.community.command import billed_month

    _tell(billed_month(site, month, seed, coefficients, out), out, as_json)


@app.command("bills")
def bills_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A finished run's folder, with its telemetry.")],
    site: Annotated[
        str | None, typer.Option(help="The site's file, where the run's site is none that ships with ILES.")
    ] = None,
    coefficients: _Coefficients = None,
    out: _Out = None,
    as_json: _Json = False,
) -> None:
    """The days of a finished run, by what its meters told: values that are missing are substituted, and said so.

    Once more into the same --out DIR, after meter data has changed: by Austria's law a quarter-hour that differs is allocated
    again for all members, as its next version (intervals.csv). The bills are put into the run's folder too: its portal
    (`iles portal DIR`) shows each member its own, page Community.
    """
    from experiments.community.command import billed_run
    from experiments.community.published import publish

    made = billed_run(folder, site, coefficients, out)
    _tell(made, out, as_json)
    if any((folder / "publications").glob("*")):
        publish(folder, made.statement, "iles")
        typer.echo(f"{folder}: the bills are among what the run published (page Community of its portal)", err=True)


@app.command("coefficients")
def coefficients_command(
    site: Annotated[str, typer.Argument(help="A site with a `community:` by Spain's law.")],
    seed: Annotated[int, typer.Option(min=0, help="Spreads the batteries' first state of charge.")] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write the distributor's file there, CAU_YEAR.txt.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Spain: the best coefficients for each hour of the year, by linear programmes, with no member worse than by fixed ones.

    They go by season, working day or not and hour of the clock, since they are agreed before the year: made from the odd weeks
    of the profile year, they are judged on the even ones, beside the most that sharing after the fact could bring. The file
    is made from all weeks. (A minute for Strem's size.)
    """
    import json
    from dataclasses import asdict

    from rich.console import Console

    from experiments.community.command import best_of_year
    from market.billing.printed import kwh, money
    from market.community.spain.distributor_file import written

    with Console(stderr=True).status("") as status:
        found, most_wh, made = best_of_year(site, seed, status.update)
        if out is not None:
            file = made()
            out.mkdir(parents=True, exist_ok=True)
            (out / file.name).write_text(written(file), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps({"ways": [asdict(one) for one in found], "most_own_wh": most_wh}, indent=1))
        return
    typer.echo("even weeks of the profile year       own use, kWh   worth to members   least that a member gains")
    for one in found:
        typer.echo(f"{one.way:36s} {kwh(one.own_wh):>13s} {money(one.saved_e4):>18s} {money(one.worst_e4):>27s}")
    typer.echo(f"{'the most, shared after the fact':36s} {kwh(most_wh):>13s}")
    if out is not None:
        typer.echo(f"{out / file.name}: written")


def _tell(made: Billed, out: Path | None, as_json: bool) -> None:
    from rich.console import Console

    from experiments.community.command import show, statement_json, write

    if as_json:
        typer.echo(statement_json(made.statement), nl=False)
    else:
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = 240
        show(made.statement, console)
    if out is not None:
        files = write(made, out)
        typer.echo(f"{out}: {len(files)} files written", err=as_json)
