"""Points of a measurement: each worked out in a process of its own, kept as soon as it is there, never measured twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.bench.dispatch.measure import peak_rss_mb
from experiments.bench.figures import Figures
from experiments.run.workers import pool_of, write_whole

Measure = Callable[..., Figures]


@dataclass(frozen=True, slots=True)
class Point:
    """What is to be measured.

    Attributes:
        kind, key: its place among the results, for example `day` and `1000`.
        measure, arguments: a function of a module and what it is called with, in another process.
    """

    kind: str
    key: str
    measure: Measure
    arguments: tuple[object, ...]

    @property
    def file(self) -> str:
        """The name of the file that keeps it."""
        return f"{self.kind}-{self.key}.json"


class Kept:
    """A folder of finished points, or none.

    Args:
        program: of what they were measured; points of another program count as not measured.
    """

    def __init__(self, folder: Path | None, program: str) -> None:
        self._folder, self._program = folder, program
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def get(self, point: Point) -> Figures | None:
        """The figures of a point that is there, whole and of this program."""
        if self._folder is None:
            return None
        try:
            kept = json.loads((self._folder / point.file).read_bytes())
        except (OSError, ValueError):
            return None
        if not isinstance(kept, dict) or kept.get("program") != self._program:
            return None
        if kept.get("arguments") != _plain(point.arguments) or not isinstance(kept.get("figures"), dict):
            return None
        figures: Figures = kept["figures"]
        return figures

    def put(self, point: Point, figures: Figures) -> None:
        """Keep it, whole or not at all."""
        if self._folder is None:
            return
        kept = {"program": self._program, "arguments": _plain(point.arguments), "figures": figures}
        write_whole(self._folder / point.file, json.dumps(kept, indent=1) + "\n")


def measured(points: Sequence[Point], kept: Kept, tell: Callable[[str], None]) -> dict[str, dict[str, Figures]]:
    """By kind and key, the figures of all points; those that are kept are not measured again.

    Args:
        tell: is told what goes on.
    """
    found: dict[str, dict[str, Figures]] = {}
    for number, point in enumerate(points, start=1):
        figures = kept.get(point)
        if figures is None:
            tell(f"{point.kind} {point.key} ({number} of {len(points)})")
            figures = _elsewhere(point)
            kept.put(point, figures)
        found.setdefault(point.kind, {})[point.key] = figures
    return found


def _elsewhere(point: Point) -> Figures:
    """In a process of its own, so that memory and compiled code are its own."""
    with pool_of(1) as pool:
        return pool.submit(point.measure, *point.arguments).result()


def peak_mb() -> float:
    """The most memory that this process has held since its program began, MB.

    From Linux's own account of it: what `getrusage` tells of a child begins with what its parent held.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return peak_rss_mb()


def _plain(arguments: Sequence[object]) -> list[str]:
    return [str(argument) for argument in arguments]


def sizes_up_to(most: int, *, least: int = 10, between: bool = False) -> tuple[int, ...]:
    """10, 100, 1,000 ... up to `most`, which is the last; with `between` also 30, 300 ..."""
    found, size = [], least
    while size < most:
        found.append(size)
        if between and 3 * size < most:
            found.append(3 * size)
        size *= 10
    return (*found, most)


def rows(found: Mapping[str, Figures]) -> list[tuple[int, Mapping[str, object]]]:
    """Figures by size, the smallest first."""
    return sorted((int(key), figures) for key, figures in found.items())
