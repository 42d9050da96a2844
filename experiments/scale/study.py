"""What `iles scale` measures, in which order, and what it makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.bench.figures import Figures
from experiments.run.study.study_command import program_digest
from experiments.scale.day import measure_day
from experiments.scale.dispatch import FEW, measure_dispatch
from experiments.scale.fit import Law, fitted
from experiments.scale.penetration import KINDS, SHARES, measure_penetration
from experiments.scale.placement import WAYS, measure_placement
from experiments.scale.points import Kept, Point, measured, sizes_up_to

LARGEST_DAY = 10_000  # whole market days go so far, dispatches further
TABLES = ("day", "dispatch", "placement", "penetration")
_PLACED = 30  # prosumers of the day that is placed in several ways
Found = Mapping[str, Mapping[str, Figures]]


@dataclass(frozen=True, slots=True)
class ScaleSettings:
    """What is asked for.

    Attributes:
        upto: the largest number of prosumers.
        tables: which of `TABLES`.
        out: folder of finished points; None: nothing is kept.
        between: also 30, 300 ..., on which the laws are checked.
        processes: how many share the district of a day.
    """

    upto: int
    seed: int
    tables: tuple[str, ...]
    out: Path | None
    between: bool
    processes: int = 1


def points(settings: ScaleSettings) -> list[Point]:
    """Everything that is to be measured, small things first."""
    seed, found = settings.seed, list[Point]()
    if "dispatch" in settings.tables:
        sizes = sizes_up_to(settings.upto, between=settings.between)
        found += [Point("dispatch", str(size), measure_dispatch, (size, seed)) for size in sizes]
    if "day" in settings.tables:
        sizes = sizes_up_to(min(settings.upto, LARGEST_DAY), between=settings.between)
        found += [Point("day", str(size), measure_day, (size, seed, settings.processes)) for size in sizes]
    if "placement" in settings.tables:
        found += [Point("placement", way.name, measure_placement, (_PLACED, seed, way)) for way in WAYS]
    if "penetration" in settings.tables:
        found += [
            Point("penetration", f"{kind}-{share}", measure_penetration, (kind, share, seed))
            for kind in KINDS
            for share in SHARES
        ]
    return found


def measure(settings: ScaleSettings, tell: Callable[[str], None]) -> dict[str, dict[str, Figures]]:
    """By table and point, the figures; under `laws` what follows from them."""
    kept = Kept(settings.out, program_digest("strem"))
    found: dict[str, dict[str, Figures]] = measured(points(settings), kept, tell)
    laws = {
        f"{table}_{figure}": told(law)
        for table in ("day", "dispatch")
        for figure in ("seconds", "cpu_s", "rss_mb")
        if (law := law_of(found, table, figure)) is not None
    }
    return {**found, "laws": laws} if laws else found


def law_of(found: Found, table: str, figure: str) -> Law | None:
    """How a figure grows with the number of prosumers: fitted on powers of ten, checked on the sizes between."""
    costs = {
        int(size): float(value) for size, figures in found.get(table, {}).items() if (value := _number(figures, figure))
    }
    least = FEW if table == "dispatch" else 0  # fewer are dispatched in one piece, which follows another law
    costs = {size: cost for size, cost in costs.items() if size >= least}
    seen = {size: cost for size, cost in costs.items() if _power_of_ten(size)}
    return fitted(seen, {size: cost for size, cost in costs.items() if size not in seen})


def told(law: Law) -> Figures:
    """A law as figures."""
    off = {str(size): ratio for size, ratio in law.off.items()}
    return {"floor": law.floor, "factor": law.factor, "exponent": law.exponent, "measured_over_law": off}


def gives_way(found: Mapping[str, Figures], kind: str, shares: Sequence[int] = SHARES) -> dict[str, int | None]:
    """By `grid` and `market`, the least share of connections at which it gives way; None: at none that was looked at."""
    answer: dict[str, int | None] = {}
    for what in ("grid", "market"):
        there = [share for share in shares if found.get(f"{kind}-{share}", {}).get(f"{what}_gives_way")]
        answer[what] = min(there, default=None)
    return answer


def _number(figures: Figures, name: str) -> float:
    value = figures.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0


def _power_of_ten(size: int) -> bool:
    return str(size).strip("0") == "1"
