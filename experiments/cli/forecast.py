"""`iles forecast`: how good a site's forecasts with bands are, series by series, judged forward in time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.cli.sites import SITE_HELP

if TYPE_CHECKING:
    from experiments.forecast.models import SkillTable


def forecast(
    site: Annotated[str, typer.Argument(help=SITE_HELP)],
    days: Annotated[
        int | None,
        typer.Option(min=1, help="Judge only the last so many days of the profile year; else all but the first 60."),
    ] = None,
    series: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Some of them: `pcc`, a building (`farm-1`), a device (`farm-1.pv`); all otherwise."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the weather service's errors.")] = 1,
    issue_hour: Annotated[int, typer.Option(min=0, max=23, help="Local hour at which the next day is forecast.")] = 11,
    retrain_days: Annotated[int, typer.Option(min=1, help="Models are fitted anew every so many days.")] = 14,
    weather: Annotated[bool, typer.Option(help="With the weather service's forecast, or without any.")] = True,
    out: Annotated[
        Path | None, typer.Option(help="Folder for forecast.json and forecast.html; `out/SITE-forecast` otherwise.")
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="As many as there are cores otherwise.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON and nothing else.")] = False,
) -> None:
    """Forecast each day of a site's profile year with 10/50/90 % bands by what was known then, and say how good it was.

    The point of common coupling, each building, plant, heat pump and charging station, while nothing is controlled: mean
    absolute error and pinball loss beside the better of two naive forecasts (the day before, the week before), and how much
    of what came lay within the band. No model is judged by a day that it has seen. The whole of Strem takes some minutes.
    """
    from rich.console import Console

    from agents.planning.forecast.bands.walk_forward import Schedule
    from cim.model.errors import BadInput
    from experiments.forecast.page import write_page
    from experiments.forecast.site_series import series_of_site
    from experiments.forecast.skill_table import skill_table
    from experiments.forecast.study import FIRST_JUDGED, judge_all

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    folder = out or Path("out") / f"{Path(site).stem}-forecast"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"out: {folder} cannot be made ({error.strerror}); expected a folder") from None
    with Console(stderr=True).status("reading") as status:
        known = series_of_site(
            site, tuple(dict.fromkeys(series or ())), seed, issue_hour, lambda what: status.update(f"reading: {what}")
        )
        done = list[str]()

        def tell(name: str) -> None:
            done.append(name)
            status.update(f"forecasting: {len(done)} of {len(known.kinds)} series, {name} done")

        schedule = Schedule(issue_hour * 4, retrain_days)
        cores = processes or len(os.sched_getaffinity(0))
        found = judge_all(known, days=days, weather=weather, schedule=schedule, processes=cores, tell=tell)
    table = skill_table(
        site,
        known,
        found,
        seed=seed,
        weather=weather,
        issue_hour=issue_hour,
        retrain_days=retrain_days,
        days=days or len(known.weather) - FIRST_JUDGED,
    )
    (folder / "forecast.json").write_text(table.model_dump_json(indent=2), encoding="utf-8")
    write_page(folder / "forecast.html", table, found)
    if as_json:
        print(table.model_dump_json(indent=2))
    else:
        _show(table, folder)


def _show(found: SkillTable, folder: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from experiments.forecast.skill_table import flat_sentences

    shown = Table(
        title=f"{found.site}, {found.first} to {found.last}: each day forecast at {found.issue_hour}:00 the day before"
    )
    for head in ("series", "MAE, W", "naive, W", "better, %", "pinball, W", "in band, %"):
        shown.add_column(head, justify="left" if head == "series" else "right", no_wrap=True)
    for name, skill in found.series.items():
        naive_w = min(skill.naive_1_day_mae_w, skill.naive_7_days_mae_w)
        figures = (skill.mae_w, naive_w, skill.skill_pct, skill.pinball_w, 100 * skill.coverage)
        shown.add_row(name, *(f"{value:,.1f}" for value in figures))
    console = Console(highlight=False)
    console.print(shown)
    for sentence in flat_sentences(found):
        console.print(sentence)
    console.print(
        "better than naive on every series" if found.better_on_all else "NOT better than naive on every series"
    )
    console.print(f"{folder / 'forecast.html'}: bands beside what came; {folder / 'forecast.json'}: these figures")
