"""Ray actors that are killed come back and the day goes on (exactly-once is the journal's, which comes next)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_RUN = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from agents.runtime.ray_environment import start_ray
start_ray()
import ray
from agents.runtime.conductor import Conductor
from agents.runtime.ray_stage import RayStage
from agents.runtime.recruiting import recruit
from agents.runtime.worlds import TcpWorld
from cim.model.intervals import LocalDay
from environment.profiles.library import load
from environment.sites import load_site

async def main(ledger):
    site = load_site("strem")
    day = LocalDay(site.default_day, site.timezone)
    company = recruit(site, load(site.profiles), day.day, 1, 7)
    start = day.next(-1).at(10)
    world = await TcpWorld.open("strem", start, 7)
    stage = RayStage(company, world.wire(company), Path(ledger), 30)
    stage.start()
    killed = []
    def heard(now):
        if now >= day.start + timedelta(hours=1) and not killed:
            killed.append(now)
            ray.kill(stage._hosts[stage.host_of["farm-1.pv"]], no_restart=False)
    readings = []
    def sink(now, agent, topic, value):
        if topic == "telemetry" and agent in ("farm-1.pv", "farm-4.station") and killed and now > killed[0]:
            readings.extend(r for r in value if r.quality == "GOOD")
    await stage.open(start)
    await Conductor(stage, world, start, day.start + timedelta(hours=2), sink, heard).run()
    await stage.close()
    await world.close()
    sources = sorted({r.source for r in readings})
    print("killed", len(killed), "good readings after from", *sources)

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_killed_actor_is_restarted_and_reaches_its_devices_again(tmp_path: Path) -> None:
    """After SIGKILL of a host its agents live again: Modbus is reconnected, the station has dialled in anew."""
    command = [sys.executable, "-c", _RUN, str(tmp_path / "ledger.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "killed 1 good readings after from farm-1.pv farm-4.station" in done.stdout
