"""What the suite promises about itself: in CI a skip fails it, Ray is for slow tests, and one Ray at a time."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

_TESTS = """
import os, sys, types
import pytest

fake = types.ModuleType("ray")
fake.started = False
def init():
    fake.started = True
def shutdown():
    fake.started = False
fake.init, fake.shutdown, fake.is_initialized = init, shutdown, lambda: fake.started
sys.modules["ray"] = fake

def test_quick(): fake.init()

@pytest.mark.slow
def test_slow():
    fake.init()
    fake.shutdown()

def test_skipped(): pytest.skip("for no reason")
"""
_NOTING = """
import os

def test_it():
    with open(os.environ["NOTES"], "a") as notes:
        print(__name__, os.environ.get("PYTEST_XDIST_WORKER"), file=notes)

def test_it_again(): test_it()
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A few files of tests under the suite's own conftest."""
    shutil.copy(Path(__file__).parent / "conftest.py", tmp_path)
    (tmp_path / "test_a.py").write_text(_TESTS)
    for name in ("test_b.py", "test_c_on_ray.py", "test_d_on_ray.py"):
        (tmp_path / name).write_text(_NOTING)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow: as in pyproject.toml\n")
    return tmp_path


def _run(suite: Path, *options: str, ci: str) -> tuple[int, str]:
    """Exit code and what is said."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the others load libraries that no test there needs
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "xdist.plugin", "--dist=loadfile", *options, "."],
        cwd=suite, env=environment | {"CI": ci, "NOTES": str(suite / "notes")},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("workers", ["0", "2"])
def test_ray_in_a_quick_test_fails_it_and_a_skip_fails_ci(suite: Path, workers: str) -> None:
    """In one process as in parallel: the quick test that starts Ray fails, the slow one does not; in CI the skip is named."""
    code, said = _run(suite, "-n", workers, ci="true")
    assert code == 1
    assert "ray.init in a test that is not marked slow" in said
    assert "1 failed, 7 passed, 1 skipped" in said
    assert re.search(r"counts as failed: \S*test_a.py::test_skipped", said), said


def test_skips_alone_fail_ci_only_and_a_file_stays_together_as_do_those_on_ray(suite: Path) -> None:
    """Two workers: one has all files that start Ray, so that they run one after the other; the exit code is the CI's."""
    for ci, code in (("false", 0), ("true", 1)):
        (suite / "notes").unlink(missing_ok=True)
        told, said = _run(suite, "-n", "2", "--deselect", "test_a.py::test_quick", ci=ci)
        assert (told, "counts as failed" in said) == (code, bool(code)), said
        workers: dict[str, set[str]] = {}
        for line in (suite / "notes").read_text().splitlines():
            name, worker = line.split()
            workers.setdefault(name.rpartition(".")[2], set()).add(worker)
        assert set(workers) == {"test_b", "test_c_on_ray", "test_d_on_ray"}
        assert len(workers["test_b"]) == 1
        assert len(workers["test_c_on_ray"] | workers["test_d_on_ray"]) == 1
