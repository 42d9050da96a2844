"""X-of-Y baselines of many parties at once: `market.settlement.baselines.x_of_y_baseline`, party by party the same."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cim.model.arrays import Ints
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from market.settlement.baselines import CAP, SUNDAYS, day_kind
from market.settlement.batch.tables import Days, Flags, Ints32, MeterTable


class LikeDays:
    """The last like days of each party, with the days aligned on the wall clock.

    Args:
        meters: history and the days to be settled, together.
        events: [N, D] days on which a party was activated.
        holidays: public holidays.
    """

    def __init__(self, meters: MeterTable, events: Flags, holidays: Collection[date] = ()) -> None:
        self._days, self._events = meters.days, events
        self._kinds = np.array([day_kind(day.day, holidays) for day in meters.days.days])
        self._holiday = np.array([day.day in set(holidays) for day in meters.days.days])
        self._standard = _standard_day(meters.days)
        self._aligned = _on_standard_clock(meters, self._standard)
        self._power_w = meters.power_w

    def baseline_w(
        self, day: int, x: int = 10, y: int = 10, *, event_isp: Ints | None = None, adjust_isps: int = 8
    ) -> Ints:
        """[N, T] watts of a day: the mean of the `x` highest of the last `y` like days, with a same-day adjustment.

        Args:
            day: which of the meters' days.
            x, y: how many of how many.
            event_isp: [N] the ISP (from 1) in which a party's activation begins; 0: it has none, nothing is adjusted.
            adjust_isps: how many ISPs before the event the adjustment looks at.

        Raises:
            BadInput: a party has fewer than `y` like days.
        """
        of = self._days.days[day]
        rows = self._aligned[np.arange(len(self._events))[:, None], self._chosen(day, y)]
        if of.count != self._standard.count:
            rows = rows[:, :, _positions(self._standard, of)]
        if x < y:
            sums = rows.sum(axis=2, dtype=np.int64)
            highest = np.argsort(-sums, axis=1, kind="stable")[:, :x]
            rows = np.take_along_axis(rows, highest[:, :, None], axis=1)
        mean: NDArray[np.float64] = rows.sum(axis=1, dtype=np.int64) / x
        if event_isp is not None:
            mean = mean * self._adjustment(mean, day, event_isp, adjust_isps)[:, None]
        return np.rint(mean).astype(np.int64)

    def _chosen(self, day: int, y: int) -> Ints:
        """[N, y] the last like days before a day, newest first."""
        wanted = self._kinds[day]
        alike = (self._kinds == wanted) & (np.arange(len(self._kinds)) < day)
        if wanted != SUNDAYS:
            alike &= ~self._holiday
        places = np.flatnonzero(alike)[::-1]
        usable = ~self._events[:, places]
        rank = np.cumsum(usable, axis=1)
        short = rank[:, -1] < y if len(places) else np.ones(len(self._events), dtype=bool)
        if bool(short.any()):
            party = int(np.argmax(short))
            found = int(rank[party, -1]) if len(places) else 0
            raise BadInput(
                f"history: party {party} has {found} like days before {self._days.days[day].day}; expected {y}"
            )
        taken = usable & (rank <= y)
        return places[np.nonzero(taken)[1]].reshape(len(self._events), y)

    def _adjustment(
        self, mean: NDArray[np.float64], day: int, event_isp: Ints, adjust_isps: int
    ) -> NDArray[np.float64]:
        has = event_isp > 0
        if bool(np.any(has & ((event_isp - 1 < adjust_isps) | (event_isp - 1 > mean.shape[1])))):
            wrong = int(np.argmax(has & ((event_isp - 1 < adjust_isps) | (event_isp - 1 > mean.shape[1]))))
            raise BadInput(f"event_isp: {event_isp[wrong]} leaves no {adjust_isps} ISPs before the event to adjust by")
        first = np.where(has, event_isp - 1 - adjust_isps, 0)
        columns = first[:, None] + np.arange(adjust_isps)
        rows = np.arange(len(mean))[:, None]
        expected = mean[rows, columns].mean(axis=1)
        measured = self._power_w[rows, self._days.slice_of(day).start + columns].astype(np.float64).mean(axis=1)
        whole = has & (expected != 0)
        factor = np.divide(measured, expected, out=np.ones_like(expected), where=whole)
        return np.where(whole, np.clip(factor, 1 - CAP, 1 + CAP), 1.0)


def _standard_day(days: Days) -> LocalDay:
    """A day of the ordinary length, whose wall clock the others are put on."""
    ordinary = 24 * 60 // days.isp_minutes
    found = next((day for day in days.days if day.count == ordinary), None)
    if found is None:
        raise BadInput(f"days: none of {len(days.days)} has {ordinary} ISPs; expected an ordinary day among them")
    return found


def _on_standard_clock(meters: MeterTable, standard: LocalDay) -> Ints32:
    """[N, D, T] each day's values at the wall-clock times of an ordinary day."""
    days = meters.days
    if all(day.count == standard.count for day in days.days):
        return meters.power_w.reshape(len(meters.power_w), len(days.days), standard.count)
    aligned = np.empty((len(meters.power_w), len(days.days), standard.count), dtype=np.int32)
    for number, day in enumerate(days.days):
        aligned[:, number] = meters.power_w[:, days.slice_of(number)][:, _positions(day, standard)]
    return aligned


def _positions(of: LocalDay, to: LocalDay) -> Ints:
    """[T of `to`] which ISP (from 0) of day `of` has the wall-clock time of each ISP of day `to`.

    Of an hour that came twice the first is taken; an hour that `of` did not have takes the value before it.
    """
    if of.count == to.count == 24 * 60 // to.isp_minutes:
        return np.arange(to.count, dtype=np.int64)
    clock: dict[tuple[int, int], int] = {}
    for number in range(of.count):
        clock.setdefault(_wall(of, number), number)
    found: list[int] = []
    for number in range(to.count):
        found.append(clock.get(_wall(to, number), found[-1] if found else 0))
    return np.array(found, dtype=np.int64)


def _wall(day: LocalDay, number: int) -> tuple[int, int]:
    local = day.isp_start(number + 1).astimezone(ZoneInfo(day.timezone))
    return local.hour, local.minute
