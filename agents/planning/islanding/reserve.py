"""How much energy and power has to be held so that an outage that begins now is survived, for a chosen confidence.

The need of one outage is exact (`need`); here it is compiled for all that may begin in a year.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from cim.model.arrays import Floats

ISP_H = 0.25


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def needs_wh(short_w: Floats, seconds: Floats, battery_w: float, efficiency: float) -> Floats:
    """The need of an outage that begins with each quarter-hour and lasts so long: [quarter-hours, durations] Wh.

    A last quarter-hour that is not whole counts by its share. Where the series ends before the outage, its last value holds.

    Args:
        short_w: [quarter-hours] load less generation, W.
        seconds: [durations].
    """
    count, kinds = short_w.size, seconds.size
    found = np.empty((count, kinds))
    for j in range(kinds):
        whole = int(seconds[j] // 900.0)
        rest = (seconds[j] - 900.0 * whole) / 900.0
        for q in range(count):
            needed, possible = 0.0, True
            for k in range(whole, -1, -1):
                share = rest if k == whole else 1.0
                if share <= 0.0:
                    continue
                power = short_w[min(q + k, count - 1)]
                if power > battery_w:
                    possible = False
                    break
                if power > 0:
                    needed += power * 0.25 * share / efficiency
                else:
                    needed = max(0.0, needed - min(-power, battery_w) * 0.25 * share * efficiency)
            found[q, j] = needed if possible else np.inf
    return found


def served_chances(needs: Floats, weights: Floats, levels_wh: Floats) -> tuple[Floats, Floats]:
    """How likely an outage is survived with so much energy, where any energy helps at all.

    Args:
        needs: [quarter-hours, kinds] see `needs_wh`.
        weights: [quarter-hours, kinds] relative likelihood of each kind of outage.
        levels_wh: [levels] usable energy, ascending from 0; the last is all the battery holds.

    Returns:
        chance: [quarter-hours, levels] among the outages that could be survived with a full battery; 1 where none could.
        possible: [quarter-hours] the weight of those outages.
    """
    places = np.searchsorted(levels_wh, needs, side="left")  # the first level that is enough
    count, levels = needs.shape[0], levels_wh.size
    within = places < levels
    mass = np.zeros((count, levels))
    rows = np.broadcast_to(np.arange(count)[:, None], needs.shape)
    np.add.at(mass, (rows[within], places[within]), weights[within])
    total = mass.sum(axis=1)
    sums = np.cumsum(mass, axis=1)
    chance = np.where(total[:, None] > 0, sums / np.where(total > 0, total, 1.0)[:, None], 1.0)
    return np.asarray(chance, dtype=np.float64), np.asarray(total, dtype=np.float64)


def reserve_wh(chance: Floats, levels_wh: Floats, confidence: float) -> Floats:
    """The least energy [quarter-hours] with which the chance of being served reaches `confidence`, Wh."""
    enough = chance >= confidence - 1e-12
    return np.asarray(levels_wh[np.argmax(enough, axis=1)], dtype=np.float64)


def expected_chances(chance: Floats, possible: Floats, day_offsets: tuple[int, ...]) -> tuple[Floats, Floats]:
    """What earlier days say of each quarter-hour: `chance` and `possible` as forecast, from the same time of earlier days.

    Args:
        chance: [quarter-hours, levels] of what really was.
        possible: [quarter-hours] the weight with which each counts.
        day_offsets: how many days before; a day-ahead plan knows those from 2 on. Days before the first are left out.

    Returns:
        the same shapes; where nothing earlier is known, as if nothing were needed.
    """
    count = possible.size
    sums, total = np.zeros_like(chance), np.zeros(count)
    for days in day_offsets:
        back = 96 * days
        if back >= count:
            continue
        sums[back:] += chance[: count - back] * possible[: count - back, None]
        total[back:] += possible[: count - back]
    known = np.where(total > 0, total, 1.0)[:, None]
    seen = np.array([96 * days < count for days in day_offsets]).sum()
    return np.where(total[:, None] > 0, sums / known, 1.0), total / max(1, int(seen))


def power_reserve_w(short_w: Floats, day_offsets: tuple[int, ...], confidence: float) -> Floats:
    """The battery power [quarter-hours] that covers the promised loads with this confidence, from earlier days, W."""
    count = short_w.size
    rows = []
    for days in day_offsets:
        shifted = np.full(count, np.nan)
        shifted[96 * days :] = short_w[: count - 96 * days]
        rows.append(shifted)
    with np.errstate(all="ignore"):
        stacked = np.array(rows)
        known = ~np.all(np.isnan(stacked), axis=0)
        found = np.zeros(count)
        found[known] = np.nanquantile(stacked[:, known], confidence, axis=0)
    return np.maximum(found, 0.0)
