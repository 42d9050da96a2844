"""What the ledger holds: parties, signed records, and the heads of its blocks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar

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

    What says something of a person is `salted`: the ledger's entry holds the commitment to its body alone, and the body
    and its salt are kept beside the ledger, where they can be erased.

    Attributes:
        kind: what it is, for example `contract` or `settlement`.
        key: unique among its kind.
        at: when it was made, UTC.
        author: the party that made it.
        body: the canonical codec bytes of the thing itself; empty where it was erased.
        signatures: in order of party, the author's among them once signed.
        salt: 32 bytes nobody else can guess; empty where the body stands in the entry, or was erased.
        commitment: hash of salt and body; empty where the body stands in the entry.
    """

    kind: str
    key: str
    at: datetime
    author: str
    body: bytes
    signatures: tuple[Signature, ...] = field(default=())
    salt: bytes = b""
    commitment: bytes = b""
    _at_us: ClassVar[int | None] = None
    _message: ClassVar[bytes | None] = None

    def __post_init__(self) -> None:
        for name, value in (("kind", self.kind), ("key", self.key), ("author", self.author)):
            if not value or not value.isprintable():
                raise BadInput(f"record {name}: {value!r} is not a name; expected printable text in one line")
        if self.at.tzinfo is None:
            raise BadInput(f"record at: {self.at} has no time zone; expected UTC")
        if self.signatures != ():
            names = [signature.party for signature in self.signatures]
            if len(set(names)) != len(names):
                raise BadInput(f"record signatures: {names} name a party twice; expected each party once")
            object.__setattr__(self, "signatures", tuple(sorted(self.signatures, key=lambda s: s.party.encode())))
        if self.salt or self.commitment:
            self._commit()

    def _commit(self) -> None:
        """Give a salted record its commitment, or hold the given one against its body."""
        where = f"record {self.kind} {self.key}"
        if not self.salt:
            if self.body or len(self.commitment) != 32:
                raise BadInput(f"{where}: without its salt a record has no body, and a commitment of 32 bytes")
            return
        if len(self.salt) != hashing.SALT_BYTES:
            raise BadInput(f"{where}: its salt has {len(self.salt)} bytes; expected {hashing.SALT_BYTES}")
        expected = hashing.commitment(self.salt, self.body)
        if self.commitment not in (b"", expected):
            raise BadInput(f"{where}: its commitment is not that of its salt and body")
        object.__setattr__(self, "commitment", expected)

    @property
    def is_salted(self) -> bool:
        """Whether the entry holds a commitment in the body's place."""
        return self.commitment != b""

    @property
    def is_erased(self) -> bool:
        """Whether salt and body are gone."""
        return self.salt == b"" != self.commitment

    @property
    def content(self) -> bytes:
        """What the entry holds: the body, or the commitment to it."""
        return self.commitment or self.body

    # Both are made once, and kept as plain attributes: a cached_property takes a lock, and to ask for `__dict__` makes one,
    # each of which costs as much as making them.
    @property
    def at_us(self) -> int:
        """Microseconds since 1970-01-01 UTC of `at`."""
        found = self._at_us
        if found is None:
            found = hashing.microseconds(self.at)
            object.__setattr__(self, "_at_us", found)
        return found

    @property
    def message(self) -> bytes:
        """What its parties sign."""
        found = self._message
        if found is None:
            at_us, salted = hashing.microseconds(self.at), self.commitment
            found = hashing.record_message(self.kind, self.key, at_us, self.author, salted != b"", salted or self.body)
            object.__setattr__(self, "_at_us", at_us)
            object.__setattr__(self, "_message", found)
        return found

    @property
    def entry(self) -> bytes:
        """What this record's leaf in the tree is the hash of: all signatures, and the message."""
        lines = ""  # as hashing.signature_lines has them
        for signature in self.signatures:  # a record has two or three: joining a list of them takes longer
            lines += f"{signature.party} {signature.value.hex()}\n"
        return lines.encode() + (self._message or self.message)

    def signed(self, party: str, signer: Signer) -> Record:
        """This record with the signature of `party` added."""
        made = replace(self, signatures=(*self.signatures, Signature(party, signer.sign(self.message))))
        object.__setattr__(made, "_message", self.message)
        return made


@wire("ledger.BlockHead")
@dataclass(frozen=True)
class BlockHead:
    """What the ledger comes down to when a block is closed; co-signing it vouches for all records up to here.

    Attributes:
        number: from 1, without gaps.
        period_start, period_end: the settlement period, UTC, end excluded.
        count: how many records the block has.
        size: how many records all blocks up to this one have: the tree's size.
        root: RFC 9162 tree hash over the leaves of all blocks up to this one, each block's in order of (kind, key), so that no
            arrival order matters.
        previous: digest of the head before; for the first, a hash of `parties_hash`.
        parties_hash: tree hash over the ledger's meta entries and parties.
        closed_at: UTC.
    """

    number: int
    period_start: datetime
    period_end: datetime
    count: int
    size: int
    root: bytes
    previous: bytes
    parties_hash: bytes
    closed_at: datetime

    @property
    def columns(self) -> tuple[int, int, int, int, int, bytes, bytes, bytes, int]:
        """The fields as the file holds them."""
        stamp = hashing.microseconds
        start, end, closed = stamp(self.period_start), stamp(self.period_end), stamp(self.closed_at)
        return self.number, start, end, self.count, self.size, self.root, self.previous, self.parties_hash, closed

    @property
    def text(self) -> str:
        """The head as seven lines of text (`hashing.head_text`)."""
        return hashing.head_text(*self.columns)

    @property
    def digest(self) -> bytes:
        """The 32 bytes by which a head is known; the next head carries them."""
        return hashing.head_digest(self.text)

    @property
    def message(self) -> bytes:
        """What a party signs to co-sign this head."""
        return self.text.encode()
