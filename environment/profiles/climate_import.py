"""A pack for another climate: a SimBench grid and its people's habits, under the sun and heat of a weather year.

What people do (households, trade, charging) is taken as it is and dated anew: each day of the weather's year has the day of
SimBench's year with the same weekday and the nearest date, by the wall clock. What the weather does (PV, heat pumps) is not
taken: it would be another country's weather. In its place there is `PV-S30` (panels that face south, 30 degrees steep),
`heating` and `cooling`, each made of the weather alone (`environment.weather`).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from shutil import copyfile
from zoneinfo import ZoneInfo

import numpy as np

from cim.model.arrays import Floats
from environment.profiles import ATTRIBUTION, LICENCE
from environment.profiles.library import QUARTER, load, pack_dir
from environment.profiles.present import of_the_present
from environment.weather.climate import cooling_per_unit, heating_per_unit
from environment.weather.pack import WeatherYear, load_weather
from environment.weather.plant import PvPlant, pv_per_unit
from environment.weather.sun import Plane

HABITS = ("G", "H0", "HLS", "L")  # SimBench's names of trade, households, home charging and farms begin so
SOUTH = Plane(tilt_deg=30.0, azimuth_deg=180.0)

_NSRDB = """
## Weather

Columns `PV-S30`, `heating` and `cooling` are made of `{weather}`: NREL's National Solar Radiation Database (NSRDB); its
attribution is in `environment/weather/data/{weather}/ATTRIBUTION.md`. Panels face south, 30 degrees steep.

Changed further: people's profiles are those of SimBench's year 2016, dated {year} by weekday and nearest date, by the wall clock
of {timezone}. ASSUMPTION: people of that place live by German standard habits.
"""


def import_climate(pack: str, weather: str, timezone: str, out_dir: Path) -> Path:
    """Write a pack for the local year of a weather pack to `out_dir`.

    Args:
        pack: of the grid and the habits: a name, or a folder that `import_grid` wrote.
        weather: of the sun and the heat: a name, or a folder that `nsrdb_import` wrote.
        timezone: IANA name of the place's local time.

    Raises:
        BadInput: there is no such pack.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    seen = load_weather(weather)
    year = (seen.first + QUARTER * (seen.count // 2)).astimezone(ZoneInfo(timezone)).year
    days = (date(year + 1, 1, 1) - date(year, 1, 1)).days
    people = of_the_present(load(pack), timezone, date(year, 1, 1), days)
    columns = {name: column for name, column in people.values.items() if name.startswith(HABITS)}
    shift = (people.first - seen.first) // QUARTER
    columns |= {name: _moved(column, shift, people.count) for name, column in _of_weather(seen, timezone).items()}
    instants = pa.array([people.first + k * QUARTER for k in range(people.count)], type=pa.timestamp("s", tz="UTC"))
    table = pa.table(
        {"time": instants} | {name: pa.array(columns[name].astype(np.float32)) for name in sorted(columns)}
    )
    out_dir.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        table,
        out_dir / "profiles.parquet",
        compression="zstd",
        compression_level=15,
        use_dictionary=sorted(columns),
        column_encoding={"time": "DELTA_BINARY_PACKED"},
    )
    copyfile(pack_dir(pack) / "grid.json", out_dir / "grid.json")
    source = (pack_dir(pack) / "ATTRIBUTION.md").read_text(encoding="utf-8")
    grids = next((line for line in source.splitlines() if line.startswith("Grids: ")), "Grids: .")
    said = ATTRIBUTION.format(codes=grids.removeprefix("Grids: ").removesuffix("."))
    (out_dir / "ATTRIBUTION.md").write_text(
        said + _NSRDB.format(weather=seen.name, year=year, timezone=timezone), encoding="utf-8"
    )
    (out_dir / "LICENSE.md").write_text(LICENCE, encoding="utf-8")
    return out_dir


def _of_weather(weather: WeatherYear, timezone: str) -> dict[str, Floats]:
    return {
        "PV-S30": pv_per_unit(weather, PvPlant(SOUTH)),
        "heating": heating_per_unit(weather),
        "cooling": cooling_per_unit(weather, timezone),
    }


def _moved(column: Floats, shift: int, count: int) -> Floats:
    """`count` quarter-hours from `shift` on; the night hours of the local year that UTC's year lacks are as the nearest."""
    moved: Floats = column[np.clip(np.arange(count) + shift, 0, column.size - 1)]
    return moved
