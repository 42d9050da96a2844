"""What a study shows on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from experiments.run.columns.column import ColumnName
from experiments.run.study.figures import FIGURES
from experiments.run.study.models import Quantiles, Study, StudyRun

_OF_DAY = (
    "violations",
    "over_limit_wh",
    "local_over_limit_wh",
    "ordered_wh",
    "curtailed_wh",
    "bought_per_need",
    "dso_cost",
)


class StudyScreen:
    """Progress and result of a study.

    Args:
        count: of all runs.
        there: how many are there from before.
    """

    def __init__(self, count: int, there: int) -> None:
        self._count, self._there = count, there

    @contextmanager
    def progress(self) -> Iterator[Callable[[StudyRun], None]]:
        """A bar over all runs; yields what hears of each that is done."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("runs", total=self._count, completed=self._there)

            def heard(run: StudyRun) -> None:
                broken = run.columns[ColumnName.MARKET].violations
                words = f"{run.day} seed {run.seed}: {broken} limits broken"
                bar.update(task, advance=1, description=words)

            yield heard

    @staticmethod
    def show(study: Study, out: Path) -> None:
        """The distributions over all runs, the days below each other, and where it is written."""
        console = Console()
        table = Table(
            title=f"{study.site}: {study.runs} runs, {len(study.days)} days, {len(study.seeds)} seeds; "
            f"{study.without_violations:.0%} of them without a broken limit"
        )
        table.add_column("", no_wrap=True)
        for name in ("lowest", "5 %", "median", "95 %", "highest"):
            table.add_column(name, justify="right", no_wrap=True)
        for name, quantiles in study.figures.items():
            table.add_row(FIGURES[name].words, *_cells(quantiles, FIGURES[name].unit))
        for day in study.days:
            table.add_section()
            table.add_row(f"[bold]{day}[/bold]")
            for name in _OF_DAY:
                if name in study.by_day[day]:
                    table.add_row(FIGURES[name].words, *_cells(study.by_day[day][name], FIGURES[name].unit))
        console.print(table)
        for check in study.checks:
            mark = "[green]held[/green]" if check.held else "[red]not held[/red]"
            bound = f"{'at least' if check.least else 'at most'} {check.wanted:g}"
            console.print(f"{mark}: {check.words}: {check.value:g} (wanted: {bound})", soft_wrap=True)
        for name in ("study.json", "study.html"):
            console.print(f"{name}: {out / name}", soft_wrap=True)


def _cells(quantiles: Quantiles, unit: float) -> list[str]:
    values = (quantiles.lowest, quantiles.p5, quantiles.median, quantiles.p95, quantiles.highest)
    return [f"{value / unit:,.0f}" if abs(value / unit) >= 1000 else f"{value / unit:.2f}" for value in values]
