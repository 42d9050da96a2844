"""What a store was given while the disk was full: held in order, said, and kept once there is room; never torn, lost or twice."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cim.model.readings import Kind, Reading
from cim.platform import parquet_store
from cim.platform.parquet_store import ParquetStore
from cim.platform.publication_log import PublicationLog
from cim.platform.publications.measured import DeviceLost, ReadingsTaken
from cim.platform.readings.errors import NotStored
from tests.worlds.full_disk import room_for

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)


def lost(number: int) -> DeviceLost:
    """A publication that tells its number."""
    return DeviceLost(NOON + timedelta(seconds=number), f"farm-{number}.pv", "no answer")


def as_killed(folder: Path) -> list[int]:
    """What a store holds that is opened on what another one has left so far."""
    left = folder.with_name("left")
    shutil.rmtree(left, ignore_errors=True)
    shutil.copytree(folder, left)
    with closing(ParquetStore(left, keep=True)) as store:
        return numbers(store)


def numbers(store: ParquetStore) -> list[int]:
    """Which of them the store holds, in its order."""
    return [int(told.publication.device[5:-3]) for told in store.told(DeviceLost)]


def test_a_log_that_finds_room_for_half_an_entry_is_as_it_was(tmp_path: Path) -> None:
    """A disk takes what fits before it refuses: that half is taken back, so that what is appended later can be read."""
    path = tmp_path / "put.log"
    with closing(PublicationLog(path)) as log:
        log.append(1, "a", "family", {"n": 1})
        size = path.stat().st_size
        with room_for(size + 7), pytest.raises(OSError, match="File too large"):
            log.append(2, "a", "family", {"n": 2})
        assert path.stat().st_size == size
        log.append(3, "a", "family", {"n": 3})
    with closing(PublicationLog(path)) as log:
        assert [number for number, *_ in log.rows] == [1, 3]


def test_publications_wait_for_room_in_their_order(tmp_path: Path) -> None:
    """Meanwhile they can be read, and the store says that it keeps nothing; with room again all are there, once."""
    with closing(ParquetStore(tmp_path / "site")) as store:
        store.put("devices", lost(1))
        with room_for(150):
            for number in range(2, 9):
                store.put("devices", lost(number))
            assert "File too large" in str(store.unkept)
            assert "publications wait in memory" in str(store.unkept)
            assert numbers(store) == [*range(1, 9)]
        store.put("devices", lost(9))
        assert store.unkept is None
        assert as_killed(tmp_path / "site") == [*range(1, 10)]


def test_what_a_kill_loses_is_only_what_was_said_not_to_be_kept(tmp_path: Path) -> None:
    """Killed on the full disk: everything before the trouble is there, nothing is torn."""
    with closing(ParquetStore(tmp_path / "site")) as store:
        for number in range(1, 4):
            store.put("devices", lost(number))
        with room_for((tmp_path / "site" / "publications" / "put.log").stat().st_size + 9):
            store.put("devices", lost(4))
            assert store.unkept is not None
        assert as_killed(tmp_path / "site") == [1, 2, 3]


def test_tables_that_find_no_room_are_made_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is cleared only once all is in tables; a part written before the trouble is written again, not doubled."""
    monkeypatch.setattr(parquet_store, "PART", 5)
    folder = tmp_path / "site"
    log = folder / "publications" / "put.log"
    with closing(ParquetStore(folder)) as store:
        for number in range(1, 5):
            store.put("devices", lost(number))
        with room_for(log.stat().st_size + 200):  # an entry fits, a table does not
            store.put("devices", lost(5))
            assert store.unkept is not None
            assert not [*folder.rglob("*.tmp")]
            store.retry()
            assert numbers(store) == [1, 2, 3, 4, 5]
        store.retry()
        assert (store.unkept, log.stat().st_size) == (None, 0)
        assert numbers(store) == as_killed(folder) == [1, 2, 3, 4, 5]


def test_readings_that_find_no_room_wait_on(tmp_path: Path) -> None:
    """A flush that fails takes none of them out of memory, and leaves no half part; the next one writes all, once."""
    taken = tuple(Reading("farm.pv", Kind.POWER, float(n), NOON + timedelta(minutes=n)) for n in range(50))
    with closing(ParquetStore(tmp_path)) as store:
        store.put("devices", ReadingsTaken(NOON, taken))
        with room_for(100):
            store.flush()
            assert store.unkept is not None
            assert [*(tmp_path / "telemetry").iterdir()] == []
            assert store.readings() == [*taken]
    with closing(ParquetStore(tmp_path, keep=True)) as store:
        assert store.readings() == [*taken]


def test_a_store_closed_on_a_full_disk_says_what_it_lost(tmp_path: Path) -> None:
    """Who closes it is told in a sentence: a run must not end as if all were there."""
    store = ParquetStore(tmp_path)
    with room_for(100):
        store.put("devices", ReadingsTaken(NOON, (Reading("farm.pv", Kind.POWER, 1.0, NOON),)))
        with pytest.raises(NotStored, match=r"takes nothing \(File too large\)"):
            store.close()
