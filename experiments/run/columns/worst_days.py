"""The days of a site's profile year on which its grid is furthest above its limits while nothing is controlled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from agents.assembly.agents_of_site import days_of_history
from cim.model.arrays import Floats
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from environment.feeder import Feeder
from environment.physics.world_build import uncontrolled_w
from environment.profiles.library import Profiles, load
from environment.profiles.mix import mean_profile, mean_reactive
from environment.sites import load_site
from environment.sites.devices import BatteryUnit, Gateway
from environment.sites.network import build_limits, build_network
from environment.sites.schema import Site
from experiments.run.columns.without_agents import run_idle
from experiments.run.grid import evaluate, over_limit_va
from experiments.run.settings import RunSettings

_AGAIN = (
    3  # days beyond those asked for that are looked at exactly: the year's sums are theirs to a fraction of a percent
)
_ROWS = 2976  # instants in one power flow, a month of quarter-hours


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
    over_wh = _over_limit_of_year(site, profiles)
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


def _over_limit_of_year(site: Site, profiles: Profiles) -> Floats:
    """Over limit in each quarter-hour of the year, watt-hours, all congestion points together."""
    network = build_network(site)
    feeder, limit_pct = Feeder(network), build_limits(site).max_loading_pct
    p = np.zeros((profiles.count, len(feeder.node_names)))
    q = np.zeros_like(p)
    for prosumer in site.prosumers:
        column = feeder.node_index[prosumer.node]
        if prosumer.base_load is not None:
            load, reactive = prosumer.base_load, mean_reactive(profiles, prosumer.base_load.strands)
            p[:, column] += mean_profile(profiles, load.strands) * load.peak_w.value
            if reactive is not None:
                q[:, column] += reactive * load.peak_var.value
        for device in prosumer.devices:
            if isinstance(device, BatteryUnit):
                continue  # it rests
            power = uncontrolled_w(site, device, profiles)
            p[:, column] += power
            if isinstance(device, Gateway):
                q[:, column] += site.buildings.tan_phi.value * power
    parts = []
    for first in range(0, profiles.count, _ROWS):
        flow = feeder.flow(p[first : first + _ROWS], q[first : first + _ROWS])
        parts.append(over_limit_va(site, network, flow, limit_pct).sum(axis=1) / 4)
    return np.concatenate(parts)
