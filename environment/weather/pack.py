"""Read packed weather: a year of quarter-hours at one place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from cim.model.arrays import Floats
from cim.model.errors import BadInput
from environment.profiles.library import QUARTER_S

_DATA = Path(__file__).parent / "data"
COLUMNS = ("ghi_w_m2", "dni_w_m2", "dhi_w_m2", "temperature_c", "wind_m_s")


@dataclass(frozen=True, eq=False)
class WeatherYear:
    """Quarter-hours in a row at one place; all arrays have the same shape (quarter-hours,) and are read-only.

    Attributes:
        name: the pack's name.
        first: the instant at which the first quarter-hour begins, UTC.
        latitude_deg, longitude_deg: of the place; north and east are positive.
        ghi_w_m2, dni_w_m2, dhi_w_m2: global horizontal, direct normal and diffuse horizontal irradiance.
        temperature_c: of the air.
        wind_m_s: speed of the wind near the ground.
    """

    name: str
    first: datetime
    latitude_deg: float
    longitude_deg: float
    ghi_w_m2: Floats
    dni_w_m2: Floats
    dhi_w_m2: Floats
    temperature_c: Floats
    wind_m_s: Floats

    @property
    def count(self) -> int:
        """How many quarter-hours there are."""
        return self.ghi_w_m2.size

    @property
    def starts_s(self) -> Floats:
        """The instants at which the quarter-hours begin, POSIX seconds."""
        return self.first.timestamp() + QUARTER_S * np.arange(self.count, dtype=np.float64)


def known_weather() -> tuple[str, ...]:
    """The names of the packs that ship with ILES."""
    return tuple(sorted(path.name for path in _DATA.iterdir() if (path / "weather.parquet").is_file()))


@lru_cache(maxsize=4)
def load_weather(name: str) -> WeatherYear:
    """The weather of pack `name`, or of a folder that `nsrdb_import` wrote.

    Raises:
        BadInput: there is no such pack, or its quarter-hours are not in a row.
    """
    import pyarrow.parquet as pq

    folder = _DATA / name if name in known_weather() else Path(name)
    if not (folder / "weather.parquet").is_file():
        raise BadInput(f"weather: {name!r} is unknown; expected {', '.join(known_weather())} or a packed folder")
    # ParquetFile, not read_table, and no to_numpy: those import pyarrow.dataset and pandas, 0.3 s.
    table = pq.ParquetFile(folder / "weather.parquet").read(use_threads=False)
    starts = np.array(table["start_s"].to_pylist(), dtype=np.int64)
    if starts.size == 0 or np.any(np.diff(starts) != QUARTER_S):
        raise BadInput(f"weather: the times of {name!r} are not quarter-hours in a row")
    values = {}
    for column in COLUMNS:
        values[column] = np.array(table[column].to_pylist(), dtype=np.float64)
        values[column].flags.writeable = False
    meta = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    first = datetime.fromtimestamp(int(starts[0]), UTC)
    return WeatherYear(folder.name, first, float(meta["latitude_deg"]), float(meta["longitude_deg"]), **values)
