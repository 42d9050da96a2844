"""The main job, end to end: what `iles run strem` promises, and that the wire and lost devices change nothing of it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cim.platform.publications.settlement import SettlementTold
from cim.platform.publications.trading import OrderPlaced
from cim.platform.store import values
from environment.sites import load_site
from experiments.run.grid import evaluate
from experiments.run.settings import losses
from market.contracts.templates import PUBLISHED_TEMPLATE
from market.register.units import RECORD_KIND
from market.rules import Control
from tests.worlds.market_days import head_and_money, market_day

pytestmark = pytest.mark.slow
ILES = [sys.executable, "-m", "experiments.cli.main"]


def iles(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command as a person would call it."""
    return subprocess.run([*ILES, *map(str, arguments)], capture_output=True, text=True, timeout=600, check=False)


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
    site = load_site("strem")
    sellers = sum(bool(prosumer.devices) for prosumer in site.prosumers) + len(site.aggregators)
    assert day["settlements"] == sellers
    assert day["contracts"] == sellers + len(site.aggregators)  # beside its option the DSO has a framework with each
    assert min(day["flex_requests"], day["flex_offers"], day["flex_orders"]) > 0
    assert 0 < day["delivered_wh"] <= day["ordered_wh"]


def test_flexibility_removes_the_congestion(day: dict[str, Any]) -> None:
    """On the congested default day at least 80 % of all limit violations are gone, by the simulated site's own power flow."""
    violations = day["grid"]["violations"]
    assert violations["without_flexibility"] >= 10
    assert violations["with_flexibility"] <= 0.2 * violations["without_flexibility"]


def test_the_dispatch_is_close_to_the_central_optimum(day: dict[str, Any]) -> None:
    """The agents' ADMM costs at most one percent more than the central optimum of the same problems, all together and in
    the median, and no session costs half a cent more. Of a session that is worth three cents that may be a large share.
    """
    dispatch = day["dispatch"]
    assert dispatch["sessions"] == dispatch["converged"] + dispatch["polished"]
    # Both sellers' sessions of a coordinated request are one split.
    assert dispatch["compared"] == dispatch["sessions"] - dispatch["coordinated"] > 0
    assert dispatch["failed"] == 0
    assert 0 <= dispatch["median_gap"] < 0.01
    assert dispatch["median_gap"] <= dispatch["worst_gap"]
    assert 0 <= dispatch["worst_gap_e4"] <= dispatch["largest_gap_e4"] < 50
    assert 0 <= dispatch["relative_gap"] < 0.01
    assert dispatch["requests_compared"] > 0
    assert 0 <= dispatch["system_gap"] < 0.02
    assert -1e-3 <= dispatch["choice_gap"] <= dispatch["system_gap"] + 1e-3


def test_a_run_leaves_what_it_promises(strem_day: Path, day: dict[str, Any]) -> None:
    """Summary, an offline report, one closed ledger file, invoices, the telemetry tables and what is asked as data are there."""
    import pyarrow.parquet as pq

    out = strem_day
    assert sorted(path.name for path in out.iterdir()) == [
        "columns.parquet", "data", "invoices", "ledger.db", "publications", "report.html", "summary.json", "telemetry",
    ]  # fmt: skip
    rows = sum(pq.read_metadata(part).num_rows for part in (out / "telemetry").glob("*.parquet"))
    assert rows == day["readings"] > 10_000
    verified = iles("ledger", "verify", out / "ledger.db", "--head", day["ledger"]["head"])
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_sockets_change_nothing(tmp_path: Path, corner_day: Path) -> None:
    """Over real sockets of all protocols the same seed ends in the same ledger head and the same money."""
    wired = market_day(corner_day / "corner.yaml", tmp_path / "wired", wire="tcp")
    assert values(wired.store, OrderPlaced)
    assert list(head_and_money(tmp_path / "wired", wired)) == json.loads((corner_day / "ends.json").read_text())


def test_lost_devices_do_not_stop_the_day(tmp_path: Path, corner_day: Path) -> None:
    """A home's devices missing at the start (allowed) and two lost at noon: the day is settled all the same, and balanced."""
    corner = corner_day / "corner.yaml"
    site = load_site(str(corner))
    (home,) = [prosumer for prosumer in site.prosumers if prosumer.name == "household-1"]
    missing = [f"{home.device_name(device)}@start" for device in home.devices]
    lost = losses([*missing, "care-centre.bess@12:00", "farm-4.meter@12:00"])
    result = market_day(corner, tmp_path / "x", lose=lost, allow_missing=True)
    _, money = head_and_money(tmp_path / "x", result)
    assert money["sum"] == 0
    # The home whose devices are all missing has no contract.
    sellers = sum(bool(prosumer.devices) for prosumer in site.prosumers) + len(site.aggregators)
    assert len(values(result.store, SettlementTold)) == sellers - 1
    local = market_day(corner, tmp_path / "local", control=Control.LOCAL)
    without = len(evaluate(local.site, local.truth).violations)
    assert len(evaluate(result.site, result.truth).violations) < without


def recorded(ledger: Path) -> Counter[str]:
    """How many records of each kind there are so far."""
    try:
        with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as file:
            return Counter(dict(file.execute("SELECT kind, count(*) FROM records GROUP BY kind").fetchall()))
    except sqlite3.Error:
        return Counter()


def test_killed_in_mid_run_what_was_recorded_stays_readable_and_is_of_its_seed(
    tmp_path: Path, corner_day: Path
) -> None:
    """After SIGKILL amid orders the ledger verifies and holds the contracts; another seed shares no signature with the
    day's, and no body but what tells the register of the site's units and the templates that contracts start from, which are
    the site file's and not the seed's.
    """
    from market.ledger.reader import LedgerReader
    from market.ledger.verify import verify

    out, contracts = tmp_path / "k", recorded(corner_day / "ledger.db")["contract"]
    process = subprocess.Popen(
        [*ILES, "run", str(corner_day / "corner.yaml"), "--runtime", "local", "--seed", "8", "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
        found = recorded(out / "ledger.db")
        if found["contract"] == contracts and found["member-order"]:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert verify(out / "ledger.db").records > 20
    with LedgerReader(out / "ledger.db") as killed, LedgerReader(corner_day / "ledger.db") as whole:
        assert len(killed.records(kind="contract")) == contracts
        assert killed.records(kind="member-order")
        records, others = killed.records(), whole.records()
    assert len(records) < len(others)
    signed = {signature.value for record in others for signature in record.signatures}
    assert all(record.signatures for record in records)
    assert not {signature.value for record in records for signature in record.signatures} & signed
    bodies = {record.body for record in others}
    assert {record.kind for record in records if record.body in bodies} <= {RECORD_KIND, PUBLISHED_TEMPLATE}


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
