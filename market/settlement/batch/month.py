"""A month of many members under one kind of baseline, by one party's own data."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from cim.model.arrays import Ints
from market.contracts.contract import FlexContract
from market.settlement.batch.accounts import Accumulated
from market.settlement.batch.baselines import LikeDays
from market.settlement.batch.limits import beyond_limits
from market.settlement.batch.tables import Days, Flags, MeterTable, OrderTable

_AT_ONCE = 250  # members, so that what is worked on stays in the processor's caches


@dataclass(frozen=True)
class XofY:
    """The mean of the `x` highest of the last `y` like days, adjusted to the `adjust_isps` ISPs before the event."""

    x: int = 10
    y: int = 10
    adjust_isps: int = 8


@dataclass(frozen=True)
class MemberRows:
    """What a month's settlement stands on, by row of the orders, and what was summed up on the way.

    Attributes:
        baseline_w, actual_w: [R] watts.
        counts: [R] metered, and allowed by the contract.
        beyond: [R] not allowed by the contract: neither paid nor fined.
        accumulated: by member and day of the month.
    """

    baseline_w: Ints
    actual_w: Ints
    counts: Flags
    beyond: Flags
    accumulated: Accumulated


def month_rows(
    meters: MeterTable,
    first_day: int,
    orders: OrderTable,
    contracts: Sequence[FlexContract],
    of_party: Ints,
    method: XofY,
    holidays: Collection[date] = (),
) -> MemberRows:
    """Baselines of every member and ISP of the days from `first_day` on, and what the orders' rows see of them.

    A day with orders of a member is an event day of its baselines.
    """
    beyond = beyond_limits(orders, meters.days, contracts, of_party).any
    baseline, counts = np.zeros(len(orders.party), dtype=np.int64), ~beyond
    actual = meters.power_w[orders.party, orders.isp].astype(np.int64)
    if meters.known is not None:
        counts &= meters.known[orders.party, orders.isp]
    days = len(meters.days.days) - first_day
    energy, deviation = (np.zeros((len(of_party), days), dtype=np.int64) for _ in range(2))
    bounds = np.searchsorted(orders.party, np.arange(0, len(of_party) + _AT_ONCE, _AT_ONCE))
    for number, first in enumerate(range(0, len(of_party), _AT_ONCE)):
        last = min(first + _AT_ONCE, len(of_party))
        rows = slice(int(bounds[number]), int(bounds[number + 1]))
        part = _Part(meters.part(slice(first, last)), orders.of_parties(first, last), method, holidays)
        for day in range(days):
            energy[first:last, day], deviation[first:last, day] = part.settle_day(first_day + day, baseline[rows])
    return MemberRows(baseline, actual, counts, beyond, Accumulated(energy, deviation))


class _Part:
    """Some of the members."""

    def __init__(self, meters: MeterTable, orders: OrderTable, method: XofY, holidays: Collection[date]) -> None:
        self._meters, self._orders, self._method = meters, orders, method
        self._day = meters.days.day_of[orders.isp]
        events = np.zeros((len(meters.power_w), len(meters.days.days)), dtype=bool)
        events[orders.party, self._day] = True
        self._event_isp = _first_isps(orders, meters.days, len(meters.power_w))
        self._like = LikeDays(meters, events, holidays)

    def settle_day(self, day: int, into: Ints) -> tuple[Ints, Ints]:
        """[n] energy and deviation of a day; the baselines of its rows are written into `into`."""
        columns, method = self._meters.days.slice_of(day), self._method
        event = self._event_isp[:, day]
        possible = np.where(
            event > method.adjust_isps, event, 0
        )  # too early in the day to be adjusted by what was before
        baseline = self._like.baseline_w(day, method.x, method.y, event_isp=possible, adjust_isps=method.adjust_isps)
        mine = np.flatnonzero(self._day == day)
        party, isp = self._orders.party[mine], self._orders.isp[mine] - columns.start
        into[mine] = baseline[party, isp]
        np.add.at(baseline, (party, isp), self._orders.ordered_w[mine])  # from here on what was expected
        actual = self._meters.power_w[:, columns]
        deviation = np.abs(actual - baseline)
        if self._meters.known is not None:
            deviation = np.where(self._meters.known[:, columns], deviation, 0)
        return actual.sum(axis=1, dtype=np.int64), deviation.sum(axis=1, dtype=np.int64)


def _first_isps(orders: OrderTable, days: Days, parties: int) -> Ints:
    """[n, D] the first ISP (from 1) of each member's day with an order; 0: none. Rows come in order of time."""
    day = days.day_of[orders.isp]
    found = np.zeros((parties, len(days.days)), dtype=np.int64)
    place, first = np.unique(orders.party * len(days.days) + day, return_index=True)
    found.reshape(-1)[place] = orders.isp[first] - days.offsets[day[first]] + 1
    return found
