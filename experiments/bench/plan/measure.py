"""How long a plan takes a day ahead and every ISP, how good it is, and how much of it changes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from agents.planning.microgrid.plan import plan
from agents.planning.microgrid.problem import Microgrid, MicrogridPlan
from agents.planning.microgrid.rolling import replan
from experiments.bench.figures import Figures
from experiments.bench.plan.extensive import extensive_cost_ct
from experiments.bench.plan.problem import ISPS, later, microgrid

SEEDS = (1, 2, 3)


def measure(full: bool, tell: Callable[[str], None]) -> Figures:
    """All figures of this machine.

    Args:
        full: roll through the whole day with every seed; else every fourth ISP with the first.
        tell: is told what goes on.
    """
    tell("loading HiGHS")
    plan(microgrid(0))
    ahead, gaps, extensive, rolling, changed, dearer = [list[float]() for _ in range(6)]
    for seed in SEEDS:
        tell(f"a day ahead, seed {seed}")
        grid = microgrid(seed)
        begun = time.perf_counter()
        found = plan(grid)
        ahead.append(time.perf_counter() - begun)
        tell(f"its extensive form, seed {seed}")
        begun = time.perf_counter()
        least_ct = extensive_cost_ct(grid)
        extensive.append(time.perf_counter() - begun)
        gaps.append((found.cost_ct - least_ct) / abs(least_ct))
        if full or seed == SEEDS[0]:
            tell(f"rolling, seed {seed}")
            for spent, moved, gap in roll(grid, found, seed, 1 if full else 4):
                rolling.append(spent)
                changed.append(moved)
                dearer.append(gap)
    return {
        "day_ahead_s": statistics.median(ahead),
        "day_ahead_worst_s": max(ahead),
        "cost_above_extensive": max(gaps),
        "extensive_s": statistics.median(extensive),
        "rolling_ms": 1000 * statistics.median(rolling),
        "rolling_worst_ms": 1000 * max(rolling),
        "rolling_cost_above_best": max(dearer),
        "resources_changed_at_once": statistics.mean(changed),
        "ratios": {"vs_extensive": statistics.median(extensive) / statistics.median(ahead)},
    }


def roll(grid: Microgrid, first: MicrogridPlan, seed: int, step: int) -> list[tuple[float, float, float]]:
    """(seconds, resources whose plan changed, cost above the cheapest as a share) at every `step`-th ISP of the day."""
    found, told, rows = first, grid.scenarios_kw, list[tuple[float, float, float]]()
    energy = np.array([resource.energy_kwh for resource in grid.resources])
    for since in range(step, ISPS, step):
        energy = energy_after(grid, found, energy, since - step, since)
        told = later(told, seed, since)
        now = replace(grid, scenarios_kw=told)
        energies = tuple(energy.tolist())
        begun = time.perf_counter()
        new = replan(now, found, since=since, energy_kwh=energies)
        spent = time.perf_counter() - begun
        best = plan(now, since=since, energy_kwh=energies, before=found)
        pairs = zip(found.power_kw, new.power_kw, strict=True)
        moved = sum(bool(np.abs(old[since:] - power[since:]).max() > 1e-3) for old, power in pairs)
        rows.append((spent, float(moved), (new.cost_ct - best.cost_ct) / max(abs(best.cost_ct), 1.0)))
        found = new
    return rows


def energy_after(grid: Microgrid, found: MicrogridPlan, energy: np.ndarray, since: int, until: int) -> np.ndarray:
    """[resources] energy when the plan was kept from `since` to `until`."""
    after = []
    for resource, power, begun in zip(grid.resources, found.power_kw, energy.tolist(), strict=True):
        off = (power - resource.baseline_kw)[since:until]
        gained = np.where(off > 0, off * resource.efficiency, off / resource.efficiency) * grid.hours
        after.append(begun + float(gained.sum()))
    return np.array(after)
