"""The data platform's tasks as Ray tasks: they fill a folder, and one that dies or hangs takes nothing with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.storage import readings_place
from tests.worlds.data_folders import run_folder

pytestmark = pytest.mark.slow
_RUN = """
import json, os, signal, sys, time
from pathlib import Path
from agents.runtime.ray.start import start_ray, stop_ray
start_ray()
from agents.assembly.ray_tasks import RayExecutor
from cim.model.errors import BadInput
from cim.platform.orchestrator.service import run_once
from cim.platform.orchestrator.site_tasks import site_tasks
from cim.platform.orchestrator.task import Task
from portal.data_site import RefreshIndex
from tests.worlds.data_folders import NOON, SITE

def dies(now):
    os.kill(os.getpid(), signal.SIGKILL)

def hangs(now):
    time.sleep(3600)

def refuses(now):
    raise BadInput("value 7; expected 8")

def elsewhere(now):
    return str(os.getpid())

folder = Path(sys.argv[1])
tasks = [
    *site_tasks(folder, SITE, RefreshIndex(folder)),
    Task("dies", dies), Task("hangs", hangs, timeout_s=3), Task("refuses", refuses), Task("elsewhere", elsewhere),
]
runs = run_once(folder, tasks, RayExecutor(), NOON)
print(json.dumps({run.task: [run.state, run.said] for run in runs} | {"own": os.getpid()}))
stop_ray()
"""


def test_tasks_run_in_rays_workers(tmp_path: Path) -> None:
    """All of a site's go well; a refusal is its sentence, a worker's death and a time-out are failures of that task alone."""
    run_folder(tmp_path)
    ended = subprocess.run(
        [sys.executable, "-c", _RUN, str(tmp_path)], capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    found = json.loads(ended.stdout.splitlines()[-1])
    site = ("telemetry", "ingestion", "documents", "compaction", "retention", "index")
    assert {name: found[name][0] for name in site} == dict.fromkeys(site, "done"), found
    assert found["refuses"] == ["failed", "value 7; expected 8"]
    assert found["hangs"] == ["failed", "it took longer than 3 s and was stopped"]
    assert found["dies"][0] == "failed"
    assert found["elsewhere"][0] == "done"
    assert found["elsewhere"][1] != str(found["own"])
    assert ReadingQueries(readings_place(tmp_path)).count(Selection()) == 48
