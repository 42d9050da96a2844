"""A record's entry read back: the bytes that are hashed say all there is to know of it."""

from __future__ import annotations

from datetime import datetime

from cim.model.errors import BadInput
from market.ledger import hashing
from market.ledger.records import Record, Signature

_MARK = b"iles-record-2\n"


def signers_of(entry: bytes) -> list[str]:
    """Who has signed what an entry says."""
    return [party for party, _ in hashing.signatures_of(_parts(entry)[0])]


def record_of(entry: bytes, salt: bytes = b"", body: bytes = b"") -> Record:
    """The record that an entry says; of a salted one with salt and body, where they are given.

    Raises:
        ValueError: it is no entry, to the letter, or salt and body do not give its commitment.
    """
    lines, message = _parts(entry)
    try:
        kind, key, at, author, form, content = message.split(b"\n", 5)
        signatures = tuple(Signature(party, value) for party, value in hashing.signatures_of(lines))
        names = kind.decode(), key.decode(), _instant(at), author.decode()
        if form == b"clear" and not salt:
            record = Record(*names, content, signatures)
        else:
            commitment = bytes.fromhex(content.decode())
            record = Record(*names, body if salt else b"", signatures, salt, commitment)
    except (OverflowError, BadInput) as error:
        raise ValueError(str(error)) from error
    if record.entry != entry:
        raise ValueError("these bytes are not in the form of an entry")
    return record


def _instant(text: bytes) -> datetime:
    return hashing.instant_of(int(text))


def _parts(entry: bytes) -> tuple[bytes, bytes]:
    """The lines of its signatures, and what stands behind the message's first line."""
    if entry.startswith(_MARK):
        return b"", entry[len(_MARK) :]
    lines, mark, message = entry.partition(b"\n" + _MARK)  # no line of a signature ends like that
    return lines + mark[:1], message
