"""Public holidays of Austria, Germany and Spain: days on which people and works live as on a Sunday.

Only those of the whole country. Sources: Arbeitsruhegesetz § 7 (AT), the holiday laws of all the German Länder (DE),
Estatuto de los Trabajadores art. 37.2 and Real Decreto 2001/1983 art. 45 (ES).
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

_FIXED = {
    "AT": ((1, 1), (1, 6), (5, 1), (8, 15), (10, 26), (11, 1), (12, 8), (12, 25), (12, 26)),
    "DE": ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26)),
    "ES": ((1, 1), (1, 6), (5, 1), (8, 15), (10, 12), (11, 1), (12, 6), (12, 8), (12, 25)),
}
_AFTER_EASTER = {"AT": (1, 39, 50, 60), "DE": (-2, 1, 39, 50), "ES": (-2,)}  # days after Easter Sunday


@cache
def holidays(year: int, country: str) -> frozenset[date]:
    """The public holidays of a year; of a country that is not known, none."""
    fixed = (date(year, month, day) for month, day in _FIXED.get(country, ()))
    sunday = easter(year)
    return frozenset((*fixed, *(sunday + timedelta(days=days) for days in _AFTER_EASTER.get(country, ()))))


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous algorithm, Meeus, Astronomical Algorithms, chapter 8)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)
