"""What each party sums up from its own data, and where two such sums differ, to the watt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Ints
from market.settlement.batch.orders import SettledOrders
from market.settlement.batch.tables import Days, OrderTable


@dataclass(frozen=True)
class Accumulated:
    """Of each party over the days that were settled, [N, D] each.

    Attributes:
        energy_wisp: metered power summed over the ISPs, watts times ISPs.
        deviation_wisp: how far what was metered was from the baseline with all that was ordered, summed without sign over
            every ISP, ordered or not.
    """

    energy_wisp: Ints
    deviation_wisp: Ints


@dataclass(frozen=True, slots=True)
class Differing:
    """One value on which two parties' sums differ: of a row of the orders (`isp` from 0), or of a party's day."""

    party: int
    day: int
    isp: int | None
    name: str
    ours: int
    theirs: int


def differences(
    orders: OrderTable,
    days: Days,
    ours: tuple[SettledOrders, Accumulated],
    theirs: tuple[SettledOrders, Accumulated],
    first_day: int = 0,
) -> tuple[Differing, ...]:
    """All of them, orders' rows first; no tolerance.

    Args:
        first_day: the day of `days` that the accumulated sums begin with.
    """
    found: list[Differing] = []
    for name in ("baseline_w", "actual_w", "delivered_w", "deficiency_w"):
        a, b = getattr(ours[0], name), getattr(theirs[0], name)
        for row in np.flatnonzero(a != b).tolist():
            isp = int(orders.isp[row])
            found.append(Differing(int(orders.party[row]), int(days.day_of[isp]), isp, name, int(a[row]), int(b[row])))
    for name in ("energy_wisp", "deviation_wisp"):
        a, b = getattr(ours[1], name), getattr(theirs[1], name)
        for party, day in np.argwhere(a != b).tolist():
            found.append(Differing(party, first_day + day, None, name, int(a[party, day]), int(b[party, day])))
    return tuple(found)
