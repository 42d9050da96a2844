"""The days of a site's profile year on which its grid is furthest above its limits while nothing is controlled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from agents.assembly.agents_of_site import days_of_history
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from environment.profiles.library import Profiles, load
from environment.sites import load_site
from environment.sites.schema import Site
from experiments.run.columns.without_agents import run_idle
from experiments.run.columns.year import year_over_limit_va
from experiments.run.grid import evaluate
from experiments.run.settings import RunSettings

_AGAIN = (
    3  # days beyond those asked for that are looked at exactly: the year's sums are theirs to a fraction of a percent
)


@dataclass(frozen=True)
class WorstDay:
    """A local day in the column `idle`.

    Attributes:
        over_limit_wh: as in the summary's columns.
        violations: (bus or branch, ISP) outside the limits.
    """

    day: date
    over_limit_wh: float
    violations: int
    max_loading_pct: float


def worst_days(name: str, count: int, seed: int = 1) -> list[WorstDay]:
    """The `count` days with the largest `over_limit_wh` of the column `idle`, the worst first; of equal ones the earlier.

    The year is ranked by what profiles say of uncontrolled devices, and the first of it are run as that column.

    Args:
        name: a site's name or file.
        seed: of the runs; idle batteries make it matter little.
    """
    site = load_site(name)
    profiles = load(site.profiles)
    over_wh = year_over_limit_va(site, profiles)[1] / 4
    sums = [(float(over_wh[first:last].sum()), day) for day, first, last in _days(site, profiles)]
    ranked = sorted((pair for pair in sums if pair[0] > 0), key=lambda pair: (-pair[0], pair[1]))
    settings = RunSettings(name, None, 1, seed, "local", "direct", 1, Path())
    exact = [_exactly(site, replace(settings, day=day)) for _, day in ranked[: count + _AGAIN]]
    return sorted(exact, key=lambda day: (-day.over_limit_wh, day.day))[:count]


def _exactly(site: Site, settings: RunSettings) -> WorstDay:
    grid = evaluate(site, run_idle(settings).truth)
    assert settings.day is not None  # noqa: S101 - set above
    return WorstDay(settings.day, grid.over_limit_wh, len(grid.violations), grid.figures["max_loading_pct"])


def _days(site: Site, profiles: Profiles) -> Iterator[tuple[date, int, int]]:
    """The local days that a run may have, with their first quarter-hour in the profiles and the one after their last."""
    day = LocalDay(profiles.first.date(), site.timezone, site.isp_minutes)
    while day.end <= profiles.last:
        try:
            days_of_history(day, profiles)
        except BadInput:
            pass
        else:
            yield day.day, profiles.index(day.start), profiles.index(day.end)
        day = day.next(1)
