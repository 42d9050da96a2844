"""Readings of a few meters, for tests of what keeps, finds and shows them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cim.platform.readings.batch import ReadingBatch, ReadingRow

ENERGY = "0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0"  # kWh taken in 15 minutes
POWER = "0.0.0.12.4.1.37.0.0.0.0.0.0.0.0.0.38.0"  # W, net
START = datetime(2026, 5, 20, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def row(
    meter: str = "agr:home.meter",
    quarter: int = 0,
    value: float = 1.0,
    recorded: datetime = START,
    reading_type: str = ENERGY,
    quality: str = "GOOD",
) -> ReadingRow:
    """A quarter-hour's reading, `quarter` quarters behind `START`; the connection is the meter's name before the dot."""
    point = meter.partition(".")[0]
    return ReadingRow(point, meter, reading_type, START + quarter * QUARTER, 900, value, quality, recorded, "test")


def batch(rows: Iterable[ReadingRow]) -> ReadingBatch:
    """Rows as a batch."""
    return ReadingBatch.of_rows(rows)
