"""Which day of a known span is most like another day, when nothing but the calendar is known of it."""

from __future__ import annotations

from datetime import date, timedelta

from cim.model.errors import BadInput


def like_date(day: date, first: date, last: date, origin: str) -> date:
    """The day within `first` to `last` (both included, at least a year) that is most like `day`.

    Same weekday, and the same date or at most three days from it (six at the ends of the span).

    Args:
        origin: what the span is of, for the error.

    Raises:
        BadInput: the span holds no such day, because it is shorter than a year.
    """
    wanted = [_in_year(day, year) for year in range(first.year - 1, last.year + 2)]
    near = [same + timedelta(days=k) for same in wanted for k in range(-6, 7)]
    found = [d for d in near if d.weekday() == day.weekday() and first <= d <= last]
    if not found:
        raise BadInput(f"{origin}: {first} to {last} hold no day like {day}; expected a whole year")
    return min(found, key=lambda d: (min(abs(d - same) for same in wanted), d))


def _in_year(day: date, year: int) -> date:
    leap_day = (day.month, day.day) == (2, 29)
    return date(year, 2, 28) if leap_day else day.replace(year=year)
