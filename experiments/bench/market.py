"""How fast the market's rules are: each part gives its figures, side by side in one object."""

from __future__ import annotations

from collections.abc import Callable

from experiments.bench import settlement
from experiments.bench.figures import Figures

Progress = Callable[[str], None]


def measure(full: bool, progress: Progress) -> Figures:
    """The figures of all parts; `full` settles a quarter in place of a month."""
    figures: dict[str, int | float | Figures] = {}
    for part in _PARTS:
        figures.update(part(full, progress))
    return figures


def _settlement(full: bool, progress: Progress) -> Figures:
    return settlement.measure(10_000, 90 if full else 30, progress)


_PARTS: tuple[Callable[[bool, Progress], Figures], ...] = (_settlement,)
