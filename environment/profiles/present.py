"""A profile year dated anew: what a day of the present is expected to be like, taken from a like day of that year.

ASSUMPTION, because nobody has profiles of the present: habits follow the weekday and the season, so a day is like the
day of the profile year with the same weekday whose date is nearest. Public holidays and the weather are not in it.
"""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cim.model.intervals import LocalDay
from cim.model.like_date import like_date
from environment.profiles.library import QUARTER, Profiles

_SLOTS = 96


def of_the_present(profiles: Profiles, timezone: str, first: date, days: int) -> Profiles:
    """Profiles of the `days` local days from `first` on, each quarter-hour as at that wall-clock time of the like day.

    Where the like day has no such time (the clocks went forward), the quarter-hour before it holds.

    Raises:
        BadInput: `profiles` cover less than a year.
    """
    opening, rest = LocalDay(first, timezone), profiles.last.astimezone(ZoneInfo(timezone))
    begin = profiles.first.astimezone(ZoneInfo(timezone)).date()
    if LocalDay(begin, timezone).start < profiles.first:
        begin += timedelta(days=1)  # the first local day is not whole
    source: list[int] = []
    for number in range(days):
        today = opening.next(number)
        like = LocalDay(like_date(today.day, begin, rest.date() - timedelta(days=1), "profiles"), timezone)
        slots = _slots(like)
        origin = profiles.index(like.start)
        source += (origin + slots[_wall_clock(today)]).tolist()
    values = {}
    for name, column in profiles.values.items():
        taken = column[source]
        taken.flags.writeable = False
        values[name] = taken
    return Profiles(f"{profiles.name} as of {first}", opening.start, values)


def _wall_clock(day: LocalDay) -> NDArray[np.int64]:
    """For each quarter-hour of a local day, which of the 96 of a wall clock's day it is."""
    zone = ZoneInfo(day.timezone)
    times = [(day.start + k * QUARTER).astimezone(zone) for k in range(round((day.end - day.start) / QUARTER))]
    return np.array([at.hour * 4 + at.minute // 15 for at in times], dtype=np.int64)


def _slots(day: LocalDay) -> NDArray[np.int64]:
    """For each of the 96 of a wall clock's day, which quarter-hour of the day it is (the first, of two)."""
    found = np.full(_SLOTS, -1, dtype=np.int64)
    for quarter, slot in enumerate(_wall_clock(day)):
        if found[slot] < 0:
            found[slot] = quarter
    for slot in np.flatnonzero(found < 0):
        found[slot] = found[slot - 1]
    return found
