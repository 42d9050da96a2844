"""What a buyer's limit of consumption in an emergency held back, and for which orders it counts.

An order given before the limit was known fails by the buyer's own word. One that is given afterwards is taken knowing the
limit: its baseline has it already, and what it lacks is its seller's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from market.uftp import Metering

# A profile of a connection's metering, and of an element's: what its DSO's limit of consumption in an emergency held back of
# what was expected of it just before, watts >= 0.
HELD_BACK = "HeldBack"
# A profile beside it: when the first limit of each ISP was known, seconds since 1970-01-01 UTC; 0 where nothing was held back.
HELD_SINCE = "HeldBackSince"


class HeldBack(NamedTuple):
    """What was held back of one connection or element in one ISP, watts (>= 0), and since when its limit was known.

    `since_s` is in seconds since 1970-01-01 UTC; None where that was not told: it then counts for every order.
    """

    watts: int
    since_s: int | None

    def counts_for(self, given: datetime) -> bool:
        """Whether an order given at an instant was given before the limit was known."""
        return self.since_s is None or given.timestamp() < self.since_s


def held_isps(metering: Metering, count: int) -> dict[int, HeldBack]:
    """ISP (from 1) -> what a metering says was held back there; empty where it tells nothing, or not of `count` ISPs."""
    watts, since = metering.profile(HELD_BACK), metering.profile(HELD_SINCE)
    if watts is None or len(watts.values) != count:
        return {}
    known: Iterable[int | None] = [None] * count if since is None or len(since.values) != count else since.values
    return {
        isp: HeldBack(held_w, since_s)
        for isp, (held_w, since_s) in enumerate(zip(watts.values, known, strict=True), start=1)
        if held_w > 0
    }


def held_w(rows: Iterable[HeldBack], given: datetime) -> int:
    """Watts of these that count for an order given at an instant."""
    return sum(row.watts for row in rows if row.counts_for(given))
