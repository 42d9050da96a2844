"""Planning again as the day goes on, without changing the plan for nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from agents.planning.microgrid.plan import plan
from agents.planning.microgrid.problem import Microgrid, MicrogridPlan
from cim.model.arrays import Floats

LEAST_GAIN = 0.001  # of what is still to come: a change that brings less is none


def replan(
    grid: Microgrid, before: MicrogridPlan, *, since: int, energy_kwh: tuple[float, ...], least_gain: float = LEAST_GAIN
) -> MicrogridPlan:
    """The plan from interval `since` on, as near to `before` as a share `least_gain` of its cost allows.

    The cheapest plan is found first. Then one resource after the other is put back to what it was to do, those first that
    the optimum moves least, as long as it still can and all put back together cost no more than that share.

    Args:
        grid: with what is now known of scenarios, prices and bounds.
        energy_kwh: each resource's energy as interval `since` begins.

    Raises:
        NoPlan: nothing fits the bounds.
    """
    best = plan(grid, since=since, energy_kwh=energy_kwh, before=before)
    power = list(best.power_kw)
    scenarios, hours = np.array(grid.scenarios_kw)[:, since:], grid.hours
    exchange = replace(grid.exchange, **{name: getattr(grid.exchange, name)[since:] for name in _ROWS})
    own = [r.cost_ct(_since(r.baseline_kw, p, since), hours) for r, p in zip(grid.resources, power, strict=True)]
    total = np.sum(power, axis=0)
    most_ct = best.cost_ct + least_gain * abs(best.cost_ct)
    moved = [float(np.abs(old[since:] - new[since:]).sum()) for old, new in zip(before.power_kw, power, strict=True)]
    for number in np.argsort(moved, kind="stable").tolist():
        resource, old = grid.resources[number], before.power_kw[number]
        if not resource.can(old, hours, since=since, energy_kwh=energy_kwh[number]):
            continue
        kept = total - power[number] + old
        cost = resource.cost_ct(_since(resource.baseline_kw, old, since), hours)
        others = sum(own) - own[number]
        if others + cost + exchange.mean_cost_ct(kept[since:], scenarios, hours) <= most_ct:
            power[number], own[number], total = old, cost, kept
    chosen = tuple(power)
    return replace(best, power_kw=chosen, cost_ct=grid.cost_ct(chosen, since))


_ROWS = ("buy_ct_per_kwh", "sell_ct_per_kwh", "import_kw", "export_kw")


def _since(baseline_kw: Floats, power_kw: Floats, since: int) -> Floats:
    """The power from an interval on; before it nothing that costs."""
    return np.concatenate([baseline_kw[:since], power_kw[since:]])
