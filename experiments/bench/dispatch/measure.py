"""`iles bench dispatch`: seconds, rounds, gaps and memory of dispatching 1,000 to 1,000,000 prosumers, beside central solvers.

The problem is `problem.py`'s; compiled code is loaded before the clock starts (`compiled_s` says how long that took).
"""

from __future__ import annotations

import gc
import os
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from agents.planning.dispatch.packed import central, second_order, sharing
from agents.planning.dispatch.packed.coupling import Coupling
from agents.planning.dispatch.packed.members import Members, PackedHost, Rating
from agents.planning.dispatch.packed.messages import Host
from agents.planning.dispatch.packed.second_order import Dispatch
from experiments.bench.dispatch import problem
from experiments.bench.dispatch.shared import measure_sharing
from experiments.bench.dispatch.switched import measure_switched
from experiments.bench.figures import Figures

SIZES = (1_000, 10_000, 100_000)
LARGEST = 1_000_000
MIDDLE = 10_000
SEED = 19
ADMM_SEEDS = (19, 20, 21, 22, 23)
ADMM_MOST_ROUNDS = 60  # more than twice what is asked for; a seed that needs more counts as not converged
FAILED, LOST = 0.10, 0.05
CENTRAL = 1_000
TOLERANCE = 1e-3  # what all are asked for: a tenth of a percent


@dataclass(frozen=True, slots=True)
class Timed:
    """A dispatch and the wall-clock seconds it took."""

    seconds: float
    found: Dispatch

    def figures(self) -> dict[str, float]:
        """As they are printed."""
        return {
            "seconds": self.seconds,
            "rounds": self.found.rounds,
            "sample_rounds": self.found.sample_rounds,
            "relative_gap": self.found.gap,
            "converged": int(self.found.converged),
        }


def measure(full: bool, tell: Callable[[str], None]) -> Figures:
    """All figures of this machine.

    Args:
        full: also 1,000,000 prosumers, Clarabel and OSQP, HiGHS with on/off devices, and hosts in processes of their own.
        tell: is told what goes on.
    """
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        tell("compiled code")
        begun = time.perf_counter()
        warm_up(pool)
        compiled = time.perf_counter() - begun
        sizes: dict[str, dict[str, float]] = {}
        for size in (*SIZES, *((LARGEST,) if full else ())):
            tell(f"{size:,} prosumers")
            members = problem.members(SEED, 0, size)
            here = timed(
                [PackedHost(members, pool.map)], problem.coupling(SEED, size), repeats=3 if size <= MIDDLE else 1
            )
            sizes[str(size)] = {**here.figures(), "rss_mb": peak_rss_mb()}
            del members
            gc.collect()
        tell("re-dispatch and lost answers")
        disturbed = {"redispatch": redispatch(pool), "lost": lost_answers(pool)}
        admm = _admm(pool, tell)
    tell("PIQP")
    ours = sizes[str(CENTRAL)]["seconds"]
    ratios = {
        f"vs_{name}_{CENTRAL}": _central(name) / ours for name in ("piqp", *(("clarabel", "osqp") if full else ()))
    }
    growth = sizes["100000"]["seconds"] / sizes["10000"]["seconds"] / 10
    found: dict[str, int | float | Figures] = {
        "compiled_s": compiled,
        "n": sizes,
        "admm": admm,
        **disturbed,
        "ratios": ratios,
    }
    found["growth_10000_to_100000"] = growth
    tell("devices that are on or off")
    found["on_off"] = measure_switched((10, 100) if full else (10,), compared=full)
    tell("who gains by it")
    found["sharing"] = measure_sharing(8 if full else 5)
    if full:
        tell("hosts in processes of their own")
        from experiments.bench.dispatch.hosts import measure_hosts

        found["hosts"] = measure_hosts(SIZES)
    return found


def timed(hosts: Sequence[Host], coupling: Coupling, *, repeats: int = 1, admm: bool = False) -> Timed:
    """The median of several runs."""
    spent = []
    for _ in range(repeats):
        begun = time.perf_counter()
        if admm:
            found = sharing.dispatch(hosts, coupling, tolerance=TOLERANCE, max_rounds=ADMM_MOST_ROUNDS)
        else:
            found = second_order.dispatch(hosts, coupling, tolerance=TOLERANCE)
        spent.append(time.perf_counter() - begun)
    return Timed(statistics.median(spent), found)


def warm_up(pool: ThreadPoolExecutor) -> None:
    """Load, or make, the compiled code: by the smallest of dispatches."""
    members, coupling = problem.members(SEED, 0, 20), problem.coupling(SEED, 20)
    for lost in (None, lambda number: np.arange(20) == number):
        second_order.dispatch([PackedHost(members, pool.map, lost)], coupling, max_rounds=3)
    sharing.dispatch([PackedHost(members, pool.map)], coupling, max_rounds=3)


def failed(members: Members, share: float, seed: int) -> Members:
    """The same members where a share's devices have failed: no battery, no charging, no curtailment; the load stays."""
    out = np.random.default_rng([seed, 3]).random(len(members)) < share
    ratings = members.ratings.copy()
    for rating in (Rating.CAPACITY, Rating.VEHICLE_ENERGY, Rating.PV_CURVATURE):
        ratings[out, rating] = 0.0
    return replace(members, ratings=ratings)


def redispatch(pool: ThreadPoolExecutor) -> Figures:
    """A tenth of the members fail: from the price before to the next dispatch."""
    members, coupling = problem.members(SEED, 0, MIDDLE), problem.coupling(SEED, MIDDLE)
    before = second_order.dispatch([PackedHost(members, pool.map)], coupling)
    host = PackedHost(failed(members, FAILED, SEED), pool.map)
    begun = time.perf_counter()
    found = second_order.dispatch([host], coupling, price_ct_per_kwh=before.price_ct_per_kwh)
    return {str(MIDDLE): Timed(time.perf_counter() - begun, found).figures()}


def lost_answers(pool: ThreadPoolExecutor) -> Figures:
    """Each answer is lost with a chance of 5 %, each round anew; who has not answered holds its last promise."""
    members, coupling = problem.members(SEED, 0, MIDDLE), problem.coupling(SEED, MIDDLE)
    all_heard = timed([PackedHost(members, pool.map)], coupling)

    def lost(number: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return np.random.default_rng([SEED, 4, number]).random(MIDDLE) < LOST

    some = timed([PackedHost(members, pool.map, lost)], coupling)
    return {str(MIDDLE): {**some.figures(), "rounds_ratio": some.found.rounds / all_heard.found.rounds}}


def _admm(pool: ThreadPoolExecutor, tell: Callable[[str], None]) -> Figures:
    """ADMM alone on several seeds: the most rounds and seconds of any, and how many came to the tolerance in time."""
    runs = []
    for seed in ADMM_SEEDS:
        tell(f"ADMM, seed {seed}")
        host = PackedHost(problem.members(seed, 0, MIDDLE), pool.map)
        runs.append(timed([host], problem.coupling(seed, MIDDLE), admm=True))
    worst = {
        "rounds": max(run.found.rounds for run in runs),
        "sample_rounds": max(run.found.sample_rounds for run in runs),
        "seconds": max(run.seconds for run in runs),
        "relative_gap": max(run.found.gap for run in runs),
        "converged": sum(run.found.converged for run in runs),
    }
    return {str(MIDDLE): worst}


def _central(solver: central.Solver) -> float:
    """Seconds that a solver takes for the whole in one piece, to the same tolerance; making its matrices is not counted."""
    programme = central.programme(problem.members(SEED, 0, CENTRAL), problem.coupling(SEED, CENTRAL))
    begun = time.perf_counter()
    central.solve(programme, solver, TOLERANCE)
    return time.perf_counter() - begun


def peak_rss_mb() -> float:
    """The most memory that this process has held so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
