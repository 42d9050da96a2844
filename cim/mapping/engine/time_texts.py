"""Times as sources write them: a pattern becomes one strict function from a text to seconds.

strptime would do, but for its speed, and because it takes no 24:00, which half of Spain's and Germany's meters write.
"""

from __future__ import annotations

import math
import re
from calendar import timegm
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import NamedTuple

_DIRECTIVES = {
    "d": r"(?P<d>\d{1,2})",
    "m": r"(?P<m>\d{1,2})",
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "H": r"(?P<H>\d{1,2})",
    "M": r"(?P<M>\d{2})",
    "S": r"(?P<S>\d{2})",
    "f": r"(?P<f>\d{1,9})",
    "z": r"(?P<z>Z|[+-]\d{2}:?\d{2})",
    "%": "%",
}
_ISO = re.compile(
    r"(?P<Y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})(?:[T ](?P<H>\d{2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)?"
    r"(?: ?(?P<z>Z|[+-]\d{2}:?\d{2}))?)?",
    re.ASCII,
)
_EPOCHS = {"epoch_s": 1.0, "epoch_ms": 1e-3}
FIRST_S, LAST_S = 0, timegm((2200, 1, 1, 0, 0, 0))  # what a meter can mean


class Time(NamedTuple):
    """Microseconds since 1970, of UTC where the text itself says so (by an offset), else of the local clock."""

    us: int
    is_utc: bool


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that cannot be read.

    Raises:
        ValueError: says which directive, or what is missing.
    """
    if pattern == "iso" or pattern in _EPOCHS:
        return
    names = re.findall(r"%(.?)", pattern)
    wrong = [name for name in names if name not in _DIRECTIVES]
    if wrong:
        raise ValueError(
            f"pattern {pattern!r}: %{wrong[0]} is not known; expected iso, epoch_s, epoch_ms or %d %m %Y %H %M %S"
        )
    if len(set(names) - {"%"}) < len([name for name in names if name != "%"]):
        raise ValueError(f"pattern {pattern!r}: a directive stands twice")
    if not {"d", "m"} <= set(names) or not {"Y", "y"} & set(names) or {"Y", "y"} <= set(names):
        raise ValueError(f"pattern {pattern!r}: expected day, month and one year (%d, %m, %Y)")


@lru_cache(maxsize=64)
def reader(pattern: str) -> Callable[[str], Time]:
    """The function that reads a text by `pattern`; it raises ValueError with the reason in words."""
    if pattern in _EPOCHS:
        return lambda text: _epoch(text, _EPOCHS[pattern])
    expression = _ISO if pattern == "iso" else _compiled(pattern)
    shown = "for example 2024-10-27T02:15:00+02:00" if pattern == "iso" else pattern

    def read(text: str) -> Time:
        match = expression.fullmatch(text)
        if match is None:
            raise ValueError(f"time {text[:60]!r} is not written as expected ({shown})")
        return _time(text, match.groupdict())

    return read


def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(%.)", pattern)
    return re.compile("".join(_DIRECTIVES[p[1]] if p[:1] == "%" else re.escape(p) for p in parts), re.ASCII)


def _time(text: str, found: dict[str, str | None]) -> Time:
    year, month, day = _year(found), int(found["m"] or 0), int(found["d"] or 0)
    hour, minute, second = int(found.get("H") or 0), int(found.get("M") or 0), int(found.get("S") or 0)
    micros = int((found.get("f") or "0").ljust(6, "0")[:6])
    try:
        days = date(year, month, day).toordinal() - 719_163  # 1970-01-01
    except ValueError:
        raise ValueError(f"time {text[:60]!r}: there is no such day") from None
    if hour > 24 or minute > 59 or second > 59 or (hour == 24 and (minute or second or micros)):
        raise ValueError(f"time {text[:60]!r}: there is no such time of day")
    seconds = days * 86_400 + hour * 3600 + minute * 60 + second
    offset = found.get("z")
    if offset and offset != "Z":
        away = int(offset[1:3]) * 3600 + int(offset[-2:]) * 60
        seconds -= away if offset[0] == "+" else -away
    return _bounded(text, seconds * 1_000_000 + micros, offset is not None)


def _year(found: dict[str, str | None]) -> int:
    full = found.get("Y")
    return int(full) if full else 2000 + int(found["y"] or 0)


def _epoch(text: str, factor: float) -> Time:
    try:
        seconds = float(text) * factor
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise ValueError(f"time {text[:60]!r} is no number; expected seconds or milliseconds since 1970")
    return _bounded(text, round(seconds * 1e6), True)


def _bounded(text: str, us: int, is_utc: bool) -> Time:
    if not FIRST_S < us // 1_000_000 < LAST_S:
        raise ValueError(f"time {text[:60]!r} is not between 1970 and 2200")
    return Time(us, is_utc)


def shown(us: int) -> str:
    """An instant or local time for people."""
    return datetime.fromtimestamp(us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")
