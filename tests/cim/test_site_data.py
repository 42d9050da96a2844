"""What a run has recorded and published is found in its data folder."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from cim.model.readings import Kind as Measured
from cim.platform.documents.kinds import Kind
from cim.platform.documents.store import DocumentStore
from cim.platform.orchestrator.filing import file_run
from cim.platform.parquet_store import ParquetStore
from cim.platform.publications.agreements import ConnectionSwitched
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.storage import readings_place
from cim.platform.site_data import documents_path
from tests.worlds.data_folders import NOON, SITE, run_folder


def test_all_telemetry_becomes_rows_with_their_connection(tmp_path: Path) -> None:
    """Each reading is a row of an instant, under its connection, with its code, quality and when it was known."""
    assert file_run(run_folder(tmp_path), SITE, NOON)[0] == f"{8 * 3 * 2} new readings"
    queries = ReadingQueries(readings_place(tmp_path))
    power = Selection(meters=["farm.pv"], reading_types=[Measured.POWER.reading_type])
    found = queries.rows(power).to_pylist()
    assert [row["value"] for row in found] == [-100.0 * k for k in range(8)]
    assert {(row["usage_point"], row["duration_s"]) for row in found} == {("farm", 0)}
    assert [row["quality"] for row in found][:3] == ["GOOD", "ABSENT", "GOOD"]
    assert all(row["recorded"] == row["begin"] for row in found)
    assert queries.count(Selection(usage_points=["lv"])) == 16


def test_every_series_is_a_dataset(tmp_path: Path) -> None:
    """A dataset says what is measured, whose it is, where, from when to when, how many, and how good."""
    file_run(run_folder(tmp_path), SITE, NOON)
    documents = DocumentStore(documents_path(tmp_path), read_only=True)
    found = {document.key: document.body for document in documents.all(Kind.DATASET)}
    assert len(found) == 6
    assert found[f"farm/farm.pv/{Measured.POWER.reading_type}"] == {
        "usage_point": "farm",
        "meter": "farm.pv",
        "reading_type": Measured.POWER.reading_type,
        "quantity": "power",
        "unit": "W",
        "first": "2026-05-20T10:00:00Z",
        "last": "2026-05-20T11:45:00Z",
        "readings": 8,
        "good_share": 7 / 8,
        "revision": 1,
        "owner": "farm",
        "kind": "pv",
        "place": "lv",
    }
    assert (found[f"lv/lv.meter/{Measured.POWER.reading_type}"] or {})["owner"] == ""
    (asset,) = documents.all(Kind.ASSET)
    assert (asset.key, (asset.body or {})["usage_point"]) == ("farm.pv", "ean:farm")
    assert [document.key for document in documents.all(Kind.USAGE_POINT)] == ["farm", "lv"]


def test_filling_again_adds_what_is_new_alone(tmp_path: Path) -> None:
    """The same folder twice is nothing more; telemetry that came since is added, and its datasets have a new version."""
    file_run(run_folder(tmp_path), SITE, NOON)
    nothing = {"0 new readings", "0 rows sorted, 0 files removed", "0 new versions of documents"}
    assert set(file_run(tmp_path, SITE, NOON)) == nothing
    run_folder(tmp_path, hours=1, keep=True, first=2)
    more = file_run(tmp_path, SITE, NOON + timedelta(hours=3))
    assert {"24 new readings", "6 new versions of documents"} < set(more)
    assert ReadingQueries(readings_place(tmp_path)).count(Selection()) == 48 + 24
    documents = DocumentStore(documents_path(tmp_path), read_only=True)
    history = documents.history(Kind.DATASET, f"farm/farm.pv/{Measured.POWER.reading_type}")
    assert [(told.body or {})["readings"] for told in history] == [8, 12]


def test_a_change_of_aggregator_counts_as_soon_as_it_is_published(tmp_path: Path) -> None:
    """On a living site nothing is in tables yet: the change is found in what was logged, and is filed with its midnight."""
    begins = NOON + timedelta(hours=36)
    store = ParquetStore(run_folder(tmp_path), keep=True)
    switched = ConnectionSwitched(
        NOON, "ean:farm", "farm.example", "east.example", "west.example", begins.date(), begins
    )
    store.put("iles", switched)
    assert not list((tmp_path / "publications").glob("*switched-*.parquet"))
    parties = {"farm.example": "farm", "east.example": "agr-east", "west.example": "agr-west"}
    file_run(tmp_path, replace(SITE, parties=parties), NOON)
    documents = DocumentStore(documents_path(tmp_path), read_only=True)
    farm = documents.get(Kind.USAGE_POINT, "farm")
    assert farm is not None
    assert farm.body is not None
    assert farm.body["handovers"] == [{"since": "2026-05-21T22:00:00Z", "aggregator": "agr-west"}]
    documents.close()
    store.close()
