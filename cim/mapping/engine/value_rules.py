"""Which values nothing real can show: outside a range, or changed faster than they can."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cim.mapping.engine.local_clock import Flags, Micros, Series

_HOUR_US = 3.6e9


@dataclass(slots=True)
class LastValues:
    """The last good value of each series in one file or stream, by name: (instant in microseconds, value)."""

    of: dict[str, tuple[int, float]] = field(default_factory=dict)


def outside_range(values: npt.NDArray[np.float64], low: float | None, high: float | None) -> Flags:
    """[N] which are below or above."""
    found = np.zeros(len(values), dtype=bool)
    if low is not None:
        found |= values < low
    if high is not None:
        found |= values > high
    return found


def changed_too_fast(
    values: npt.NDArray[np.float64], at_us: Micros, rows: Micros, series: Series, per_hour: float, last: LastValues
) -> Flags:
    """[N] which are further from their series' last good value than the time between allows.

    Rows are looked at in the order of time; a value older than the last of an earlier block is not judged.

    Args:
        values, at_us: [N] of the good values.
        rows: [N] their rows in the block, by which `series` knows them.
    """
    wrong = np.zeros(len(values), dtype=bool)
    codes = series.codes[rows]
    order = np.lexsort((at_us, codes))
    starts = np.flatnonzero(np.r_[True, np.diff(codes[order]) != 0]) if len(order) else np.zeros(0, dtype=np.int64)
    for begin, end in zip(starts, np.r_[starts[1:], len(order)], strict=True):
        group = order[begin:end]
        name = series.name(int(rows[group[0]]))
        known = last.of.get(name)
        if known is not None:
            group = group[at_us[group] > known[0]]
        if not len(group):
            continue
        first = (int(at_us[group[0]]), float(values[group[0]])) if known is None else known
        times, found = np.r_[first[0], at_us[group]], np.r_[first[1], values[group]]
        if (np.abs(np.diff(found)) > per_hour * np.diff(times) / _HOUR_US).any():
            wrong[group] = _one_by_one(values[group], at_us[group], first, per_hour)
        good = group[~wrong[group]]
        last.of[name] = (int(at_us[good[-1]]), float(values[good[-1]])) if len(good) else first
    return wrong


def _one_by_one(values: npt.NDArray[np.float64], at_us: Micros, last: tuple[int, float], per_hour: float) -> Flags:
    wrong = np.zeros(len(values), dtype=bool)
    for k, (at, value) in enumerate(zip(at_us.tolist(), values.tolist(), strict=True)):
        if at > last[0] and abs(value - last[1]) > per_hour * (at - last[0]) / _HOUR_US:
            wrong[k] = True
        else:
            last = (at, value)
    return wrong
