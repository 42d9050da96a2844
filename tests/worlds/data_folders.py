"""A finished run's folder in small: telemetry and publications of two connections and a point of the grid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cim.model.readings import Kind, Quality, Reading
from cim.platform.parquet_store import ParquetStore
from cim.platform.publications.agreements import AssetsRegistered, RegisteredAsset
from cim.platform.publications.measured import ReadingsTaken
from cim.platform.site_data import Connection, SiteFacts

NOON = datetime(2026, 5, 20, 10, tzinfo=UTC)  # at Vienna
SITE = SiteFacts(
    "small",
    "Europe/Vienna",
    (
        Connection("farm", "prosumer", "agr-east", "lv", {"farm.meter": "meter", "farm.pv": "pv"}),
        Connection("lv", "grid", "", "lv", {"lv.meter": "meter"}),
    ),
)


def run_folder(folder: Path, hours: int = 2, keep: bool = False, first: int = 0) -> Path:
    """Readings of each quarter-hour, two kinds each, from `first` hours behind noon on; one PV is registered."""
    store = ParquetStore(folder, keep)
    for k in range(4 * hours):
        at = NOON + timedelta(hours=first, minutes=15 * k)
        for meter in ("farm.meter", "farm.pv", "lv.meter"):
            quality = Quality.ABSENT if (meter, k) == ("farm.pv", 1) else Quality.GOOD
            taken = (
                Reading(meter, Kind.POWER, -100.0 * k, at, quality),
                Reading(meter, Kind.ENERGY_IMPORT, 5.0 * k, at),
            )
            store.put("device", ReadingsTaken(at, taken))
    asset = RegisteredAsset("farm.pv", "pv", "farm", "ean:farm", "ean:lv", 0, 5000, False, True)
    store.put("farm", AssetsRegistered(NOON, (asset,)))
    store.close()
    return folder
