"""What a station's past days let expect for sure of a day to come: what vehicles took on each of them, and when they were there.

What came on some days only is no promise: it is in the forecast's mean, and nobody can order it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.planning.forecast.like_day import fit
from cim.model.arrays import Floats, Mask

_CHARGES_KW = 1e-3


@dataclass(frozen=True, slots=True)
class SureArrivals:
    """What every one of a station's last days had.

    Attributes:
        energy_kwh: that vehicles took at least.
        there: [T] where a vehicle stood at it.
    """

    energy_kwh: float
    there: Mask

    @property
    def until(self) -> int:
        """How many ISPs of the day there are to the end of the last in which one is surely there."""
        isps = np.flatnonzero(self.there)
        return int(isps[-1]) + 1 if len(isps) else 0


def sure_arrivals(history_kw: tuple[Floats, ...], leaves_hour: float | None, count: int) -> SureArrivals:
    """Of a day of `count` ISPs; nothing where no day, or no hour of leaving, is known.

    Args:
        history_kw: what the station drew on its last days, each over a whole day.
        leaves_hour: local hour at which its vehicles leave: from a vehicle's first charging to then, or to the next one's
            or the day's end, it is there.
    """
    if not history_kw or leaves_hour is None:
        return SureArrivals(0.0, np.zeros(count, dtype=bool))
    days = [fit(day, count) for day in history_kw]
    energy_kwh = min(float(day.sum()) for day in days) * 24 / count
    return SureArrivals(energy_kwh, np.all([_there(day, leaves_hour) for day in days], axis=0))


def _there(day_kw: Floats, leaves_hour: float) -> Mask:
    """[T] where a vehicle stood at the station on a past day."""
    charges = day_kw > _CHARGES_KW
    there, leaves = charges.copy(), round(leaves_hour * len(day_kw) / 24)
    begins = np.flatnonzero(charges & ~np.concatenate(([False], charges[:-1])))
    for begin in begins.tolist():
        there[begin : leaves if begin < leaves else None] = True
    return there
