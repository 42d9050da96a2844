"""Changes of parties' keys, as the ledger has them."""

from __future__ import annotations

from collections.abc import Iterable

from cim.codec.codec import decode
from experiments.market.rows import KeyRow
from market.ledger.party_keys import KINDS, KeyRevocation, KeyRotation
from market.ledger.records import Record


def key_rows(records: Iterable[Record]) -> tuple[KeyRow, ...]:
    """Rotations and revocations in their order."""
    return tuple(_row(record) for record in records if record.kind in KINDS)


def _row(record: Record) -> KeyRow:
    body, at = decode(record.body), record.at.isoformat()
    if isinstance(body, KeyRotation):
        return KeyRow(at, body.party, body.old.hex(), body.new.hex(), record.author, "")
    assert isinstance(body, KeyRevocation)  # noqa: S101 - the ledger takes nothing else of these kinds
    return KeyRow(at, body.party, body.public.hex(), body.replacement.hex(), record.author, body.reason)
