"""What the first rows of columns say: numbers and their signs, times and their pattern, intervals, markers."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

from cim.mapping.engine.time_texts import reader

_NUMBER = re.compile(r"[+-]?[\d.,' ]*\d[\d.,]*([eE][+-]?\d+)?")
_PATTERNS = (
    "iso", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S",
    "%d-%m-%Y %H:%M", "%d-%m-%Y %H:%M:%S", "%d.%m.%y %H:%M", "%d/%m/%y %H:%M", "%Y-%m-%d %H:%M:%S", "%Y%m%d%H%M", "%Y%m%d %H%M",
    "%d.%m.%Y", "%d/%m/%Y", "%Y/%m/%d", "%d-%m-%Y", "%Y%m%d", "%m/%d/%Y %H:%M",
)  # fmt: skip
_MARKERS = (
    "-1",
    "9999",
    "-9999",
    "-999",
    "99999",
    "65535",
    "NaN",
    "N/A",
    "n/a",
    "null",
    "-",
    "--",
    "kein Wert",
    "ND",
    "s/d",
)


class Numbers(NamedTuple):
    """How a column's numbers are written: decimal sign, what parts thousands, and what stands for no value."""

    decimal: str
    thousands: str
    missing: tuple[str, ...]


class Times(NamedTuple):
    """How times are written, and the local instants (microseconds) of the rows, or those of UTC where they say so."""

    pattern: str
    us: list[int]
    is_utc: bool


def numbers(cells: list[str]) -> Numbers | None:
    """How the column's numbers are written; None where most of it are none."""
    there = [cell.strip() for cell in cells if cell.strip()]
    marks = [cell for cell in there if cell in _MARKERS]
    fit = [cell for cell in there if _NUMBER.fullmatch(cell)]
    if not there or len(fit) + len(marks) < 0.9 * len(there) or not fit:
        return None
    decimal, thousands = ".", ""
    both = [cell for cell in fit if "," in cell and "." in cell]
    if both:
        decimal = "," if both[0].rindex(",") > both[0].rindex(".") else "."
        thousands = "." if decimal == "," else ","
    elif any("," in cell for cell in fit):
        decimal = ","
    values = [_value(cell, decimal, thousands) for cell in fit if cell not in marks]
    low, high = min(values, default=0.0), max(values, default=0.0)
    out = [
        m for m in dict.fromkeys(marks) if not _NUMBER.fullmatch(m) or not low <= _value(m, decimal, thousands) <= high
    ]
    return Numbers(decimal, thousands, tuple(out))


def _value(cell: str, decimal: str, thousands: str) -> float:
    text = cell.replace(thousands, "") if thousands else cell
    try:
        return float(text.replace(decimal, ".").replace(" ", "").replace("'", ""))
    except ValueError:
        return 0.0


def grows(cells: list[str], written: Numbers) -> bool:
    """Whether a column only ever grows, from somewhere above zero, as a register does."""
    there = [cell for cell in cells if cell.strip() and cell.strip() not in written.missing]
    values = [_value(cell, written.decimal, written.thousands) for cell in there]
    steps = list(pairwise(values))
    return len(values) > 10 and all(a <= b for a, b in steps) and values[0] > 0 and values[-1] > values[0]


def times(cells: list[str]) -> Times | None:
    """How the column's times are written; None where no pattern fits nearly all."""
    there = [cell.strip() for cell in cells if cell.strip()]
    if not there:
        return None
    patterns = list(_PATTERNS)
    if all(re.fullmatch(r"\d{9,10}(\.\d+)?|\d{12,13}", cell) for cell in there):
        patterns.insert(0, "epoch_ms" if len(there[0].split(".")[0]) > 10 else "epoch_s")
    for pattern in patterns:
        found = []
        for cell in there:
            try:
                found.append(reader(pattern)(cell))
            except ValueError:
                continue
        if len(found) >= max(0.9 * len(there), 1):
            return Times(pattern, [time.us for time in found], all(time.is_utc for time in found))
    return None


def interval_s(us: list[int]) -> int:
    """The usual step between rows' times, seconds; 0 where there is none that is usual."""
    steps = Counter(abs(b - a) // 1_000_000 for a, b in pairwise(us) if a != b)
    if not steps:
        return 0
    step, count = steps.most_common(1)[0]
    return int(step) if count >= 0.5 * sum(steps.values()) and step in {60, 300, 600, 900, 1800, 3600, 86_400} else 0


def begins_late(us: list[int], interval: int) -> bool:
    """Whether the first row's time is one interval behind a day's begin, as where times mark ends."""
    day = 86_400_000_000
    return bool(us) and interval > 0 and min(us) % day == interval * 1_000_000 and interval < 86_400
