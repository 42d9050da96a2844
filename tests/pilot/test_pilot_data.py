"""A living site's data platform: filled while it lives, asked beside it, and not disturbed by a kill."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest

from cim.platform.documents.kinds import Kind
from cim.platform.documents.store import DocumentStore
from cim.platform.orchestrator.status import DataStatus, status_of
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.storage import readings_place
from cim.platform.site_data import documents_path
from tests.worlds.market_days import SEED, corner_of_strem

pytestmark = pytest.mark.slow
_PATIENCE_S = 300


def alive(site: Path, folder: Path) -> subprocess.Popen[bytes]:
    """`iles up` on this folder, hurried; what it says goes to a file beside."""
    told = {"--days": 1, "--seed": SEED, "--speed": 3000, "--runtime": "local", "--port": 0, "--folder": folder}
    options = [str(word) for pair in told.items() for word in pair]
    with (folder.parent / "said").open("wb") as said:
        return subprocess.Popen([sys.executable, "-m", "experiments.cli.main", "up", str(site), *options], stderr=said)


def until(process: subprocess.Popen[bytes], is_so: Callable[[], bool]) -> None:
    """Wait while it lives."""
    end = time.monotonic() + _PATIENCE_S
    while not is_so():
        assert process.poll() is None, "the site has ended"
        assert time.monotonic() < end
        time.sleep(0.2)


def rows(folder: Path) -> int:
    """Of the readings table, with all revisions."""
    return sum(one.rows for one in status_of(folder).tables if one.name == "readings")


def datasets(folder: Path) -> int:
    """How many series are described; the first telemetry comes before them, and before the documents' file."""
    if not documents_path(folder).exists():
        return 0
    documents = DocumentStore(documents_path(folder), read_only=True)
    try:
        return len(documents.all(Kind.DATASET))
    finally:
        documents.close()


def test_a_site_is_asked_while_it_lives_and_after_a_kill(tmp_path: Path) -> None:
    """Readings, datasets, index and status are there while it lives; after a kill and a start each reading is there once."""
    site, folder = corner_of_strem(tmp_path), tmp_path / "site"
    process = alive(site, folder)
    try:
        until(process, lambda: rows(folder) > 0 and datasets(folder) > 0 and status_of(folder).index_made is not None)
        assert ReadingQueries(readings_place(folder)).count(Selection()) > 0
        assert _through_the_portal(tmp_path).is_well
    finally:
        process.kill()
        process.wait()
    before = rows(folder)
    process = alive(site, folder)
    try:
        until(process, lambda: rows(folder) > before)
        process.terminate()
        assert process.wait(_PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
    parts = sum(pq.read_metadata(part).num_rows for part in (folder / "telemetry").glob("readings-*.parquet"))
    assert ReadingQueries(readings_place(folder)).revisions(Selection()).num_rows == parts
    assert status_of(folder).queue == ()


def _through_the_portal(beside: Path) -> DataStatus:
    """What `/data/status` says to the operator."""
    url = re.search(r"http://127\.0\.0\.1:\d+", (beside / "said").read_text())
    assert url is not None
    token = (beside / "site" / "portal.token").read_text().strip()
    answer = httpx.get(f"{url[0]}/data/status", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    return DataStatus.model_validate_json(answer.content)
