"""The same day in Ray actors over sockets: runtime, placement and wire change nothing.

On two nodes, of which one is lost, it is `test_faults_nodes_on_ray.py`'s; all of Strem in Ray actors is `iles run strem` itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.worlds.market_days import SEED


@pytest.mark.slow
def test_ray_and_placement_change_nothing(tmp_path: Path, corner_day: Path) -> None:
    """The command in Ray actors of 8 agents each, over sockets: the same seed ends in the same ledger head and money."""
    site = str(corner_day / "corner.yaml")
    command = [sys.executable, "-m", "experiments.cli.main", "run", site, "--seed", str(SEED)]
    done = subprocess.run(
        [*command, "--agents-per-actor", "8", "--out", str(tmp_path / "ray")],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    placed = json.loads((tmp_path / "ray" / "summary.json").read_text())
    assert (placed["ray_actors"], placed["runtime"], placed["wire"]) == (3, "ray", "tcp")
    assert placed["flex_orders"] > 0
    assert [placed["ledger"]["head"], placed["money"]] == json.loads((corner_day / "ends.json").read_text())
