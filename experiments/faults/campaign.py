"""Many seeds over all cores: each is a simulation with faults of its own, checked by every invariant."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from agents.runtime.loops import spare_collector
from experiments.faults.local_cluster import Faults

if TYPE_CHECKING:
    from experiments.faults.simulation_run import Run

LEAST_MESSAGES, LEAST_FAULTS = 400, 20
_CHUNK = 10

# Rates that put some dozens of faults into each simulation; every twelfth seed has the level STORM instead.
FAULTS = Faults(
    drop=0.02, duplicate=0.18, delay=0.003, reorder=0.5, crash=0.0005, lose_reply=0.02, jump=0.004, hold=timedelta(minutes=4),
    most=400,
)  # fmt: skip
STORM = replace(FAULTS, drop=0.3, duplicate=0.3, reorder=0.5, crash=0.002)
_STORMY = 12


@dataclass(frozen=True)
class Verdict:
    """The outcome of a seed.

    Attributes:
        faults: injected, by kind.
        orders: of the DSO, in the ledger; none where everything ran out of time, which is said and no violation.
    """

    seed: int
    messages: int
    faults: dict[str, int]
    orders: int
    violations: tuple[str, ...]

    @property
    def replay(self) -> str:
        """The command that plays this seed again."""
        return f"iles faults --runtime local --seed {self.seed}"


def faults_of(seed: int) -> Faults:
    """The rates of faults in a seed's simulation."""
    return STORM if seed % _STORMY == 0 else FAULTS


def judge(seed: int, planted_bug: str | None = None, run: Run = asyncio.run) -> Verdict:
    """Run a seed's simulation with its faults and check every invariant."""
    from experiments.faults.invariants.all import violations
    from experiments.faults.mutations import planted
    from experiments.faults.simulation_run import play

    simulation = play(seed, faults_of(seed), None if planted_bug is None else planted(planted_bug), run)
    orders = len(simulation.book.of("flex-order"))
    return Verdict(seed, simulation.messages, simulation.faults, orders, violations(simulation))


def _judge_all(seeds: Sequence[int], planted_bug: str | None) -> list[Verdict]:
    with asyncio.Runner() as runner:  # one loop for all of them, and no handler of signals anew for each
        return [judge(seed, planted_bug, runner.get_loop().run_until_complete) for seed in seeds]


def _warm() -> None:
    """Import once per worker, not once per chunk."""
    import experiments.faults.invariants.all  # noqa: F401

    gc.freeze()  # what is imported stays: the collector need not look at it again and again
    spare_collector()


def campaign(
    seeds: Sequence[int], planted_bug: str | None = None, advance: Callable[[int], None] = lambda _: None
) -> Iterator[Verdict]:
    """Verdicts as they come, chunk by chunk; never stops early.

    Args:
        planted_bug: a name of `breaks.MUTATIONS`, planted in every run.
        advance: hears how many seeds were just judged.
    """
    chunks = [seeds[k : k + _CHUNK] for k in range(0, len(seeds), _CHUNK)]
    workers = min(os.cpu_count() or 1, len(chunks))
    if workers <= 1:
        for chunk in chunks:
            yield from _judge_all(chunk, planted_bug)
            advance(len(chunk))
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_warm) as pool:
        waiting = [pool.submit(_judge_all, chunk, planted_bug) for chunk in chunks]
        for done in as_completed(waiting):
            verdicts = done.result()
            advance(len(verdicts))
            yield from verdicts
