"""`iles data status | maintain | keep` on a finished run's folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cim.model.errors import BadInput
from cim.platform.broker.told_trouble import tell_trouble
from cim.platform.orchestrator.filing import file_run
from cim.platform.orchestrator.service import log_path
from cim.platform.orchestrator.task_log import TaskLog
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.storage import readings_place
from cim.platform.readings.table import ReadingsTable
from experiments.cli.data_upkeep import app
from tests.worlds.data_folders import NOON, SITE, run_folder


def ask(*words: str | Path) -> Result:
    """What the command does."""
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run's folder with its data, as `iles run` leaves it."""
    file_run(run_folder(tmp_path), SITE, NOON)
    return tmp_path


def test_a_finished_runs_folder_has_a_status(folder: Path) -> None:
    """What filed it is told with what it said; sizes, quarantine and index, too."""
    found = ask("status", folder)
    assert found.exit_code == 0
    words = ("telemetry", "48 new readings", "10 new versions", "48 rows sorted", "quarantine: empty", "index: none")
    assert [word for word in words if word not in found.stdout] == []


def test_trouble_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Topics that take nothing, and a disk without room, each in a sentence and as exit code 1; then no more."""
    tell_trouble(folder, "the broker's server cannot be reached")
    monkeypatch.setattr("cim.platform.orchestrator.status._ROOM", 10**18)
    found = ask("status", folder)
    assert found.exit_code == 1
    assert "topics: the broker's server cannot be reached" in found.stdout
    assert "disk: " in found.stdout
    monkeypatch.setattr("cim.platform.orchestrator.status._ROOM", 0)
    tell_trouble(folder, None)
    assert ask("status", folder).exit_code == 0


def test_upkeep_is_told_and_then_shown(folder: Path) -> None:
    """A line for each task; the status has their state, and the index is there."""
    found = ask("maintain", folder)
    assert found.exit_code == 0
    first, *others = found.stdout.splitlines()
    assert first.startswith("compaction: 0 rows sorted")
    assert others == [
        "retention: no rule: everything is kept",
        "index: made of 10 documents",
    ]
    shown = json.loads(ask("status", folder, "--json").stdout)
    names = ("telemetry", "compaction", "documents", "retention", "index")
    assert {one["name"]: one["state"] for one in shown["modules"]} == dict.fromkeys(names, "ok")
    assert shown["index_made"] is not None


def test_a_finished_runs_readings_age_by_its_own_clock(folder: Path) -> None:
    """A rule of a day removes nothing of a run of two hours, whatever day it is today."""
    assert ask("keep", folder, "--days", "1").stdout == "1 days: all other readings\n"
    assert ask("keep", folder, "--days", "2", "--type", "power_w").exit_code == 0
    assert "retention: 0 readings removed by 2 rules" in ask("maintain", folder).stdout
    assert ReadingQueries(readings_place(folder)).count(Selection()) == 48


def test_a_failure_is_a_sentence_and_an_exit_code(folder: Path) -> None:
    """Where another process writes the table, upkeep says so, and the status too, until it went well."""
    with ReadingsTable(readings_place(folder)):
        found = ask("maintain", folder)
        assert found.exit_code == 1
        assert "compaction: failed: readings:" in found.stdout
        assert ask("status", folder).exit_code == 1
    assert ask("maintain", folder).exit_code == 0
    assert ask("status", folder).exit_code == 0


def test_where_an_orchestrator_runs_upkeep_is_left_to_it(folder: Path) -> None:
    """The command is refused; the status is not."""
    log = TaskLog(log_path(folder))
    with pytest.raises(BadInput, match="expected one a folder"):
        ask("maintain", folder)
    assert ask("status", folder).exit_code == 0
    log.close()


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    """In a sentence, and nothing is made there."""
    for command in (["status"], ["maintain"], ["keep", "--days", "3"]):
        with pytest.raises(BadInput, match="has no data"):
            ask(command[0], tmp_path, *command[1:])
    assert list(tmp_path.iterdir()) == []
