"""What all publications have in common, and the rows that several of them are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cim.codec.codec import wire


@dataclass(frozen=True, slots=True)
class Publication:
    """Something that an agent tells the data platform: a frozen dataclass of plain fields, registered with `@wire`.

    A subclass is a family: the store keeps a table for each, with a column for each field. Fields may be text, numbers,
    dates, instants, bytes, tuples of those, and frozen dataclasses of them as rows.

    Attributes:
        at: when it was so, UTC.
    """

    at: datetime


@wire("published.IspPower")
@dataclass(frozen=True, slots=True)
class IspPower:
    """`power_w` watts in each of `duration` ISPs from ISP `start` (1-based) on; positive = consumption."""

    start: int
    power_w: int
    duration: int = 1
