"""How far the system above a site is off balance, quarter-hour by quarter-hour, and what others offer to mend it.

ASSUMPTION: no measured series is packed, so this is a process: normal, stationary, each quarter-hour correlated with the one before
(AR(1)); of it, what is beyond the faster reserves is bought as balancing energy. It knows nothing of the site's own weather or
prices, so days of much sun are no likelier to be long here than others. Others' bids are a line: each megawatt is dearer than the
one before by the same amount, upwards as downwards.
"""

from __future__ import annotations

import numpy as np

from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from environment.profiles.library import QUARTER
from environment.sites.balancing import SystemImbalance

_PURPOSE = 20  # of the random stream: no other process draws from it


def imbalance_mw(system: SystemImbalance, day: LocalDay, seed: int) -> Floats:
    """[quarter-hours of the day] megawatts that the system has too much (+, long) or too little (-, short).

    Days are drawn each for itself: the first quarter-hour is not correlated with the day before.
    """
    count = (day.end - day.start) // QUARTER
    draws = np.random.default_rng((_PURPOSE, seed, day.day.toordinal())).standard_normal(count)
    rho = system.persistence.value
    found = np.empty(count)
    found[0] = draws[0]
    for k in range(1, count):
        found[k] = rho * found[k - 1] + np.sqrt(1 - rho**2) * draws[k]
    return np.asarray(found * system.deviation_mw.value, dtype=np.float64)


def needed_mw(system: SystemImbalance, day: LocalDay, seed: int) -> tuple[int, ...]:
    """[quarter-hours of the day] whole megawatts that are bought: + = more consumption, what is beyond the faster reserves."""
    mw = imbalance_mw(system, day, seed)
    beyond = np.sign(mw) * np.maximum(np.abs(mw) - system.other_reserves_mw.value, 0.0)
    return tuple(np.rint(beyond).astype(np.int64).tolist())


def others_bids(system: SystemImbalance) -> tuple[tuple[float, float], ...]:
    """(megawatts, premium per MWh) of others' bids, the same in both directions, the cheapest first."""
    step, left, found = system.step_mw.value, system.offered_mw.value, list[tuple[float, float]]()
    while left > 1e-9:
        mw = min(step, left)
        before = system.offered_mw.value - left
        found.append((mw, system.first_premium_per_mwh.value + before * system.premium_per_mwh_and_mw.value))
        left -= mw
    return tuple(found)
