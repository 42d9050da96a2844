"""`iles bench messages`: how fast agents talk, beside what others do on the same machine in the same minute."""

from __future__ import annotations

import compileall
import statistics
from collections.abc import Callable
from pathlib import Path

from agents.runtime.loops import spare_collector
from experiments.bench import ours, peers
from experiments.bench.figures import Figures

AGENTS = 1000
COLD = 2  # the first of each are not counted
_ROOMS = ("agents", "cim", "devices", "environment", "market")  # what an agent's process imports


def measure(full: bool, say: Callable[[str], None]) -> Figures:
    """All figures; medians of `repeats`, one after the other in the same minute."""
    repeats = 5 if full else 3
    size = 4 if full else 1
    rates: dict[str, list[float]] = {}

    def take(name: str, rate: Callable[[], float]) -> None:
        say(name)
        rates.setdefault(name, []).append(rate())

    spare_collector()
    for _ in range(COLD):
        say("warming up")
        ours.local_rate(AGENTS, 10)
        peers.mango_local(AGENTS, 10)
        peers.frequenz_local(AGENTS, 10)
    for _ in range(repeats):
        take("local", lambda: ours.local_rate(AGENTS, 100 * size))
        take("mango_local", lambda: peers.mango_local(AGENTS, 50 * size))
        take("frequenz_local", lambda: peers.frequenz_local(AGENTS, 100 * size))
        take("asyncio_queue", lambda: peers.asyncio_queue(50_000 * size))
    from agents.runtime.ray.start import start_ray

    say("starting Ray, and mango's other process beside it")
    pair = peers.MangoPair()
    start_ray()  # both of those that are compared over TCP have Ray idle beside them
    say("mango_tcp")
    rates["mango_tcp"] = [pair.rate(AGENTS, 10 * size) for _ in range(COLD + repeats)][COLD:]
    pair.end()
    say("hosts")  # the first to use Ray's object store pays for its pages, which has nothing to do with messages
    rates["hosts"] = ours.hosts_rates(AGENTS, 20, 10 * size, COLD + repeats)[COLD:]
    say("durable")
    kept = [ours.durable(AGENTS, 250, 80 * size) for _ in range(repeats)]
    count = 40
    say(f"starting {count} empty Ray actors")
    bare = peers.RayPeers(count)
    for _ in range(repeats):
        take("actor_per_agent", lambda: bare.rate(500 * size))
    bare.end()
    _compile_rooms()
    say(f"starting {count} agents, an actor each")
    started = ours.startup_s(count)
    median = {name: statistics.median(values) for name, values in rates.items()}
    return {
        "ratios": {
            "hosts_vs_actor_per_agent": median["hosts"] / median["actor_per_agent"],
            "hosts_vs_mango_tcp": median["hosts"] / median["mango_tcp"],
            "local_vs_mango_local": median["local"] / median["mango_local"],
            "local_vs_frequenz": median["local"] / median["frequenz_local"],
        },
        **{name: statistics.median(each[name] for each in kept) for name in kept[0]},
        "startup_ratio": started / bare.startup_s,
        "startup_s": started,
        "startup_empty_s": bare.startup_s,
        "per_s": median,
        "agents": AGENTS,
        "payload_floats": peers.VALUES,
        "repeats": repeats,
    }


def _compile_rooms() -> None:
    """Write the bytecode that an installed package has, as the peers have theirs: an actor imports, it does not compile.

    Where PYTHONDONTWRITEBYTECODE is set or nothing ran here before, each actor would compile our sources for itself.
    """
    for room in _ROOMS:
        compileall.compile_dir(Path(__file__).parents[2] / room, quiet=2)
