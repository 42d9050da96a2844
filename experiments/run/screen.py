"""What a run shows on the terminal: progress while it runs, the summary when it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from agents.roles.ledger_keeper import CLOSING
from environment.sites import load_site
from experiments.run.columns.column import ColumnName
from experiments.run.run import OPENING_HOUR, span
from experiments.run.scenarios import Kpi
from experiments.run.settings import RunSettings
from experiments.run.summary import Summary


class Screen:
    """Progress of one run."""

    def __init__(self, settings: RunSettings) -> None:
        self.console = Console(stderr=True)
        self._site = load_site(settings.site)
        first, last = span(self._site, settings)
        self._start = first.next(-1).at(OPENING_HOUR)
        self._end = last.end + CLOSING

    def say(self, text: str) -> None:
        """One step that is not simulated time."""
        self.console.print(f"[dim]· {text}[/dim]")

    @contextmanager
    def progress(self) -> Iterator[Callable[[datetime], None]]:
        """A bar over the simulated span; yields what hears each instant."""
        zone = ZoneInfo(self._site.timezone)
        bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            console=self.console,
        )
        with bar:
            task = bar.add_task("connecting devices", total=(self._end - self._start).total_seconds())

            def heard(now: datetime) -> None:
                local = now.astimezone(zone)
                done = (now - self._start).total_seconds()
                bar.update(task, completed=done, description=f"{self._site.title} {local:%Y-%m-%d %H:%M}")

            yield heard


def show(summary: Summary, out: Path) -> None:
    """The summary, and where the results are."""
    console = Console()
    table = Table(
        title=f"{summary.site} from {summary.from_}, {summary.days} day(s), seed {summary.seed}", show_header=False
    )
    grid, money, market = summary.grid, summary.money, summary.columns[ColumnName.MARKET]
    rows = [
        ("agents", ", ".join(f"{count} {role}" for role, count in summary.agents.items())),
        ("runtime", f"{summary.runtime}, {summary.wire} wire, {summary.ray_actors} Ray actors"),
        (
            "flexibility",
            f"{summary.flex_requests} requests, {summary.flex_offers} offers, {summary.flex_orders} orders",
        ),
        (
            "energy",
            f"{summary.ordered_wh / 1000:.1f} kWh ordered, {summary.delivered_wh / 1000:.1f} delivered, "
            f"{summary.deficiency_wh / 1000:.1f} missing{_held(summary)}",
        ),
        (
            "violations",
            f"{grid.violations.without_flexibility} without flexibility, {grid.violations.with_flexibility} with",
        ),
        (
            "highest loading",
            f"{grid.max_loading_pct.without_flexibility:.1f} % without, {grid.max_loading_pct.with_flexibility:.1f} % with",
        ),
        (
            "sun not used",
            f"{market.generation_lost_wh / 1000:.1f} kWh: {market.curtailed_wh / 1000:.1f} by the DSO's own right, "
            f"{market.held_back_wh / 1000:.1f} held back unasked; CHP made {market.chp_not_made_wh / 1000:.1f} kWh less",
        ),
        (
            "settlement",
            f"{summary.contracts} contracts, {summary.settlements} settlements, {summary.disputes} orders disputed",
        ),
        ("money", f"{len(money) - 1} parties, sum {money['sum']}"),
        (
            "dispatch",
            f"{summary.dispatch.sessions} splits ({summary.dispatch.polished} polished), at most {summary.dispatch.rounds} "
            f"rounds; above a lower bound: median {summary.dispatch.median_gap:.2%}, worst {summary.dispatch.worst_gap:.2%} "
            f"({summary.dispatch.worst_gap_e4 / 100:.2f} ct), "
            f"all sellers together {summary.dispatch.system_gap:.2%}",
        ),
        (
            "ledger",
            f"{summary.ledger.records} records in {summary.ledger.blocks} blocks, "
            f"{'verified' if summary.ledger.verified else 'NOT verified'}, head {summary.ledger.head}",
        ),
        *_scores(summary.kpi),
        ("time", f"{summary.wall_s:.1f} s in all, {summary.startup_s:.1f} s of it start-up"),
        ("where it went", ", ".join(f"{part} {value:.1f} s" for part, value in summary.seconds.items())),
    ]
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")  # a head is only of use whole
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)
    console.print(_columns(summary))
    console.print(f"report: {out / 'report.html'}", soft_wrap=True)
    console.print(
        f"summary: {out / 'summary.json'}   ledger: {out / 'ledger.db'}   "
        f"tables: {out / 'telemetry'}, {out / 'publications'}",
        soft_wrap=True,
    )


def _scores(kpi: Kpi | None) -> list[tuple[str, str]]:
    """The scenario's scores in a line; no line where a run is judged by none."""
    if kpi is None:
        return []
    closed = "no gap worth a share" if kpi.gap_closed is None else f"{kpi.gap_closed:.0%} of the gap closed"
    scores = ", ".join(
        f"{words} {figures.score:.1f}"
        for words, figures in (
            ("no control", kpi.no_control),
            ("local rules", kpi.local_control),
            ("flexible", kpi.flexible),
            ("perfect foresight", kpi.perfect_foresight),
        )
    )
    return [("scenario", f"{kpi.scenario.value}: {scores}; {closed}")]


def _columns(summary: Summary) -> Table:
    """The same days in every way, the figures that matter most; not made: sun and wind not used, and what CHP did not make."""
    table = Table(
        title="the same day in every way (money in the currency unit, loading as the mean of an ISP; not made: sun, wind and CHP)"
    )
    table.add_column(no_wrap=True)
    for name in ("broken limits", "above, kVAh", "highest, %", "DSO's cost", "bills", "not made, kWh"):
        table.add_column(name, justify="right")
    for name, of in summary.columns.items():
        table.add_row(
            str(name),
            str(of.violations),
            f"{of.over_limit_wh / 1000:.1f}",
            f"{of.max_loading_pct:.1f}",
            f"{of.dso_cost / 1e4:.2f}",
            f"{of.bills_sum / 1e4:.2f}",
            f"{(of.generation_lost_wh + max(of.chp_not_made_wh, 0)) / 1000:.1f}",
        )
    return table


def _held(summary: Summary) -> str:
    """What was neither delivered nor missing, in words."""
    causes = summary.undelivered
    if causes is None:
        return ""
    held, lost = causes.level_held_wh, causes.not_metered_wh + causes.own_limit_wh
    parts = [
        *([f"{held / 1000:.1f} promised levels held otherwise"] if held else []),
        *([f"{lost / 1000:.1f} not metered or limited by the DSO"] if lost else []),
    ]
    return "".join(f", {part}" for part in parts)
