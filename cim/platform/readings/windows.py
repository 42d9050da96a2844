"""Windows of time in a place's own calendar, and the arithmetic that puts a reading into one.

Quarter-hours and hours are cut in local time but told apart by their instant, so that the hour which comes twice in October
is two windows; days and months are the calendar's, of 23, 24 or 25 hours.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cim.model.errors import BadInput
from cim.platform.readings.selection import Parameters

Grouping = Literal["meter", "usage_point"]  # what sums are told apart by, beside the reading type
_DAY_S = 86_400


class Window(StrEnum):
    """How long a window is."""

    QUARTER_HOUR = "15min"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


_LENGTHS_S = {Window.QUARTER_HOUR: 900, Window.HOUR: 3600, Window.DAY: _DAY_S}


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its IANA name.

    Raises:
        BadInput: there is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"time zone {name!r}; expected an IANA name such as Europe/Vienna") from None


def window_sql(window: Window, zone: ZoneInfo, begin: datetime, end: datetime) -> tuple[str, Parameters]:
    """An expression that gives a reading's window as a whole number, and its parameters.

    Of quarter-hours and hours it is the instant at which the window begins, in microseconds since 1970 UTC; of days and
    months how many local ones have been since 1970.

    Args:
        begin, end: the first and last begin of the readings.
    """
    parameters = Parameters()
    if window is Window.MONTH:
        # Comparing costs less than reckoning: few months, many readings.
        first, last = (12 * (at.year - 1970) + at.month - 1 for at in (begin.astimezone(zone), end.astimezone(zone)))
        return _month_sql(zone, first, last, parameters), parameters
    offsets = offsets_of(zone, begin, end)
    offset = "$offset_0"
    for number, (since, seconds) in enumerate(offsets):
        parameters[f"offset_{number}"] = seconds * 1_000_000
        if number:
            offset = f"CASE WHEN begin < $since_{number} THEN {offset} ELSE $offset_{number} END"
            parameters[f"since_{number}"] = since
    length = _LENGTHS_S[window] * 1_000_000
    if length == _DAY_S * 1_000_000:
        return f"(epoch_us(begin) + {offset}) // {length}", parameters
    return f"(epoch_us(begin) + {offset}) // {length} * {length} - ({offset})", parameters


def _month_sql(zone: ZoneInfo, first: int, last: int, parameters: Parameters) -> str:
    """Of the months from `first` to `last` the one that `begin` is in, by halving."""
    if first == last:
        return f"{first}"
    middle = (first + last + 1) // 2
    parameters[f"month_{middle}"] = begin_of(Window.MONTH, zone, middle)
    before, after = (_month_sql(zone, *span, parameters) for span in ((first, middle - 1), (middle, last)))
    return f"CASE WHEN begin < $month_{middle} THEN {before} ELSE {after} END"


def begin_of(window: Window, zone: ZoneInfo, number: int) -> datetime:
    """The instant, UTC, at which the window of this number begins; see `window_sql`."""
    if window in (Window.QUARTER_HOUR, Window.HOUR):
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=number)
    month = date(1970 + number // 12, number % 12 + 1, 1) if window is Window.MONTH else None
    day = month or date(1970, 1, 1) + timedelta(days=number)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def offsets_of(zone: ZoneInfo, begin: datetime, end: datetime) -> list[tuple[datetime, int]]:
    """From when on, UTC, local time is how many seconds ahead of UTC; the first holds at `begin`."""

    def offset(at: datetime) -> int:
        found = at.astimezone(zone).utcoffset()
        return 0 if found is None else int(found.total_seconds())

    found = [(begin, offset(begin))]
    low = begin
    while low < end:
        high = min(low + timedelta(days=7), end)
        while offset(high) != found[-1][1]:
            before, after = low, high
            while after - before > timedelta(seconds=1):
                middle = before + (after - before) // 2
                before, after = (middle, after) if offset(middle) == found[-1][1] else (before, middle)
            change = after.replace(microsecond=0)
            found.append((change, offset(change)))
            low = change
        low = high
    return found
