"""Energy and the time it was read through, by day, source and ISP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np

from cim.codec.codec import wire
from cim.model.arrays import Floats, Mask
from cim.model.intervals import LocalDay
from market.rules import MarketRules

_SECOND = timedelta(seconds=1)
_LEFT_OUT_S = 1.0  # a meter that answers a moment after the ISP's begin has read it through


@wire("prosumer.IspEnergy")
@dataclass(slots=True)
class IspEnergy:
    """What sources took, by day.

    Attributes:
        energy_wh: by source, [T] watt-hours, as far as counted.
        read_s: by source, [T] seconds of each ISP that are known.
    """

    energy_wh: dict[date, dict[str, Floats]] = field(default_factory=dict)
    read_s: dict[date, dict[str, Floats]] = field(default_factory=dict)

    def add(self, rules: MarketRules, source: str, start: datetime, end: datetime, energy_wh: float,
            known: bool = True) -> None:  # fmt: skip
        """Spread an energy over the ISPs between two instants; `known` says whether it fell evenly there."""
        for day, isp, seconds in _shares(rules, start, end):
            share = seconds / ((end - start) / _SECOND)
            _increase(self.energy_wh, day, source, isp, energy_wh * share)
            if known:
                _increase(self.read_s, day, source, isp, seconds)

    def of(self, source: str, day: LocalDay) -> Floats:
        """[T] watt-hours of a day, as counted so far."""
        values = self.energy_wh.get(day.day, {}).get(source)
        return np.zeros(day.count) if values is None else values

    def lost_isps(self, source: str, day: LocalDay) -> tuple[int, ...]:
        """The ISPs of a day that a source was not read through (yet)."""
        return tuple((np.flatnonzero(self.lost(source, day)) + 1).tolist())

    def lost(self, source: str, day: LocalDay) -> Mask:
        """[T] whether a source was not read through an ISP of a day (yet)."""
        read_s = self.read_s.get(day.day, {}).get(source)
        if read_s is None:
            return np.ones(day.count, dtype=np.bool_)
        lost: Mask = read_s < day.isp / _SECOND - _LEFT_OUT_S
        return lost

    def forget(self, period: date) -> None:
        """A day is done."""
        self.energy_wh.pop(period, None)
        self.read_s.pop(period, None)

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        for period in [period for period in self.energy_wh if period < before]:
            self.forget(period)


def _increase(table: dict[date, dict[str, Floats]], day: LocalDay, source: str, isp: int, amount: float) -> None:
    of_day = table.setdefault(day.day, {})
    known = of_day.get(source)
    values = np.zeros(day.count) if known is None else known.copy()  # arrays in the state are never changed
    values[isp - 1] += amount
    of_day[source] = values


def _shares(rules: MarketRules, start: datetime, end: datetime) -> Iterator[tuple[LocalDay, int, float]]:
    """The ISPs between two instants, and how many seconds of that time fall into each."""
    rest = start
    while rest < end:
        day = rules.day_of(rest)
        isp = day.isp_of(rest)
        until = min(day.isp_start(isp + 1), end)
        yield day, isp, (until - rest) / _SECOND
        rest = until
