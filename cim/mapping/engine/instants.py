"""When each record of a block was: its time columns, zone and hour numbers as UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cim.mapping.engine.frame import Frame
from cim.mapping.engine.local_clock import FIRST, SECOND, Flags, Micros, Passes, Said, Series, local_days, to_utc
from cim.mapping.engine.schema import Instant, Season
from cim.mapping.engine.time_texts import reader

T = TypeVar("T")
_HOUR = re.compile(r"(\d{1,2})(?:[:.]0+)?")
_HOUR_US = 3_600_000_000


class Instants(NamedTuple):
    """Of a block: [N] begins in UTC microseconds, [N] passes of a doubled hour, `{row: reason}` of those without."""

    begin_us: Micros
    passes: Said
    wrong: dict[int, str]


def instants(frame: Frame, spec: Instant, series: Series, state: Passes) -> Instants:
    """The begin of each record's interval (or its instant)."""
    us, is_utc, wrong = _read(frame, spec)
    alive = np.ones(len(frame), dtype=bool)
    alive[list(wrong)] = False
    if spec.hour_number is not None:
        begin, wrong = _numbered(frame, spec, us, alive, wrong)
        return Instants(begin, np.zeros(len(frame), dtype=np.int8), wrong)
    local = alive & ~is_utc
    resolved = to_utc(us, spec.zone, series, state, _said(frame, spec.season), local)
    begin = np.where(local, resolved.utc_us, us)
    if spec.marks == "end":
        begin = begin - spec.interval_s * 1_000_000
    return Instants(begin, resolved.passes, wrong | resolved.wrong)


def _read(frame: Frame, spec: Instant) -> tuple[Micros, Flags, dict[int, str]]:
    columns = [frame.columns[name] for name in spec.columns]
    if len(columns) == 1 and pa.types.is_timestamp(columns[0].type):
        return _typed(columns[0])
    texts = [as_text(column) for column in columns]
    joined = texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, " ")
    read, n = reader(spec.pattern), len(frame)

    def one(text: str) -> tuple[int, bool]:
        return read(text)

    values, reasons, index = by_unique(joined, one, f"{' '.join(spec.columns)}: no time")
    us = np.array([0 if value is None else value[0] for value in values] or [0], dtype=np.int64)[index]
    utc = np.array([value is not None and value[1] for value in values] or [False], dtype=bool)[index]
    return us[:n], utc[:n], rows_with(reasons, index)


def _typed(column: pa.Array) -> tuple[Micros, Flags, dict[int, str]]:
    none = column.is_null().to_numpy(zero_copy_only=False)
    us = (
        column.cast(pa.timestamp("us", column.type.tz), safe=False)
        .cast(pa.int64())
        .fill_null(0)
        .to_numpy(zero_copy_only=False)
    )
    wrong = dict.fromkeys(np.flatnonzero(none).tolist(), "no time")
    beyond = (us <= 0) | (us >= 7_258_118_400_000_000)  # 2200, as of written times
    wrong |= dict.fromkeys(np.flatnonzero(beyond & ~none).tolist(), "time is not between 1970 and 2200")
    return us, np.full(len(us), column.type.tz is not None), wrong


def _said(frame: Frame, season: Season | None) -> Said:
    said: Said = np.zeros(len(frame), dtype=np.int8) if frame.passes is None else frame.passes.copy()
    if season is not None:
        column = pc.utf8_trim_whitespace(pc.fill_null(as_text(frame.columns[season.column]), ""))
        for number, words in ((FIRST, season.summer), (SECOND, season.winter)):
            said[pc.is_in(column, value_set=pa.array(words, pa.string())).to_numpy(zero_copy_only=False)] = number
    return said


def _numbered(
    frame: Frame, spec: Instant, midnight_us: Micros, alive: Flags, wrong: dict[int, str]
) -> tuple[Micros, dict[int, str]]:
    column = spec.hour_number or ""

    def hour(text: str) -> int:
        match = _HOUR.fullmatch(text)
        if match is None:
            raise ValueError(f"{column} {text[:20]!r}; expected an hour's number, 1 to 25")
        return int(match[1])

    values, reasons, index = by_unique(as_text(frame.columns[column]), hour, f"{column}: no hour")
    hours = np.array([value or 0 for value in values] or [0], dtype=np.int64)[index][: len(frame)]
    wrong = rows_with(reasons, index) | wrong
    begin, long = local_days(midnight_us // (24 * _HOUR_US) * (24 * _HOUR_US), spec.zone, alive)
    for row in np.flatnonzero(alive & ((hours < 1) | (hours > long))).tolist():
        wrong.setdefault(row, f"{column} {hours[row]}: the local day has the hours 1 to {long[row]}")
    return begin + (hours - 1) * _HOUR_US, wrong


def as_text(column: pa.Array) -> pa.Array:
    """Texts of a column; whole numbers without a decimal point."""
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_floating(column.type):
        return pa.array([None if cell is None else _number(cell) for cell in column.to_pylist()], pa.string())
    return column.cast(pa.string())


def _number(cell: float) -> str:
    return f"{cell:.0f}" if abs(cell) < 1e15 and cell == int(cell) else repr(cell)


def by_unique(column: pa.Array, read: Callable[[str], T], none: str) -> tuple[list[T | None], list[str | None], Micros]:
    """Each different text read once.

    Returns:
        Values and reasons (of ValueError) of the different texts, the last being that of an empty cell; [N] which is whose.
    """
    coded = pc.dictionary_encode(column)
    values: list[T | None] = []
    reasons: list[str | None] = []
    for text in coded.dictionary.to_pylist():
        stripped = text.strip()
        try:
            if not stripped:
                raise ValueError(none)
            values.append(read(stripped))
            reasons.append(None)
        except ValueError as error:
            values.append(None)
            reasons.append(str(error))
    index = coded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False).astype(np.int64)
    return [*values, None], [*reasons, none], index


def rows_with(reasons: list[str | None], index: Micros) -> dict[int, str]:
    """`{row: reason}` of the rows whose text has one."""
    bad = np.array([reason is not None for reason in reasons], dtype=bool)
    return {row: reasons[index[row]] or "" for row in np.flatnonzero(bad[index]).tolist()}
