"""What a DSO expects to need of a site's flexibility in a year: when, how much, and how much energy in all.

The column `idle` of the whole year: what congestion points are above their limits while nothing is controlled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np

from agents.assembly.grid_of_site import contracted_w
from cim.model.arrays import Floats, Ints
from environment.profiles.library import load
from environment.sites import load_site
from experiments.run.columns.year import year_over_limit_va


@dataclass(frozen=True)
class Season:
    """Months (both included) and local hours (the end excluded)."""

    first_month: int
    last_month: int
    from_hour: int
    to_hour: int


@dataclass(frozen=True)
class YearNeeds:
    """What has to be moved so that no congestion point is above its limit; apparent power and energy.

    What is moved below a congestion point relieves those above it too, and counts once.

    Attributes:
        over_limit_kwh: by congestion point, what it is above its limit.
        moved_kwh: what has to be moved in the year.
        season: the shortest that holds the share asked for of it.
        season_pct: of what has to be moved, what lies in that season.
        median_w: the median of what has to be moved at once, of the quarter-hours in which something has.
        median_share: of the contracted size of all connections.
    """

    over_limit_kwh: dict[str, float]
    moved_kwh: float
    season: Season
    season_pct: float
    median_w: float
    median_share: float


def year_needs(name: str, least_pct: float) -> YearNeeds | None:
    """What a site needs in its profile year; None where no limit is exceeded.

    Args:
        name: a site's name or file.
        least_pct: of what has to be moved, how much must lie in the season.
    """
    site = load_site(name)
    profiles = load(site.profiles)
    over_va, moved_va = year_over_limit_va(site, profiles)
    if not moved_va.any():
        return None
    zone = ZoneInfo(site.timezone)
    local = [(profiles.first + timedelta(minutes=15 * k)).astimezone(zone) for k in range(profiles.count)]
    months, hours = np.array([at.month for at in local]), np.array([at.hour for at in local])
    season, share = shortest_season(months, hours, moved_va, least_pct / 100)
    median_w = float(np.median(moved_va[moved_va > 0]))
    least_w = round(site.market.smallest_connection_w.value)
    size_w = sum(contracted_w(prosumer, least_w) for prosumer in site.prosumers)
    return YearNeeds(
        over_limit_kwh={point.id: float(over_va[:, k].sum()) / 4000 for k, point in enumerate(site.congestion_points)},
        moved_kwh=float(moved_va.sum()) / 4000,
        season=season,
        season_pct=100 * share,
        median_w=median_w,
        median_share=median_w / size_w,
    )


def shortest_season(months: Ints, hours: Ints, moved: Floats, least: float) -> tuple[Season, float]:
    """The season with the fewest quarter-hours that holds at least this share of what is moved, and the share it holds.

    Args:
        months, hours: [T] of each quarter-hour, local.
        moved: [T] not all of it 0.
    """
    energy, count = np.zeros((13, 24)), np.zeros((13, 24))
    np.add.at(energy, (months, hours), moved)
    np.add.at(count, (months, hours), 1.0)
    found: tuple[float, Season, float] | None = None
    for first in range(1, 13):
        for last in range(first, 13):
            for start in range(24):
                for end in range(start + 1, 25):
                    part = slice(first, last + 1), slice(start, end)
                    share, length = float(energy[part].sum() / energy.sum()), float(count[part].sum())
                    if share >= least and (found is None or length < found[0]):
                        found = length, Season(first, last, start, end), share
    assert found is not None  # noqa: S101 - the whole year holds everything
    return found[1], found[2]
