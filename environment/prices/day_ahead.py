"""Read packed day-ahead prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from cim.model.arrays import Ints
from cim.model.errors import BadInput

_DATA = Path(__file__).parent / "data"
_HOUR_S = 3600


@dataclass(frozen=True, eq=False)
class PricePack:
    """Hourly prices in a row.

    Attributes:
        first: the instant at which the first hour begins, UTC.
        timezone: IANA name of the market's local day.
        currency: ISO 4217.
        e4_per_mwh: [hours] ten-thousandths of the currency unit per MWh.
    """

    name: str
    first: datetime
    timezone: str
    currency: str
    e4_per_mwh: Ints


def known_packs() -> tuple[str, ...]:
    """The names of the packs that ship with ILES."""
    return tuple(sorted(path.name for path in _DATA.iterdir() if (path / "day_ahead.parquet").is_file()))


@lru_cache(maxsize=4)
def load_prices(name: str) -> PricePack:
    """The prices of pack `name`.

    Raises:
        BadInput: there is no such pack, or its hours are not in a row.
    """
    import pyarrow.parquet as pq

    if name not in known_packs():
        raise BadInput(f"prices: {name!r} is unknown; expected one of {', '.join(known_packs())}")
    # ParquetFile, not read_table, and no to_numpy: those import pyarrow.dataset and pandas, 0.3 s.
    table = pq.ParquetFile(_DATA / name / "day_ahead.parquet").read(use_threads=False)
    hours, prices = (np.array(table[column].to_pylist(), dtype=np.int64) for column in ("hour", "e4_per_mwh"))
    if hours.size == 0 or np.any(np.diff(hours) != _HOUR_S):
        raise BadInput(f"prices: the hours of {name!r} are not in a row")
    prices.flags.writeable = False
    meta = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    first = datetime.fromtimestamp(int(hours[0]), UTC)
    return PricePack(name, first, meta["timezone"], meta["currency"], prices)
