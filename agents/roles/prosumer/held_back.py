"""What an emergency's limit of consumption held back of an element, by what was expected of it just before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np

from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from market.settlement.held_back import HELD_BACK, HELD_SINCE
from market.uftp import Metering, MeteringProfile


@wire("prosumer.EmergencyHeld")
@dataclass(frozen=True)
class EmergencyHeld:
    """A limit that held, or holds.

    Attributes:
        begin, end: an earlier end where it was lifted.
        expected_kw: by day and element, [T] kW that it was expected to draw when the limit came, its orders included.
        most_kw: by element, what it may draw.
    """

    number: str
    begin: datetime
    end: datetime
    expected_kw: dict[date, dict[str, Floats]]
    most_kw: dict[str, float]

    def beyond_kw(self, element: str, day: LocalDay) -> Floats:
        """[T] kW (>= 0) that it was to draw beyond the limit, as means over the ISPs."""
        expected_kw = self.expected_kw.get(day.day, {}).get(element)
        if expected_kw is None:
            return np.zeros(day.count)
        return np.maximum(expected_kw - self.most_kw[element], 0.0) * inside_share(self.begin, self.end, day)


def inside_share(begin: datetime, end: datetime, day: LocalDay) -> Floats:
    """[T] which share (0 to 1) of each ISP of a day lies between two instants."""
    starts = [day.isp_start(isp) for isp in range(1, day.count + 2)]
    inside = [
        max(min(after, end) - max(start, begin), timedelta(0)) / (after - start) for start, after in pairwise(starts)
    ]
    return np.array(inside)


def held_back_w(
    held: Iterable[EmergencyHeld], element: str, day: LocalDay, measured_kw: Floats
) -> tuple[int, ...] | None:
    """[T] watts that limits held back of an element on a day that is over; None where they held back nothing.

    No more than it was to draw beyond the limit, and no more than it lacks of what was expected of it: what it did not draw
    although the limit let it is its own.

    Args:
        measured_kw: [T] of the element.
    """
    most, lacking = np.zeros(day.count), np.zeros(day.count)
    for one in held:
        beyond_kw = one.beyond_kw(element, day)
        expected_kw = one.expected_kw.get(day.day, {}).get(element, measured_kw)
        most += beyond_kw
        lacking = np.where(beyond_kw > 0, np.maximum(lacking, expected_kw - measured_kw), lacking)
    watts = tuple(round(float(kw) * 1000) for kw in np.minimum(most, np.maximum(lacking, 0.0)))
    return watts if any(watts) else None


def held_profiles(
    held: Iterable[EmergencyHeld], element: str, day: LocalDay, measured_kw: Floats
) -> tuple[MeteringProfile, ...]:
    """What an element's metering says of it: the watts, and beside them when the first limit of each ISP was known."""
    held = tuple(held)
    watts = held_back_w(held, element, day, measured_kw)
    if watts is None:
        return ()
    since_s = [0] * day.count
    for one in sorted(held, key=lambda one: one.begin, reverse=True):
        for k in np.flatnonzero(one.beyond_kw(element, day)):
            since_s[k] = int(one.begin.timestamp())
    return _profiles(watts, since_s)


def held_back_of(elements: Iterable[Metering]) -> tuple[MeteringProfile, ...]:
    """The profiles of a connection: what was held back of all its elements together, and since the first of their limits."""
    rows = [
        (watts.values, since.values)
        for metering in elements
        if (watts := metering.profile(HELD_BACK)) is not None and (since := metering.profile(HELD_SINCE)) is not None
    ]
    if not rows:
        return ()
    told = [list(zip(watts, since, strict=True)) for watts, since in rows]
    of_isp = list(zip(*told, strict=True))
    watts_of = [sum(watts for watts, _ in one) for one in of_isp]
    return _profiles(watts_of, [min((since for watts, since in one if watts), default=0) for one in of_isp])


def _profiles(watts: Sequence[int], since_s: Sequence[int]) -> tuple[MeteringProfile, ...]:
    known = tuple(since if held else 0 for held, since in zip(watts, since_s, strict=True))
    return MeteringProfile(HELD_BACK, "W", tuple(watts)), MeteringProfile(HELD_SINCE, "s", known)


def until(held: EmergencyHeld, end: datetime) -> EmergencyHeld:
    """The same limit, lifted at `end`, or no later than it would have ended."""
    return EmergencyHeld(held.number, held.begin, min(held.end, end), held.expected_kw, held.most_kw)


def days_after(held: Iterable[EmergencyHeld], before: date) -> tuple[EmergencyHeld, ...]:
    """Those that held on a day from `before` on, without the days that are closed."""

    def kept(expected: Mapping[date, dict[str, Floats]]) -> dict[date, dict[str, Floats]]:
        return {period: of_day for period, of_day in expected.items() if period >= before}

    return tuple(
        EmergencyHeld(one.number, one.begin, one.end, days, one.most_kw)
        for one in held
        if (days := kept(one.expected_kw))
    )
