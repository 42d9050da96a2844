"""A readings table's writer gets SIGKILL at random moments under load; after each, the table must hold what was acknowledged.

Exactly that, and each row once: whoever feeds the writer delivers again from the last batch that was acknowledged to it.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from experiments.faults.readings_writer import ROWS, rows_of

_MOST_BATCHES = 9  # that a writer lives to see acknowledged
_MOST_S = 0.12  # and how long it may go on after that


@dataclass(frozen=True, slots=True)
class WriterKills:
    """What the kills led to.

    Attributes:
        acknowledged: batches that the writer had said to be taken.
        in_flight: kills after which the table held one batch more than was acknowledged, which was then delivered again.
        wrong: what did not hold, a sentence each; empty is as it must be.
    """

    kills: int
    acknowledged: int
    rows: int
    in_flight: int
    wrong: tuple[str, ...]

    @property
    def said(self) -> str:
        """In a sentence, where nothing was wrong."""
        return (
            f"{self.kills} kills: {self.acknowledged} batches acknowledged, {self.rows:,} rows in the table, each once;"
            f" {self.in_flight} times one more was in the table than was acknowledged, and was not taken again"
        )


def kill_writers(folder: Path, kills: int, seed: int, tell: Callable[[int], None]) -> WriterKills:
    """Start a writer and kill it, so many times.

    Args:
        folder: of the table, new.
        seed: draws when; the machine's own timing remains.
        tell: is told how many kills are done.
    """
    draw, acknowledged, in_flight, last = random.Random(seed), -1, 0, -1  # noqa: S311 - repeatable, not secret
    wrong: list[str] = []
    for number in range(1, kills + 1):
        acknowledged = max(acknowledged, _killed(folder, acknowledged + 1, draw))
        last, faults = held(folder)
        wrong += [f"after kill {number}: {fault}" for fault in faults]
        if not acknowledged <= last <= acknowledged + 1:
            wrong.append(f"after kill {number}: batch {acknowledged} was acknowledged, the table ends with {last}")
        in_flight += last == acknowledged + 1
        tell(number)
    return WriterKills(kills, acknowledged + 1, (last + 1) * ROWS, in_flight, tuple(wrong))


def _killed(folder: Path, first: int, draw: random.Random) -> int:
    """The last batch that a writer acknowledged before it was killed."""
    command = [sys.executable, "-m", "experiments.faults.readings_writer", str(folder), str(first)]
    last, wanted = first - 1, draw.randint(1, _MOST_BATCHES)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:  # noqa: S603 - this program
        if writer.stdout is None:
            return last
        for line in writer.stdout:
            if not line.endswith("\n"):
                break  # torn off: nobody has heard it
            last = int(line)
            wanted -= 1
            if wanted == 0:
                time.sleep(draw.uniform(0, _MOST_S))
                writer.kill()
    return last


def held(folder: Path) -> tuple[int, list[str]]:
    """The last batch in the table, and what is wrong with its rows."""
    queries = ReadingQueries(folder)
    every = queries.revisions(Selection())
    found = sorted(every["value"].to_pylist())
    last = int(found[-1]) // ROWS if found else -1
    faults = []
    if found != [float(value) for value in range((last + 1) * ROWS)]:
        faults.append(f"{len(found)} rows in the table, {(last + 1) * ROWS} in batches 0 to {last}")
    told = [row for sequence in range(last + 1) for row in rows_of(sequence)]
    newest = {(row.meter, row.begin): row.value for row in told}
    current = queries.rows(Selection())
    names = ("meter", "begin", "value")
    shown = {
        (meter, begin): value
        for meter, begin, value in zip(*(current[name].to_pylist() for name in names), strict=True)
    }
    if shown != newest or current.num_rows != len(newest):
        faults.append("a reading's newest value is not what was told last")
    return last, faults
