"""The orchestrator gets SIGKILL while it works: the next one ends what it began, and nothing is there twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cim.platform.documents.kinds import Kind
from cim.platform.documents.store import DocumentStore
from cim.platform.orchestrator.service import log_path
from cim.platform.orchestrator.status import status_of
from cim.platform.orchestrator.task_log import TaskLog, TaskRun
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.storage import readings_place
from cim.platform.site_data import documents_path
from tests.worlds.data_folders import run_folder

pytestmark = pytest.mark.slow
_ORCHESTRATOR = """
import sys, time
from pathlib import Path
from cim.platform.orchestrator.executor import ThreadExecutor
from cim.platform.orchestrator.service import OrchestratorService
from cim.platform.orchestrator.site_tasks import site_tasks
from portal.data_site import RefreshIndex
from tests.worlds.data_folders import NOON, SITE
folder = Path(sys.argv[1])
tasks = site_tasks(folder, SITE, RefreshIndex(folder))
service = OrchestratorService(folder, tasks, ThreadExecutor(), lambda: NOON, 0.01, [task.name for task in tasks])
service.start()
time.sleep(3600)
"""
_KILLS, _MORE_KILLS, _PATIENCE_S = 4, 20, 120  # more only until one has come amid a task


@contextmanager
def orchestrator(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One in a process of its own, which begins with all tasks; at the end it is killed."""
    process = subprocess.Popen([sys.executable, "-c", _ORCHESTRATOR, str(folder)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait(folder: Path, process: subprocess.Popen[bytes], word: str) -> None:
    """Until something runs, or until nothing runs or waits."""
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        found = status_of(folder)
        if found.modules and bool(found.queue) is (word == "busy"):
            return
        time.sleep(0.005)
    raise AssertionError(f"the orchestrator was not {word} in time")


def runs(folder: Path) -> list[TaskRun]:
    """All that the log tells of."""
    log = TaskLog(log_path(folder), read_only=True)
    try:
        return [run for module in log.states() for run in log.history(module.name, 200)]
    finally:
        log.close()


def test_killed_while_it_works_all_is_there_once(tmp_path: Path) -> None:
    """After each kill new telemetry comes; in the end each reading and document is there once, and the log says what broke off."""
    draw = random.Random(1)
    for number in range(_KILLS):
        run_folder(tmp_path, hours=1, keep=number > 0, first=number)
        with orchestrator(tmp_path) as process:
            wait(tmp_path, process, "busy")
            time.sleep(draw.uniform(0, 0.3))
    more = 0
    while not any(run.state in ("running", "interrupted") for run in runs(tmp_path)):
        assert (more := more + 1) <= _MORE_KILLS, "no kill came while a task ran, so this proves nothing"
        with orchestrator(tmp_path) as process:
            wait(tmp_path, process, "busy")
            time.sleep(draw.uniform(0, 0.3))
    with orchestrator(tmp_path) as process:
        wait(tmp_path, process, "busy")
        wait(tmp_path, process, "idle")
    queries = ReadingQueries(readings_place(tmp_path))
    assert queries.count(Selection()) == _KILLS * 4 * 3 * 2
    assert queries.revisions(Selection()).num_rows == _KILLS * 4 * 3 * 2
    documents = DocumentStore(documents_path(tmp_path), read_only=True)
    assert len(documents.all(Kind.DATASET)) == 6
    documents.close()
    assert status_of(tmp_path).is_well
    assert {run.state for run in runs(tmp_path)} == {"done", "interrupted"}
