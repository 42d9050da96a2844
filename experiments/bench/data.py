"""`iles bench data`: how fast readings come in from the broker, and how fast a meter's year and a district's months are answered.

Beside it, on the same rows: plain pandas on a CSV file.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cim.platform.readings.batch import ReadingBatch
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.table import ReadingsTable
from cim.platform.readings.windows import Window
from experiments.bench.data_access import measure_access
from experiments.bench.data_ingest import measure_ingest
from experiments.bench.figures import Figures
from experiments.bench.year_of_readings import BEGIN, END, METERS, MONTH_END, cached, meter_name, rows

if TYPE_CHECKING:
    import pandas as pd

BATCH = 10_000  # readings that are appended at once
ZONE = ZoneInfo("Europe/Vienna")
_YEAR, _MONTH = (Selection(begin=BEGIN, end=end) for end in (END, MONTH_END))
_METER = meter_name(137)


def measure(full: bool, tell: Callable[[str], None]) -> Figures:
    """All figures: readings a second, milliseconds an answer (medians), and how many times faster than pandas.

    Args:
        full: more of everything.
        tell: is told what goes on.
    """
    folder = cached(tell)
    tell("taking readings in")
    ingest = measure_ingest(full)
    append = _append(100 if full else 30)
    tell("asking for a year")
    year, month = ReadingQueries(folder / "year"), ReadingQueries(folder / "month")
    rounds = 50 if full else 15
    found = {
        "readings": year.count(_YEAR),
        **ingest,
        "append_per_s": append,
        "meter_year_ms": _median_ms(rounds, lambda k: year.rows(_of(meter_name(k * 61 % METERS), _YEAR))),
        "meter_year_hours_ms": _median_ms(
            rounds, lambda k: year.aggregates(_of(meter_name(k * 61 % METERS), _YEAR), Window.HOUR, ZONE)
        ),
        "district_month_ms": _median_ms(3, lambda _: year.aggregates(_YEAR, Window.MONTH, ZONE, ())),
        "district_one_month_ms": _median_ms(5, lambda _: year.aggregates(_MONTH, Window.MONTH, ZONE, ())),
    }
    tell("pandas")
    ours = {
        "meter": _median_ms(rounds, lambda _: month.rows(_of(_METER, _MONTH))),
        "district": _median_ms(5, lambda _: month.aggregates(_MONTH, Window.MONTH, ZONE, ())),
    }
    path = folder / "month.csv"
    theirs = {
        "meter": _median_ms(2, lambda _: pandas_meter(path, _METER)),
        "district": _median_ms(2, lambda _: pandas_months(path)),
    }
    ratios = {f"{name}_vs_pandas_on_csv": theirs[name] / ours[name] for name in ours}
    pandas = _pandas_append(5)
    ratios["ingest_vs_pandas_on_csv"] = ingest["ingest_per_s"] / pandas
    ratios["append_vs_pandas_on_csv"] = append / pandas
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**found, **measure_access(full, tell), "peak_memory_mb": peak_mb, "ratios": ratios}


def _of(meter: str, span: Selection) -> Selection:
    return Selection(meters=[meter], begin=span.begin, end=span.end)


def _median_ms(rounds: int, ask: Callable[[int], object]) -> float:
    spent = []
    for k in range(rounds):
        begun = time.perf_counter()
        ask(k)
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent) * 1000


def _append(batches: int) -> float:
    """Readings a second from Arrow columns to durable and queryable, checks and revisions included."""
    tables = [_batch(k) for k in range(batches)]
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-data-") as folder, ReadingsTable(folder) as table:
        begun = time.perf_counter()
        for number, batch in enumerate(tables):
            table.append(ReadingBatch(batch.table), "bench", number)
        return batches * BATCH / (time.perf_counter() - begun)


def _batch(number: int) -> ReadingBatch:
    import numpy as np

    places = np.arange(BATCH) + number * BATCH
    return rows(places % METERS, BEGIN, places // METERS, np.round(places % 977 / 1000, 3), timedelta())


def pandas_meter(path: Path, meter: str) -> pd.DataFrame:
    """A meter's readings, the newest of each, by begin."""
    import pandas as pd

    frame = pd.read_csv(path, parse_dates=["begin", "recorded"])
    frame = frame[frame["meter"] == meter].sort_values("recorded")
    return frame.groupby(["meter", "reading_type", "begin"], as_index=False).last()


def pandas_months(path: Path) -> pd.Series[float]:
    """Sums of all meters by reading type and local month."""
    import pandas as pd

    frame = pd.read_csv(path, parse_dates=["begin", "recorded"])
    frame = frame.drop_duplicates(["meter", "reading_type", "begin"], keep="last")
    local = frame["begin"].dt.tz_convert(ZONE)
    return frame.groupby(["reading_type", local.dt.year.rename("year"), local.dt.month.rename("month")])["value"].sum()


def _pandas_append(batches: int) -> float:
    """Readings a second that pandas appends to a CSV file."""
    frames = [_batch(k).table.to_pandas() for k in range(batches)]
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-data-") as folder:
        begun = time.perf_counter()
        for frame in frames:
            frame.to_csv(Path(folder) / "readings.csv", mode="a", header=False, index=False)
        return batches * BATCH / (time.perf_counter() - begun)
