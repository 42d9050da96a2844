"""What runs beside a command ends with it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from experiments.run.workers import end_with_parent
from tests import worlds

_COMMAND = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from experiments.run.workers import end_with_parent
if __name__ == "__main__":
    with ProcessPoolExecutor(2, get_context("spawn"), initializer=end_with_parent) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        print(*(process.pid for process in pool._processes.values()), flush=True)
        list(pool.map(time.sleep, [600, 600, 600]))
"""


def alive(pid: int) -> bool:
    """Whether a process still runs; one that nobody has fetched yet does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def gone(pids: list[int]) -> bool:
    """Whether all of them end before long."""
    for _ in range(600):
        if not any(map(alive, pids)):
            return True
        time.sleep(0.1)
    return False


def test_workers_end_when_their_command_is_killed(tmp_path: Path) -> None:
    """With SIGKILL, which it cannot answer, in the middle of their work and with more of it waiting."""
    script = tmp_path / "command.py"
    script.write_text(_COMMAND)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as command:
        assert command.stdout is not None
        command.stdout.readline()
        pids = [int(pid) for pid in command.stdout.readline().split()]
        assert pids
        assert all(map(alive, pids))
        command.kill()
    assert gone(pids)


def test_who_has_no_parent_in_a_pool_goes_on() -> None:
    """In the command's own process nothing is watched, and nothing ends it."""
    end_with_parent()
    assert "parent" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.slow
def test_a_killed_study_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    """Killed when its first run is on disk: that run stays as it is, the others are run once, and there is one table."""
    site = Path(worlds.__file__).parent / "wind_farm.yaml"
    days = tmp_path / "days.txt"
    days.write_text("2016-05-20\n2016-05-21\n")
    runs, out = tmp_path / "study" / "runs", tmp_path / "study"
    line = [sys.executable, "-m", "experiments.cli.main", "run", str(site), "--seeds", "1", "--days-file", str(days)]
    with subprocess.Popen([*line, "--out", str(out)], stdout=subprocess.DEVNULL) as command:
        while not list(runs.glob("*.json")) and command.poll() is None:
            time.sleep(0.1)
        command.kill()
    kept = {path: path.stat().st_mtime_ns for path in runs.glob("*.json")}
    assert kept
    assert not (out / "study.json").exists() or len(kept) == 2
    done = subprocess.run([*line, "--out", str(out)], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in runs.glob("*.json")} == {"2016-05-20-seed1.json", "2016-05-21-seed1.json"}
    assert all(path.stat().st_mtime_ns == at for path, at in kept.items())
    assert '"runs": 2' in (out / "study.json").read_text()
