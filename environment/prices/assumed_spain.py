"""A year of hourly day-ahead prices for Spain that nobody ever paid: ASSUMED, because no free table of OMIE's was to be had.

`python -m environment.prices.assumed_spain WEATHER FOLDER`, WEATHER being a pack of `environment.weather`.

What is assumed: each month's level is about that of 2019, the hours are dearest in the evening and cheapest at night, weekends a
little cheaper, and the sun of the weather year takes 3.5 EUR/MWh for each 100 W/m2 off the price, as it does in Spain since PV
is plentiful there; nothing falls below zero.
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from cim.model.intervals import LocalDay
from environment.weather.pack import WeatherYear, load_weather

TIMEZONE = "Europe/Madrid"
MONTHS_EUR_PER_MWH = (62, 54, 49, 50, 48, 47, 51, 45, 42, 47, 42, 34)
_MORNING = (0.95, 0.90, 0.86, 0.84, 0.84, 0.87, 0.94, 1.03, 1.10, 1.10, 1.07, 1.05)
_AFTERNOON = (1.04, 1.03, 1.02, 1.01, 1.02, 1.05, 1.10, 1.17, 1.23, 1.23, 1.14, 1.03)
HOURS = _MORNING + _AFTERNOON
_WEEKEND = 0.93
_SUN_EUR_PER_MWH = 0.035  # for each W/m2
_HOUR = timedelta(hours=1)


def spanish_prices(weather: WeatherYear) -> tuple[datetime, list[int]]:
    """The first hour (UTC) of the local year and each hour's price, ten-thousandths of a euro per MWh."""
    year = (weather.first + _HOUR * (weather.count // 8)).year
    first, end = (LocalDay(date(number, 1, 1), TIMEZONE).start for number in (year, year + 1))
    zone, prices = ZoneInfo(TIMEZONE), list[int]()
    for number in range((end - first) // _HOUR):
        start = first + number * _HOUR
        local, quarter = start.astimezone(zone), (start - weather.first) // (_HOUR / 4)
        sun = weather.ghi_w_m2[max(quarter, 0) : quarter + 4]
        level = MONTHS_EUR_PER_MWH[local.month - 1] * HOURS[local.hour] * (_WEEKEND if local.weekday() > 4 else 1.0)
        dip = _SUN_EUR_PER_MWH * float(sun.mean()) if sun.size else 0.0
        prices.append(max(round((level - dip) * 10_000), 0))
    return first.astimezone(UTC), prices


def pack(weather: str, folder: Path) -> None:
    """Write `day_ahead.parquet` into a folder."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    first, prices = spanish_prices(load_weather(weather))
    begin = int(first.timestamp())
    table = pa.table(
        {
            "hour": pa.array(range(begin, begin + 3600 * len(prices), 3600), pa.int64()),
            "e4_per_mwh": pa.array(prices, pa.int64()),
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    meta = {"timezone": TIMEZONE, "currency": "EUR", "hour": "begin, UTC, Unix s", "assumed": "true"}
    pq.write_table(table.replace_schema_metadata(meta), folder / "day_ahead.parquet", compression="zstd")


if __name__ == "__main__":
    pack(sys.argv[1], Path(sys.argv[2]))
