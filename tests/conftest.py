"""What all tests share.

Property tests are drawn from a fixed seed, the same on every machine, and never timed. In CI everything must run: a
skipped test is a failure there, elsewhere it says what is missing. Ray is started by tests marked slow only.

Solvers have one thread, as in every command of ours: the workers share the cores already.

In parallel (`pytest -n 2`) a file's tests stay together on one worker, so that what they share is made once; the files
`*_on_ray.py`, whose tests start Ray, run one after the other. What takes long is begun first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest
from filelock import FileLock
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before anything imports a solver
# Whatever the shell says: hundreds of processes that tests start would each compile the whole product anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile("iles", deadline=None, derandomize=True)
settings.load_profile("iles")

_skipped: list[str] = []


_ON_RAY = "_on_ray.py"


class _Files(LoadFileScheduling):
    """Hands out whole files, and those on Ray as one: several Rays at once are too much for a small machine.

    Not by xdist's own groups: version 3.8 does not see them under pytest 9.2, and says nothing.
    """

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return _ON_RAY if file.endswith(_ON_RAY) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    """Who gets which file next, under `--dist=loadfile`, which is the project's setting."""
    return _Files(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In parallel begin with Ray, then slow tests, so that at the end nobody waits for a long one."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        items.sort(key=lambda item: (not item.path.name.endswith(_ON_RAY), "slow" not in item.keywords))


def _made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first who needs it makes for all workers of this session; to be read only."""
    base = factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent  # what the workers of one session have in common
    with FileLock(base / f"{name}.lock"):
        if not (base / f"{name}.made").exists():
            make(base / name)
            (base / f"{name}.made").touch()
    return base / name


def _strem_day(folder: Path) -> None:
    command = [sys.executable, "-m", "experiments.cli.main", "run", "strem", "--runtime", "local", "--seed", "7"]
    done = subprocess.run([*command, "--out", str(folder)], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _corner_day(folder: Path) -> None:
    from cim.platform.parquet_store import ParquetStore
    from tests.worlds.market_days import corner_of_strem, head_and_money, market_day

    folder.mkdir()
    result = market_day(corner_of_strem(folder), folder, ParquetStore(folder))
    (folder / "ends.json").write_text(json.dumps(head_and_money(folder, result)))


@pytest.fixture(scope="session")
def strem_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one `iles run strem --runtime local --seed 7`, made once for all workers; to be read only."""
    return _made_once(tmp_path_factory, "strem-day", _strem_day)


@pytest.fixture(scope="session")
def corner_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed day at the corner of Strem (`tests.worlds.market_days`), in one process and without sockets.

    Made once for all workers, to be read only: `corner.yaml` is its site, `ledger.db` its ledger, what was published lies
    beside, `ends.json` has the ledger's head and what each party gained.
    """
    return _made_once(tmp_path_factory, "corner-day", _corner_day)


@pytest.fixture(autouse=True)
def _no_ray_in_quick_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that starts Ray or joins a cluster without being marked slow."""
    if "slow" in request.keywords:
        yield
        return

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("ray.init in a test that is not marked slow")

    if (ray := sys.modules.get("ray")) is not None:
        with mock.patch.object(ray, "init", refuse):
            yield
    else:
        yield
    if (ray := sys.modules.get("ray")) is not None and ray.is_initialized():  # imported by this very test
        ray.shutdown()
        refuse()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what did not run; in parallel the controller hears of every worker's tests."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skip is a failure."""
    if os.environ.get("CI") == "true" and _skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print(f"\nskipped in CI, which counts as failed: {', '.join(_skipped)}")
