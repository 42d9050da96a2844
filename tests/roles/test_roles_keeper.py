"""The ledger keeper makes durable what is filed, and its witnesses sign only a chain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agents.roles.effects import Append, Arm, CloseBlock, Cosign, Publish, Send
from agents.roles.events import BlockClosed, Fired, Received, Recorded, Started
from agents.roles.ledger_keeper import CLOSING, CloseNow, FiledBy, KeeperRole
from agents.roles.messages import Filed, HeadAnnounced, HeadCosigned, HeadSeen, Receipt
from agents.roles.parts.cosigning import HeadCosigning
from agents.roles.role import Role
from agents.runtime.host.ledger_effects import LedgerEffects
from cim.platform.publications.incidents import MessageLapsed
from cim.platform.publications.ledger import HeadRefused, HistorySplit
from market.ledger.merkle import grown, root, root_of
from market.ledger.records import Record
from market.ledger.replica import BlockLeaves
from market.ledger.signing import Signer, verify
from tests.worlds import players
from tests.worlds.players import AHEAD, DAY, RULES, Pump

WITNESSES = ("dso", "agr")


def keeper() -> KeeperRole:
    """A fresh keeper."""
    return KeeperRole("ledger", RULES, players.key("ledger"), WITNESSES)


def record(key: str, body: str = "x") -> Record:
    """A signed record."""
    return players.farm("farm-a").me.record("note", key, body, AHEAD)


@pytest.fixture
def ledger_effects(tmp_path: Path) -> Iterator[LedgerEffects]:
    """A real ledger."""
    opened = LedgerEffects(tmp_path / "ledger.sqlite", RULES.keys, {"site": "test"})
    yield opened
    opened.close()


def filed(
    role: KeeperRole, ledger_effects: LedgerEffects, reference: str, *records: Record, sender: str = "farm-a"
) -> list[object]:
    """What the keeper wants once a filing went through the ledger."""
    (append,) = role.handle(Received(sender, 1, Filed(reference, records)), AHEAD)
    assert isinstance(append, Append)
    ((name, outcome),) = ledger_effects.carry_out([("ledger", append)], AHEAD)
    assert name == "ledger"
    return list(role.handle(outcome, AHEAD))


def test_who_files_gets_a_receipt_when_it_is_durable(ledger_effects: LedgerEffects) -> None:
    """A filing leads to one append, and its outcome to one receipt with the sender's own reference."""
    assert filed(keeper(), ledger_effects, "orders 1 a b", record("1")) == [Send("farm-a", Receipt("orders 1 a b"))]


def test_the_same_record_again_is_no_clash(ledger_effects: LedgerEffects) -> None:
    """Filing the same record twice gives two sound receipts."""
    role = keeper()
    assert filed(role, ledger_effects, "r", record("1")) == filed(role, ledger_effects, "r", record("1"))


def test_a_clash_is_told(ledger_effects: LedgerEffects) -> None:
    """Another record under the same name is not taken, and the receipt says why."""
    role = keeper()
    filed(role, ledger_effects, "r", record("1"))
    (sent,) = filed(role, ledger_effects, "s", record("1", "other"))
    assert isinstance(sent, Send)
    assert sent.message.reference == "s"
    assert "note 1" in sent.message.fault


def test_an_unsigned_record_is_refused_with_the_reason(ledger_effects: LedgerEffects) -> None:
    """A record that nobody signed never becomes durable."""
    (sent,) = filed(keeper(), ledger_effects, "r", replace(record("1"), signatures=()))
    assert isinstance(sent, Send)
    assert sent.message.fault


def test_blocks_are_closed_one_before_and_one_for_each_day() -> None:
    """Timers stand at the first day's start and after each day's end; each closes the block of its own period."""
    role = keeper()
    arms = role.handle(Started(), AHEAD)
    assert arms == [Arm(CloseNow(1), DAY.start), Arm(CloseNow(2), DAY.end + CLOSING)]
    assert role.handle(Fired(CloseNow(1)), DAY.start) == [CloseBlock(1, AHEAD, DAY.start)]
    assert role.handle(Fired(CloseNow(2)), DAY.end + CLOSING) == [CloseBlock(2, DAY.start, DAY.end)]


def test_a_site_that_begins_within_its_first_day_has_no_block_that_ends_before_it_begins() -> None:
    """On a wall clock the first day is under way: the block before it is closed at once, and is empty."""
    role, begun = keeper(), DAY.at(9)
    role.handle(Started(), begun)
    assert role.handle(Fired(CloseNow(1)), begun) == [CloseBlock(1, begun, begun)]


def blocks(ledger_effects: LedgerEffects, notes: str = "ab") -> list[BlockClosed]:
    """Two closed blocks of a real ledger, with a note in each."""
    closings = CloseBlock(1, AHEAD, DAY.start), CloseBlock(2, DAY.start, DAY.end)
    outcomes: list[object] = []
    for note, closing in zip(notes, closings, strict=True):
        for effect in (Append(note, (record(note),)), closing):
            outcomes += [outcome for _, outcome in ledger_effects.carry_out([("ledger", effect)], DAY.end)]
    return [outcome for outcome in outcomes if isinstance(outcome, BlockClosed)]


def announced(block: BlockClosed, by: str = "ledger") -> HeadAnnounced:
    """A head as it is announced, with the signature of an agent."""
    return HeadAnnounced(block.head, block.shown, Signer(players.key(by)).sign(block.head.message))


def test_a_closed_block_is_announced_and_its_signatures_are_kept(ledger_effects: LedgerEffects) -> None:
    """Every witness hears of the head; what it answers is a signature that the ledger takes."""
    role = keeper()
    block, _ = blocks(ledger_effects)
    first = block.head
    agr, dso = players.aggregator(), players.dso()
    pump = Pump(role, agr, dso)
    pump.post("ledger", role.handle(block, DAY.end), DAY.end)
    assert {to for _, to, m in pump.log if isinstance(m, HeadAnnounced)} == set(WITNESSES)
    cosigned = [e for _, e in pump.effects if isinstance(e, Cosign)]
    assert {e.party for e in cosigned} == {"agr.example", "dso.example"}
    assert all(verify(RULES.keys[e.party], first.message, e.signature) for e in cosigned)
    assert list(ledger_effects.carry_out([("ledger", e) for e in cosigned], DAY.end)) == []


def test_only_witnesses_cosign_and_only_known_heads(ledger_effects: LedgerEffects) -> None:
    """Signatures of strangers, or of heads that were never closed, are dropped."""
    role = keeper()
    role.handle(blocks(ledger_effects)[0], DAY.end)
    assert role.handle(Received("farm-a", 1, HeadCosigned(1, b"s")), DAY.end) == []
    assert role.handle(Received("agr", 1, HeadCosigned(2, b"s")), DAY.end) == []


def hear(role: Role, message: object, sender: str = "ledger") -> list[object]:
    """What a role says to a message: publications themselves, and what it sends."""
    effects = role.handle(Received(sender, 1, message), DAY.end)
    return [e.publication if isinstance(e, Publish) else e.message for e in effects if isinstance(e, Publish | Send)]


def test_a_head_that_does_not_follow_is_not_signed(ledger_effects: LedgerEffects) -> None:
    """A witness signs the chain it knows: a gap, another past, leaves that do not give the root, a stranger's head are breaches."""
    first, second = blocks(ledger_effects)
    agr = players.aggregator()

    def refused(block: BlockClosed, sender: str = "ledger", by: str = "ledger") -> str:
        (publication,) = hear(agr, announced(block, by), sender)
        assert isinstance(publication, HeadRefused)
        return publication.reason

    assert "not announced and signed" in refused(first, sender="farm-a")
    assert "not announced and signed" in refused(first, by="farm-a")
    assert "do not give its root" in refused(replace(first, shown=BlockLeaves((), bytes(32))))
    assert "bytes of leaf hashes" in refused(replace(first, shown=BlockLeaves()))
    assert "no beginning" in refused(replace(first, head=replace(first.head, previous=bytes(32))))
    assert isinstance(hear(agr, announced(first))[0], HeadCosigned)
    assert "not follow" in refused(replace(second, head=replace(second.head, previous=bytes(32))))
    assert "not follow" in refused(replace(second, head=replace(second.head, number=3)))
    other = BlockLeaves((bytes(32),), second.shown.leaves)
    forged = replace(second.head, root=root_of(grown(1, other.frontier, [other.leaves])))
    assert "not those under the head before" in refused(BlockClosed(forged, other))
    assert isinstance(hear(agr, announced(second))[0], HeadCosigned)


def test_every_cosigner_keeps_a_replica_of_the_leaf_hashes(ledger_effects: LedgerEffects) -> None:
    """What it keeps of each block gives the head's root, without the ledger."""
    agr, found = players.aggregator(), blocks(ledger_effects)
    for block in found:
        hear(agr, announced(block))
    state = agr.part(HeadCosigning).state
    leaves = b"".join(state.leaves[number] for number in sorted(state.leaves))
    assert root([leaves[:32], leaves[32:]]) == found[-1].head.root
    assert state.head == found[-1].head


@pytest.fixture
def two_histories(ledger_effects: LedgerEffects, tmp_path: Path) -> Iterator[tuple[BlockClosed, BlockClosed]]:
    """The first block of two ledgers of the same parties, one with another note."""
    other = LedgerEffects(tmp_path / "other.sqlite", RULES.keys, {"site": "test"})
    yield blocks(ledger_effects)[0], blocks(other, "xb")[0]
    other.close()


def test_a_keeper_that_shows_two_histories_is_found_out(two_histories: tuple[BlockClosed, BlockClosed]) -> None:
    """Each party is shown a sound history of its own, and signs it; telling each other of it, both find out and sign no more."""
    one, two = two_histories
    roles = {"agr": players.aggregator(), "dso": players.dso()}
    said = {name: hear(roles[name], announced(block)) for name, block in (("agr", one), ("dso", two))}
    for name, other in (("agr", "dso"), ("dso", "agr")):
        signature, seen = said[name]
        assert isinstance(signature, HeadCosigned)
        assert isinstance(seen, HeadSeen)
        (found,) = hear(roles[other], seen, name)
        assert isinstance(found, HistorySplit)
        assert (found.keeper, found.told_by, found.seen_by) == ("ledger", name, other)
        assert {found.ours, found.theirs} == {one.head.digest.hex(), two.head.digest.hex()}


def test_a_second_history_is_found_out_whichever_is_heard_of_first(
    two_histories: tuple[BlockClosed, BlockClosed],
) -> None:
    """Told of the other's head before its own comes, or shown both itself: no signature, and it is published."""
    one, two = two_histories
    seen = HeadSeen(two.head, announced(two).signature)
    agr = players.aggregator()
    assert hear(agr, seen, "dso") == []
    found, *told = hear(agr, announced(one))
    assert isinstance(found, HistorySplit)
    assert [type(message) for message in told] == [HeadSeen]
    dso = players.dso()
    assert isinstance(hear(dso, announced(one))[0], HeadCosigned)
    assert isinstance(hear(dso, announced(two))[0], HistorySplit)
    assert hear(dso, HeadSeen(one.head, announced(one).signature), "agr") == []
    for wrong, sender in ((HeadSeen(two.head, bytes(64)), "agr"), (seen, "farm-a")):
        (lapse,) = hear(dso, wrong, sender)
        assert isinstance(lapse, MessageLapsed)


def test_after_a_split_nothing_is_signed(ledger_effects: LedgerEffects, tmp_path: Path) -> None:
    """A second block that follows the first is refused by who has seen two first ones."""
    first, second = blocks(ledger_effects)
    other = LedgerEffects(tmp_path / "other.sqlite", RULES.keys, {"site": "test"})
    rival = blocks(other, "xb")[0]
    other.close()
    agr = players.aggregator()
    hear(agr, announced(first))
    hear(agr, HeadSeen(rival.head, announced(rival).signature), "dso")
    (refused,) = hear(agr, announced(second))
    assert isinstance(refused, HeadRefused)
    assert "two histories" in refused.reason


def test_an_outcome_goes_to_who_filed_under_its_own_reference() -> None:
    """The reference comes back to its sender as it was given."""
    assert keeper().handle(Recorded(FiledBy("dso", "orders 2016-06-15 p 3"), "clash"), AHEAD + timedelta(0)) == [
        Send("dso", Receipt("orders 2016-06-15 p 3", "clash"))
    ]
