"""Nothing is sold beyond what there is, call by call: an element's level within its envelope, all contracts' calls in the stock.

A contract bounds its own calls (`enforcement`), and what contracts reserve together is bounded when they are signed
(`commitments`). Here is what is called: of an element the level that its baseline and all its orders come to, so that what is
not there at an hour (PV at night) cannot be sold up to its nameplate; of a seller the sum over all its contracts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from cim.model.intervals import LocalDay
from market.assets.publication import AssetPublication
from market.contracts.commitments import Stock

ROUNDING_W = 2  # baseline and move are whole watts each


@dataclass(frozen=True, slots=True)
class ElementCall:
    """What an order asks of an element in an ISP (from 1): `moved_w` from `baseline_w`, which holds what was ordered before."""

    isp: int
    baseline_w: int
    moved_w: int


def beyond_envelope(asset: AssetPublication, calls: Iterable[ElementCall], day: LocalDay) -> str | None:
    """Where an element would be moved beyond the band that it can hold, in words, or None.

    A move back towards the band is never beyond it, however wrong the baseline was.
    """
    minutes = int(day.isp.total_seconds()) // 60
    for call in calls:
        start = day.isp_start(call.isp).astimezone(ZoneInfo(day.timezone))
        minute = start.hour * 60 + start.minute
        low, high = asset.band_w(minute, minute + minutes)
        level = call.baseline_w + call.moved_w
        if (call.moved_w > 0 and level > high + ROUNDING_W) or (call.moved_w < 0 and level < low - ROUNDING_W):
            clock = f"{day.day} {start:%H:%M}"
            return (
                f"envelope: {asset.name} would be at {level} W at {clock} ({call.moved_w} W from {call.baseline_w} W); "
                f"expected {low}..{high} W"
            )
    return None


def called_beyond(
    used_w: Iterable[Mapping[datetime, int]], call_w: Mapping[datetime, int], stock: Stock, timezone: str
) -> str | None:
    """Where a call, with all that a seller was called for under whichever contract, is more than it has; or None.

    Args:
        used_w: of each of its contracts, ISP start (UTC) -> watts called so far.
        call_w: the same, of the new call.
        stock: what there is to sell.
    """
    known = tuple(used_w)
    for start, watts in sorted(call_w.items()):
        total = watts + sum(used.get(start, 0) for used in known)
        local = start.astimezone(ZoneInfo(timezone))
        down, up = stock.room(local.date(), local.hour * 60 + local.minute)
        if (watts > 0 and total > up) or (watts < 0 and total < down):
            there = up if watts > 0 else down
            return f"sold twice: {total} W in all contracts at {local:%Y-%m-%d %H:%M}; there are {there} W"
    return None
