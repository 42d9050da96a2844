"""How fast the market's rules are: each part gives its figures, side by side in one object."""

from __future__ import annotations

from collections.abc import Callable

from experiments.bench import clearing, negotiations, settlement, uftp
from experiments.bench.figures import Figures

Progress = Callable[[str], None]


def measure(full: bool, progress: Progress) -> Figures:
    """The figures of all parts; `full` settles a quarter in place of a month, and clears and negotiates ten times as much."""
    figures: dict[str, int | float | Figures] = {}
    for part in _PARTS:
        figures.update(part(full, progress))
    return figures


def _settlement(full: bool, progress: Progress) -> Figures:
    return settlement.measure(10_000, 90 if full else 30, progress)


def _clearing(full: bool, progress: Progress) -> Figures:
    return clearing.measure(1_000_000 if full else 100_000, progress)


def _negotiations(full: bool, progress: Progress) -> Figures:
    return negotiations.measure(100_000 if full else 10_000, progress)


_PARTS: tuple[Callable[[bool, Progress], Figures], ...] = (_clearing, _negotiations, _settlement, uftp.measure)
