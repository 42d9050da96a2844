"""What an Austrian community's members had in each quarter-hour, as CSV: what a later correction is the next version of."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from cim.model.arrays import Ints
from cim.model.errors import BadInput
from market.community.austria.allocation import Allocation, corrected

NAME = "intervals.csv"
_REGISTERS = (
    "consumed_wh",
    "taking_part_wh",
    "share_wh",
    "own_cover_wh",
    "produced_wh",
    "fed_part_wh",
    "surplus_wh",
)
_COLUMNS = ("begin", "member", *_REGISTERS, "quality", "version")


@dataclass(frozen=True, eq=False)
class Intervals:
    """An allocation with its instants and members.

    Attributes:
        begins: [T] UTC.
        members: names, by column; each has a consumption and a feed-in point.
    """

    begins: tuple[datetime, ...]
    members: tuple[str, ...]
    allocation: Allocation

    def after(self, earlier: Intervals | None) -> Intervals:
        """As the next version of an earlier allocation, where that is of the same instants and members; else as it is."""
        if earlier is None or (earlier.begins, earlier.members) != (self.begins, self.members):
            return self
        return Intervals(self.begins, self.members, corrected(earlier.allocation, self.allocation))


def as_csv(intervals: Intervals) -> str:
    """A row for each quarter-hour and member, whole watt-hours; quality 1 to 3 (L1 to L3)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    found = intervals.allocation
    registers = [getattr(found, name).tolist() for name in _REGISTERS]
    for t, begin in enumerate(intervals.begins):
        quality, version = int(found.quality[t]), int(found.version[t])
        for k, member in enumerate(intervals.members):
            writer.writerow([begin.isoformat(), member, *(register[t][k] for register in registers), quality, version])
    return out.getvalue()


def earlier_of(path: Path) -> Intervals | None:
    """What was written before; None where nothing was.

    Raises:
        BadInput: the file is not one of ours; its line.
    """
    if not path.is_file():
        return None
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    if not rows or tuple(rows[0]) != _COLUMNS:
        raise BadInput(f"{path}, line 1: expected the columns {', '.join(_COLUMNS)}")
    members = tuple(dict.fromkeys(row[1] for row in rows[1:] if len(row) > 1))
    values: list[list[int]] = []
    begins: list[datetime] = []
    for number, row in enumerate(rows[1:], start=2):
        try:
            begin, numbers = datetime.fromisoformat(row[0]), [int(text) for text in row[2:]]
        except (ValueError, IndexError):
            raise BadInput(
                f"{path}, line {number}: {','.join(row)!r}; expected an instant, a member and numbers"
            ) from None
        if len(row) != len(_COLUMNS) or row[1] != members[(number - 2) % len(members)]:
            raise BadInput(f"{path}, line {number}: expected {len(_COLUMNS)} values, of each member in turn")
        values.append(numbers)
        begins.append(begin)
    table: Ints = np.array(values, dtype=np.int64).reshape(-1, len(members), len(_COLUMNS) - 2)
    registers = {name: table[:, :, k] for k, name in enumerate(_REGISTERS)}
    return Intervals(
        tuple(begins[:: len(members)]),
        members,
        Allocation(**registers, quality=table[:, 0, -2], version=table[:, 0, -1]),
    )
