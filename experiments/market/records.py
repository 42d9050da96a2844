"""What the ledger's records say, by kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from cim.codec.codec import decode
from market.ledger.records import Record

T = TypeVar("T")


def bodies(records: Iterable[Record], kind: str, what: type[T]) -> Iterator[tuple[Record, T]]:
    """The records of a kind with what they say; one that says something else, or whose body was erased, is passed over."""
    for record in records:
        if record.kind == kind and record.body:
            body = decode(record.body)
            if isinstance(body, what):
                yield record, body
