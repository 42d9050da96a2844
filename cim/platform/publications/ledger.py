"""The ledger's blocks, and what it did not take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cim.codec.codec import wire
from cim.platform.publications.base import Publication


@wire("published.BlockClosed")
@dataclass(frozen=True, slots=True)
class BlockClosed(Publication):
    """A block was closed; `head` is the digest of its head, hexadecimal, and the period's end is excluded."""

    number: int
    period_start: datetime
    period_end: datetime
    records: int
    head: str


@wire("published.HeadRefused")
@dataclass(frozen=True, slots=True)
class HeadRefused(Publication):
    """A witness did not co-sign a block's head, as it does not go on from the head before; `by` announced it."""

    number: int
    by: str
    seen_by: str
    reason: str


@wire("published.HistorySplit")
@dataclass(frozen=True, slots=True)
class HistorySplit(Publication):
    """The ledger's keeper has signed two heads of one block: two histories were shown, `ours` and `theirs` (digests, hex)."""

    number: int
    keeper: str
    ours: str
    theirs: str
    told_by: str
    seen_by: str


@wire("published.RecordRefused")
@dataclass(frozen=True, slots=True)
class RecordRefused(Publication):
    """The ledger did not take records; `reference` says what they were about."""

    ledger: str
    reference: str
    reason: str
