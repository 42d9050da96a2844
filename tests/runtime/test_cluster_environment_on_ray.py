"""A real Ray of one machine: nobody else can reach it, its token lets others in, and an early import is found out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

pytestmark = pytest.mark.slow
_RAYS = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path) -> Iterator[None]:
    with mock.patch.dict(os.environ):
        for name in _RAYS:
            os.environ.pop(name, None)
        os.environ["HOME"] = str(tmp_path)
        yield


_PRELUDE = """
import sys
from cim.model.errors import IlesError
from agents.runtime.ray.start import start_ray
def go(*args):
    try:
        start_ray(*args)
    except IlesError as error:
        print(type(error).__name__, error)
        sys.exit(2)
"""

_HEAD = """
go()
import os, ray
@ray.remote
class Actor:
    def pid(self):
        return os.getpid()
actor = Actor.remote()
pids = {str(os.getpid()), str(ray.get(actor.pid.remote()))}
stats = {}
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open(f"/proc/{pid}/stat") as file:
            stats[pid] = file.read().rpartition(")")[2].split()[1]
    except OSError:
        pass
while more := {pid for pid, parent in stats.items() if parent in pids} - pids:
    pids |= more
inodes = set()
for pid in pids:
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            inodes.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
    except OSError:
        pass
for table in ("tcp", "tcp6"):
    with open(f"/proc/net/{table}") as file:
        for row in file.read().splitlines()[1:]:
            cells = row.split()
            if cells[3] == "0A" and f"socket:[{cells[9]}]" in inodes:
                print("listens", cells[1].partition(":")[0])
print("head", ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.readline()
"""

_JOIN = """
go()
import ray
print("joined", ray.get(ray.remote(lambda: 6 * 7).remote()))
"""


def _python(code: str, **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _PRELUDE + code], text=True, env={**os.environ, **settings},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def _told(code: str, **settings: str) -> list[str]:
    """The lines a process says until it ends; its end is waited for in any case."""
    with _python(code, **settings) as process:
        try:
            told, error = process.communicate(timeout=200)
        finally:
            process.kill()
    return told.splitlines() or [error[-2000:]]


# 127.0.0.1, ::1 and ::ffff:127.0.0.1 as the kernel writes them on a little-endian machine
_LOOPBACKS = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_ray_on_one_machine_listens_on_loopback_only_and_others_join_it_with_its_token() -> None:
    """No process of it can be reached from outside; RAY_ADDRESS is respected; a wrong or missing token is one sentence."""
    token = "c" * 64
    with _python(_HEAD, RAY_AUTH_TOKEN=token) as head:
        try:
            lines = []
            assert head.stdout is not None
            while not lines or not lines[-1].startswith("head "):
                line = head.stdout.readline()
                assert line, head.stderr.read() if head.stderr else ""
                lines.append(line.strip())
            listening = {line.split()[1] for line in lines if line.startswith("listens ")}
            assert listening
            assert listening <= _LOOPBACKS
            address = lines[-1].split()[1]
            assert address.startswith("127.0.0.1:")
            assert _told(_JOIN, RAY_ADDRESS=address, RAY_AUTH_TOKEN=token) == ["joined 42"]
            wrong = _told(_JOIN, RAY_ADDRESS=address, RAY_AUTH_TOKEN="d" * 64)
            assert len(wrong) == 1
            assert wrong[0].startswith(
                f"BadInput Ray's cluster at '{address}' cannot be joined (its token is another one)"
            )
            none = _told(_JOIN, RAY_ADDRESS=address)
            assert none[0].startswith(f"BadInput Ray's token: none was found for '{address}'")
        finally:
            head.communicate("\n", timeout=60)


def test_ray_imported_too_early_is_found_out() -> None:
    """It would have missed its settings and listen on every interface: it is not started, and the fault named."""
    told = _told("import ray\ngo()\nprint('started')")
    assert told == [
        "ProgrammingFault Ray was imported before start_ray and has missed its settings; expected start_ray first"
    ]


_KILLED = """
import os, signal, sys, time
from pathlib import Path
from agents.runtime.ray.start import start_ray, stop_ray
log = Path(sys.argv[1])
start_ray(log=log)
import ray

@ray.remote(max_retries=0)
def die():
    os.kill(os.getpid(), signal.SIGKILL)

try:
    ray.get(die.remote())
except ray.exceptions.WorkerCrashedError:
    print("it died")
until = time.monotonic() + 20
while time.monotonic() < until and not (log.exists() and log.read_text()):
    time.sleep(0.1)
stop_ray()
"""


@pytest.mark.slow
def test_a_killed_worker_is_reported_in_the_log_and_not_on_the_console(tmp_path: Path) -> None:
    """Ray's report that a process was killed stands in the file; the command's own words are all that is printed."""
    log = tmp_path / "ray.log"
    command = [sys.executable, "-c", _KILLED, str(log)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "it died\n"
    assert "worker died" not in done.stderr
    assert "raylet: A worker died" in log.read_text(encoding="utf-8")
