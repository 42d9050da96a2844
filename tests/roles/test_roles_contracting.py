"""Two negotiating parties end with the same contract, signed by both, or with none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agents.roles.effects import Arm, Publish
from agents.roles.identity import AgentIdentity
from agents.roles.messages import Filed
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.negotiation import PATIENCE, ContractNegotiation
from agents.roles.role import Role
from cim.codec.codec import decode
from cim.platform.publications.incidents import RuleBroken
from market.contracts.contract import FlexContract
from market.ledger.signing import verify
from market.negotiation.concession import NegotiationPreferences, Side, Terms
from market.negotiation.conversation import GRACE, Negotiation, State
from market.negotiation.messages import ContractAccept, ContractCounter, ContractProposal, ContractReject
from tests.worlds import players
from tests.worlds.players import AHEAD, RULES, Pump

BUYER, SELLER = "agr", "farm-a"


class Negotiator(Role):
    """A party that does nothing but negotiate a price between `aspiration` and `reservation`."""

    def __init__(self, name: str, side: Side, aspiration: int, reservation: int) -> None:
        me = AgentIdentity(name, RULES, players.key(name))
        wants = NegotiationPreferences(side, Terms(aspiration, 100), Terms(reservation, 100), 8)
        self.contracts = Contracts(me, lambda _: True)
        self.negotiation = ContractNegotiation(me, "ledger", self.contracts, lambda _: wants)
        super().__init__(me, self.contracts, self.negotiation)

    @property
    def concluded(self) -> list[FlexContract]:
        """All it has, with whomever."""
        return [contract for agreed in self.contracts.state.contracts.values() for contract in agreed]

    @property
    def talks(self) -> dict[str, Negotiation]:
        """Its conversations."""
        return self.negotiation.state.talks


def draft() -> FlexContract:
    """What is negotiated about."""
    return players.agreement(SELLER)


def parties(
    buyer: tuple[int, int] = (700, 2200), seller: tuple[int, int] = (1800, 800)
) -> tuple[Negotiator, Negotiator, Pump]:
    """A buyer and a seller, each with (aspiration, reservation)."""
    one, other = Negotiator(BUYER, Side.BUYER, *buyer), Negotiator(SELLER, Side.SELLER, *seller)
    return one, other, Pump(one, other)


def breaches(pump: Pump) -> list[str]:
    """Why somebody broke the protocol."""
    told = [e.publication for _, e in pump.effects if isinstance(e, Publish)]
    return [publication.reason for publication in told if isinstance(publication, RuleBroken)]


def test_overlapping_reservations_end_in_one_contract() -> None:
    """Both hold the same contract at a price both would still take."""
    buyer, seller, pump = parties()
    pump.post(BUYER, buyer.negotiation.propose(draft(), AHEAD), AHEAD)
    assert buyer.concluded == seller.concluded
    (contract,) = buyer.concluded
    assert 800 <= contract.volume_price_e4_per_kwh <= 2200
    assert breaches(pump) == []


def test_the_contract_is_filed_once_and_signed_by_both() -> None:
    """The buyer alone files the record; it carries both parties' valid signatures of the very contract."""
    buyer, _, pump = parties()
    pump.post(BUYER, buyer.negotiation.propose(draft(), AHEAD), AHEAD)
    (filed,) = pump.said(Filed)
    (record,) = filed.records
    assert pump.said(Filed, sender=SELLER) == []
    assert decode(record.body) == buyer.concluded[0]
    assert {s.party for s in record.signatures} == {f"{BUYER}.example", f"{SELLER}.example"}
    assert all(verify(RULES.keys[s.party], record.message, s.value) for s in record.signatures)


def test_incompatible_reservations_end_in_a_reject() -> None:
    """When the buyer's most is below the seller's least, both know it came to nothing and nothing is filed."""
    buyer, seller, pump = parties(buyer=(100, 500), seller=(1800, 800))
    pump.post(BUYER, buyer.negotiation.propose(draft(), AHEAD), AHEAD)
    assert len(pump.said(ContractReject)) == 1
    assert buyer.concluded == seller.concluded == []
    assert {talk.state for party in (buyer, seller) for talk in party.talks.values()} == {State.REJECTED}
    assert pump.said(Filed) == []


def test_a_message_that_names_another_sender_is_a_breach() -> None:
    """A proposal delivered by somebody else than it names is published as a breach and not answered."""
    buyer, seller, pump = parties()
    pump.deaf = (SELLER,)
    pump.post(BUYER, buyer.negotiation.propose(draft(), AHEAD), AHEAD)
    (proposal,) = pump.said(ContractProposal)
    pump.deaf = ()
    pump.tell(SELLER, "farm-b", proposal, AHEAD)
    assert breaches(pump) == ["the message names another sender"]
    assert seller.talks == {}


@pytest.mark.parametrize(
    "forgery",
    [lambda c: replace(c, volume_price_e4_per_kwh=1), lambda c: replace(c, contract_id="c-2")],
    ids=["price", "id"],
)
def test_a_contract_changed_after_signing_is_a_breach(forgery: Any) -> None:
    """An offer whose contract is not the one that was signed is refused and leaves no conversation behind."""
    buyer, seller, pump = parties()
    pump.deaf = (SELLER,)
    pump.post(BUYER, buyer.negotiation.propose(draft(), AHEAD), AHEAD)
    (proposal,) = pump.said(ContractProposal)
    pump.deaf = ()
    pump.tell(SELLER, BUYER, replace(proposal, contract=forgery(proposal.contract)), AHEAD)
    assert len(breaches(pump)) == 1
    assert "signature" in breaches(pump)[0]
    assert seller.talks == {}


def test_an_answer_to_no_conversation_is_a_breach() -> None:
    """Nobody can accept what was never offered."""
    buyer, _, pump = parties()
    stray = ContractAccept("nowhere", f"{SELLER}.example", f"{BUYER}.example", 1, AHEAD, b"\0" * 64)
    pump.tell(BUYER, SELLER, stray, AHEAD)
    assert breaches(pump) == ["no such conversation"]
    assert buyer.concluded == []


def test_an_unanswered_offer_lapses_after_the_grace() -> None:
    """The offer's timer stands at its expiry plus the grace; then the conversation is over, and late answers breach."""
    buyer, _, pump = parties()
    pump.deaf = (SELLER,)
    pump.post(BUYER, buyer.negotiation.propose(draft(), AHEAD), AHEAD)
    (arm,) = [effect for _, effect in pump.effects if isinstance(effect, Arm)]
    assert arm.at == AHEAD + PATIENCE + GRACE
    (talk,) = buyer.talks.values()
    pump.fire(BUYER, arm.timer, arm.at - timedelta(seconds=1))
    assert talk.state is State.WAITING
    pump.fire(BUYER, arm.timer, arm.at)
    assert talk.state is State.LAPSED


def test_a_negotiation_survives_a_restart_in_the_middle() -> None:
    """A party restored from its snapshot answers the next counter as the one that went on."""
    buyer, _, pump = parties()
    pump.deaf = (BUYER,)
    pump.post(BUYER, buyer.negotiation.propose(draft(), AHEAD), AHEAD)
    (counter,) = pump.said(ContractCounter)
    again = Negotiator(BUYER, Side.BUYER, 700, 2200)
    again.restore(buyer.snapshot())
    answers = [party.negotiation.contract_offered(counter, SELLER, AHEAD) for party in (buyer, again)]
    assert answers[0] == answers[1]
    assert answers[0]
