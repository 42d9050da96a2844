"""Read packed profiles: fast (no pandas), cached, and only inside the year they cover."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cim.model.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

QUARTER = timedelta(minutes=15)
QUARTER_S = 900
_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, eq=False)
class Profiles:
    """Quarter-hour profiles in per unit of a rating.

    Attributes:
        name: the pack's name.
        first: the instant at which the first quarter-hour begins, UTC.
        values: by column, float64 of shape (quarter-hours,), read-only.
    """

    name: str
    first: datetime
    values: dict[str, NDArray[np.float64]]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the profiles; `<name>.q` is the reactive power that goes with `<name>`."""
        return tuple(self.values)

    @property
    def count(self) -> int:
        """How many quarter-hours the pack covers."""
        return next(iter(self.values.values())).size

    @property
    def last(self) -> datetime:
        """The instant at which the last quarter-hour ends, UTC."""
        return self.first + self.count * QUARTER

    def column(self, name: str) -> NDArray[np.float64]:
        """The whole profile `name`, per unit, one value for each quarter-hour from `first` on."""
        try:
            return self.values[name]
        except KeyError:
            raise BadInput(
                f"profile column: {name!r} is not in {self.name}; expected one of {', '.join(self.values)}"
            ) from None

    def index(self, instant: datetime) -> int:
        """The number (from 0) of the quarter-hour that begins at `instant`; `count` for the end of the pack."""
        number, rest = divmod(instant - self.first, QUARTER)
        if rest:
            raise BadInput(f"instant: {instant.isoformat()} does not begin a quarter-hour")
        if not 0 <= number <= self.count:
            raise BadInput(
                f"instant: {instant.isoformat()} is outside the profiles {self.name}; "
                f"expected {self.first.isoformat()} to {self.last.isoformat()}"
            )
        return number

    def series(self, column: str, start: datetime, end: datetime) -> NDArray[np.float64]:
        """Profile `column` from `start` to `end` (UTC, whole quarter-hours), shape (quarter-hours,).

        Raises:
            BadInput: the column is unknown, or the span lies outside the pack.
        """
        return self.column(column)[self.index(start) : self.index(end)]


def pack_dir(name: str) -> Path:
    """The folder of pack `name`: one that ships with ILES, or a path that `import_grid` has written.

    Raises:
        BadInput: there is no such pack.
    """
    for folder in (_DATA / name, Path(name)):
        if (folder / "profiles.parquet").is_file():
            return folder
    known = sorted(path.name for path in _DATA.iterdir() if path.is_dir())
    raise BadInput(f"profiles: {name!r} is unknown; expected {', '.join(known)} or the folder of an imported grid")


def _float64(column: pa.ChunkedArray) -> NDArray[np.float64]:
    parts = [np.from_dlpack(chunk) for chunk in column.chunks]
    return np.concatenate(parts).astype(np.float64) if parts else np.empty(0)


@lru_cache(maxsize=8)
def load(name: str) -> Profiles:
    """The profiles of pack `name` (or of a folder `import_grid` wrote).

    Raises:
        BadInput: the pack is unknown, its instants are not quarter-hours in a row, or a value is no number.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    # ParquetFile, not read_table, and no to_numpy: those import pyarrow.dataset and pandas, 0.3 s.
    table = pq.ParquetFile(pack_dir(name) / "profiles.parquet").read(use_threads=False)
    seconds = _float64(table["time"].cast(pa.timestamp("s", tz="UTC")).cast(pa.int64()))
    if seconds.size == 0 or np.any(np.diff(seconds) != QUARTER_S):
        raise BadInput(f"profiles: the times of {name!r} are not quarter-hours in a row")
    values = {}
    for column in table.column_names:
        if column != "time":
            series = _float64(table[column])
            wrong = np.flatnonzero(~np.isfinite(series))
            if wrong.size:
                at = datetime.fromtimestamp(int(seconds[wrong[0]]), UTC).isoformat()
                raise BadInput(
                    f"profiles: {column} of {name!r} has no number at {at}, and {wrong.size} such values; expected one for each "
                    "quarter-hour"
                )
            series.flags.writeable = False
            values[column] = series
    return Profiles(name, datetime.fromtimestamp(int(seconds[0]), UTC), values)
