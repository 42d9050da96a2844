"""From judged days to a scenario's verdict: which gaps count, how much of them is closed, which days are worse than local."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from experiments.run.scenarios import Kpi
from experiments.run.settings import ScenarioName
from experiments.scenarios.models import DayGap, JudgedDay, ScenarioStudy, ScenarioVerdict

_HALF = 0.5
_WORSE = 0.1  # of a day's gap, by which flexible operation may be below local rules


def gap_of(day: date, kpi: Kpi) -> DayGap:
    """A day's scores, and the share of its gap that is closed, as its run judged it."""
    return DayGap(
        day=day,
        no_control=kpi.no_control.score,
        local_control=kpi.local_control.score,
        flexible=kpi.flexible.score,
        perfect_foresight=kpi.perfect_foresight.score,
        counted=kpi.gap_closed is not None,
        closed=kpi.gap_closed,
    )


def verdict_of(scenario: ScenarioName, days: Sequence[JudgedDay]) -> ScenarioVerdict:
    """What all days come to, in the order of their dates."""
    gaps = tuple(gap_of(one.day, one.kpis[scenario]) for one in sorted(days, key=lambda one: one.day))
    counted = [one for one in gaps if one.counted]
    gap = sum(one.perfect_foresight - one.local_control for one in counted)
    closed = sum(one.flexible - one.local_control for one in counted) / gap if counted else None
    below = tuple(one.day for one in counted if one.closed is not None and one.closed < -_WORSE)
    worst = min(counted, key=lambda one: (one.closed or 0.0, one.day)) if counted else None
    return ScenarioVerdict(
        days=gaps,
        counted=len(counted),
        gap=round(gap, 4),
        closed=None if closed is None else round(closed, 4),
        closes_half=None if closed is None else closed >= _HALF,
        worst_day=None if worst is None else worst.day,
        worst_closed=None if worst is None else worst.closed,
        days_below=below,
    )


def study_of(site: str, seed: int, days: Sequence[JudgedDay]) -> ScenarioStudy:
    """All scenarios that every day was judged by."""
    names = [name for name in ScenarioName if all(name in one.kpis for one in days)]
    return ScenarioStudy(
        schema="iles.scenarios/1",
        site=site,
        seed=seed,
        days=tuple(sorted(one.day for one in days)),
        scenarios={name: verdict_of(name, days) for name in names},
        cpu_s=round(sum(one.cpu_s for one in days), 1),
    )


def days_of_year(year: int, first: tuple[int, int], every: int) -> tuple[date, ...]:
    """Every so many days of a year, from (month, day) on."""
    day, found = date(year, *first), list[date]()
    while day.year == year:
        found.append(day)
        day += timedelta(days=every)
    return tuple(found)


def spread(days: tuple[date, ...], count: int) -> tuple[date, ...]:
    """So many of the days, as evenly as whole steps allow, the first among them; all where there are no more."""
    return tuple(days[k * len(days) // count] for k in range(count)) if count < len(days) else days
