"""The `iles` command. Each command imports what it needs when it is called, so that help and checks stay instant."""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from cim.model.errors import IlesError
from experiments.settings import RunSettings, Runtime, Wire

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="ILES runs a district's sun, wind, batteries, vehicles and buildings as one.\n\n"
    "Start with `iles run strem`: one day of the pilot site, from device telemetry to paid, provable settlements.",
)


@app.command()
def run(
    site: Annotated[str, typer.Argument(help="A known site (`strem`) or the path of a site file.")],
    date_: Annotated[
        str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="First local day; the site's default otherwise.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="How many days.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same run: identifiers, forecasts' errors, keys.")] = 1,
    runtime: Annotated[
        Runtime, typer.Option(help="`ray`: agents in Ray actors; `local`: all in one process.")
    ] = Runtime.RAY,
    wire: Annotated[
        Wire | None,
        typer.Option(help="`tcp`: devices over sockets (default for ray); `direct`: no sockets (default for local)."),
    ] = None,
    agents_per_actor: Annotated[int, typer.Option(min=1, help="How many agents share a Ray actor.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; `out/SITE-DATE-seedN` otherwise.")] = None,
    allow_missing: Annotated[bool, typer.Option(help="Go on without devices that do not answer at the start.")] = False,
    lose: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DEVICE@HH:MM", help="Lose a device at a local time of the first day (`@start`: from the start)."
        ),
    ] = None,
    base_port: Annotated[
        int, typer.Option(min=0, max=65000, help="First TCP port of the simulated devices; 0 takes free ones.")
    ] = 0,
) -> None:
    """Run one or more days of a site in simulated time and settle them.

    The same days are run twice, with and without flexibility, so that the difference shows. OUT gets summary.json,
    report.html (opens offline), ledger.db and the telemetry as Parquet tables.
    """
    from experiments.run_command import default_out, execute
    from experiments.settings import losses

    day = _day(date_)
    chosen = wire or (Wire.TCP if runtime is Runtime.RAY else Wire.DIRECT)
    execute(
        RunSettings(
            site,
            day,
            days,
            seed,
            runtime.value,
            chosen.value,
            agents_per_actor,
            out or default_out(site, day, seed),
            allow_missing,
            base_port,
            losses(lose or []),
        )
    )


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a calendar day has no time zone
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date; expected YYYY-MM-DD, for example 2016-05-20") from None


def _mount() -> None:
    from experiments import devices_command, ledger_command, profiles_command

    app.add_typer(devices_command.app, name="devices")
    app.add_typer(ledger_command.app, name="ledger")
    app.add_typer(profiles_command.app, name="profiles")


def main() -> None:
    """The command's entry: an error ILES raises on purpose is one sentence and exit code 2, never a traceback."""
    _mount()
    try:
        app()
    except IlesError as error:
        print(f"iles: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("iles: stopped; what was recorded stays readable", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
