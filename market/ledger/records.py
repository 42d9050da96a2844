"""What the ledger holds: parties, signed records, and the heads of its blocks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from cim.codec.codec import wire
from cim.model.errors import BadInput
from market.ledger import hashing
from market.ledger.signing import Signer


@wire("ledger.Party")
@dataclass(frozen=True)
class Party:
    """Who may sign: a unique name and its 32-byte Ed25519 public key."""

    name: str
    public: bytes


@wire("ledger.Signature")
@dataclass(frozen=True)
class Signature:
    """The 64-byte Ed25519 signature of `party`."""

    party: str
    value: bytes


@wire("ledger.Record")
@dataclass(frozen=True)
class Record:
    """One thing that was agreed or settled, known by (kind, key), signed by its author and whoever agreed.

    Attributes:
        kind: what it is, for example `contract` or `settlement`.
        key: unique among its kind.
        at: when it was made, UTC.
        author: the party that made it.
        body: the canonical codec bytes of the thing itself.
        signatures: in order of party, the author's among them once signed.
    """

    kind: str
    key: str
    at: datetime
    author: str
    body: bytes
    signatures: tuple[Signature, ...] = field(default=())

    def __post_init__(self) -> None:
        for name, value in (("kind", self.kind), ("key", self.key), ("author", self.author)):
            if not value or "\0" in value or not _is_text(value):
                raise BadInput(f"record {name}: {value!r} is not a name; expected non-empty text")
        if self.at.tzinfo is None:
            raise BadInput(f"record at: {self.at} has no time zone; expected UTC")
        if self.signatures != ():
            names = [signature.party for signature in self.signatures]
            if len(set(names)) != len(names):
                raise BadInput(f"record signatures: {names} name a party twice; expected each party once")
            object.__setattr__(self, "signatures", tuple(sorted(self.signatures, key=lambda s: s.party.encode())))

    @cached_property
    def message(self) -> bytes:
        """What its parties sign."""
        return hashing.record_message(self.kind, self.key, hashing.microseconds(self.at), self.author, self.body)

    @property
    def leaf(self) -> bytes:
        """The bytes that stand as this record's leaf in its block's tree: the message and all signatures."""
        return hashing.record_leaf(self.message, [(s.party, s.value) for s in self.signatures])

    def signed(self, party: str, signer: Signer) -> Record:
        """This record with the signature of `party` added."""
        return replace(self, signatures=(*self.signatures, Signature(party, signer.sign(self.message))))


@wire("ledger.BlockHead")
@dataclass(frozen=True)
class BlockHead:
    """What a block comes down to; co-signing `digest` vouches for all records up to here.

    Attributes:
        number: from 1, without gaps.
        period_start, period_end: the settlement period, UTC, end excluded.
        count: how many records.
        root: RFC 6962 tree hash over the leaves, in order of (kind, key), so that no arrival order matters.
        previous: digest of the head before; for the first, a hash of `parties_hash`.
        parties_hash: tree hash over the ledger's meta entries and parties.
        closed_at: UTC.
    """

    number: int
    period_start: datetime
    period_end: datetime
    count: int
    root: bytes
    previous: bytes
    parties_hash: bytes
    closed_at: datetime

    @property
    def columns(self) -> tuple[int, int, int, int, bytes, bytes, bytes, int]:
        """The fields as the file holds them."""
        stamp = hashing.microseconds
        start, end, closed = stamp(self.period_start), stamp(self.period_end), stamp(self.closed_at)
        return self.number, start, end, self.count, self.root, self.previous, self.parties_hash, closed

    @property
    def digest(self) -> bytes:
        """The 32 bytes that the next head and all co-signatures refer to."""
        return hashing.head_digest(*self.columns)

    @property
    def message(self) -> bytes:
        """What a party signs to co-sign this head."""
        return hashing.head_message(self.digest)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
