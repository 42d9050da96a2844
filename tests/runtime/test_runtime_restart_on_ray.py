"""Ray actors that are killed come back and the day goes on: anew without a journal, where they were with one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.worlds.market_days import corner_of_strem

_RUN = """
import asyncio, sys, time, traceback
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from agents.runtime.ray.start import start_ray
start_ray()
import ray
from agents.runtime.scheduler import RoundScheduler
from cim.platform.publications.measured import ReadingsTaken
from agents.assembly.journal_server.embedded import EmbeddedRedis
from agents.runtime.placement import Placement
from agents.runtime.ray.runtime import RayRuntime
from agents.assembly.agents_of_site import agents_of_site
from agents.assembly.simulated_world import TcpWorld
from cim.model.intervals import LocalDay
from environment.profiles.library import load
from environment.sites import load_site

async def main(file, folder, durable, noticed_s, cleanup):
    site = load_site(file)
    day = LocalDay(site.default_day, site.timezone)
    site_agents = agents_of_site(site, load(site.profiles), day.day, 1, 7)
    start = day.next(-1).at(23)
    journal = None
    if durable:
        server = cleanup.enter_context(EmbeddedRedis(folder / "journal"))
        journal = server.url, "test"
    world = await TcpWorld.open(file, start, 7)
    runtime = RayRuntime(site_agents, world.links(site_agents), folder / "ledger.db", Placement(8), journal=journal)
    runtime.start()
    killed, published, agents = [], [], ("farm-1.pv", "farm-4.station")
    def heard(now):
        if now >= day.start + timedelta(minutes=40) and not killed:
            killed.append(now)
            for host in sorted({runtime.host_of[agent] for agent in agents}):
                ray.kill(runtime._hosts[host], no_restart=False)
            time.sleep(noticed_s)
    good = set()
    def sink(agent, told):
        if killed and told.at > killed[0]:
            published.append((agent, type(told).__name__))
            if isinstance(told, ReadingsTaken) and agent in agents:
                good.update(r.source for r in told.readings if r.quality == "GOOD")
    await runtime.open(start)
    handled = {}
    scheduler = RoundScheduler(runtime, world, start, day.start + timedelta(minutes=30), sink, heard)
    await scheduler.run()
    for host in (await runtime.health()).values():
        handled.update((agent.name, agent.handled) for agent in host.agents)
    scheduler = RoundScheduler(runtime, world, scheduler.now, day.start + timedelta(minutes=60), sink, heard)
    await scheduler.run()
    after = {agent.name: agent for host in (await runtime.health()).values() for agent in host.agents}
    await runtime.close()
    await world.close()
    print("killed", len(killed), "revived", len(runtime.revivals) > 0, "good readings after from", *sorted(good))
    print("went on", *sorted(agent for agent in agents if after[agent].handled > handled[agent]))
    print("failed_events", sum(len(agent.failed_events) for agent in after.values()))

for case in sys.argv[2:]:
    print("case", case)
    durable, noticed_s = case.split("-")
    folder = Path(sys.argv[1]).parent / case
    folder.mkdir()
    try:
        with ExitStack() as cleanup:
            asyncio.run(main(sys.argv[1], folder, durable == "durable", float(noticed_s), cleanup))
    except Exception:
        traceback.print_exc(file=sys.stdout)
"""


_CASES = ("forgetful-0", "durable-0", "durable-6")  # with a journal or not, and seconds until anybody asks again


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each case said: a corner of Strem each time, one after the other on one Ray."""
    site = corner_of_strem(tmp_path_factory.mktemp("restart"))
    command = [sys.executable, "-c", _RUN, str(site), *_CASES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = (part.partition("\n") for part in done.stdout.split("case ")[1:])
    return {name: text for name, _, text in told}


@pytest.mark.slow
@pytest.mark.parametrize("case", _CASES)
def test_a_killed_actor_is_restarted_and_reaches_its_devices_again(said: dict[str, str], case: str) -> None:
    """After SIGKILL of a host its agents are back: Modbus is reconnected, the station has dialled in anew.

    So it is when nobody asked the host for anything until Ray had restarted it, as on the wall clock between two readings.
    With a journal they remember all they had handled; without one they begin anew. A second scheduler takes over midway.
    """
    assert "killed 1 revived True good readings after from farm-1.pv farm-4.station" in said[case], said[case]
    assert "failed_events 0" in said[case], said[case]
    remembered = "went on farm-1.pv farm-4.station" in said[case]
    assert remembered == case.startswith("durable"), said[case]
