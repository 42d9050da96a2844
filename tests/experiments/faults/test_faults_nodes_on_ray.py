"""A Ray node is lost while orders are delivered: its agents come back on the other, and the day ends with the same settlements."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.worlds.market_days import corner_of_strem


@pytest.mark.slow
def test_a_lost_node_changes_no_settlement(tmp_path: Path) -> None:
    """Two nodes, one killed in the midst of a delivery: same ledger head, same events, its agents live on the other one.

    The ledger keeper and the simulated site were never at risk: they live where the run does. The site is a corner of Strem;
    `iles faults --nodes 2` does the same with all of it.
    """
    command = [sys.executable, "-m", "experiments.cli.main", "faults", "--nodes", "2", "--seed", "1", "--json"]
    done = subprocess.run(
        [*command, "--site", str(corner_of_strem(tmp_path)), "--agents-per-actor", "4"],
        capture_output=True, text=True, timeout=1200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    came = json.loads(done.stdout)
    assert came["faults"] == came["lost"] == came["doubled"] == []
    assert came["heads"][0] == came["heads"][1] != ""
    here, there = came["nodes"]
    assert abs(here - there) <= 4, "hosts of four, dealt out in turn; the ledger keeper's is where the run is"
    moved = {one["agent"]: one for one in came["moved"]}
    assert len(moved) == there
    assert {one["to"] for one in moved.values()} == {1}
    assert any(one["delivering"] for one in moved.values())
    assert "ledger" not in moved
    assert 0 < came["noticed_s"] <= came["slowest_s"] < 300
