"""`iles island`: a site without mains, once in seconds or a thousand times."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from cim.model.errors import BadInput
from experiments.cli.sites import SITE_HELP

if TYPE_CHECKING:
    from cim.platform.publications.base import Publication
    from environment.outages import Outage
    from experiments.island.model import IslandSite


def island(
    site: Annotated[str, typer.Argument(help=SITE_HELP)],
    at: Annotated[
        str | None, typer.Option("--at", metavar="YYYY-MM-DDTHH:MM", help="Local time at which mains are lost.")
    ] = None,
    minutes: Annotated[int, typer.Option(min=1, max=24 * 60, help="For how long, with --at.")] = 60,
    stored_pct: Annotated[
        float | None, typer.Option(min=0, max=100, help="What the battery holds then; as planned otherwise.")
    ] = None,
    without_chp: Annotated[bool, typer.Option("--without-chp", help="The CHP plant is out of order.")] = False,
    announced: Annotated[
        bool, typer.Option("--announced", help="Planned works: when mains come back is known.")
    ] = False,
    silent: Annotated[
        list[str] | None,
        typer.Option(metavar="UNIT", help="With --at: this unit's agent loses its link when mains are lost."),
    ] = None,
    outages: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="So many random outages of the year instead of one.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the random outages; same seed, same outages.")] = 1,
    confidence: Annotated[
        float | None,
        typer.Option(min=0, max=99.9, help="Percent of outages to hold a reserve for; the site's otherwise."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for page and JSON; `out/SITE-island` otherwise.")] = None,
    into: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="With --at: a finished run of this site, within whose time mains are lost; what the manager tells of the island "
            "is put there, for the portal's page Island.",
        ),
    ] = None,
) -> None:
    """Lose mains at a site: run one outage second by second, or many at random.

    One (--at): the ILES manager and an agent for each unit lead the island by messages, its physics moves each second.
    Frequency, powers, state of charge and what each priority was served are in island.html and island.json.

    Many (--outages): how much is held is calibrated on other outages; then each is run through, with its frequency. What is
    finished in OUT is not run again. outages.html and outages.json say what was served, and what the reserve cost.
    """
    from environment.outages import Cause, Outage
    from experiments.island.model import island_site

    if (at is None) == (outages is None):
        raise BadInput("iles island: expected either --at YYYY-MM-DDTHH:MM or --outages N")
    if into is not None and at is None:
        raise BadInput("into: only with --at, which loses mains once; expected none with --outages")
    model = island_site(site)
    folder = out or Path("out") / f"{model.site.name}-island"
    share = model.plan.confidence_pct.value / 100 if confidence is None else confidence / 100
    if outages is not None:
        _many(model, outages, seed, share, folder)
    else:
        assert at is not None  # noqa: S101 - one of the two was given
        start = _instant(at, model.site.timezone).astimezone(UTC)
        outage = Outage(start, 60.0 * minutes, Cause.PLANNED if announced else Cause.OWN, not without_chp)
        if into is not None:
            from experiments.island.published import check_run

            check_run(into, model.site.name, outage)
        _one(model, outage, stored_pct, tuple(silent or ()), seed, share, folder, into)


def _instant(said: str, timezone: str) -> datetime:
    try:
        return datetime.strptime(said, "%Y-%m-%dT%H:%M").replace(tzinfo=ZoneInfo(timezone))
    except ValueError:
        raise BadInput(
            f"at: {said!r} is no local time; expected YYYY-MM-DDTHH:MM, for example 2016-05-20T18:30"
        ) from None


def _one(
    model: IslandSite,
    outage: Outage,
    stored_pct: float | None,
    silent: tuple[str, ...],
    seed: int,
    confidence: float,
    folder: Path,
    into: Path | None,
) -> None:
    from experiments.island.agents_run import ride_with_agents
    from experiments.island.page import served_rows, write_event
    from experiments.island.study import calibrated

    model.quarter(outage.start)
    if stored_pct is None:
        typer.echo("planning the battery's year with its reserve ...", err=True)
        plan, _ = calibrated(model, seed, confidence)
        stored_wh, battery_w = model.stored_wh(plan.held, outage.start), model.battery_w(plan.held, outage.start)
    else:
        stored_wh, battery_w = stored_pct / 100 * model.limits.capacity_wh, 0.0
    heard: list[tuple[str, Publication]] = []
    ride, messages = ride_with_agents(
        model, outage, stored_wh=stored_wh, battery_w=battery_w, seed=seed, silent=silent,
        hear=lambda agent, told: heard.append((agent, told)),
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    write_event(folder / "island.html", model, ride)
    rows = served_rows(model, ride)
    summary = {
        "site": model.site.name,
        "start": outage.start.isoformat(),
        "seconds": outage.seconds,
        "chp_ready": outage.chp_ready,
        "possible": ride.possible,
        "served": ride.served,
        "stored_kwh": round(ride.stored_wh / 1000, 3),
        "left_kwh": round(ride.left_wh / 1000, 3),
        "lowest_hz": round(ride.lowest_hz, 3),
        "highest_hz": round(ride.highest_hz, 3),
        "blackouts": ride.blackouts,
        "dark_s": ride.dark_s,
        "messages": messages,
        "silent": list(silent),
        "back_on_mains_s": ride.seconds if ride.resynchronised else None,
        "by_priority": rows,
        "log": [{"second": second, "what": what} for second, what in ride.log],
    }
    (folder / "island.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    for second, what in ride.log:
        typer.echo(f"{second:6d} s  {what}")
    for row in rows:
        typer.echo(
            f"priority {row['priority']}: {row['served_kwh']:.1f} of {row['demand_kwh']:.1f} kWh served  {row['title']}"
        )
    typer.echo(
        f"frequency {ride.lowest_hz:.2f} to {ride.highest_hz:.2f} Hz; {folder}/island.html and island.json written"
    )
    if into is not None:
        from experiments.island.published import put_island

        typer.echo(f"{into}: {put_island(into, heard)} publications of the island (page Island of its portal)")


def _many(model: IslandSite, number: int, seed: int, confidence: float, folder: Path) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Table

    from environment.outages import Purpose
    from experiments.island.page import short, write_study
    from experiments.island.study import calibrated, drawn, run_outages, verdict

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("calibrating the reserve", total=number)
        plan, reserve = calibrated(model, seed, confidence)
        chosen = drawn(model, number, seed, Purpose.JUDGING)
        bar.update(task, description="outages")
        kept = folder / f"outages-seed{seed}.jsonl"
        missing = [number]

        def told(_: object) -> None:
            missing[0] -= 1
            bar.update(task, completed=number - missing[0])

        rows = run_outages(model, plan, chosen, kept, told)
        bar.update(task, completed=number)
    found = verdict(rows)
    write_study(folder / "outages.html", model, reserve, found, rows)
    summary = {
        "site": model.site.name, "seed": seed, "wanted_confidence": confidence, "verdict": asdict(found),
        "reserve": asdict(reserve), "rows": kept.name,
    }  # fmt: skip
    (folder / "outages.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    table = Table("what", "value")
    for words, value in short(model, reserve, found):
        table.add_row(words, value)
    Console().print(table)
    typer.echo(f"{folder}/outages.html and outages.json written")


def size(
    site: Annotated[
        str, typer.Argument(help="A known site (`strem`) or the path of a site file with `islanding.sizing`.")
    ],
    days: Annotated[int, typer.Option(min=1, max=60, help="How many typical days stand for the year.")] = 12,
    out: Annotated[Path | None, typer.Option(help="Folder for page and JSON; `out/SITE-size` otherwise.")] = None,
) -> None:
    """Which battery pays at a site: its energy and power by a linear programme over typical days.

    Against each other stand what it costs a year, what the site's energy costs by the hour, what is above the congestion
    point's limit, what outages leave unserved of the promised loads, and wear (rainflow). Beside it: the battery that stands
    there, and none. size.html and size.json say all of it.
    """
    from rich.console import Console
    from rich.table import Table

    from experiments.island.model import island_site
    from experiments.island.size import size_battery
    from experiments.island.size_page import HEAD, as_json, rows, write_size

    model = island_site(site)
    folder = out or Path("out") / f"{model.site.name}-size"
    typer.echo("solving ...", err=True)
    found = size_battery(model, days)
    folder.mkdir(parents=True, exist_ok=True)
    write_size(folder / "size.html", model, found)
    (folder / "size.json").write_text(json.dumps(as_json(found, model), indent=1) + "\n", encoding="utf-8")
    table = Table(*HEAD, title=f"What a year costs, {model.site.currency}")
    for row in rows(found):
        table.add_row(*row)
    Console().print(table)
    typer.echo(f"cells live {found.cell_years:.1f} years; {folder}/size.html and size.json written")
