"""What is expected of one day: profiles of the base and of each element, renewed only where something new can be known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from cim.codec.codec import wire
from cim.model.arrays import Floats, Mask


@wire("prosumer.DayForecast")
@dataclass(slots=True)
class DayForecast:
    """What is expected of a day, [T] kW.

    Attributes:
        base_kw: of the connection without its elements.
        elements_kw: of each element; where it follows the rest, as its orders leave it, else as without orders.
        owner_kw: what an element is held to outside its orders; NaN where its device is free.
    """

    base_kw: Floats
    elements_kw: dict[str, Floats]
    owner_kw: dict[str, Floats] = field(default_factory=dict)

    @staticmethod
    def empty(elements: Iterable[str], count: int) -> DayForecast:
        """Of a day that was never forecast, nothing is expected."""
        return DayForecast(np.zeros(count), {name: np.zeros(count) for name in elements})


@lru_cache(maxsize=16)
def free_kw(count: int) -> Floats:
    """[count] NaN: nothing holds or limits an element. One array for all who ask, which none of them can change."""
    free = np.full(count, np.nan)
    free.flags.writeable = False
    return free


def renewed(old: Floats, new: Floats, stays: slice | Mask) -> Floats:
    """The new profile, with the old one's values where they stay."""
    joined = new.copy()
    joined[stays] = old[stays]
    return joined


def as_told(held_kw: Floats, first: int, *, runs: bool, ordered: bool) -> Mask:
    """[T] where what was told of a day stays, when its rest is looked at anew from ISP `first` (from 1) on.

    Of a running ISP it stays too, unless an order has just changed what holds the element in it.
    """
    stays = np.arange(len(held_kw)) < (first if runs else first - 1)
    if ordered:
        stays[first - 1 :] &= np.isnan(held_kw[first - 1 :])
    return stays
