"""The same market day with its agents placed in several ways: one process, hosts on Ray, hosts on several Ray nodes.

Nodes are processes of this one machine (`experiments.faults.ray_nodes`), and share its cores: what they show is what a
boundary between nodes costs, not what more machines give.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from environment.district import PUBLISHED, write_district
from experiments.bench.figures import Figures


@dataclass(frozen=True, slots=True)
class Way:
    """A placement: `nodes` 0 is one process without Ray; `hosts` share the agents."""

    name: str
    nodes: int
    hosts: int


WAYS = (
    Way("local", 0, 1),
    Way("ray-1-node-1-host", 1, 1),
    Way("ray-1-node-4-hosts", 1, 4),
    Way("ray-3-nodes-4-hosts", 3, 4),
)


def measure_placement(prosumers: int, seed: int, way: Way) -> Figures:
    """A day in one way. `seconds` begin when Ray is up; `started_s` is how long that took.

    `head` is the ledger's last head as a number: it must not hang on the placement.
    """
    with tempfile.TemporaryDirectory(prefix="iles-scale-") as name, ExitStack() as cleanup:
        folder = Path(name)
        site = folder / f"district-{prosumers}.yaml"
        write_district(site, prosumers, seed, PUBLISHED)
        begun = time.perf_counter()
        if way.nodes == 1:
            from agents.runtime.ray.start import start_ray, stop_ray

            start_ray(log=folder / "ray.log")
            cleanup.callback(stop_ray)
        elif way.nodes > 1:
            from experiments.faults.ray_nodes import RayNodes

            cleanup.enter_context(RayNodes(way.nodes, folder / "ray.log"))
        started_s = time.perf_counter() - begun
        from cim.platform.memory_store import MemoryStore
        from environment.sites import load_site
        from experiments.run.run import run_site
        from experiments.run.settings import RunSettings
        from market.ledger.verify import verify
        from market.rules import Control

        loaded = load_site(str(site))
        agents = 4 + len(loaded.aggregators) + len(loaded.congestion_points)
        agents += sum(1 + len(prosumer.devices) for prosumer in loaded.prosumers)
        settings = RunSettings(str(site), None, 1, seed, "ray", "direct", -(-agents // way.hosts), folder)
        if way.nodes == 0:
            settings = replace(settings, runtime="local")
        begun = time.perf_counter()
        store = MemoryStore(keep_readings=False)
        result = run_site(settings, folder / "ledger.db", store, Control.MARKET, lambda _: None)
        seconds = time.perf_counter() - begun
        return {
            "nodes": way.nodes,
            "hosts": max(result.ray_actors, 1),
            "agents": len(result.site_agents.agents),
            "seconds": seconds,
            "startup_s": result.startup_s,
            "started_s": started_s,
            "messages": result.messages,
            "head": int.from_bytes((verify(folder / "ledger.db").head or b"")[:6]),
        }
