"""Pack a year of SMARD's day-ahead prices (its CSV download, in English) as Austria had them.

`python -m environment.prices.smard_import Day-ahead_prices_2018.csv FOLDER`
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from cim.model.errors import BadInput

# Until 30 September 2018 Germany, Austria and Luxembourg were one bidding zone; of an hour, the first that has a price.
ZONES = ("Austria[€/MWh]", "Germany/Austria/Luxembourg[€/MWh]")
TIMEZONE = "Europe/Vienna"
_HOUR = timedelta(hours=1)


def austrian_prices(lines: Iterable[str]) -> tuple[datetime, list[int]]:
    """The first hour (UTC) and each hour's price, ten-thousandths of a euro per MWh, of a SMARD table.

    SMARD's times are local, and of the autumn hour ambiguous, so the first one anchors and each row is checked.

    Raises:
        BadInput: a row does not lie an hour after the one before, or no zone has a price in it.
    """
    zone, prices, first = ZoneInfo(TIMEZONE), list[int](), None
    for number, row in enumerate(csv.DictReader(lines, delimiter=";")):
        said = datetime.strptime(f"{row['Date']} {row['Time of day']}", "%b %d, %Y %I:%M %p").replace(tzinfo=zone)
        first = first or said.astimezone(UTC)
        led = (first + number * _HOUR).astimezone(zone)
        if led.replace(fold=0) != said:
            raise BadInput(f"row {number + 1}: {said} was found where hours lead to {led}")
        found = next((text for name in ZONES if (text := row[name]) not in ("-", "")), None)
        if found is None:
            raise BadInput(f"row {number + 1}: no price of {said}; expected one in {' or '.join(ZONES)}")
        prices.append(round(float(found.replace(",", "")) * 10_000))
    if first is None:
        raise BadInput("the table has no rows; expected a year of hours")
    return first, prices


def pack(source: Path, folder: Path) -> None:
    """Write `day_ahead.parquet` into a folder."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with source.open(encoding="utf-8-sig") as lines:
        first, prices = austrian_prices(lines)
    begin = int(first.timestamp())
    table = pa.table(
        {
            "hour": pa.array(range(begin, begin + 3600 * len(prices), 3600), pa.int64()),
            "e4_per_mwh": pa.array(prices, pa.int64()),
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    described = table.replace_schema_metadata({"timezone": TIMEZONE, "currency": "EUR", "hour": "begin, UTC, Unix s"})
    pq.write_table(described, folder / "day_ahead.parquet", compression="zstd")


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]))
