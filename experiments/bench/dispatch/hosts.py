"""The bench's members packed in several processes: Ray actors that make their own part and return sums."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from itertools import pairwise

from agents.assembly.dispatch_hosts import RayHosts
from agents.planning.dispatch.packed import second_order
from experiments.bench.dispatch import problem
from experiments.bench.figures import Figures

SEED = 19


def measure_hosts(sizes: Sequence[int]) -> Figures:
    """Each size dispatched by one host process a core; the processes are up and their code compiled before the clock starts."""
    cores = os.cpu_count() or 1
    found: dict[str, Figures] = {}
    with RayHosts(cores) as hosts:
        for size in sizes:
            edges = [size * k // cores for k in range(cores + 1)]
            parts = [(SEED, first, last - first) for first, last in pairwise(edges)]
            members = hosts.pack(problem.members, parts)
            coupling = problem.coupling(SEED, size)
            second_order.dispatch(members, coupling, max_rounds=1)
            begun = time.perf_counter()
            end = second_order.dispatch(members, coupling, tolerance=1e-3)
            found[str(size)] = {
                "seconds": time.perf_counter() - begun,
                "rounds": end.rounds,
                "relative_gap": end.gap,
                "hosts": cores,
            }
    return found
