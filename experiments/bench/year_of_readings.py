"""The big tables that `iles bench data` asks: made once, kept in the user's cache folder, the same on every machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cim.model.arrays import Floats, Ints
from cim.platform.readings.batch import ReadingBatch
from cim.platform.readings.columns import batch_schema
from cim.platform.readings.table import ReadingsTable

if TYPE_CHECKING:
    import pyarrow as pa

METERS = 1_000
FEW = 200  # meters of the month that pandas reads, too
BEGIN, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
MONTH_END = datetime(2025, 2, 1, tzinfo=UTC)
LATE = 0.1  # share of the readings that are corrected later
ENERGY = "0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0"  # kWh taken in a quarter-hour
_VERSION = "readings-2"  # changes with what is made here
_QUARTER = timedelta(minutes=15)


def meter_name(number: int) -> str:
    """A meter's name."""
    return f"home-{number:04d}.meter"


def cached(tell: Callable[[str], None]) -> Path:
    """The folder with `year` (1,000 meters, a year), `month` (200 meters, a month) and `month.csv` (the same rows).

    Args:
        tell: is told what goes on while they are made, a minute or two the first time.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "iles" / "bench" / _VERSION
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make_month(folder, tell)
        _make_year(folder / "year", tell)
        (folder / "whole").touch()
    return folder


def make_month(folder: Path, tell: Callable[[str], None]) -> None:
    """`month` and `month.csv` in a folder."""
    import pyarrow as pa
    import pyarrow.csv as pacsv

    tell(f"making a month of {FEW} meters, once")
    batches = list(_batches(FEW, BEGIN, MONTH_END, 1))
    _fill(folder / "month", iter(batches))
    pacsv.write_csv(pa.concat_tables([batch.table for batch in batches]), folder / "month.csv")


def _make_year(folder: Path, tell: Callable[[str], None]) -> None:
    def told() -> Iterator[ReadingBatch]:
        for month in range(12):
            tell(f"making a year of {METERS} meters, once: month {month + 1} of 12")
            last = END if month == 11 else BEGIN.replace(month=month + 2)
            yield from _batches(METERS, BEGIN.replace(month=month + 1), last, month)
        tell("compacting it")

    _fill(folder, told())


def _fill(folder: Path, batches: Iterator[ReadingBatch]) -> None:
    with ReadingsTable(folder) as table:
        for number, batch in enumerate(batches):
            table.append(batch, "bench", number)
        table.compact()
        table.clean_up()


def _batches(meters: int, begin: datetime, end: datetime, seed: int) -> Iterator[ReadingBatch]:
    """All readings of a span as they come (an instant's after each other), then a share of them corrected a day later."""
    import numpy as np

    draw = np.random.default_rng(seed)
    quarters = round((end - begin) / _QUARTER)
    count = quarters * meters
    values = np.round(draw.gamma(1.5, 0.15, count), 3)
    number = np.arange(count)
    yield rows(number % meters, begin, number // meters, values, timedelta())
    late = np.sort(draw.choice(count, round(count * LATE), replace=False))
    yield rows(late % meters, begin, late // meters, np.round(values[late] * 1.1, 3), timedelta(days=1))


def rows(meters: Ints, begin: datetime, quarters: Ints, values: Floats, delay: timedelta) -> ReadingBatch:
    """Readings of meters (by number) in quarter-hours behind `begin`, known at their end and `delay`."""
    import numpy as np
    import pyarrow as pa

    count = len(values)
    first = np.int64(round(begin.timestamp() * 1e6))
    begins = first + quarters.astype(np.int64) * 900_000_000
    most = int(meters.max()) + 1
    places = pa.array(meters, pa.int32())

    def of(names: list[str], at: pa.Array) -> pa.Array:
        return pa.DictionaryArray.from_arrays(at, pa.array(names)).cast(pa.string())

    def same(value: str) -> pa.Array:
        return pa.array(np.full(count, value, dtype=object), pa.string())

    columns = {
        "usage_point": of([meter_name(k).partition(".")[0] for k in range(most)], places),
        "meter": of([meter_name(k) for k in range(most)], places),
        "reading_type": same(ENERGY),
        "begin": pa.array(begins).cast(pa.timestamp("us", "UTC")),
        "duration_s": pa.array(np.full(count, 900, dtype=np.int32)),
        "value": pa.array(values),
        "quality": same("GOOD"),
        "recorded": pa.array(begins + 900_000_000 + np.int64(delay / timedelta(microseconds=1))).cast(
            pa.timestamp("us", "UTC")
        ),
        "source": same("bench"),
    }
    return ReadingBatch(pa.table(columns, schema=batch_schema()))
