"""Readings that come late, doubled, corrected and out of order, while the store fails and the clock jumps: judged at the end."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cim.mapping.engine.mapping_file import read_mapping
from cim.platform.handler.handler import DataHandler, Delivery, Taken
from cim.platform.handler.quarantine import Quarantine
from cim.platform.readings.batch import ReadingBatch
from cim.platform.readings.errors import NotStored
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.table import Appended, ReadingsTable

_MAPPING = read_mapping(
    """name: late
format: {kind: csv}
instant: {column: at, pattern: epoch_s, interval_s: 900}
usage_point: meter
meter: meter
values:
  - {column: wh, reading_type: energy_import, unit: Wh, low: 0}
"""
)
_FIRST = 1_704_067_200  # 2024-01-01
_NOW = datetime(2025, 6, 1, tzinfo=UTC)
_PART = 50_000  # lines of a delivery
_METERS = 100
_CORRECTED, _FAILING = 0.1, 0.2  # shares of lines, of appends


@dataclass(slots=True)
class Late:
    """What was sent and what is there; `wrong`: what should not be, in words."""

    readings: int
    sent: int = 0
    interrupted: int = 0
    revisions: int = 0
    wrong: list[str] = field(default_factory=list)

    def sentence(self) -> str:
        """For people."""
        told = (
            f"{self.readings} readings, sent {self.sent} times late, doubled and corrected, {self.interrupted} times "
            f"interrupted: {self.revisions} revisions"
        )
        return "\n".join([told, *self.wrong]) if self.wrong else f"{told}; nothing lost, nothing twice"


class _Failing:
    """The table, failing now and then: before it took a batch, or after it did and before it said so."""

    def __init__(self, table: ReadingsTable, draw: random.Random) -> None:
        self._table, self._draw = table, draw

    def append(self, batch: ReadingBatch, stream: str, sequence: int) -> Appended:
        """Take it, or not, or take it and not say so."""
        fate = self._draw.random()
        if fate < _FAILING / 2:
            raise NotStored("readings: interrupted before")
        done = self._table.append(batch, stream, sequence)
        if fate < _FAILING:
            raise NotStored("readings: interrupted after")
        return done


def late(readings: int, seed: int, say: Callable[[str], None] = lambda _: None) -> Late:
    """Send readings of a hundred meters twice in any order, one in ten with another value, through failures."""
    draw, found = random.Random(seed), Late(readings)  # noqa: S311 - seeded on purpose
    expected: dict[int, int] = {}
    with TemporaryDirectory() as name, ReadingsTable(Path(name) / "readings") as table:
        folder, quarantine = Path(name), Quarantine(Path(name) / "quarantine")
        handler = DataHandler(_Failing(table, draw), ReadingQueries(folder / "readings"), quarantine)
        for number, part in enumerate(_parts(readings, draw), 1):
            changed = 0
            for key, wh in part:
                changed += expected.get(key) != wh
                expected[key] = wh
            found.revisions += changed
            path = folder / "part.csv"
            path.write_text(
                "meter,at,wh\n" + "".join(f"m{k % _METERS},{_FIRST + 900 * (k // _METERS)},{wh}\n" for k, wh in part)
            )
            recorded = _NOW + timedelta(days=draw.randrange(-400, 400))  # a clock that jumps
            taken = _through(handler, Delivery("late", number, path, recorded), found)
            if taken.rejects or taken.refused:
                found.wrong.append(f"delivery {number}: {taken}")
            found.sent += len(part)
            say(f"{found.sent} sent, {found.interrupted} times interrupted")
            if number % 8 == 0:
                table.compact()
        _judge(handler, expected, found)
        if quarantine.counts():
            found.wrong.append(f"the quarantine holds {quarantine.counts()}")
        quarantine.close()
    return found


def _parts(readings: int, draw: random.Random) -> Iterator[list[tuple[int, int]]]:
    """Deliveries of (key, value): each key twice, shuffled over the whole."""
    keys = [*range(readings)] * 2
    draw.shuffle(keys)
    for first in range(0, len(keys), _PART):
        yield [(k, k % 997 + (1000 if draw.random() < _CORRECTED else 0)) for k in keys[first : first + _PART]]


def _through(handler: DataHandler, delivery: Delivery, found: Late) -> Taken:
    """Hand a delivery in until it is taken."""
    while True:
        try:
            return handler.take(delivery, _MAPPING)
        except NotStored:
            found.interrupted += 1


def _judge(handler: DataHandler, expected: dict[int, int], found: Late) -> None:
    rows = handler.known.run("SELECT meter, epoch(begin)::BIGINT AS at, value FROM readings", {}, Selection())
    there = {
        (at - _FIRST) // 900 * _METERS + int(meter[1:]): value
        for meter, at, value in zip(*(rows[name].to_pylist() for name in ("meter", "at", "value")), strict=True)
    }
    if rows.num_rows != len(there):
        found.wrong.append(f"{rows.num_rows - len(there)} readings are there twice")
    if lost := len(expected.keys() - there.keys()):
        found.wrong.append(f"{lost} readings are lost")
    if other := sum(there.get(key) != wh for key, wh in expected.items()) - lost:
        found.wrong.append(f"{other} readings have another value than was sent last")
