"""Forecasts of many days judged day by day: each by what was known at its issue, against the better of two naive ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from agents.planning.forecast.bands.flat import moving, standstills
from agents.planning.forecast.bands.history import SeriesHistory
from agents.planning.forecast.bands.naive import WEEK, days_back
from agents.planning.forecast.bands.scores import naive_mae_w, scores
from agents.planning.forecast.bands.walk_forward import Schedule, walk_forward
from cim.model.arrays import Floats
from cim.model.errors import BadInput
from experiments.forecast.models import Flat, Skill
from experiments.forecast.site_series import SiteSeries
from experiments.run.workers import pool_of

FIRST_JUDGED = 60  # days of history before the first forecast that is judged
SHOWN_DAYS = 14


@dataclass(frozen=True)
class Judged:
    """A series' skill, and its last forecasts.

    Attributes:
        skill: None where the series never moves: there is nothing to forecast.
        shown_w: [days, 96, 3] the last forecasts; `came_w` [days, 96] what came.
    """

    name: str
    skill: Skill | None
    flat: tuple[Flat, ...]
    shown_w: Floats
    came_w: Floats


def judge(name: str, kind: str, history: SeriesHistory, first: int, schedule: Schedule) -> Judged:
    """Walk forward over a series from row `first` on. Days on which it is dead are neither learned from nor judged."""
    still = tuple(_flat(history, found.first, found.days) for found in standstills(history.values))
    counts = moving(history.values)
    counts[:first] = False
    days = np.flatnonzero(counts)
    if not len(days):
        return Judged(name, None, still, np.empty((0, 96, 3)), np.empty((0, 96)))
    forecast_w = np.full((*history.values.shape, 3), np.nan)
    for day, found in walk_forward(history, first, schedule):
        forecast_w[day] = found
    came_w = history.values[days]
    reached = scores(forecast_w[days], came_w)
    day_before, week_before = (naive_mae_w(days_back(history.values, back)[days], came_w) for back in (1, WEEK))
    naive_w = min(day_before, week_before)
    skill = Skill(
        kind=kind,
        days=len(days),
        mae_w=reached.mae_w,
        naive_1_day_mae_w=day_before,
        naive_7_days_mae_w=week_before,
        skill_pct=100 * (1 - reached.mae_w / naive_w),
        pinball_w=reached.pinball_w,
        naive_pinball_w=naive_w / 2,  # of a forecast without a band all three quantiles are one value
        coverage=reached.coverage,
        below_10=reached.below_10,
        above_90=reached.above_90,
    )
    return Judged(name, skill, still, forecast_w[days[-SHOWN_DAYS:]], came_w[-SHOWN_DAYS:])


def judge_all(
    series: SiteSeries,
    *,
    days: int | None,
    weather: bool,
    schedule: Schedule,
    processes: int,
    tell: Callable[[str], None],
) -> dict[str, Judged]:
    """Every series of a site, by name and in their order.

    Args:
        days: judge the last so many; None: all that have enough history before them.
        tell: is told whenever a series is done.

    Raises:
        BadInput: there are not so many days with enough history before them.
    """
    most = len(series.weather) - FIRST_JUDGED
    if most < 1 or (days is not None and days > most):
        raise BadInput(f"days: {days}; expected 1 to {most}, which have {FIRST_JUDGED} days of history before them")
    first = len(series.weather) - (days or most)
    jobs = [(name, kind, series.history(name, weather=weather), first, schedule) for name, kind in series.kinds.items()]
    found = dict[str, Judged]()
    for judged in _done(jobs, processes):
        found[judged.name] = judged
        tell(judged.name)
    return {name: found[name] for name in series.kinds}


def _done(jobs: Sequence[tuple[str, str, SeriesHistory, int, Schedule]], processes: int) -> Iterator[Judged]:
    if processes == 1 or len(jobs) == 1:
        yield from (judge(*job) for job in jobs)
        return
    with pool_of(processes) as pool:
        waiting: list[Future[Judged]] = [pool.submit(judge, *job) for job in jobs]
        for future in as_completed(waiting):
            yield future.result()


def _flat(history: SeriesHistory, first: int, days: int) -> Flat:
    begun = history.first + timedelta(days=first)
    return Flat(first=begun, last=begun + timedelta(days=days - 1))
