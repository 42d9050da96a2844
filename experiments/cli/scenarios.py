"""`iles scenarios`: how much of the gap to perfect foresight a site's flexible operation closes, over days of its year."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.cli.sites import SITE_HELP
from experiments.run.settings import ScenarioName

if TYPE_CHECKING:
    from experiments.scenarios.models import JudgedDay


def scenarios(
    site: Annotated[str, typer.Argument(help=SITE_HELP)],
    every: Annotated[
        int, typer.Option(min=1, max=366, help="Every so many days, from 5 January of the site's year on.")
    ] = 26,
    days: Annotated[
        int | None, typer.Option(min=1, help="Only so many of them, spread over the year; all otherwise.")
    ] = None,
    days_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="These days instead, one a line, as `iles days worst --out` writes."),
    ] = None,
    scenario: Annotated[
        list[ScenarioName] | None, typer.Option(help="Judge by these alone; by all otherwise. May be given again.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of devices' differences and of the outages drawn.")] = 1,
    processes: Annotated[
        int | None, typer.Option(min=1, help="How many days at once; as many as there are cores otherwise.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; `out/SITE-scenarios` otherwise.")] = None,
) -> None:
    """Judge days of a site by every scenario, beside local rules, no control and perfect foresight.

    Local rules and no control are run once a day; flexible operation and perfect foresight once for `congestion` and
    `self-consumption`, and once each for `islanding` and `market`, which they follow. The verdict of each: whether flexible
    operation closes at least half of the gap from local rules to perfect foresight, summed over the days that have one, and
    on which days it is below local rules by more than a tenth of it.
    OUT gets scenarios.json, scenarios.html and days/: what is finished there is not run again, so a stop loses one day.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Table

    from environment.sites import load_site
    from experiments.run.study.study_command import days_of
    from experiments.scenarios.command import ScenarioSettings, execute, finished_days
    from experiments.scenarios.page import HEAD, rows
    from experiments.scenarios.verdict import days_of_year, spread

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    chosen = days_of(days_file) if days_file else days_of_year(load_site(site).default_day.year, (1, 5), every)
    settings = ScenarioSettings(
        site,
        chosen if days is None else spread(chosen, days),
        tuple(dict.fromkeys(scenario or ScenarioName)),
        seed,
        out or Path("out") / f"{Path(site).stem}-scenarios",
        processes or len(os.sched_getaffinity(0)),
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("days", total=len(settings.days), completed=finished_days(settings))

        def told(done: JudgedDay) -> None:
            bar.update(task, advance=1, description=f"{done.day} done in {done.cpu_s:.0f} s of a core")

        study = execute(settings, told)
    table = Table(*HEAD, title=f"{study.site}: {len(study.days)} days, seed {study.seed}")
    for row in rows(study):
        table.add_row(*map(str, row))
    Console().print(table)
    typer.echo(f"{settings.out}/scenarios.html and scenarios.json written")
