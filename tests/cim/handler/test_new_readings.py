"""Which of a block's readings are new: held, for any block and any table, to the rule in plain Python."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.platform.handler.new_readings import not_there, not_yet_good, unknown, without_repeats
from cim.platform.readings.columns import batch_schema
from cim.platform.readings.selection import Parameters, Selection
from tests.worlds.meters import ENERGY, POWER, START

_NAMES = ("usage_point", "meter", "reading_type", "begin", "duration_s", "value", "quality")


class Said(NamedTuple):
    """What a row says, by few words, so that rows meet."""

    meter: str
    code: str
    quarter: int
    value: float
    quality: str


SAID = st.builds(
    Said,
    st.sampled_from(["a.x", "b.y"]),
    st.sampled_from([ENERGY, POWER]),
    st.integers(0, 3),
    st.sampled_from([0.0, 1.5]),
    st.sampled_from(["GOOD", "ABSENT"]),
)
ROWS = st.lists(SAID, max_size=12)
TABLE = st.lists(SAID, max_size=12, unique_by=lambda said: said[:3])  # of each reading one row: what holds now


def table_of(rows: list[Said]) -> pa.Table:
    """As a block has them, with their lines."""
    made = [
        (s.meter[0], s.meter, s.code, START + s.quarter * timedelta(minutes=15), 900, s.value, s.quality) for s in rows
    ]
    schema = pa.schema([batch_schema().field(name) for name in _NAMES])
    columns = list(zip(*made, strict=True)) or [()] * len(_NAMES)
    arrays = [pa.array(column, schema.field(name).type) for name, column in zip(_NAMES, columns, strict=True)]
    return pa.table(arrays, schema=schema).append_column("line", pa.array(range(1, len(rows) + 1), pa.int64()))


def lines(table: pa.Table) -> list[int]:
    """Which rows are left, in their order."""
    found: list[int] = table["line"].to_pylist()
    return found


class Told:
    """A table that says what it was given, of the span and names that it is asked for."""

    def __init__(self, rows: list[Said]) -> None:
        self._rows = table_of(rows).drop_columns(["line"])

    def run(self, sql: str, parameters: Parameters, selection: Selection) -> pa.Table:
        """The columns that the query names; all rows that are selected."""
        keep = [
            (selection.meters is None or row["meter"] in selection.meters)
            and (selection.reading_types is None or row["reading_type"] in selection.reading_types)
            and (selection.begin is None or row["begin"] >= selection.begin)
            and (selection.end is None or row["begin"] < selection.end)
            for row in self._rows.to_pylist()
        ]
        names = sql.removeprefix("SELECT ").partition(" FROM ")[0].split(", ")
        return self._rows.filter(pa.array(keep, pa.bool_())).select(names)


@given(ROWS.filter(bool), TABLE)
@settings(max_examples=40, deadline=None)
def test_what_is_new_is_what_the_rule_says(block: list[Said], there: list[Said]) -> None:
    """Unknown: said otherwise or not at all; not there: no such reading; not yet good: no such good reading."""
    known, readings = Told(there), table_of(block)
    keys, good = {said[:3] for said in there}, {said[:3] for said in there if said.quality == "GOOD"}
    assert lines(unknown(readings, known)) == [n for n, said in enumerate(block, 1) if said not in there]
    assert lines(not_there(readings, known)) == [n for n, said in enumerate(block, 1) if said[:3] not in keys]
    assert lines(not_yet_good(readings, known)) == [n for n, said in enumerate(block, 1) if said[:3] not in good]


@given(ROWS)
@settings(max_examples=40, deadline=None)
def test_a_repeat_is_what_says_what_its_reading_said_last(block: list[Said]) -> None:
    """A row stays unless the one before it of the same meter, type and begin says the same."""
    last: dict[tuple[object, ...], Said] = {}
    expected = []
    for number, said in enumerate(block, 1):
        if last.get(said[:3]) != said:
            expected.append(number)
        last[said[:3]] = said
    assert lines(without_repeats(table_of(block))) == expected
