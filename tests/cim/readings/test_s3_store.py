"""A folder whose readings are in an S3-compatible store: the same commands, the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cim.model.errors import BadInput
from cim.model.readings import Kind
from cim.platform.orchestrator.executor import ThreadExecutor
from cim.platform.orchestrator.filing import file_run
from cim.platform.orchestrator.service import failures, run_once
from cim.platform.orchestrator.site_tasks import Rule, keep_for, upkeep_tasks
from cim.platform.orchestrator.status import status_of
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.storage import readings_place
from cim.platform.readings.table import ReadingsTable
from experiments.cli.data_upkeep import app
from tests.worlds.data_folders import NOON, SITE, run_folder
from tests.worlds.s3 import KEYS, s3_store


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a store with a bucket `iles`."""
    with s3_store("iles") as url:
        yield url


def store(folder: Path, *words: str) -> str:
    """What `iles data store` says."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    found = CliRunner().invoke(app, ["store", str(folder), *words])
    if found.exception is not None:
        raise found.exception
    return found.stdout


@pytest.mark.slow
def test_a_folder_is_filed_asked_and_kept_up_in_a_store(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Filed, corrected, compacted, thinned and asked as of an instant like a table in the folder; the status counts it."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    local, remote = tmp_path / "local", tmp_path / "remote"
    assert "s3://iles/remote" in store(remote, "s3://iles/remote", "--endpoint", address)
    for folder in (local, remote):
        file_run(run_folder(folder), SITE, NOON)
        keep_for(folder, Rule(days=1, reading_types=(Kind.POWER.reading_type,)), "operator", NOON)
        later = NOON + timedelta(days=1, hours=1)
        assert failures(run_once(folder, upkeep_tasks(folder), ThreadExecutor(), later)) == []
    tables = [ReadingQueries(readings_place(folder)).revisions(Selection()) for folder in (local, remote)]
    assert tables[0].num_rows == 36
    assert tables[0].equals(tables[1])
    early = Selection(as_of=NOON + timedelta(minutes=30))
    assert ReadingQueries(readings_place(remote)).count(early) == ReadingQueries(readings_place(local)).count(early)
    (size,) = (one for one in status_of(remote).tables if one.name == "readings")
    assert size.rows == 36
    assert not (remote / "data" / "readings").exists()


def test_a_store_that_is_away_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The status says that the readings cannot be read; nobody writes beside another on this machine."""
    monkeypatch.setattr("cim.platform.readings.storage._OPTIONS", {"timeout": "1s", "max_retries": "0"})
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    store(tmp_path, "s3://iles/away", "--endpoint", "http://127.0.0.1:1")
    found = status_of(tmp_path)
    assert not found.is_well
    assert found.disk.startswith("the readings cannot be read: ")


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    """An address that is none, an endpoint without TLS elsewhere, and a folder that has readings already."""
    with pytest.raises(BadInput, match="address 'ftp://x/y'; expected s3://BUCKET/PATH"):
        store(tmp_path, "ftp://x/y")
    with pytest.raises(BadInput, match="expected https://HOST"):
        store(tmp_path, "s3://iles/x", "--endpoint", "http://s3.example")
    with ReadingsTable(readings_place(tmp_path)):
        pass
    with pytest.raises(BadInput, match="keeps its readings already"):
        store(tmp_path, "s3://iles/x")
