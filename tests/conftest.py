"""What all tests share.

Property tests are drawn from a fixed seed, the same on every machine, and never timed. In CI everything must run: a
skipped test is a failure there, elsewhere it says what is missing.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

settings.register_profile("iles", deadline=None, derandomize=True)
settings.load_profile("iles")

_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what did not run."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skip is a failure."""
    if os.environ.get("CI") == "true" and _skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print(f"\nskipped in CI, which counts as failed: {', '.join(_skipped)}")
