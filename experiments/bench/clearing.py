"""How fast a large market clears: bids of many parties, as they would come in columns, by one uniform price."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np

from experiments.bench.figures import Figures
from market.mechanisms.bids import Bids
from market.mechanisms.mechanism import Clearing
from market.mechanisms.uniform_price import UniformPrice

_TIMES = 5


def measure(count: int, progress: Callable[[str], None]) -> Figures:
    """Seconds from columns to everybody's trade and payment, the median of five.

    Args:
        count: of bids, half of them buyers'.
    """
    progress(f"{count:,} bids by uniform price")
    rng = np.random.default_rng(1)
    names = tuple(f"bid-{number}" for number in range(count))
    buys, points = rng.random(count) < 0.5, ("",) * count
    quantity_wh, price_e4 = rng.integers(1, 50_000, count), rng.integers(1, 3_000, count)
    seconds, found = list[float](), list[Clearing]()
    for _ in range(_TIMES):
        begun = time.perf_counter()
        found.append(UniformPrice().clear(Bids(names, buys, quantity_wh, price_e4, points)))
        seconds.append(time.perf_counter() - begun)
    return {
        "clearing_s": median(seconds),
        "clearing_bids": count,
        "clearing_traded_bids": int((found[-1].quantity_wh > 0).sum()),
    }
