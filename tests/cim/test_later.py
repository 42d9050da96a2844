"""What is put into a finished run afterwards: read like the rest, never twice, and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cim.model.errors import BadInput
from cim.platform.later import put_later, span_of_run
from cim.platform.parquet_store import ParquetStore
from cim.platform.publications.measured import DeviceBack, DeviceLost
from cim.platform.publications.site import SiteDescribed
from cim.platform.published import published

NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)
END = NOON + timedelta(hours=5)


def run(folder: Path, finished: bool = True) -> Path:
    """A run's folder with two publications."""
    store = ParquetStore(folder)
    store.put("iles", SiteDescribed(NOON, "strem", "Europe/Vienna", 15, "dso", (), ()))
    store.put("pv", DeviceBack(END, "pv"))
    store.close()
    if finished:
        (folder / "summary.json").write_text("{}")
    return folder


def test_it_is_read_with_the_rest_and_put_once(tmp_path: Path) -> None:
    """Told long before the run's end, put twice: one is there, and what was there stays."""
    folder = run(tmp_path)
    told = [("pv", DeviceLost(NOON + timedelta(hours=1), "pv", "no answer"))]
    assert put_later(folder, told) == 1
    assert put_later(folder, told * 2) == 0
    assert published(folder, DeviceLost) == [told[0][1]]
    assert published(folder, DeviceBack) == [DeviceBack(END, "pv")]
    assert span_of_run(folder) == ("strem", NOON, END)


def test_a_folder_of_no_finished_run_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    """A living site's folder has no summary; an empty one no publications."""
    living = run(tmp_path / "living", finished=False)
    before = sorted(path.name for path in living.rglob("*"))
    for folder in (living, tmp_path / "nowhere"):
        with pytest.raises(BadInput, match="no finished run"):
            put_later(folder, [("pv", DeviceBack(NOON, "pv"))])
    assert sorted(path.name for path in living.rglob("*")) == before
    assert not (tmp_path / "nowhere").exists()
