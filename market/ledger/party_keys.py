"""A party's key over time: rotated by the party itself, revoked by the ledger's keeper; both stand in the ledger as records.

A record is checked with the keys that its party had when it was recorded: by the order of the records and not by the instant
that they claim, so that who has got hold of an old key gains nothing by an earlier date.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cim.codec.codec import decode, encode, wire
from cim.model.errors import BadInput
from market.ledger import signing
from market.ledger.records import Record
from market.ledger.signing import Signer

ROTATION, REVOCATION = "key-rotation", "key-revocation"  # the kinds of their records
KINDS = frozenset({ROTATION, REVOCATION})
KEEPER = "keeper"  # the meta entry that names the party which may revoke
_SIZE = 32


@wire("ledger.KeyRotation")
@dataclass(frozen=True, slots=True)
class KeyRotation:
    """A party signs with another key from here on; its record is signed by the old one.

    Attributes:
        party: whose.
        old, new: 32-byte public Ed25519 keys.
        possession: the new key's signature over both, so that nobody claims another's key.
    """

    party: str
    old: bytes
    new: bytes
    possession: bytes


@wire("ledger.KeyRevocation")
@dataclass(frozen=True, slots=True)
class KeyRevocation:
    """The keeper declares a party's key void from here on: nothing more that it signs is recorded.

    Attributes:
        party: whose.
        public: the key.
        reason: in words.
        replacement: the key that stands for the party instead; empty where there is none yet.
    """

    party: str
    public: bytes
    reason: str
    replacement: bytes = b""


class PartyKeys:
    """The keys in force, moved on record by record.

    Args:
        parties: the keys that the ledger began with.
        keeper: who may revoke; empty: nobody.
    """

    def __init__(self, parties: Mapping[str, bytes], keeper: str) -> None:
        self._keeper = keeper
        # by party: (number of records before it counts, the key; None: none), oldest first
        self._known: dict[str, list[tuple[int, bytes | None]]] = {name: [(0, key)] for name, key in parties.items()}
        self.changed = False

    def copy(self) -> PartyKeys:
        """One that can be moved on without this one."""
        made = PartyKeys({}, self._keeper)
        made._known = {name: list(rows) for name, rows in self._known.items()}
        made.changed = self.changed
        return made

    def current(self, party: str) -> bytes:
        """The key that a party signs with now.

        Raises:
            BadInput: there is no such party, or its key is revoked.
        """
        rows = self._known.get(party)
        if rows is None:
            raise BadInput(f"party: {party!r} is not a party to this ledger")
        key = rows[-1][1]
        if key is None:
            raise BadInput(f"party: the key of {party} is revoked")
        return key

    def in_force(self) -> dict[str, bytes]:
        """The key that each party signs with now; whose key is revoked and not replaced is missing."""
        newest = {party: rows[-1][1] for party, rows in self._known.items()}
        return {party: key for party, key in newest.items() if key is not None}

    def since(self, party: str, records: int) -> tuple[bytes, ...]:
        """The keys that a party had when the ledger held so many records, and later: a head may be co-signed late."""
        rows = self._known.get(party, [])
        begin = max((k for k, (size, _) in enumerate(rows) if size <= records), default=0)
        return tuple(key for _, key in rows[begin:] if key is not None)

    def former(self, party: str) -> tuple[bytes, ...]:
        """The keys that a party had before the one in force."""
        return tuple(key for _, key in self._known.get(party, [])[:-1] if key is not None)

    def take(self, record: Record, size: int) -> None:
        """Move on by a record of one of the two kinds whose signatures are good; `size` is the ledger's with it.

        Raises:
            BadInput: it does not say what such a record must, or its author may not say so.
        """
        where, body = f"record {record.kind} {record.key}", body_of(record)
        if isinstance(body, KeyRotation):
            if record.author != body.party or body.old != self.current(body.party):
                raise BadInput(f"{where}: it is not of the key that {body.party} signs with")
            if not signing.verify(body.new, _possession(body.party, body.old, body.new), body.possession):
                raise BadInput(f"{where}: the new key has not signed it")
            self._move(body.party, body.new, size, where)
        else:
            if not self._keeper or record.author != self._keeper:
                raise BadInput(f"{where}: its author {record.author} may not revoke; expected the ledger's keeper")
            if body.public != self.current(body.party):
                raise BadInput(f"{where}: it is not of the key that {body.party} signs with")
            self._move(body.party, body.replacement or None, size, where)

    def _move(self, party: str, key: bytes | None, size: int, where: str) -> None:
        used = {known for rows in self._known.values() for _, known in rows}
        if key is not None and (len(key) != _SIZE or key in used):
            raise BadInput(f"{where}: the new key is not 32 bytes that no party has had before")
        self._known[party].append((size, key))
        self.changed = True


def body_of(record: Record) -> KeyRotation | KeyRevocation:
    """What a record of one of the two kinds says.

    Raises:
        BadInput: it says something else, or stands under another key.
    """
    expected = KeyRotation if record.kind == ROTATION else KeyRevocation
    body = decode(record.body)
    if not isinstance(body, expected):
        raise BadInput(f"record {record.kind} {record.key}: expected a {expected.__name__}")
    if record.key != key_of(body.party, body.old if isinstance(body, KeyRotation) else body.public):
        raise BadInput(f"record {record.kind} {record.key}: its key is not that of its party and public key")
    return body


def key_of(party: str, public: bytes) -> str:
    """Under which a change of a party's key is recorded: a key is rotated once and revoked once."""
    return f"{party}/{public.hex()[:16]}"


def _possession(party: str, old: bytes, new: bytes) -> bytes:
    return f"iles-key-rotation-1\n{party}\n{old.hex()}\n{new.hex()}\n".encode()


def rotation(party: str, old: Signer, new: Signer, at: datetime) -> Record:
    """The record by which a party goes over to a new key."""
    body = KeyRotation(party, old.public, new.public, new.sign(_possession(party, old.public, new.public)))
    return Record(ROTATION, key_of(party, old.public), at, party, encode(body)).signed(party, old)


def revocation(
    keeper: str, signer: Signer, party: str, public: bytes, reason: str, at: datetime, replacement: bytes = b""
) -> Record:
    """The record by which the keeper revokes a party's key.

    Raises:
        BadInput: no reason is given.
    """
    if not reason.strip():
        raise BadInput("reason: it is empty; expected why the key is revoked, in words")
    body = KeyRevocation(party, public, reason, replacement)
    return Record(REVOCATION, key_of(party, public), at, keeper, encode(body)).signed(keeper, signer)


def keys_after(parties: Mapping[str, bytes], keeper: str, changes: Iterable[tuple[int, Record]]) -> PartyKeys:
    """The keys in force behind all changes of them, each with its sequence in the ledger.

    Raises:
        BadInput: see `PartyKeys.take`.
    """
    keys = PartyKeys(parties, keeper)
    for sequence, record in changes:
        keys.take(record, sequence)
    return keys
