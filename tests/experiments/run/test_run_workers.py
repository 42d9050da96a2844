"""What runs beside a command ends with it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from experiments.run.study import study_command
from experiments.run.workers import end_with_parent, pool_of, write_whole
from tests import worlds

_COMMAND = """
import os, sys, time
from experiments.run.workers import pool_of
if __name__ == "__main__":
    with pool_of(2) as pool:
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


def test_what_goes_wrong_beside_them_ends_them_at_once() -> None:
    """Amid their work, with more of it waiting; what went wrong is what is told."""
    pids = list[int]()

    def stopped() -> None:
        with pool_of(1) as pool:
            pids.append(pool.submit(os.getpid).result())
            for _ in range(3):
                pool.submit(time.sleep, 600)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert gone(pids)


def test_a_file_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes no more leaves what stood there."""
    path = tmp_path / "found.json"
    write_whole(path, "first")
    written = Path.write_text

    def half(self: Path, text: str, **more: str) -> int:
        written(self, text[: len(text) // 2], **more)
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", half)
        with pytest.raises(OSError, match="the disk is full"):
            write_whole(path, "second")
    assert path.read_text() == "first"
    write_whole(path, "second")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("found.json", "second")]


def test_a_study_knows_all_source_that_its_runs_are_made_of() -> None:
    """What a process has loaded that runs a seed, a scenario or a loss lies in the folders of the digest."""
    code = (
        "import sys, experiments.run.study.one_run, experiments.scenarios.one_day, experiments.losses.study\n"
        "print(*sys.modules)"
    )
    root = Path(worlds.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    rooms = {path.parent.name for path in root.glob("*/__init__.py")}
    loaded = [name.split(".") for name in done.stdout.split() if name.partition(".")[0] in rooms]
    assert ["experiments", "scenarios", "one_day"] in loaded
    sources = tuple(source.split("/") for source in study_command._SOURCES)
    outside = [name for name in loaded if not any(name[: len(source)] == source for source in sources)]
    assert outside in ([], [["experiments"]])


def test_who_has_no_parent_in_a_pool_goes_on() -> None:
    """In the command's own process nothing is watched, and nothing ends it."""
    end_with_parent()
    assert "parent" not in {thread.name for thread in threading.enumerate()}
