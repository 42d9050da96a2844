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
from agents.roles.messages import Filed, HeadAnnounced, HeadCosigned, Receipt
from agents.runtime.host.ledger_effects import LedgerEffects
from cim.platform.publications.ledger import HeadRefused
from market.ledger.records import BlockHead, Record
from market.ledger.signing import verify
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


def heads(ledger_effects: LedgerEffects, role: KeeperRole) -> list[BlockHead]:
    """Two closed blocks of a real ledger."""
    effects = [("ledger", CloseBlock(1, AHEAD, DAY.start)), ("ledger", CloseBlock(2, DAY.start, DAY.end))]
    outcomes = [outcome for _, outcome in ledger_effects.carry_out(effects, DAY.end)]
    return [outcome.head for outcome in outcomes if isinstance(outcome, BlockClosed)]


def test_a_closed_block_is_announced_and_its_signatures_are_kept(ledger_effects: LedgerEffects) -> None:
    """Every witness hears of the head; what it answers is a signature that the ledger takes."""
    role = keeper()
    first, _ = heads(ledger_effects, role)
    agr, dso = players.aggregator(), players.dso()
    pump = Pump(role, agr, dso)
    pump.post("ledger", role.handle(BlockClosed(first), DAY.end), DAY.end)
    assert {to for _, to, m in pump.log if isinstance(m, HeadAnnounced)} == set(WITNESSES)
    cosigned = [e for _, e in pump.effects if isinstance(e, Cosign)]
    assert {e.party for e in cosigned} == {"agr.example", "dso.example"}
    assert all(verify(RULES.keys[e.party], first.message, e.signature) for e in cosigned)
    assert list(ledger_effects.carry_out([("ledger", e) for e in cosigned], DAY.end)) == []


def test_only_witnesses_cosign_and_only_known_heads(ledger_effects: LedgerEffects) -> None:
    """Signatures of strangers, or of heads that were never closed, are dropped."""
    role = keeper()
    role.handle(BlockClosed(heads(ledger_effects, role)[0]), DAY.end)
    assert role.handle(Received("farm-a", 1, HeadCosigned(1, b"s")), DAY.end) == []
    assert role.handle(Received("agr", 1, HeadCosigned(2, b"s")), DAY.end) == []


def test_a_head_that_does_not_follow_is_not_signed(ledger_effects: LedgerEffects) -> None:
    """A witness signs the chain it knows; a second version of a block, a gap, or a stranger's head are breaches."""
    first, second = heads(ledger_effects, keeper())
    agr = players.aggregator()

    def hear(head: BlockHead, sender: str = "ledger") -> object:
        (effect,) = agr.handle(Received(sender, 1, HeadAnnounced(head)), DAY.end)
        return effect

    assert isinstance(hear(first, "farm-a"), Publish)
    assert isinstance(hear(first), Send)
    rewritten = replace(first, root=b"\1" * 32)
    for false in (rewritten, replace(second, previous=rewritten.digest), replace(second, number=3)):
        refused = hear(false)
        assert isinstance(refused, Publish)
        assert isinstance(refused.publication, HeadRefused)
    assert isinstance(hear(second), Send)


def test_an_outcome_goes_to_who_filed_under_its_own_reference() -> None:
    """The reference comes back to its sender as it was given."""
    assert keeper().handle(Recorded(FiledBy("dso", "orders 2016-06-15 p 3"), "clash"), AHEAD + timedelta(0)) == [
        Send("dso", Receipt("orders 2016-06-15 p 3", "clash"))
    ]
