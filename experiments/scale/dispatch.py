"""A dispatch of packed prosumers, the problem of `iles bench dispatch`: what so many of them cost."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from agents.planning.dispatch.packed import second_order
from agents.planning.dispatch.packed.central import dispatch_few
from agents.planning.dispatch.packed.members import PackedHost
from agents.planning.dispatch.packed.messages import ApproachAnswer, ApproachAsked, Host, PriceAsked, SumAnswer
from experiments.bench.dispatch import problem
from experiments.bench.dispatch.measure import TOLERANCE, warm_up
from experiments.bench.figures import Figures
from experiments.scale.points import peak_mb

FEW = 50  # below, one piece is faster and surer than rounds of prices (docs/decisions.md)
_REPEATED = 10_000  # up to so many, the median of three


@dataclass(slots=True)
class Counting:
    """A host that counts what it is asked and answers."""

    host: Host
    messages: int = 0

    def size(self) -> int:
        """Its members."""
        return self.host.size()

    def ask(self, asked: PriceAsked) -> Callable[[], SumAnswer]:
        """A price, and sums back."""
        self.messages += 2
        return self.host.ask(asked)

    def approach(self, asked: ApproachAsked) -> Callable[[], ApproachAnswer]:
        """An ADMM round."""
        self.messages += 2
        return self.host.approach(asked)


def measure_dispatch(prosumers: int, seed: int) -> Figures:
    """One host in this process, as many threads as cores; compiled code is loaded before the clock starts.

    `messages` are prices out and sums back between the manager and its host: packed members send none of their own.
    """
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        warm_up(pool)
        before_mb = peak_mb()
        members, coupling = problem.members(seed, 0, prosumers), problem.coupling(seed, prosumers)
        spent: list[float] = []
        cpu = time.process_time()
        for _ in range(3 if prosumers <= _REPEATED else 1):
            host = Counting(PackedHost(members, pool.map))
            begun = time.perf_counter()
            if prosumers < FEW:
                found, _ = dispatch_few(members, coupling)
            else:
                found = second_order.dispatch([host], coupling, tolerance=TOLERANCE)
            spent.append(time.perf_counter() - begun)
        cpu_s = (time.process_time() - cpu) / len(spent)
    seconds = sorted(spent)[len(spent) // 2]
    return {
        "seconds": seconds,
        "cpu_s": cpu_s,
        "load": os.getloadavg()[0],
        "rounds": found.rounds,
        "sample_rounds": found.sample_rounds,
        "relative_gap": found.gap,
        "converged": int(found.converged),
        "messages": host.messages,
        "rss_mb": peak_mb(),
        "rss_before_mb": before_mb,
        "cpu_us_per_prosumer": 1e6 * cpu_s / prosumers,
    }
