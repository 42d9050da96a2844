"""The same day in Ray actors over sockets: runtime, placement and wire change nothing.

On two nodes, of which one is lost, it is `test_faults_nodes_on_ray.py`'s; all of Strem in Ray actors is `iles run strem` itself,
and `tests/experiments/cli/test_cli_run.py` holds that this is what the command asks for.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# The day alone, as `iles run` runs it: the columns beside it and the report would cost more than it does, and nobody looks at them.
_RUN = """
import json, sys
from pathlib import Path
from agents.runtime.ray.start import start_ray
from cim.platform.memory_store import MemoryStore
from cim.platform.publications.trading import OrderPlaced
from cim.platform.store import values
from tests.worlds.market_days import head_and_money, market_day
site, out = sys.argv[1], Path(sys.argv[2])
start_ray()
store = MemoryStore(keep_readings=False)
result = market_day(site, out, store, runtime="ray", wire="tcp", agents_per_actor=8)
ends = head_and_money(out, result)
print(json.dumps({"actors": result.ray_actors, "orders": len(values(store, OrderPlaced)), "ends": ends}))
"""


@pytest.mark.slow
def test_ray_and_placement_change_nothing(tmp_path: Path, corner_day: Path) -> None:
    """In Ray actors of 8 agents each, over sockets: the same seed ends in the same ledger head and money."""
    command = [sys.executable, "-c", _RUN, str(corner_day / "corner.yaml"), str(tmp_path / "ray")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    came = json.loads(done.stdout.splitlines()[-1])
    assert came["actors"] == 3
    assert came["orders"] > 0
    assert came["ends"] == json.loads((corner_day / "ends.json").read_text())
