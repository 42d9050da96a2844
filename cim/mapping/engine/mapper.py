"""A mapping at work: a block of records in, CIM readings and rejects out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cim.mapping.engine.frame import Frame, Reject
from cim.mapping.engine.instants import instants
from cim.mapping.engine.local_clock import Flags, Micros, Passes, Series
from cim.mapping.engine.number_texts import numbers
from cim.mapping.engine.quantities import is_counter, reading_type_of
from cim.mapping.engine.record_columns import QUALITIES, Names, asked_by, qualities, series_of
from cim.mapping.engine.schema import Mapping, Written
from cim.mapping.engine.units import conversion
from cim.mapping.engine.value_rules import LastValues, changed_too_fast, outside_range
from cim.model.readings import Quality

_NAMES = pa.array([quality.value for quality in Quality])
_BIG = 1e15  # no meter shows more


@dataclass(slots=True)
class State:
    """What a mapping remembers from block to block of one file or stream."""

    passes: Passes = field(default_factory=Passes)
    last: dict[int, LastValues] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mapped:
    """What became of a block.

    Attributes:
        readings: columns usage_point, meter, reading_type, begin (UTC), duration_s, value, quality, line.
        rejects: records of which something could not be taken.
        passed_over: how many records no value of the mapping asks for.
    """

    readings: pa.Table
    rejects: tuple[Reject, ...]
    passed_over: int


class Mapper:
    """Applies one mapping; the same frames in the same order give the same readings."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        interval = mapping.instant.interval_s
        self._types = [reading_type_of(value.reading_type, interval) for value in mapping.values]
        self._codes = [kind.code for kind in self._types]
        self._units = [conversion(value.unit, kind) for value, kind in zip(mapping.values, self._types, strict=True)]

    def apply(self, frame: Frame, state: State) -> Mapped:
        """Map one block; `state` is that of its file or stream."""
        mapping, reasons = self.mapping, dict[int, list[str]]()
        point, meter = Names(frame, mapping.usage_point, "usage_point"), Names(frame, mapping.meter, "meter")
        wanted = [asked_by(frame, value) for value in mapping.values]
        asked = np.logical_or.reduce(wanted)
        series = series_of(frame, meter, mapping)
        when = instants(frame, mapping.instant, series, state.passes)
        dead = ~asked
        for wrong in (point.wrong, meter.wrong, when.wrong):
            for row, reason in wrong.items():
                if asked[row]:
                    reasons.setdefault(row, []).append(reason)
                    dead[row] = True
        judged = qualities(frame, mapping.quality)
        parts = [
            self._value(
                k, frame, _Block(wanted[k] & ~dead, series, when.begin_us, judged, point, meter), state, reasons
            )
            for k in range(len(wanted))
        ]
        rejects = [
            Reject(int(frame.lines[row]), "; ".join(why), frame.raw(row), int(when.passes[row]), is_record=True)
            for row, why in sorted(reasons.items())
        ]
        return Mapped(pa.concat_tables(parts), (*frame.rejects, *rejects), int((~asked).sum()))

    def _value(self, k: int, frame: Frame, block: _Block, state: State, reasons: dict[int, list[str]]) -> pa.Table:
        value, unit = self.mapping.values[k], self._units[k]
        point = block.point if value.usage_point is None else Names(frame, value.usage_point, "usage_point")
        meter = block.meter if value.meter is None else Names(frame, value.meter, "meter")
        alive = block.alive.copy()

        def refuse(rows: npt.NDArray[np.intp], why: Callable[[int], str]) -> None:
            for row in rows.tolist():
                reasons.setdefault(row, []).append(why(row))
            alive[rows] = False

        for own, usual in ((point, block.point), (meter, block.meter)):
            if own is not usual:
                bad = np.array([row for row in own.wrong if alive[row]], dtype=np.intp)
                refuse(bad, own.wrong.__getitem__)
        column = frame.columns[value.column]
        written = self.mapping.format if isinstance(self.mapping.format, Written) else None
        shown, none, wrong = numbers(column, written, self.mapping.missing if value.missing is None else value.missing)
        wrong |= np.abs(shown) > _BIG
        refuse(
            np.flatnonzero(wrong & alive),
            lambda row: f"{value.column}: {_cell(column, row)} is no number a meter shows",
        )
        if value.when_missing == "quarantine":
            refuse(np.flatnonzero(none & alive), lambda row: f"{value.column}: no value ({_cell(column, row)})")
        elif value.when_missing == "skip":
            alive &= ~none
        quality = np.where(none, QUALITIES["ABSENT"], block.judged)
        self._rules(k, block, (shown, quality, alive), column, state, refuse)
        rows = np.flatnonzero(alive)
        numbers_ = value.sign * (shown[rows] * value.scale * unit.factor + unit.offset)
        counted = numbers_ + 0.0  # no negative zero
        counted[quality[rows] == QUALITIES["ABSENT"]] = 0.0
        interval = self.mapping.instant.interval_s
        duration = 0 if is_counter(value.reading_type) else interval
        taken = pa.array(rows)
        return pa.table(
            {
                "usage_point": point.column.take(taken).cast(pa.string()),
                "meter": meter.column.take(taken).cast(pa.string()),
                "reading_type": pa.DictionaryArray.from_arrays(
                    pa.array(np.zeros(len(rows), dtype=np.int32)), pa.array([self._codes[k]])
                ).cast(pa.string()),
                "begin": pa.array(block.begin_us[rows]).cast(pa.timestamp("us", "UTC")),
                "duration_s": pa.array(np.full(len(rows), duration, dtype=np.int32)),
                "value": pa.array(counted),
                "quality": pa.DictionaryArray.from_arrays(pa.array(quality[rows].astype(np.int32)), _NAMES).cast(
                    pa.string()
                ),
                "line": pa.array(frame.lines[rows]),
            }
        )

    def _rules(
        self,
        k: int,
        block: _Block,
        found: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], Flags],
        column: pa.Array,
        state: State,
        refuse: Callable[[npt.NDArray[np.intp], Callable[[int], str]], None],
    ) -> None:
        value, (shown, quality, alive) = self.mapping.values[k], found
        there = alive & (quality != QUALITIES["ABSENT"])
        beyond = outside_range(shown, value.low, value.high) & there
        fast = np.zeros(len(shown), dtype=bool)
        if value.max_change_per_hour is not None:
            rows = np.flatnonzero(there & ~beyond & (quality == QUALITIES["GOOD"]))
            last = state.last.setdefault(k, LastValues())
            fast[rows] = changed_too_fast(
                shown[rows], block.begin_us[rows], rows, block.series, value.max_change_per_hour, last
            )
        if value.outside == "invalid":
            quality[beyond | fast] = QUALITIES["INVALID"]
            return
        span = f"{'' if value.low is None else value.low} to {'' if value.high is None else value.high}"
        refuse(np.flatnonzero(beyond), lambda row: f"{value.column}: {_cell(column, row)} is outside {span}")
        limit = f"more than {value.max_change_per_hour} in an hour"
        refuse(np.flatnonzero(fast), lambda row: f"{value.column}: {_cell(column, row)} changed by {limit}")


@dataclass(frozen=True, slots=True)
class _Block:
    """What all values of a block share: [N] rows that have a time and names, series, begins, qualities, names."""

    alive: Flags
    series: Series
    begin_us: Micros
    judged: npt.NDArray[np.int64]
    point: Names
    meter: Names


def _cell(column: pa.Array, row: int) -> str:
    return repr(column[row].as_py())[:60]
