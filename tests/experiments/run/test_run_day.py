"""The main job, end to end: what `iles run strem` promises, and that runtime, placement and wire change nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
ILES = [sys.executable, "-m", "experiments.cli.main"]


def iles(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command as a person would call it."""
    return subprocess.run([*ILES, *map(str, arguments)], capture_output=True, text=True, timeout=600, check=False)


def run(out: Path, *arguments: str) -> dict[str, Any]:
    """A run's summary."""
    done = iles("run", "strem", "--seed", "7", "--out", out, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((out / "summary.json").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this module's runs leave their results."""
    return tmp_path_factory.mktemp("day")


@pytest.fixture(scope="module")
def day(strem_day: Path) -> dict[str, Any]:
    """One day in one process without sockets: what the other ways are held against."""
    summary: dict[str, Any] = json.loads((strem_day / "summary.json").read_text())
    return summary


def test_the_day_is_settled_and_the_books_are_balanced(day: dict[str, Any]) -> None:
    """Flexibility is asked for, ordered, delivered and settled; money sums to zero; nobody disputes; the ledger is good."""
    assert day["money"]["sum"] == 0
    assert day["ledger"]["verified"] is True
    assert day["disputes"] == 0
    assert sum(day["agents"].values()) >= 30
    assert day["isps"] == 96
    assert day["contracts"] == day["settlements"] == 20
    assert min(day["flex_requests"], day["flex_offers"], day["flex_orders"]) > 0
    assert 0 < day["delivered_wh"] <= day["ordered_wh"]


def test_flexibility_removes_the_congestion(day: dict[str, Any]) -> None:
    """On the congested default day at least 80 % of all limit violations are gone, by the simulated site's own power flow."""
    violations = day["grid"]["violations"]
    assert violations["without_flexibility"] >= 10
    assert violations["with_flexibility"] <= 0.2 * violations["without_flexibility"]


def test_the_dispatch_is_close_to_the_central_optimum(day: dict[str, Any]) -> None:
    """The agents' ADMM costs at most one percent more than the central optimum of the same problems."""
    assert day["dispatch"]["compared"] > 0
    assert -1e-3 < day["dispatch"]["relative_gap"] < 0.01


def test_a_run_leaves_what_it_promises(strem_day: Path, day: dict[str, Any]) -> None:
    """Summary, an offline report, one closed ledger file and the telemetry tables are there."""
    import pyarrow.parquet as pq

    out = strem_day
    assert sorted(path.name for path in out.iterdir()) == [
        "ledger.db", "publications", "report.html", "summary.json", "telemetry",
    ]  # fmt: skip
    rows = sum(pq.read_metadata(part).num_rows for part in (out / "telemetry").glob("*.parquet"))
    assert rows == day["readings"] > 10_000
    verified = iles("ledger", "verify", out / "ledger.db", "--head", day["ledger"]["head"])
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_sockets_change_nothing(folder: Path, day: dict[str, Any]) -> None:
    """Over real sockets the same seed ends in the same ledger head and the same money."""
    wired = run(folder / "d", "--runtime", "local", "--wire", "tcp")
    assert wired["ledger"]["head"] == day["ledger"]["head"]
    assert wired["money"] == day["money"]


def test_lost_devices_do_not_stop_the_day(tmp_path: Path) -> None:
    """A device missing at the start (allowed) and two lost at noon: the day is settled all the same, and balanced."""
    done = iles(
        "run", "strem", "--runtime", "local", "--seed", "7", "--out", tmp_path / "x", "--allow-missing",
        "--lose", "farm-1.pv@start", "--lose", "care-centre.bess@12:00", "--lose", "farm-4.meter@12:00",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "x" / "summary.json").read_text())
    assert summary["money"]["sum"] == 0
    assert summary["settlements"] == 19  # the farm whose only device is missing has no contract
    assert summary["grid"]["violations"]["with_flexibility"] < summary["grid"]["violations"]["without_flexibility"]


def test_killed_in_mid_run_what_was_recorded_stays_readable_and_is_of_its_seed(tmp_path: Path, strem_day: Path) -> None:
    """After SIGKILL the ledger verifies and holds the contracts; another seed shares no record with the day's ledger."""
    from market.ledger.reader import LedgerReader
    from market.ledger.verify import verify

    out = tmp_path / "k"
    process = subprocess.Popen(
        [*ILES, "run", "strem", "--runtime", "local", "--seed", "8", "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list((out / "telemetry").glob("readings-*.parquet")):
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert verify(out / "ledger.db").records > 20
    with LedgerReader(out / "ledger.db") as killed, LedgerReader(strem_day / "ledger.db") as whole:
        assert len(killed.records(kind="contract")) == 20
        records, others = killed.records(), whole.records()
    assert not {record.body for record in records} & {record.body for record in others}


def test_earlier_results_are_kept(folder: Path, day: dict[str, Any]) -> None:
    """A run into a folder that holds results moves them aside; nothing is overwritten."""
    from experiments.run.run_command import prepare
    from experiments.run.settings import RunSettings

    taken = folder / "f"
    taken.mkdir()
    (taken / "ledger.db").write_text("old")
    prepare(RunSettings("strem", None, 1, 1, "local", "direct", 1, taken))
    assert (folder / "f.1" / "ledger.db").read_text() == "old"
    assert list(taken.iterdir()) == []
