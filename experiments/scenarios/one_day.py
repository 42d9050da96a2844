"""One day judged by some scenarios: what no scenario changes is run once for all of them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cim.platform.memory_store import MemoryStore
from environment.sites import load_site
from experiments.run.columns.bills import with_bills
from experiments.run.columns.column import Column, ColumnName, column_of
from experiments.run.columns.figures import figures_of
from experiments.run.columns.foresight.run_foresight import run_foresight
from experiments.run.columns.with_agents import run_agents
from experiments.run.columns.without_agents import run_idle
from experiments.run.grid import evaluate
from experiments.run.run import RunResult, run_site
from experiments.run.scenarios import Kpi, judged_beyond, kpi_of
from experiments.run.settings import RunSettings, ScenarioName
from experiments.scenarios.models import JudgedDay
from market.rules import Control

# That flexible operation and perfect foresight follow.
_OWN_AIM = (
    ScenarioName.SELF_CONSUMPTION,
    ScenarioName.ISLANDING,
    ScenarioName.MARKET,
)


def judge_day(settings: RunSettings, scenarios: Sequence[ScenarioName], program: str) -> JudgedDay:
    """Run the four columns of a day in this process, without sockets, and judge them by at least one scenario.

    Args:
        settings: of the day; its scenario is not looked at.
        program: digest of what it is run with.
    """
    begun = time.process_time()
    plain = replace(settings, scenario=None)
    same = {ColumnName.IDLE: run_idle(plain), ColumnName.LOCAL: run_agents(plain, Control.LOCAL)}
    kpis, kept = dict[ScenarioName, Kpi](), dict[str | None, tuple[RunResult, Column, Column]]()
    for scenario in scenarios:
        asked = replace(settings, scenario=scenario.value)
        own = asked.scenario if scenario in _OWN_AIM else None
        if own not in kept:
            operated = replace(asked, scenario=own)
            kept[own] = (*_flexible(operated), run_foresight(operated))
        result, market, best = kept[own]
        kpis[scenario] = _judged(asked, result, same | {ColumnName.MARKET: market, ColumnName.FORESIGHT: best})
    return JudgedDay(
        program=program,
        day=kept[next(iter(kept))][0].site_agents.rules.first_day,
        seed=settings.seed,
        kpis=kpis,
        cpu_s=round(time.process_time() - begun, 2),
    )


def _flexible(settings: RunSettings) -> tuple[RunResult, Column]:
    """The market's run and its column."""
    points = load_site(settings.site).congestion_points
    store = MemoryStore(keep_readings=frozenset(point.meter for point in points))
    with tempfile.TemporaryDirectory(prefix="iles-") as folder:
        result = run_site(settings, Path(folder) / "ledger.db", store, Control.MARKET, lambda _: None)
    return result, column_of(result)


def _judged(settings: RunSettings, result: RunResult, columns: dict[ColumnName, Column]) -> Kpi:
    """The scenario's scores of these columns."""
    site, days, scenario = result.site, result.site_agents.rules.periods, ScenarioName(settings.scenario or "")
    billed, bills = with_bills(result, columns)
    local = billed[ColumnName.LOCAL]
    measured = {
        name: figures_of(site, column, evaluate(site, column.truth), bills[name].values(), days, local)
        for name, column in billed.items()
    }
    hours, efficiency = site.isp_minutes / 60, site.batteries.one_way_efficiency.value
    return kpi_of(scenario, billed, measured, hours, efficiency, judged_beyond(scenario, settings, site, days))
