"""Which of a block's readings are new: a source that says the same again adds nothing, one that says otherwise a revision."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from cim.model.readings import Quality
from cim.platform.readings.repeats import by_reading, codes_of
from cim.platform.readings.selection import Parameters, Selection

if TYPE_CHECKING:
    import pyarrow as pa

KEY = ["meter", "reading_type", "begin"]
_SAME = [*KEY, "usage_point", "duration_s", "value", "quality"]
_QUERY = "SELECT meter, reading_type, begin, usage_point, duration_s, value, quality FROM readings"
FEW = 20  # meters or reading types worth naming to the query


class Known(Protocol):
    """What the table says now."""

    def run(self, sql: str, parameters: Parameters, selection: Selection) -> pa.Table:
        """A query over `readings`, the newest revisions of those asked for."""
        ...


def without_repeats(readings: pa.Table) -> pa.Table:
    """The block without rows that say what the row before them (of the same meter, type and begin) says."""
    import numpy as np
    import pyarrow as pa

    order, same = by_reading(readings)
    for name in _SAME:
        if not same.any():
            return readings
        codes = codes_of(readings, name)[order]
        same[1:] &= codes[1:] == codes[:-1]
    keep = np.ones(readings.num_rows, dtype=bool)
    keep[order[same]] = False
    return readings.filter(pa.array(keep))


def unknown(readings: pa.Table, known: Known) -> pa.Table:
    """The block without rows that say what the table says already."""
    return _less(readings, _there(readings, known), _SAME)


def not_there(readings: pa.Table, known: Known) -> pa.Table:
    """The block without rows of readings that the table has, whatever it says of them."""
    return _less(readings, _there(readings, known), KEY)


def not_yet_good(readings: pa.Table, known: Known) -> pa.Table:
    """The block without rows of which the table has a good reading: old records never go over newer ones."""
    import pyarrow.compute as pc

    there = _there(readings, known)
    return _less(readings, there.filter(pc.equal(there["quality"], Quality.GOOD.value)), KEY)


def _there(readings: pa.Table, known: Known) -> pa.Table:
    import pyarrow.compute as pc

    meters, types = (pc.unique(readings[name]).to_pylist() for name in ("meter", "reading_type"))
    bounds = pc.min_max(readings["begin"]).as_py()
    selection = Selection(
        meters=meters if len(meters) <= FEW else None,
        reading_types=types if len(types) <= FEW else None,
        begin=bounds["min"],
        end=bounds["max"] + timedelta(microseconds=1),
    )
    return known.run(_QUERY, {}, selection)


def _less(readings: pa.Table, there: pa.Table, keys: list[str]) -> pa.Table:
    """Rows whose keys are not in `there`, in their order."""
    if not there.num_rows:
        return readings
    there = there.select(keys).cast(readings.select(keys).schema)
    left = readings.join(there, keys, join_type="left anti")
    return left.sort_by("line").select(readings.column_names)
