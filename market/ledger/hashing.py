"""What exactly is hashed and signed: length-prefixed bytes, each kind under its own label.

Kept free of the codec (and so of numpy): a verification must start at once, and anyone must be able to redo it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

Column = str | bytes | int | None

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
START_OF_CHAIN = bytes(32)
_head = struct.Struct(">cQ").pack


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970-01-01 UTC, the ledger's one form of an instant."""
    return (instant - _EPOCH) // _MICROSECOND


def instant_of(value: int) -> datetime:
    """The UTC instant of `microseconds`."""
    return _EPOCH + value * _MICROSECOND


def pack(*values: Column) -> bytes:
    """The values as bytes, each with a type mark and its length, so that no two different tuples give equal bytes."""
    parts: list[bytes] = []
    for value in values:
        if isinstance(value, bytes):
            parts += (_head(b"b", len(value)), value)
            continue
        if isinstance(value, str):
            # A tampered file may hold bytes that are no UTF-8; they must still be hashed as they stand.
            mark, data = b"s", value.encode("utf-8", "surrogateescape")
        elif value is None:
            mark, data = b"n", b""
        else:
            mark, data = b"i", str(value).encode()
        parts += (_head(mark, len(data)), data)
    return b"".join(parts)


def leaf_hash(data: bytes) -> bytes:
    """RFC 6962 section 2.1: the hash of a leaf, kept apart from inner nodes by a leading 0x00."""
    return hashlib.sha256(b"\x00" + data).digest()


def row_digest(table: str, *columns: Column) -> bytes:
    """The digest that stands in a row's last column: over the table's name and all other columns."""
    return leaf_hash(pack(table, *columns))


def chained(tip: bytes, digest: bytes) -> bytes:
    """The next tip of a table's running digest, which binds the number and the order of its rows."""
    return hashlib.sha256(tip + digest).digest()


@lru_cache(maxsize=64, typed=True)  # a record is signed, checked, hashed and stored within moments
def record_message(kind: str, key: str, at: int, author: str, body: bytes) -> bytes:
    """What the parties to a record sign; `at` in microseconds since 1970."""
    return pack("iles-record-1", kind, key, at, author, body)


def record_leaf(message: bytes, signatures: Iterable[tuple[str, bytes]]) -> bytes:
    """A record's leaf bytes: the signed message and its (party, value) signatures in order of party."""
    return pack("iles-leaf-1", message, *[column for pair in signatures for column in pair])


def head_digest(*columns: Column) -> bytes:
    """The digest of a block head, of its `BlockHead.columns`; the next head carries it as `previous`."""
    return hashlib.sha256(pack("iles-head-1", *columns)).digest()


def head_message(digest: bytes) -> bytes:
    """What a party signs to co-sign a head."""
    return pack("iles-cosign-1", digest)


def genesis(parties_hash: bytes) -> bytes:
    """`previous` of the first head: binds meta and parties of this ledger."""
    return hashlib.sha256(pack("iles-genesis-1", parties_hash)).digest()
