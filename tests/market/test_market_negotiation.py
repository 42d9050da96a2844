"""Negotiation keeps to its one table, whatever comes, and both sides end with the same signed contract."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.contracts.contract import FlexElement
from market.contracts.templates import from_template
from market.errors import LocalProtocolError, RemoteProtocolError
from market.ledger.records import Party
from market.ledger.signing import key_from_seed
from market.ledger.store import LedgerStore
from market.ledger.verify import verify
from market.negotiation.concession import (
    Move,
    NegotiationPreferences,
    Side,
    Terms,
    conceded,
    offer_at,
    respond,
    rubinstein_share,
)
from market.negotiation.conversation import Negotiation, State, accept_of, reject_of, signed_offer
from market.negotiation.messages import ContractCounter, ContractProposal, Message, Offer

NOW = datetime(2026, 5, 1, 10, tzinfo=UTC)
BUYER, SELLER = "agr.example", "house.example"
SIGNERS = {name: key_from_seed(3, name) for name in (BUYER, SELLER)}
KEYS = {name: signer.public for name, signer in SIGNERS.items()}
CONTRACT = from_template(
    "household-daily", contract_id="c-1", buyer=BUYER, seller=SELLER, start_date=date(2026, 5, 2),
    end_date=date(2027, 5, 1), timezone="Europe/Vienna", flex_elements=(FlexElement("hp", "heat pump", 3000, -3000),),
)  # fmt: skip


def offer(number: int, sender: str, at: datetime = NOW, **changes: Any) -> Offer:
    """A signed offer of round `number`."""
    kind = ContractProposal if number == 1 else ContractCounter
    other = SELLER if sender == BUYER else BUYER
    made = kind("conv", sender, other, number, at, replace(CONTRACT, **changes), at + timedelta(hours=1))
    return signed_offer(made, SIGNERS[sender])


def pair() -> tuple[Negotiation, Negotiation]:
    """Both sides of a fresh conversation."""
    return Negotiation("conv", BUYER, SELLER, KEYS), Negotiation("conv", SELLER, BUYER, KEYS)


def test_proposal_counter_accept_gives_one_record_signed_by_both(tmp_path: Path) -> None:
    """After offer, counter and accept both sides hold the same record, and the ledger takes it."""
    buyer, seller = pair()
    seller.receive(buyer.send(offer(1, BUYER)))
    counter = offer(2, SELLER, NOW + timedelta(minutes=1), volume_price_e4_per_kwh=1500)
    buyer.receive(seller.send(counter))
    assert (buyer.state, seller.state) == (State.DECIDING, State.WAITING)
    seller.receive(buyer.send(accept_of(counter, NOW + timedelta(minutes=2), SIGNERS[BUYER])))
    assert buyer.state is seller.state is State.AGREED
    assert buyer.record() == seller.record()
    with LedgerStore(tmp_path / "a.ledger") as ledger:
        ledger.create([Party(name, public) for name, public in KEYS.items()], {})
        ledger.append([buyer.record()])
        ledger.close_block(1, NOW, NOW, NOW)
    assert verify(tmp_path / "a.ledger").signatures == 2


def test_a_refusal_and_an_expired_offer_end_it() -> None:
    """Reject ends both sides; an unanswered offer lapses, for its maker only after the grace."""
    buyer, seller = pair()
    first = buyer.send(offer(1, BUYER))
    seller.receive(first)
    buyer.receive(seller.send(reject_of(offer(1, BUYER), NOW, "too little")))
    assert buyer.state is seller.state is State.REJECTED
    buyer, seller = pair()
    seller.receive(buyer.send(first))
    expired = NOW + timedelta(hours=1)
    assert seller.lapse(expired - timedelta(seconds=1)) is State.DECIDING
    assert seller.lapse(expired) is State.LAPSED
    assert buyer.lapse(expired) is State.WAITING
    assert buyer.lapse(expired + buyer.grace) is State.LAPSED
    assert buyer.receive(reject_of(offer(1, BUYER), NOW, "it crossed")) is State.LAPSED
    with pytest.raises(RemoteProtocolError, match="not allowed while lapsed"):
        buyer.receive(offer(1, SELLER))
    with pytest.raises(LocalProtocolError, match="nothing is agreed"):
        buyer.record()


def test_an_acceptance_made_in_time_is_one_however_late_it_comes() -> None:
    """Whoever gave its offer up for unanswered is bound by it all the same; not by an answer made after it expired."""
    buyer, seller = pair()
    seller.receive(buyer.send(offer(1, BUYER)))
    taken = seller.send(accept_of(offer(1, BUYER), NOW, SIGNERS[SELLER]))
    expired = NOW + timedelta(hours=1)
    assert buyer.lapse(expired + buyer.grace) is State.LAPSED
    with pytest.raises(RemoteProtocolError, match="expected before"):
        buyer.receive(accept_of(offer(1, BUYER), expired, SIGNERS[SELLER]))
    assert buyer.receive(taken) is State.AGREED
    assert buyer.record() == seller.record()
    buyer, seller = pair()
    seller.receive(buyer.send(offer(1, BUYER)))
    assert seller.lapse(expired) is State.LAPSED
    with pytest.raises(RemoteProtocolError, match="answers its own offer"):
        seller.receive(replace(accept_of(offer(1, BUYER), NOW, SIGNERS[BUYER]), sender=BUYER, recipient=SELLER))


def test_what_does_not_fit_is_the_senders_fault_and_changes_nothing() -> None:
    """Wrong conversation, party, round, time, contract or signature: an error on the right side, same state."""
    buyer, seller = pair()
    first = offer(1, BUYER)
    seller.receive(buyer.send(first))
    counter = offer(2, SELLER, NOW + timedelta(minutes=1))
    accept = accept_of(first, NOW + timedelta(minutes=1), SIGNERS[SELLER])
    wrong: list[tuple[Message, str]] = [
        (replace(counter, conversation_id="x"), "conversation_id x"),
        (replace(counter, sender="eve"), "from eve"),
        (offer(3, SELLER), "round 3; expected 2"),
        (offer(2, SELLER, NOW - timedelta(minutes=1)), "made at"),
        (offer(2, SELLER, NOW + timedelta(hours=2)), "made at"),
        (offer(2, SELLER, contract_id="c-2"), "contract c-2"),
        (offer(2, SELLER, penalty_e4_per_kwh=-1), "penalty_e4_per_kwh: -1"),
        (offer(2, SELLER, seller="eve"), "eve"),
        (replace(counter, contract=replace(CONTRACT, volume_price_e4_per_kwh=1)), "signature"),
        (replace(counter, expires=counter.at), "expires"),
        (replace(accept, round=2), "round 2"),
        (replace(accept, at=NOW + timedelta(hours=1)), "made at"),
        (replace(accept, signature=bytes(64)), "signature"),
        (first, "not allowed while waiting"),
    ]
    for message, words in wrong:
        with pytest.raises(RemoteProtocolError, match=words):
            buyer.receive(message)
        assert buyer.state is State.WAITING
    with pytest.raises(LocalProtocolError, match="not allowed while waiting"):
        buyer.send(reject_of(first, NOW, "taken back"))
    assert buyer.receive(accept) is State.AGREED


@given(st.lists(st.tuples(st.sampled_from([BUYER, SELLER]), st.integers(0, 5), st.booleans()), max_size=12))
def test_any_sequence_of_messages_ends_alike_on_both_sides(script: list[tuple[str, int, bool]]) -> None:
    """Fuzz: whatever one side may send, the other may receive; nothing else ever raises, and the states mirror."""
    mirror = {State.WAITING: State.DECIDING, State.DECIDING: State.WAITING}
    sides = dict(zip((BUYER, SELLER), pair(), strict=True))
    for sender, kind, _ in script:
        me, peer = sides[sender], sides[BUYER if sender == SELLER else SELLER]
        standing = me.offer or offer(1, peer.us)
        at = NOW + timedelta(minutes=me.round)
        message: Message
        if kind <= 1:
            message = offer(me.round + 1, sender, at)
        elif kind <= 3:
            message = replace(accept_of(standing, at, SIGNERS[sender]), sender=sender, recipient=peer.us)
        else:
            message = replace(reject_of(standing, at, "no"), sender=sender, recipient=peer.us)
        try:
            me.send(message)
        except LocalProtocolError:
            with pytest.raises(RemoteProtocolError):
                peer.receive(message)
        else:
            peer.receive(message)
        assert peer.state is mirror.get(me.state, me.state)


def test_rubinsteins_share() -> None:
    """The published values for discount factors .9/.9 and .9/.8."""
    assert rubinstein_share(0.9, 0.9) == pytest.approx(0.526316, abs=1e-6)
    assert rubinstein_share(0.9, 0.8) == pytest.approx(0.714286, abs=1e-6)
    with pytest.raises(BadInput, match="delta_first"):
        rubinstein_share(1.0, 0.5)


def test_concession_goes_from_aspiration_to_reservation() -> None:
    """Even, holding-out and early concessions start and end alike and differ in between."""
    assert [conceded(n, 5, 1.0) for n in (1, 3, 5, 9)] == [0.0, 0.5, 1.0, 1.0]
    assert conceded(3, 5, 0.2) < 0.5 < conceded(3, 5, 5.0)
    wants = NegotiationPreferences(Side.BUYER, Terms(800, 100), Terms(1600, 300), rounds=9)
    assert offer_at(wants, 1) == Terms(800, 100)
    assert offer_at(wants, 5) == Terms(1200, 200)
    assert offer_at(wants, 99) == Terms(1600, 300)
    assert Terms.of(Terms(1, 2).into(CONTRACT)) == Terms(1, 2)
    with pytest.raises(BadInput, match="aspires"):
        NegotiationPreferences(Side.BUYER, Terms(1600, 300), Terms(800, 100), rounds=9)


PRICES = st.integers(0, 5000)


@given(
    buyer=st.tuples(PRICES, PRICES), seller=st.tuples(PRICES, PRICES), rounds=st.integers(2, 20),
    betas=st.tuples(st.sampled_from([0.2, 1.0, 5.0]), st.sampled_from([0.2, 1.0, 5.0])),
)  # fmt: skip
def test_they_agree_exactly_when_there_is_room_and_never_beyond_a_reservation(
    buyer: tuple[int, int], seller: tuple[int, int], rounds: int, betas: tuple[float, float]
) -> None:
    """Alternating offers end in a deal if and only if the reservations leave room, at a value both still take."""
    wants = NegotiationPreferences(Side.BUYER, Terms(min(buyer), 0), Terms(max(buyer), 100), rounds, betas[0])
    asks = NegotiationPreferences(Side.SELLER, Terms(max(seller), 200), Terms(min(seller), 50), rounds, betas[1])
    sides, terms = (wants, asks), offer_at(wants, 1)
    for number in range(1, rounds + 3):
        me = sides[number % 2]
        move, answer = respond(me, terms, number)
        if move is not Move.COUNTER:
            break
        terms = answer
    room = max(buyer) + 100 >= min(seller) + 50
    assert (move is Move.ACCEPT) == room
    if room:
        assert wants.value(terms) >= wants.value(wants.reservation)
        assert asks.value(terms) >= asks.value(asks.reservation)
