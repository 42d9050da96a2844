"""`iles bench crowd`: a hundred thousand agents in packed hosts on this machine; what they cost, and whether it grows."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from agents.assembly.device_links import SocketLinks
from agents.assembly.site_agents import SiteAgents
from agents.runtime.loops import spare_collector
from agents.runtime.placement import Placement
from agents.runtime.scheduler import RoundScheduler
from experiments.bench import ours
from experiments.bench.figures import Figures

AGENTS, PER_ACTOR, HOPS = 100_000, 10_000, 30
_PAUSE_S = 0.25


class Scale:
    """Weighs this process and all it has started, while something else goes on.

    Attributes:
        samples: (messages delivered so far, megabytes).
    """

    def __init__(self, messages: Callable[[], int]) -> None:
        self._messages = messages
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.samples: list[tuple[int, float]] = []

    def __enter__(self) -> Scale:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.samples.append((self._messages(), memory_mb()))

    def _run(self) -> None:
        while not self._over.wait(_PAUSE_S):
            self.samples.append((self._messages(), memory_mb()))

    def between(self, first: float, last: float) -> list[float]:
        """What was weighed while from `first` to `last` (shares) of the messages had been delivered."""
        total = self._messages()
        return [mb for messages, mb in self.samples if first * total <= messages <= last * total]


def memory_mb() -> float:
    """Megabytes of this process and all its descendants; what they share counts once (Linux: proportional set size)."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    family, grown = {os.getpid()}, True
    while grown:
        grown = False
        for child, parent in parents.items():
            if parent in family and child not in family:
                family.add(child)
                grown = True
    return sum(map(_pss_kb, family)) / 1024


def _pss_kb(process: int) -> int:
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:  # it has ended meanwhile
        return 0
    return next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)


def measure(full: bool, say: Callable[[str], None]) -> Figures:
    """Messages a second, memory, and how much more memory the last quarter of the messages takes than the third."""
    from agents.runtime.ray.start import start_ray

    hops = HOPS * (4 if full else 1)
    say("starting Ray")
    start_ray()
    from agents.runtime.ray.runtime import RayRuntime  # loads Ray, which must find its settings made

    spare_collector()
    begun = time.perf_counter()
    say(f"hiring {AGENTS:,} agents")
    site_agents = SiteAgents(ours.team(AGENTS, 1, hops, 1), ours.RULES, {})
    runtime = RayRuntime(site_agents, SocketLinks(), Path(os.devnull), Placement(PER_ACTOR))
    runtime.start()

    async def run() -> Figures:
        try:
            await runtime.open(ours.NOW)
            started = time.perf_counter() - begun
            empty = memory_mb()
            scheduler = RoundScheduler(runtime, ours.Nowhere(), ours.NOW, ours.NOW, lambda *_: None)
            say(f"{AGENTS * hops:,} messages")
            with Scale(lambda: scheduler.messages) as scale:
                at = time.perf_counter()
                await scheduler.run()
                seconds = time.perf_counter() - at
        finally:
            await runtime.close()
        third, last = np.median(scale.between(0.5, 0.75)), np.median(scale.between(0.75, 1.0))
        return {
            "agents": AGENTS,
            "hosts": runtime.actors,
            "messages": scheduler.messages,
            "per_s": scheduler.messages / seconds,
            "startup_s": started,
            "seconds": seconds,
            "memory_mb": {"before": empty, "third_quarter": float(third), "last_quarter": float(last)},
            "peak_mb": max(mb for _, mb in scale.samples),
            "growth": float(last / third),
            "kb_per_agent": empty * 1024 / AGENTS,
            "payload_floats": len(ours.VALUES),
        }

    return asyncio.run(run())
