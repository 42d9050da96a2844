"""What the tasks of a data folder do to it, once and again, and what its status then says."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from cim.model.errors import BadInput
from cim.model.readings import Kind as Measured
from cim.platform.documents.kinds import Kind
from cim.platform.documents.store import DocumentStore, Note
from cim.platform.ingestion.opened import register_of
from cim.platform.ingestion.source import read_source
from cim.platform.orchestrator.executor import ThreadExecutor
from cim.platform.orchestrator.service import OrchestratorService, failures, run_once
from cim.platform.orchestrator.site_tasks import Rule, keep_for, retention_rules, site_tasks, upkeep_tasks
from cim.platform.orchestrator.status import status_of
from cim.platform.orchestrator.task import Task
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.storage import readings_place
from cim.platform.readings.table import ReadingsTable
from cim.platform.site_data import documents_path
from portal.data_site import RefreshIndex
from tests.worlds.data_folders import NOON, SITE, run_folder

READINGS = 8 * 3 * 2
MAPPING = """name: lines
format: {kind: csv, delimiter: ";"}
instant: {column: time, pattern: iso, interval_s: 900}
usage_point: meter
meter: meter
values:
  - {column: kwh, reading_type: energy_import, unit: kWh, low: 0}
"""
SOURCE = """name: lines
retrieval: poll
schedule: "*/5 * * * *"
from: {kind: files, path: "*.csv"}
mapping: lines.mapping.yaml
"""


def tasks_of(folder: Path) -> list[Task]:
    """A living site's."""
    return list(site_tasks(folder, SITE, RefreshIndex(folder)))


def rows(folder: Path) -> int:
    """Readings in the table, with all revisions."""
    return ReadingQueries(readings_place(folder)).revisions(Selection()).num_rows


def test_a_sites_folder_is_filled_described_and_indexed(tmp_path: Path) -> None:
    """After one run of all: every reading, its datasets, a search index; each module says what it did, none fails."""
    runs = run_once(run_folder(tmp_path), tasks_of(tmp_path), ThreadExecutor(), NOON)
    assert failures(runs) == []
    assert {run.task: run.said for run in runs} == {
        "telemetry": f"{READINGS} new readings",
        "ingestion": "no source",
        "documents": "10 new versions of documents",
        "compaction": f"{READINGS} rows sorted, 1 files removed",
        "retention": "no rule: everything is kept",
        "index": "made of 10 documents",
    }
    found = status_of(tmp_path)
    assert found.is_well
    assert found.queue == ()
    assert {one.name: one.state for one in found.modules} == dict.fromkeys((run.task for run in runs), "ok")
    sizes = {one.name: one for one in found.tables}
    assert (sizes["readings"].rows, sizes["readings"].uncompacted, sizes["documents"].rows) == (READINGS, 0, 10)
    assert sizes["readings"].bytes > 0
    assert found.index_made is not None


def test_all_of_it_again_changes_nothing(tmp_path: Path) -> None:
    """Whatever was interrupted may be done again: no reading twice, no document's version more."""
    run_folder(tmp_path)
    for _ in range(2):
        runs = run_once(tmp_path, tasks_of(tmp_path), ThreadExecutor(), NOON)
    said = {run.task: run.said for run in runs}
    assert (said["telemetry"], said["documents"], said["index"]) == (
        "0 new readings",
        "0 new versions of documents",
        "no document is newer",
    )
    assert rows(tmp_path) == READINGS


def test_series_are_described_anew_every_six_hours(tmp_path: Path) -> None:
    """Before, new readings are in the table and the datasets' documents as they were."""
    run_once(run_folder(tmp_path), tasks_of(tmp_path), ThreadExecutor(), NOON)
    run_folder(tmp_path, hours=1, keep=True, first=3)
    runs = run_once(tmp_path, tasks_of(tmp_path), ThreadExecutor(), NOON + timedelta(hours=5))
    said = {run.task: run.said for run in runs}
    assert (said["telemetry"], said["documents"]) == ("24 new readings", "0 new versions of documents")
    runs = run_once(tmp_path, tasks_of(tmp_path), ThreadExecutor(), NOON + timedelta(hours=6))
    assert {run.task: run.said for run in runs}["documents"] == "6 new versions of documents"


def test_readings_go_when_their_rule_says(tmp_path: Path) -> None:
    """By each rule's own types and days; a rule of the same types takes the earlier one's place."""
    run_once(run_folder(tmp_path), tasks_of(tmp_path), ThreadExecutor(), NOON)
    power = (Measured.POWER.reading_type,)
    keep_for(tmp_path, Rule(days=9, reading_types=power), "operator", NOON)
    keep_for(tmp_path, Rule(days=400), "operator", NOON)
    assert keep_for(tmp_path, Rule(days=1, reading_types=power), "operator", NOON) == (
        Rule(days=400),
        Rule(days=1, reading_types=power),
    )
    later = NOON + timedelta(days=1, hours=1)
    runs = run_once(tmp_path, upkeep_tasks(tmp_path), ThreadExecutor(), later)
    assert {run.task: run.said for run in runs}["retention"] == "12 readings removed by 2 rules"
    assert rows(tmp_path) == READINGS - 12


def test_a_rule_that_is_none_is_a_failure_in_a_sentence(tmp_path: Path) -> None:
    """Nothing is removed; the status says which field."""
    run_once(run_folder(tmp_path), tasks_of(tmp_path), ThreadExecutor(), NOON)
    documents = DocumentStore(documents_path(tmp_path))
    wrong = {"about": "retention", "settings": {"rules": [{"days": 0}]}}
    documents.put(Kind.CONFIGURATION, "retention", wrong, Note("x", NOON, "y"))
    documents.close()
    with pytest.raises(BadInput, match=r"retention: rules\.0\.days"):
        retention_rules(tmp_path)
    runs = run_once(tmp_path, upkeep_tasks(tmp_path), ThreadExecutor(), NOON + timedelta(days=9))
    assert len(failures(runs)) == 1
    found = status_of(tmp_path)
    assert not found.is_well
    assert [one.name for one in found.modules if one.state == "failing"] == ["retention"]
    assert rows(tmp_path) == READINGS


def test_sources_of_the_folder_are_asked(tmp_path: Path) -> None:
    """By the same orchestrator; the status counts what they gave, and what is held of them."""
    given = tmp_path / "given"
    given.mkdir()
    (given / "lines.mapping.yaml").write_text(MAPPING)
    (given / "lines.yaml").write_text(SOURCE)
    (given / "a.csv").write_text("meter;time;kwh\nm;2026-05-20T08:00Z;1\nm;2026-05-20T08:15Z;-1\n")
    folder = run_folder(tmp_path / "site")
    with register_of(folder) as register:
        register.put(read_source(given / "lines.yaml"), NOON - timedelta(hours=1))
    runs = run_once(folder, tasks_of(folder), ThreadExecutor(), NOON)
    assert {run.task: run.said for run in runs}["ingestion"] == "1 sources asked: 1 new readings, 1 records held"
    found = status_of(folder)
    assert [(one.source, one.records, one.deliveries) for one in found.quarantine] == [("lines", 1, 0)]
    assert [(one.name, one.state, one.readings) for one in found.sources] == [("lines", "active", 1)]


def test_another_writer_is_waited_for(tmp_path: Path) -> None:
    """While somebody else writes the table the task fails in a sentence, and goes well afterwards."""
    with ReadingsTable(readings_place(run_folder(tmp_path))):
        runs = run_once(tmp_path, tasks_of(tmp_path)[:1], ThreadExecutor(), NOON)
        assert "written by another process" in failures(runs)[0]
    later = NOON + timedelta(minutes=1)
    assert failures(run_once(tmp_path, tasks_of(tmp_path)[:1], ThreadExecutor(), later)) == []
    assert rows(tmp_path) == READINGS


def test_the_service_fills_a_folder_while_others_read_it(tmp_path: Path) -> None:
    """What is first is done at the beginning, and seen by readers beside it; `stop` takes what came last, and nothing runs."""
    run_folder(tmp_path)
    edges = ("telemetry", "documents")
    service = OrchestratorService(
        tmp_path, tasks_of(tmp_path), ThreadExecutor(), lambda: NOON, 0.01, first=edges, last=edges
    )
    service.start()
    while not (found := {one.name: one for one in status_of(tmp_path).modules}) or not found["index"].good:
        time.sleep(0.02)
    assert rows(tmp_path) == READINGS
    run_folder(tmp_path, hours=1, keep=True, first=2)
    service.stop()
    assert status_of(tmp_path).queue == ()
    assert rows(tmp_path) == READINGS + 4 * 3 * 2


def test_the_status_of_nothing_is_nothing(tmp_path: Path) -> None:
    """A folder in which nothing has run or been kept: no module, no table, and no file is made by looking."""
    found = status_of(tmp_path)
    assert (found.modules, found.tables, found.sources, found.quarantine, found.index_made) == ((), (), (), (), None)
    assert list(tmp_path.iterdir()) == []
