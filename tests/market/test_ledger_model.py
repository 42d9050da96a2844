"""A ledger against a plain model of it: whatever its keeper does in whatever order, it holds that and verifies."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cim.model.errors import BadInput
from market.ledger.checking import check_inclusion
from market.ledger.errors import LedgerBroken, LedgerConflict
from market.ledger.proof_reading import from_json
from market.ledger.proofs import InclusionProof
from market.ledger.prover import Prover
from market.ledger.reader import LedgerReader
from market.ledger.records import Party, Record
from market.ledger.signing import key_from_seed
from market.ledger.store import LedgerStore
from market.ledger.verify import verify

START = datetime(2026, 5, 20, tzinfo=UTC)
SIGNERS = {name: key_from_seed(4, name) for name in ("agr", "dso", "iles")}
PARTIES = [Party(name, signer.public) for name, signer in SIGNERS.items()]
KINDS = ("contract", "flex-order", "metering")


def record(
    kind: str, key: str, minute: int, author: str, body: bytes, others: frozenset[str] = frozenset(), salt: bytes = b""
) -> Record:
    """A record signed by its author and by whoever else agreed."""
    made = Record(kind, key, START + timedelta(minutes=minute), author, body, salt=salt)
    for party in sorted({author, *others}):
        made = made.signed(party, SIGNERS[party])
    return made


RECORDS = st.builds(
    record, st.sampled_from(KINDS), st.sampled_from("abcdef"), st.integers(0, 9), st.sampled_from(sorted(SIGNERS)),
    st.binary(max_size=20), st.frozensets(st.sampled_from(sorted(SIGNERS))), st.sampled_from([b"", b"s" * 32]),
)  # fmt: skip


class LedgerModel(RuleBasedStateMachine):
    """Appends, conflicts, blocks, co-signatures and a keeper that begins anew from the bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = LedgerStore(b"")
        self.ledger.create(PARTIES, {"site": "model"})
        self.records: dict[tuple[str, str], Record] = {}
        self.blocks: list[set[tuple[str, str]]] = []
        self.cosigned: set[tuple[int, str]] = set()

    @rule(batch=st.lists(RECORDS, max_size=5))
    def append(self, batch: list[Record]) -> None:
        """All of a batch or, where one contradicts what is there, nothing of it."""
        known = dict(self.records)
        for made in batch:
            if known.setdefault((made.kind, made.key), made).entry != made.entry:
                with pytest.raises(LedgerConflict, match="already there with other content"):
                    self.ledger.append(batch)
                return
        self.ledger.append(batch)
        self.records = known

    @rule()
    def close_block(self) -> None:
        """What is open goes into the next block; the same once more changes nothing."""
        number = len(self.blocks) + 1
        day = START + timedelta(days=number)
        chosen = set(self.records) - set().union(*self.blocks)
        head = self.ledger.close_block(number, day, day + timedelta(days=1), day)
        assert self.ledger.close_block(number, day, day + timedelta(days=1), day) == head
        assert (head.count, head.size) == (len(chosen), len(self.records))
        with pytest.raises(LedgerConflict, match="cannot be closed"):
            self.ledger.close_block(number + 2, day, day, day)
        self.blocks.append(chosen)

    @rule(party=st.sampled_from(sorted(SIGNERS)), data=st.data())
    def cosign(self, party: str, data: st.DataObject) -> None:
        """A party vouches for a head, once or twice."""
        if self.blocks:
            number = data.draw(st.integers(1, len(self.blocks)))
            head = self.ledger.heads()[number - 1]
            self.ledger.cosign(number, party, SIGNERS[party].sign(head.message))
            self.cosigned.add((number, party))

    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        """Body and salt of a record go, once; one whose body stands in its entry cannot be erased."""
        if not self.records:
            return
        name = data.draw(st.sampled_from(sorted(self.records)))
        known = self.records[name]
        if not known.is_salted:
            with pytest.raises(BadInput, match="cannot be erased"):
                self.ledger.erase([name])
            return
        assert self.ledger.erase([name]) == (0 if known.is_erased else 1)
        self.records[name] = replace(known, body=b"", salt=b"")

    @rule()
    def begin_anew(self) -> None:
        """Another keeper goes on from the bytes."""
        image = self.ledger.image()
        self.ledger.close()
        self.ledger = LedgerStore(image)
        self.ledger.create(PARTIES, {"site": "model"})

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        """Records, blocks, co-signatures: neither more nor less."""
        assert {(r.kind, r.key): r for r in self.ledger.records()} == self.records
        for number, keys in enumerate(self.blocks, start=1):
            assert {(r.kind, r.key) for r in self.ledger.records(block=number)} == keys
        summary = self.ledger.summary()
        assert summary.cosignatures == len(self.cosigned)
        assert summary.open_records == len(self.records) - sum(map(len, self.blocks))

    def teardown(self) -> None:
        """The end of every run verifies, and every record in a block has a proof that fits the last head."""
        image = self.ledger.image()
        found = verify(image)
        assert (found.records, found.blocks) == (len(self.records), len(self.blocks))
        with Prover(image) as prover:
            for kind, key in sorted(set().union(*self.blocks))[:3]:
                (proof,) = from_json(prover.inclusion(kind, key).to_json())
                assert found.head is not None
                assert isinstance(proof, InclusionProof)
                assert check_inclusion(proof, found.head).record == self.records[kind, key]
        self.ledger.close()


LedgerModel.TestCase.settings = settings(max_examples=40, stateful_step_count=15)
test_a_ledger_is_what_its_model_is = LedgerModel.TestCase


@settings(max_examples=30)
@given(batch=st.lists(RECORDS, min_size=1, max_size=8, unique_by=lambda r: (r.kind, r.key)), data=st.data())
def test_any_byte_flipped_in_an_image_is_found_or_not_part_of_the_content(
    batch: list[Record], data: st.DataObject
) -> None:
    """Flip any one byte of a ledger: it is broken, or (unused space, SQLite's own counters) all content is the same."""
    with LedgerStore(b"") as ledger:
        ledger.create(PARTIES, {"site": "model"})
        ledger.append(batch)
        head = ledger.close_block(1, START, START, START)
        ledger.cosign(1, "dso", SIGNERS["dso"].sign(head.message))
        image = ledger.image()
        before = (ledger.records(), ledger.heads(), ledger.cosignatures(1))
    place = data.draw(st.integers(16, len(image) - 1))  # the first 16 bytes say that it is SQLite at all
    changed = bytearray(image)
    changed[place] ^= data.draw(st.integers(1, 255))
    try:
        verify(bytes(changed))
    except LedgerBroken:
        return
    with LedgerReader(bytes(changed)) as reader:
        assert (reader.records(), reader.heads(), reader.cosignatures(1)) == before
