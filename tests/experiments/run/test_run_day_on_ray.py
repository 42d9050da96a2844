"""The same day in Ray actors over sockets: runtime, placement and wire change nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_ray_and_placement_change_nothing(tmp_path: Path, strem_day: Path) -> None:
    """In Ray actors of 20 agents each, over sockets, the same seed ends in the same ledger head and the same money."""
    command = [sys.executable, "-m", "experiments.cli.main", "run", "strem", "--seed", "7", "--agents-per-actor", "20"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "a")], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    placed, day = (json.loads((out / "summary.json").read_text()) for out in (tmp_path / "a", strem_day))
    assert placed["ray_actors"] == 3
    assert placed["ledger"]["head"] == day["ledger"]["head"]
    assert placed["money"] == day["money"]
