"""Two honest negotiators, a channel that delays, clocks that run: they never end in contradiction."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from market.contracts.contract import FlexElement
from market.contracts.templates import from_template
from market.errors import RemoteProtocolError
from market.ledger.signing import key_from_seed
from market.negotiation.concession import NegotiationPreferences, Side, Terms, conceded, offer_at, respond
from market.negotiation.conversation import Negotiation, State, accept_of, reject_of, signed_offer
from market.negotiation.messages import ContractCounter, ContractProposal, Message, Offer

START = datetime(2026, 5, 1, 10, tzinfo=UTC)
NAMES = ("agr.example", "house.example")
SIGNERS = {name: key_from_seed(9, name) for name in NAMES}
KEYS = {name: signer.public for name, signer in SIGNERS.items()}
CONTRACT = from_template(
    "household-daily", contract_id="c-1", buyer=NAMES[0], seller=NAMES[1], start_date=date(2026, 5, 2),
    end_date=date(2027, 5, 1), timezone="Europe/Vienna", flex_elements=(FlexElement("hp", "heat pump", 3000, -3000),),
)  # fmt: skip
OPEN = {State.WAITING, State.DECIDING}


class TwoNegotiators(RuleBasedStateMachine):
    """Both sides say only what is theirs to say, when they may; everything else is up to the channel and the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.sides = (Negotiation("n", *NAMES, KEYS), Negotiation("n", *reversed(NAMES), KEYS))
        self.inbox: tuple[list[Message], list[Message]] = ([], [])

    def say(self, side: int, message: Message) -> None:
        """Send it; it arrives when the channel likes."""
        self.inbox[1 - side].append(self.sides[side].send(message))

    def offer(self, side: int, price: int, minutes: int) -> Offer:
        """The next offer of a side, open for some minutes."""
        me = self.sides[side]
        kind = ContractCounter if me.round else ContractProposal
        contract = replace(CONTRACT, volume_price_e4_per_kwh=price)
        made = kind("n", me.us, me.peer, me.round + 1, self.now, contract, self.now + timedelta(minutes=minutes))
        return signed_offer(made, SIGNERS[me.us])

    def may_answer(self, side: int) -> bool:
        """Whether an offer that still holds waits for this side."""
        me = self.sides[side]
        return me.lapse(self.now) is State.DECIDING

    @precondition(lambda self: self.sides[0].state is State.IDLE)
    @rule(price=st.integers(0, 5000), minutes=st.integers(1, 60))
    def propose(self, price: int, minutes: int) -> None:
        """The buyer opens."""
        self.say(0, self.offer(0, price, minutes))

    @rule(side=st.integers(0, 1), price=st.integers(0, 5000), minutes=st.integers(1, 60))
    def counter(self, side: int, price: int, minutes: int) -> None:
        """Whoever has an offer before it makes another."""
        if self.may_answer(side):
            self.say(side, self.offer(side, price, minutes))

    @rule(side=st.integers(0, 1), take=st.booleans())
    def answer(self, side: int, take: bool) -> None:
        """Whoever has an offer before it takes or refuses it."""
        offer = self.sides[side].offer
        if self.may_answer(side) and offer is not None:
            accept = accept_of(offer, self.now, SIGNERS[self.sides[side].us])
            self.say(side, accept if take else reject_of(offer, self.now, "no"))

    @rule(side=st.integers(0, 1))
    def deliver(self, side: int) -> None:
        """The oldest message on its way arrives: from an honest peer it is never a breach, however late it is."""
        if self.inbox[side]:
            self.sides[side].receive(self.inbox[side].pop(0))

    @rule(seconds=st.integers(1, 4000))
    def wait(self, seconds: int) -> None:
        """Time passes; each side looks at its clock or not."""
        self.now += timedelta(seconds=seconds)

    @rule(side=st.integers(0, 1))
    def look_at_the_clock(self, side: int) -> None:
        """A side notes what has expired."""
        self.sides[side].lapse(self.now)

    @invariant()
    def nobody_holds_another_contract(self) -> None:
        """When both have agreed they have agreed on the same thing, signed by both."""
        if all(side.state is State.AGREED for side in self.sides):
            first, second = (side.record() for side in self.sides)
            assert first == second
            assert {signature.party for signature in first.signatures} == set(NAMES)

    def teardown(self) -> None:
        """In the end everything arrives and all offers expire: both have agreed, or neither has, and nobody waits."""
        while any(self.inbox):
            for side in (0, 1):
                self.deliver(side)
        self.now += timedelta(hours=2)
        states = [side.lapse(self.now) for side in self.sides]
        assert not set(states) & OPEN
        assert len({state is State.AGREED for state in states}) == 1


TwoNegotiators.TestCase.settings = settings(max_examples=120, stateful_step_count=25)
test_two_negotiators = TwoNegotiators.TestCase


CHANGES: dict[str, Any] = {
    "conversation_id": "m", "sender": "eve.example", "recipient": "eve.example", "round": 7,
    "at": START + timedelta(seconds=1), "contract": replace(CONTRACT, penalty_e4_per_kwh=1),
    "expires": START + timedelta(minutes=59),
    "signature": bytes(64),
}  # fmt: skip


@pytest.mark.parametrize("name", [field.name for field in fields(ContractProposal)])
def test_an_offer_changed_on_its_way_is_not_taken(name: str) -> None:
    """Each field of a signed offer is bound to the signature or held against the conversation, but its expiry."""
    made = ContractProposal("n", *NAMES, 1, START, CONTRACT, START + timedelta(hours=1))
    sent = signed_offer(made, SIGNERS[NAMES[0]])
    house = Negotiation("n", *reversed(NAMES), KEYS)
    changed = replace(sent, **{name: CHANGES[name]})
    if name == "expires":  # what is signed is the record that the contract becomes, and that does not say until when
        assert house.receive(changed) is State.DECIDING
        return
    with pytest.raises(RemoteProtocolError):
        house.receive(changed)
    assert (house.state, house.offer) == (State.IDLE, None)
    assert house.receive(sent) is State.DECIDING


PRICES = st.tuples(st.integers(0, 5000), st.integers(0, 5000))


@given(
    prices=PRICES, capacities=PRICES, rounds=st.integers(1, 20), beta=st.floats(0.1, 10), seller=st.booleans(),
    offered=st.builds(Terms, st.integers(0, 5000), st.integers(0, 5000)),
)  # fmt: skip
def test_a_side_gives_way_step_by_step_and_never_beyond_its_reservation(
    prices: tuple[int, int], capacities: tuple[int, int], rounds: int, beta: float, seller: bool, offered: Terms
) -> None:
    """Each offer is worth no more than the one before and no less than the reservation; what is accepted is neither."""
    low, high = Terms(min(prices), min(capacities)), Terms(max(prices), max(capacities))
    side = Side.SELLER if seller else Side.BUYER
    wants = NegotiationPreferences(side, high if seller else low, low if seller else high, rounds, beta)
    worth = [wants.value(offer_at(wants, number)) for number in range(1, rounds + 3)]
    assert worth == sorted(worth, reverse=True)
    assert worth[-1] == wants.value(wants.reservation)
    assert worth[0] == (wants.value(wants.aspiration) if rounds > 1 else worth[-1])
    assert [conceded(number, rounds, beta) for number in (rounds, rounds + 5)] == [1.0, 1.0]
    for number in range(1, rounds + 2):
        move, terms = respond(wants, offered, number)
        if move.value == "accept":
            assert wants.value(offered) >= wants.value(wants.reservation)
        elif move.value == "counter":
            assert wants.value(terms) > wants.value(offered)
            assert number < rounds
