"""How long a host waits between tries of what must succeed before it goes on: its journal, its ledger."""

from __future__ import annotations

from collections.abc import Iterator

PAUSES_S = (0.05, 2.0)  # first, longest


def pauses() -> Iterator[float]:
    """Seconds without end, each twice as long as the one before."""
    pause, longest = PAUSES_S
    while True:
        yield pause
        pause = min(2 * pause, longest)
