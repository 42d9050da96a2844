"""Compaction worked off by Ray Data is that of one process, and what a job raises is raised."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.storage import readings_place
from cim.platform.readings.table import ReadingsTable
from tests.worlds.meters import START, batch, row

pytestmark = pytest.mark.slow
_COMMAND = """
import sys, json
from experiments.cli.main import main
sys.argv = ["iles", "data", "maintain", sys.argv[1], "--ray"]
main()
"""
_FAULT = """
import sys
from functools import partial
from agents.runtime.ray.start import start_ray, stop_ray
start_ray()
from agents.assembly.ray_data import RayDataBatches
from tests.assembly.jobs import Squared, refuses

batches = RayDataBatches(shared=False, memory_mb=100)
assert batches.run([]) == []
assert batches.run([Squared(n) for n in range(20)]) == [n * n for n in range(20)]
try:
    batches.run([Squared(1), refuses])
except OSError as error:
    print(type(error).__name__, error.strerror)
stop_ray()
"""


def run(program: str, *arguments: str) -> str:
    """A process of its own, as Ray must be loaded by nobody before; what it said."""
    ended = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout


def test_months_compacted_by_ray_data_are_as_in_one_process(tmp_path: Path) -> None:
    """Four months with late corrections, half of them compacted before: every row with its revision, in the same files."""
    here, spread = tmp_path / "here", tmp_path / "spread"
    with ReadingsTable(readings_place(here)) as table:
        for number in range(4):
            quarters = range(number, 9 * 96 * 13, 96 + number)  # of 117 days
            table.append(batch([row(quarter=q, value=q * 0.5 + number) for q in quarters]), "s", number)
            if number == 1:
                table.compact()
    shutil.copytree(here, spread)
    with ReadingsTable(readings_place(here)) as table:
        moved = table.compact()
        table.clean_up()
    assert f"compaction: {moved} rows sorted" in run(_COMMAND, str(spread))
    tables = [ReadingQueries(readings_place(folder)) for folder in (here, spread)]
    for asked in (Selection(), Selection(begin=START, end=START + timedelta(days=40))):
        now, then = (queries.rows(asked) for queries in tables)
        assert now.equals(then)
        now, then = (queries.revisions(asked) for queries in tables)
        assert now.equals(then)
    parts = [sorted(p.parent.name for p in readings_place(f).folder.glob("part=*/*")) for f in (here, spread)]  # type: ignore[union-attr]
    assert parts[0] == parts[1]
    assert len(parts[0]) >= 8


def test_results_come_in_order_and_a_fault_is_raised() -> None:
    """Whatever node was quicker; and a full disk in a worker is the caller's full disk, tried once."""
    assert run(_FAULT).split() == ["OSError", "No", "space", "left"]
