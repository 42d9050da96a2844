"""What exactly is hashed and signed, byte by byte; anyone must be able to redo it with SHA-256 alone.

A record's message is text lines and its content, its entry puts the signatures before it, its leaf is the hash of the
entry. A head is a short text whose first three lines are those of a transparency log's checkpoint. Kept free of the
codec (and so of numpy): a verification must start at once.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

Column = str | bytes | int | None

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
START_OF_CHAIN = bytes(32)
SALT_BYTES = 32
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
    """RFC 9162 section 2.1.1: the hash of a leaf, kept apart from inner nodes by a leading 0x00."""
    return hashlib.sha256(b"\x00" + data).digest()


def row_digest(table: str, *columns: Column) -> bytes:
    """The digest that stands in a row's last column: over the table's name and all other columns."""
    return leaf_hash(pack(table, *columns))


def chained(tip: bytes, digests: Iterable[bytes]) -> bytes:
    """The tip of a table's running digest after these rows; it binds the number and the order of all."""
    sha256 = hashlib.sha256
    for digest in digests:
        tip = sha256(tip + digest).digest()
    return tip


def commitment(salt: bytes, body: bytes) -> bytes:
    """What stands in the ledger for a body that is kept beside it: its hash under 32 bytes that nobody can guess."""
    return hashlib.sha256(b"iles-body-2\n" + salt + body).digest()


def record_message(kind: str, key: str, at: int, author: str, salted: bool, content: bytes) -> bytes:
    """What the parties to a record sign; `at` in microseconds since 1970, `content` a body or its commitment.

    Five lines of text, a sixth that says which, then the content; no name contains a line break.
    """
    lines = f"iles-record-2\n{kind}\n{key}\n{at}\n{author}\n{'salted' if salted else 'clear'}\n"
    return lines.encode("utf-8", "surrogateescape") + (content.hex().encode() if salted else content)


def signature_lines(signatures: Iterable[tuple[str, bytes]]) -> bytes:
    """One line for each signature, in order of party: the party, a space, 128 hexadecimal digits."""
    text = "".join([f"{party} {value.hex()}\n" for party, value in signatures])
    return text.encode("utf-8", "surrogateescape")


def signatures_of(lines: bytes) -> list[tuple[str, bytes]]:
    """(party, value) of `signature_lines`.

    Raises:
        ValueError: they are something else.
    """
    found = []
    for line in lines.decode("utf-8", "surrogateescape").split("\n")[:-1]:
        party, _, value = line.rpartition(" ")
        found.append((party, bytes.fromhex(value)))
    if signature_lines(found) != lines:
        raise ValueError("these are no lines of signatures")
    return found


def head_text(
    number: int, start: int, end: int, count: int, size: int, root: bytes, previous: bytes, parties: bytes, closed: int
) -> str:
    """A head as text, which is what is hashed and co-signed; instants in microseconds since 1970.

    The first three lines are the ledger's name (from its meta entries and parties), the number of records in all blocks up to
    this one, and the root of the tree over them in base64.
    """
    return (
        f"iles-ledger/{parties.hex()}\n{size}\n{base64.b64encode(root).decode()}\n"
        f"block {number} of {count} records\nperiod_us {start} {end}\nclosed_us {closed}\nprevious {previous.hex()}\n"
    )


def root_of(base64_text: str) -> bytes:
    """The 32 bytes that a head's third line says.

    Raises:
        ValueError: it says something else.
    """
    return base64.b64decode(base64_text, validate=True)


def head_digest(text: str) -> bytes:
    """The digest of a head, of its text; the next head carries it as `previous`."""
    return hashlib.sha256(text.encode()).digest()


def genesis(parties_hash: bytes) -> bytes:
    """`previous` of the first head: binds meta and parties of this ledger."""
    return hashlib.sha256(pack("iles-genesis-2", parties_hash)).digest()
