"""The `iles` command. Each command imports what it needs when it is called, so that help and checks stay instant."""

from __future__ import annotations

import os
import sys
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from cim.model.errors import BadInput, IlesError
from experiments.cli.sites import SITE_HELP
from experiments.run.settings import RunSettings, Runtime, ScenarioName, WireKind

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="ILES runs a district's sun, wind, batteries, vehicles and buildings as one.\n\n"
    "Start with `iles run strem`: one day of a pilot site, from device telemetry to paid, provable settlements. The other pilot "
    "site is `el_realengo`.",
)


@app.command()
def run(
    site: Annotated[str, typer.Argument(help=SITE_HELP)],
    date_: Annotated[
        str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="First local day; the site's default otherwise.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="How many days.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same run: identifiers, forecasts' errors, keys.")] = 1,
    runtime: Annotated[
        Runtime, typer.Option(help="`ray`: agents in Ray actors; `local`: all in one process.")
    ] = Runtime.RAY,
    wire: Annotated[
        WireKind | None,
        typer.Option(help="`tcp`: devices over sockets (default for ray); `direct`: no sockets (default for local)."),
    ] = None,
    agents_per_actor: Annotated[int, typer.Option(min=1, max=10_000, help="How many agents share a Ray actor.")] = 1,
    place: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN=RESOURCE", help="Agents that fit PATTERN only on nodes with a Ray RESOURCE."),
    ] = None,
    durable: Annotated[
        bool | None,
        typer.Option(help="Agents outlive their process through a journal (default for ray; see also REDIS_URL)."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; `out/SITE-DATE-seedN` otherwise.")] = None,
    allow_missing: Annotated[bool, typer.Option(help="Go on without devices that do not answer at the start.")] = False,
    lose: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DEVICE@HH:MM", help="Lose a device at a local time of the first day (`@start`: from the start)."
        ),
    ] = None,
    misread: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PARTY:METER+5%",
            help="A party's copy of a meter's data is so much off (or `10%`: so many members lie about their elements by more "
            "than 5 %): see the disputes, and in `iles market show OUT --only disputes` who was found.",
        ),
    ] = None,
    broker: Annotated[
        bool,
        typer.Option(help="Readings reach the data platform by the broker's topics (a server in OUT, or REDIS_URL)."),
    ] = False,
    base_port: Annotated[
        int, typer.Option(min=0, max=65000, help="First TCP port of the simulated devices; 0 takes free ones.")
    ] = 0,
    mechanism: Annotated[
        str, typer.Option(metavar="NAME", help="How the DSO pays the offers it chooses; see `iles mechanisms --list`.")
    ] = "pay-as-bid",
    scenario: Annotated[
        ScenarioName | None,
        typer.Option(
            help="What the run is judged by: a table of scores in summary.json (`kpi`) and the report; docs/scenarios.md."
        ),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="1-20", help="A study: each day with each of these seeds; see --days-file.")
    ] = None,
    days_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Of a study: its days, one a line, as `iles days worst --out` writes them."),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Of a study: how many runs at once; as many as there are cores otherwise. Of a single run with --runtime "
            "local: how many processes share the site, one otherwise.",
        ),
    ] = None,
) -> None:
    """Run one or more days of a site in simulated time and settle them.

    The same days are run in five ways: idle, local rules, the DSO's curtailment alone, the market, perfect foresight. OUT
    gets summary.json, report.html (opens offline), ledger.db, invoices/, the telemetry as Parquet tables, and data/: every
    reading and document for `iles data`.

    With --seeds it is a study instead, in one process a run and without sockets: the market with every seed on every day
    of --days-file, the other columns once a day. OUT gets study.json, study.html and runs/; what is finished there is not
    run again, so a study that was stopped goes on.
    """
    _local("--out", out)
    if seeds is not None or days_file is not None:
        if scenario is not None:
            raise BadInput(f"scenario: {scenario.value!r} with --seeds or --days-file; expected a single run")
        if mechanism != "pay-as-bid":
            raise BadInput(f"mechanism: {mechanism!r} with --seeds or --days-file; expected pay-as-bid in a study")
        _study(site, date_, seeds or str(seed), days_file, out, processes)
        return
    from experiments.run.run_command import default_out, execute
    from experiments.run.settings import losses
    from experiments.run.wrong_copies import wrong_copies

    _one_thread()
    day = _day(date_)
    chosen = wire or (WireKind.TCP if runtime is Runtime.RAY else WireKind.DIRECT)
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
            _where(place or []),
            runtime is Runtime.RAY if durable is None else durable,
            wrong_copies(misread or []),
            mechanism,
            broker=broker,
            scenario=None if scenario is None else scenario.value,
            processes=processes or 1,
        )
    )


def _study(
    site: str, day: str | None, seeds: str, days_file: Path | None, out: Path | None, processes: int | None
) -> None:
    from environment.sites import load_site
    from experiments.run.study.study_command import StudySettings, days_of, execute_study, seeds_of

    _one_thread()
    days = days_of(days_file) if days_file is not None else (_day(day) or load_site(site).default_day,)
    cores = len(os.sched_getaffinity(0))
    execute_study(
        StudySettings(site, days, seeds_of(seeds), out or Path("out") / f"{Path(site).stem}-study", processes or cores)
    )


@app.command()
def up(
    site: Annotated[str, typer.Argument(help=SITE_HELP)],
    folder: Annotated[
        Path | None, typer.Option(help="Everything that outlives a stop; `sites/SITE` otherwise. One folder, one site.")
    ] = None,
    endpoints: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the REAL devices are (YAML); then the site lives on the wall clock."),
    ] = None,
    speed: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds of the simulated site's time in a second; 1 by default.")
    ] = None,
    date_: Annotated[
        str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="First local day that is operated.")
    ] = None,
    start: Annotated[
        int | None,
        typer.Option(min=0, max=23, help="Local hour, on the day before the first, at which it begins; 10 by default."),
    ] = None,
    days: Annotated[
        int, typer.Option(min=1, max=3650, help="End after so many days; a simulated site ends with its profiles.")
    ] = 3650,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Of the simulated devices' differences, identifiers, demo keys; 1 by default."),
    ] = None,
    runtime: Annotated[
        Runtime, typer.Option(help="`ray`: agents in Ray actors; `local`: all in one process.")
    ] = Runtime.RAY,
    agents_per_actor: Annotated[int, typer.Option(min=1, max=10_000, help="How many agents share a Ray actor.")] = 1,
    place: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN=RESOURCE", help="Agents that fit PATTERN only on nodes with a Ray RESOURCE."),
    ] = None,
    allow_missing: Annotated[bool, typer.Option(help="Begin without devices that do not answer.")] = False,
    uftp: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Which aggregators live ELSEWHERE and speak UFTP (YAML); see `iles uftp`."),
    ] = None,
    mqtt: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Which topics an MQTT broker is told (YAML); see docs/streams.md."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Where the portal listens; loopback unless you say otherwise.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The portal's port; 0 takes a free one.")] = 8080,
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="The portal's certificate chain (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its private key (PEM).")] = None,
) -> None:
    """Keep a site alive on the clock, with its portal, until you stop it; then go on where it was.

    Every step of every agent is durable before it is sent (an embedded Redis-protocol server in FOLDER, or yours by
    REDIS_URL), so stopping it, even by pulling the plug, loses nothing. The devices are simulated, or with --endpoints
    real: then the site begins now, each party has a key of its own in FOLDER, and the clock is the machine's.
    """
    from experiments.cli.up import default_folder, execute, only_simulated
    from pilot.settings import UpSettings
    from portal.server import tls_of

    _local("--folder", folder)
    only_simulated(endpoints, {"--speed": speed, "--start": start, "--date": date_, "--seed": seed})
    _one_thread()
    execute(
        UpSettings(
            site,
            _day(date_),
            10 if start is None else start,
            1 if seed is None else seed,
            1.0 if speed is None else speed,
            runtime.value,
            agents_per_actor,
            _where(place or []),
            folder or default_folder(site),
            host,
            port,
            days,
            allow_missing,
            endpoints,
            uftp,
            mqtt,
            tls_of(tls_cert, tls_key),
        )
    )


def _local(option: str, folder: Path | None) -> None:
    """A run's or site's folder holds SQLite files and locks."""
    text = str(folder)
    if text.partition("/")[0].endswith(":"):
        raise BadInput(
            f"{option}: {text.replace(':/', '://', 1)} is no folder; expected one on this machine "
            "(readings go to an S3-compatible store by `iles data store DIR s3://BUCKET/PATH`, before the first)"
        )


def _where(texts: list[str]) -> tuple[tuple[str, str], ...]:
    from agents.assembly.placed_where import where_of

    return where_of(texts)


def _one_thread() -> None:
    """One thread per solver: actors and runs share the cores, and sums come out the same everywhere."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a calendar day has no time zone
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date; expected YYYY-MM-DD, for example 2016-05-20") from None


@cache
def _mount() -> None:
    from experiments.cli import (
        bench,
        cim,
        community,
        data,
        data_sources,
        data_upkeep,
        days,
        devices,
        diagrams,
        faults,
        forecast,
        island,
        ledger,
        ledger_rotate,
        losses,
        market,
        mechanisms,
        portal,
        portal_users,
        profiles,
        scale,
        scenarios,
        uftp,
    )

    app.add_typer(bench.app, name="bench")
    app.add_typer(cim.app, name="cim")
    app.add_typer(community.app, name="community")
    app.command()(faults.faults)
    app.command()(forecast.forecast)
    data.app.add_typer(data_sources.app)
    data.app.add_typer(data_upkeep.app)
    app.add_typer(data.app, name="data")
    app.add_typer(days.app, name="days")
    app.add_typer(devices.app, name="devices")
    app.add_typer(diagrams.app, name="docs")
    ledger.app.command()(ledger_rotate.rotate)
    app.add_typer(ledger.app, name="ledger")
    for command in (island.island, island.size, losses.losses, mechanisms.mechanisms, scale.district, scale.scale):
        app.command()(command)
    app.command()(scenarios.scenarios)
    app.add_typer(market.app, name="market")
    portal.app.add_typer(portal_users.app, name="users")
    app.add_typer(portal.app, name="portal")
    app.add_typer(profiles.app, name="profiles")
    app.add_typer(uftp.app, name="uftp")


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
