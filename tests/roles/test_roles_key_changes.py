"""Keys are rotated and revoked on a day: who signs with which key, who learns of it, and what is refused from then on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agents.roles.effects import Effect, Send
from agents.roles.events import Recalled, Started
from agents.roles.identity import AgentIdentity
from agents.roles.messages import KeyChanged
from agents.roles.parts.key_changes import KeyChanges, KeyFiling
from agents.roles.parts.negotiation import ContractNegotiation
from cim.platform.mailbox.requests import MAILBOX, KeyRotationWanted, RequestAnswered
from cim.platform.publications.incidents import RuleBroken
from cim.platform.publications.ledger import RecordRefused
from experiments.market.keys import key_rows
from experiments.market.rows import MarketBook
from experiments.market.tables import tables
from market.ledger.checking import check_inclusion
from market.ledger.party_keys import REVOCATION, ROTATION, rotation
from market.ledger.prover import Prover
from market.ledger.reader import LedgerReader
from market.ledger.records import Record
from market.ledger.signing import Signer, simulation_seed, verify
from market.ledger.verify import verify as verify_ledger
from market.rules import PlannedKeyChange
from tests.worlds import players
from tests.worlds.miniature import Miniature, second_key
from tests.worlds.players import DAY, NOON

NEW = second_key("agr")
NEW_SEED = simulation_seed(2, "agr.example")
ROTATED = PlannedKeyChange("agr.example", NOON, NEW.public)
REVOKED = PlannedKeyChange("agr-2.example", NOON, b"", "its laptop was stolen")
REPLACED = PlannedKeyChange("agr-2.example", NOON, second_key("agr-2").public, "its laptop was stolen")
END = DAY.end + timedelta(hours=12)


@pytest.fixture(scope="module")
def rotated(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    """A day on which agr rotates its key at noon and the keeper revokes and replaces that of agr-2."""
    world = Miniature(tmp_path_factory.mktemp("keys") / "ledger.db", key_changes=(ROTATED, REPLACED))
    world.play(END)
    world.ledger.close()
    return world


@pytest.fixture(scope="module")
def revoked(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    """A day on which the keeper revokes the key of agr-2 at noon, and nothing stands in its place."""
    world = Miniature(tmp_path_factory.mktemp("keys") / "ledger.db", key_changes=(REVOKED,))
    world.play(END)
    world.ledger.close()
    return world


def recorded(world: Miniature) -> tuple[Record, ...]:
    """All records of a world's ledger, in their order."""
    with LedgerReader(world.path) as reader:
        return reader.records()


def of_party(world: Miniature, party: str, kind: str) -> tuple[list[Record], list[Record]]:
    """What a party signed before and behind the change of its key."""
    records = recorded(world)
    place = next(n for n, record in enumerate(records) if record.kind == kind and record.key.startswith(f"{party}/"))
    signed = [party in {s.party for s in record.signatures} for record in records]
    before = [record for record, by in zip(records[:place], signed[:place], strict=True) if by]
    return before, [record for record, by in zip(records[place + 1 :], signed[place + 1 :], strict=True) if by]


def signed_by(record: Record, party: str, public: bytes) -> bool:
    """Whether a party's signature of a record is by a key."""
    return any(s.party == party and verify(public, record.message, s.value) for s in record.signatures)


@pytest.mark.parametrize(
    ("party", "kind"), [("agr", ROTATION), ("agr-2", REVOCATION)], ids=["rotated", "revoked and replaced"]
)
def test_a_day_goes_over_to_a_new_key_at_noon_and_its_ledger_verifies(
    rotated: Miniature, party: str, kind: str
) -> None:
    """Everything before it is signed by the old key, everything behind it by the new one, and nothing was refused."""
    before, behind = of_party(rotated, f"{party}.example", kind)
    assert before
    assert behind
    old = Signer(players.key(party)).public
    assert all(signed_by(record, f"{party}.example", old) for record in before)
    assert all(signed_by(record, f"{party}.example", second_key(party).public) for record in behind)
    assert not rotated.told(RecordRefused, RuleBroken)
    assert verify_ledger(rotated.path).records == len(recorded(rotated))


def test_what_either_key_has_signed_on_the_day_is_proven(rotated: Miniature) -> None:
    """Under the day's last head, without the ledger: every record of both parties that is in a block."""
    with LedgerReader(rotated.path) as reader:
        (head,) = reader.heads()[-1:]
    with Prover(rotated.path) as prover:
        for party, kind in (("agr.example", ROTATION), ("agr-2.example", REVOCATION)):
            before, behind = of_party(rotated, party, kind)
            for record in (before[0], before[-1], behind[0]):
                proof = prover.inclusion(record.kind, record.key)
                assert check_inclusion(proof, head.digest).record == record


def test_everybody_learns_the_new_key_from_the_keeper(rotated: Miniature) -> None:
    """Each party that checks signatures goes by the new keys; each device's agent was told and goes on."""
    told = {to for sender, to, message in rotated.sent if isinstance(message, KeyChanged) and sender == "ledger"}
    assert told == set(rotated.rules.domains) - {"ledger"}
    parties = [role for role in rotated.roles.values() if "KeyChanges" in role.parts]
    assert len(parties) == 9
    for role in parties:
        assert role.me.keys["agr.example"] == NEW.public
        assert role.me.keys["agr-2.example"] == second_key("agr-2").public


def test_changes_of_keys_are_shown(rotated: Miniature) -> None:
    """As rows and as a table: when, whose, which keys, by whom and why."""
    rows = tuple(sorted(key_rows(recorded(rotated)), key=lambda row: row.by))
    assert [(row.party, row.by, row.reason) for row in rows] == [
        ("agr.example", "agr.example", ""),
        ("agr-2.example", "ledger.example", "its laptop was stolen"),
    ]
    assert [row.new for row in rows] == [NEW.public.hex(), second_key("agr-2").public.hex()]
    (table,) = tables(MarketBook("EUR", *((),) * 8, keys=rows), ["keys"])
    assert table.row_count == 2


def test_heads_are_signed_with_the_new_key(rotated: Miniature) -> None:
    """The head of the day is co-signed by the new key, that of the block before it by the old one."""
    with LedgerReader(rotated.path) as reader:
        heads = [(head, {s.party: s.value for s in reader.cosignatures(head.number)}) for head in reader.heads()]
    keys = [Signer(players.key("agr")).public, NEW.public]
    assert len(heads) == 2
    for (head, signatures), public in zip(heads, keys, strict=True):
        assert verify(public, head.message, signatures["agr.example"])


def test_what_a_party_signs_after_its_revocation_is_refused(revoked: Miniature) -> None:
    """The keeper takes no record of it any more, which is told with the reason; the others' day goes on and verifies."""
    before, behind = of_party(revoked, "agr-2.example", REVOCATION)
    assert before
    assert not behind
    refused = [told.reason for told in revoked.told(RecordRefused)]
    assert refused
    assert all("key of agr-2.example is revoked" in reason for reason in refused)
    told = revoked.told(RuleBroken)
    assert any("a co-signature of block 2" in broken.reason for broken in told)
    assert verify_ledger(revoked.path).records == len(recorded(revoked))


def test_nobody_but_the_keeper_says_that_a_key_is_another(rotated: Miniature) -> None:
    """A rotation that another agent passes on is a broken rule, and changes nothing."""
    role = players.farm("farm-a")
    record = rotation("agr.example", Signer(players.key("agr")), NEW, NOON)
    (effect,) = role.handle(players.Received("agr", 1, KeyChanged(record)), NOON)
    assert isinstance(effect.publication, RuleBroken)  # type: ignore[attr-defined]
    assert role.me.keys == players.RULES.keys


def test_a_rotation_that_the_old_key_has_not_signed_is_not_followed() -> None:
    """Even when the keeper tells it."""
    role, other = players.farm("farm-a"), second_key("farm-b")
    forged = rotation("agr.example", Signer(players.key("agr")), NEW, NOON)
    forged = Record(forged.kind, forged.key, forged.at, forged.author, forged.body).signed("agr.example", other)
    (effect,) = role.handle(players.Received("ledger", 1, KeyChanged(forged)), NOON)
    assert "does not follow" in effect.publication.reason  # type: ignore[attr-defined]
    assert role.me.keys == players.RULES.keys


def test_a_rotation_waits_for_open_negotiations() -> None:
    """It is put off to the next control interval as long as an offer may be taken; then it is filed."""
    talks = [True]
    me = AgentIdentity("agr", replace(players.RULES, key_changes=(ROTATED,)), players.key("agr") + NEW_SEED)
    part = KeyChanges(me, "ledger", lambda: not talks[0])
    (armed,) = part.started(Started(), NOON - timedelta(hours=1))
    assert armed.at > NOON  # type: ignore[attr-defined]
    (again,) = part.rotate(armed.timer, armed.at)  # type: ignore[attr-defined]
    assert again.at > armed.at  # type: ignore[attr-defined]
    assert me.signer.public != NEW.public
    talks[0] = False
    (filed,) = part.rotate(again.timer, again.at)  # type: ignore[attr-defined]
    assert isinstance(filed.message.reference, KeyFiling)  # type: ignore[attr-defined]
    assert me.signer.public == NEW.public


def test_a_snapshot_and_the_ledger_both_bring_the_keys_back(rotated: Miniature) -> None:
    """Who goes on from its snapshot, or from nothing but the ledger, signs with its new key and knows those of others."""
    role = rotated.roles["agr"]
    fresh = Miniature(rotated.path.with_name("other.db"), key_changes=(ROTATED, REPLACED))
    fresh.ledger.close()
    restored, rebuilt = fresh.roles["agr"], fresh.roles["home-a"]
    restored.restore(role.snapshot())
    changes = tuple(record for record in recorded(rotated) if record.kind in (ROTATION, REVOCATION))
    rebuilt.handle(Recalled(changes, (), NOON, END), END)
    assert restored.me.signer.public == NEW.public
    assert restored.me.keys == rebuilt.me.keys == role.me.keys


def test_a_refused_rotation_leaves_the_old_key(tmp_path: Path) -> None:
    """It is told, and the day ends with the old key in a ledger that verifies."""
    key = f"rotation of the key agr.example/{Signer(players.key('agr')).public.hex()[:16]}"
    world = Miniature(
        tmp_path / "ledger.db", key_changes=(ROTATED,), refuse=lambda reference: "KeyFiling" in str(reference)
    )
    world.play(NOON + timedelta(minutes=1))
    assert [told.reference for told in world.told(RecordRefused)] == [key]
    assert world.roles["agr"].me.signer.public == Signer(players.key("agr")).public
    assert not world.roles["agr"].part(ContractNegotiation).is_talking


class Asked(Miniature):
    """A day on which somebody asks agr for another key at noon and again at one, without any plan; it has one to go over to."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.answers: list[RequestAnswered] = []
        me = self.roles["agr"].me
        assert len(me._signers) == 1
        me._signers = (*me._signers, NEW)

    def _take(self, name: str, effect: Effect, now: datetime) -> None:
        if isinstance(effect, Send) and effect.to == MAILBOX:
            assert isinstance(effect.message, RequestAnswered)
            self.answers.append(effect.message)
        else:
            super()._take(name, effect, now)

    def ask(self, to: str, number: int, now: datetime, sender: str = MAILBOX) -> None:
        """Somebody asks through the portal."""
        self.hear(sender, to, number, KeyRotationWanted(f"number-{number}", "ada"), now)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """The day."""
    world = Asked(tmp_path_factory.mktemp("asked") / "ledger.db")
    advance, due = world.physics.advance, [(NOON, 1), (NOON + timedelta(hours=1), 2)]

    def advanced(now: datetime) -> None:
        advance(now)
        while due and now >= due[0][0]:
            number = due.pop(0)[1]
            world.ask("agr", number, now)
            if number == 1:
                world.ask("ledger", 3, now)
                world.ask("agr-2", 4, now, sender="dso")

    world.physics.advance = advanced  # type: ignore[method-assign]
    world.play(END)
    world.ledger.close()
    return world


def test_a_key_is_rotated_on_request_and_the_ledger_verifies(asked: Asked) -> None:
    """As if it had been planned: the old key before the record, the new one behind it, and everybody knows it."""
    before, behind = of_party(asked, "agr.example", ROTATION)
    assert before
    assert behind
    assert all(signed_by(record, "agr.example", Signer(players.key("agr")).public) for record in before)
    assert all(signed_by(record, "agr.example", NEW.public) for record in behind)
    assert not asked.told(RecordRefused, RuleBroken)
    assert verify_ledger(asked.path).records == len(recorded(asked))
    assert asked.roles["dso"].me.keys["agr.example"] == NEW.public


def test_what_cannot_be_rotated_is_refused_in_a_sentence(asked: Asked) -> None:
    """Where no further key was prepared, and the keeper's; who is not the portal is not heard."""
    assert {answer.number: (answer.accepted, answer.reason) for answer in asked.answers} == {
        "number-1": (True, f"agr.example goes over to the key {NEW.public.hex()}"),
        "number-2": (False, "no further key of agr.example was prepared at the site's start"),
        "number-3": (False, "the ledger's keeper keeps its key, by which it revokes those of others"),
    }
