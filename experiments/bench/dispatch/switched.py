"""Dispatches with devices that are on or off, beside HiGHS' mixed-integer programme of the same."""

from __future__ import annotations

import time

from agents.planning.dispatch.packed.switching import dispatch_switched
from experiments.bench.dispatch import problem
from experiments.bench.dispatch.mixed_integer import by_highs
from experiments.bench.figures import Figures

SEED = 19
COMPARED = 10
HIGHS_S = 120.0  # seconds that HiGHS is given


def measure_switched(sizes: tuple[int, ...], *, compared: bool) -> Figures:
    """For each size seconds and the certified gap; where `compared`, at ten members by how much dearer than HiGHS' best."""
    found: dict[str, Figures] = {}
    for size in sizes:
        members, devices = problem.switched(SEED, size)
        coupling = problem.coupling(SEED, size)
        begun = time.perf_counter()
        ours = dispatch_switched(members, devices, coupling)
        figures: dict[str, float] = {
            "seconds": time.perf_counter() - begun,
            "sweeps": ours.sweeps,
            "relative_gap": ours.dispatch.gap,
        }
        if compared and size == COMPARED:
            begun = time.perf_counter()
            best = by_highs(members, devices, coupling, seconds=HIGHS_S)
            figures["highs_seconds"] = time.perf_counter() - begun
            figures["highs_gap"] = (best.cost_ct - best.bound_ct) / abs(best.cost_ct)
            figures["dearer_than_highs"] = (ours.dispatch.cost_ct - best.cost_ct) / abs(best.cost_ct)
        found[str(size)] = figures
    return found
