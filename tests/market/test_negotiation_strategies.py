"""Every strategy against every other: who agrees is never worse off than with no contract, and every issue is negotiated."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.contracts.contract import ActivationPriceKind, CountedPer, FlexContract, FlexElement
from market.contracts.templates import from_template
from market.ledger.signing import key_from_seed, verify
from market.negotiation.concession import Move, NegotiationPreferences, Side, Terms, offer_at, respond
from market.negotiation.conversation import (
    Negotiation,
    State,
    accept_of,
    record_of,
    reject_of,
    signed_bytes,
    signed_offer,
)
from market.negotiation.issues import NEGOTIABLE, Issue, of_contract
from market.negotiation.messages import ContractCounter, ContractProposal, Message
from market.negotiation.strategies import STRATEGIES, strategy_of
from market.negotiation.strategy import Heard

NOW = datetime(2026, 5, 20, 8, tzinfo=UTC)
BUYER, SELLER = "agr.example", "farm.example"
SIGNERS = {name: key_from_seed(1, name) for name in (BUYER, SELLER)}
KEYS = {name: signer.public for name, signer in SIGNERS.items()}
PAIRS = list(product(STRATEGIES, STRATEGIES))
ELEMENTS = (FlexElement("bat", "battery", 9000, -9000, volume_price_e4_per_kwh=1500), FlexElement("pv", "pv", 5000, 0))
DRAFT = from_template(
    "household-daily", contract_id="c-1", buyer=BUYER, seller=SELLER, start_date=date(2026, 5, 20),
    end_date=date(2027, 5, 19), timezone="Europe/Vienna", flex_elements=ELEMENTS,
)  # fmt: skip


def wants(side: Side, aspiration: int, reservation: int, rounds: int = 8, **more: object) -> NegotiationPreferences:
    """A side that negotiates the volume price, and what else is said."""
    made = NegotiationPreferences(side, Terms(aspiration, 0), Terms(reservation, 0), rounds)
    return replace(made, **more)  # type: ignore[arg-type]


def talk(
    buyer: NegotiationPreferences, seller: NegotiationPreferences, draft: FlexContract = DRAFT
) -> tuple[Negotiation, list[Message]]:
    """A whole negotiation that the buyer opens, each message sent, received and checked; the buyer's end of it."""
    sides = {BUYER: Negotiation("n-1", BUYER, SELLER, KEYS), SELLER: Negotiation("n-1", SELLER, BUYER, KEYS)}
    prefer = {BUYER: buyer, SELLER: seller}
    expires = NOW + timedelta(minutes=10)
    first = strategy_of(buyer.strategy).opening(buyer, draft)
    message: Message = signed_offer(ContractProposal("n-1", BUYER, SELLER, 1, NOW, first, expires), SIGNERS[BUYER])
    said = [message]
    while isinstance(message, ContractProposal | ContractCounter):
        sides[message.sender].send(message)
        sides[message.recipient].receive(message)
        me, own = message.recipient, prefer[message.recipient]
        heard = Heard(message.contract, message.round, sides[me].earlier)
        answer = strategy_of(own.strategy).answer(own, heard)
        if answer.move is Move.ACCEPT:
            message = accept_of(message, NOW, SIGNERS[me])
        elif answer.move is Move.REJECT:
            message = reject_of(message, NOW, "beyond what can be agreed")
        else:
            counter = ContractCounter("n-1", me, message.sender, message.round + 1, NOW, answer.contract, expires)
            message = signed_offer(counter, SIGNERS[me])
        said.append(message)
    sides[message.sender].send(message)
    sides[message.recipient].receive(message)
    assert sides[BUYER].state is sides[SELLER].state
    return sides[BUYER], said


@pytest.mark.parametrize(("opener", "responder"), PAIRS)
@given(data=st.data())
def test_whoever_agrees_gains_and_every_negotiation_ends(opener: str, responder: str, data: st.DataObject) -> None:
    """Any two strategies, any prices: an agreement lies between both reservations; without room there is none."""
    prices = st.integers(0, 3000)
    low, high = sorted((data.draw(prices), data.draw(prices)))
    floor, top = sorted((data.draw(prices), data.draw(prices)))
    rounds = data.draw(st.integers(1, 12))
    buyer = wants(Side.BUYER, low, high, rounds, strategy=opener)
    seller = wants(Side.SELLER, top, floor, rounds, strategy=responder)
    end, said = talk(buyer, seller)
    assert len(said) <= rounds + 3
    assert end.state in {State.AGREED, State.REJECTED}
    if end.state is State.AGREED:
        assert end.offer is not None
        assert floor <= end.offer.contract.volume_price_e4_per_kwh <= high
    if high < floor:
        assert end.state is State.REJECTED


@pytest.mark.parametrize("name", ["alternating-offers", "monotonic-concession"])
@given(
    buyer=st.tuples(st.integers(0, 999), st.integers(1000, 2000)),
    seller=st.tuples(st.integers(1500, 3000), st.integers(0, 900)),
    rounds=st.integers(4, 12),
)
def test_where_there_is_room_both_who_give_way_find_it(
    name: str, buyer: tuple[int, int], seller: tuple[int, int], rounds: int
) -> None:
    """Reservations that overlap end in a contract, with both concession strategies."""
    end, _ = talk(wants(Side.BUYER, *buyer, rounds, strategy=name), wants(Side.SELLER, *seller, rounds, strategy=name))
    assert end.state is State.AGREED


@pytest.mark.parametrize("name", ["alternating-offers", "monotonic-concession"])
@given(
    prices=st.tuples(st.integers(0, 1500), st.integers(0, 1500), st.integers(0, 3000), st.integers(0, 3000)),
    rounds=st.integers(2, 12),
)
def test_nobody_takes_a_concession_back(name: str, prices: tuple[int, int, int, int], rounds: int) -> None:
    """A buyer's offers never fall, a seller's never rise."""
    low, more, floor, above = prices
    _, said = talk(
        wants(Side.BUYER, low, low + more, rounds, strategy=name),
        wants(Side.SELLER, floor + above, floor, rounds, strategy=name),
    )
    offers = [m for m in said if isinstance(m, ContractProposal | ContractCounter)]
    for party, sign in ((BUYER, 1), (SELLER, -1)):
        own = [sign * m.contract.volume_price_e4_per_kwh for m in offers if m.sender == party]
        assert own == sorted(own)


def test_each_strategy_talks_as_its_name_says() -> None:
    """Worked: buyer 0..100, seller 100..0, 8 rounds, so that both have room for everything."""
    buyer, seller = wants(Side.BUYER, 0, 100), wants(Side.SELLER, 100, 0)

    def prices(name: str) -> list[int]:
        _, said = talk(replace(buyer, strategy=name), replace(seller, strategy=name))
        offers = (m for m in said if isinstance(m, ContractProposal | ContractCounter))
        return [m.contract.volume_price_e4_per_kwh for m in offers]

    assert prices("take-it-or-leave-it") == [50]
    assert prices("contract-net") == [0, 50]
    assert prices("alternating-offers") == [0, 86, 28, 58, 57]  # conceded: 0, 1/7, 2/7, ...; taken at the fifth
    # Steps of 12.5; each gives way until the product of both gains is above the peer's: 1056, 1875, 2331, 2500.
    assert prices("monotonic-concession") == [0, 88, 25, 63, 50]


@given(st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 2000), st.integers(1, 9), st.floats(0.3, 3))
def test_alternating_offers_is_the_concession_of_the_two_prices(
    low: int, more: int, offered: int, rounds: int, beta: float
) -> None:
    """Without issues it answers exactly as `respond` does, and opens as `offer_at` says."""
    own = wants(Side.BUYER, low, low + more, rounds, beta=beta)
    strategy = strategy_of("alternating-offers")
    assert strategy.opening(own, DRAFT) == offer_at(own, 1).into(DRAFT)
    for number in range(1, rounds + 2):
        contract = Terms(offered, 0).into(DRAFT)
        move, terms = respond(own, Terms(offered, 0), number)
        answer = strategy.answer(own, Heard(contract, number))
        assert (answer.move, answer.contract) == (move, terms.into(contract))


ISSUES: dict[str, tuple[Issue, Issue]] = {  # what the buyer and what the seller want of a parameter
    "start_date": (Issue("start_date", (date(2026, 5, 20), date(2026, 6, 1)), 10),
                   Issue("start_date", (date(2026, 6, 1), date(2026, 5, 20)), 90)),
    "end_date": (Issue("end_date", (date(2027, 5, 19), date(2026, 12, 31)), 10),
                 Issue("end_date", (date(2026, 12, 31), date(2027, 5, 19)), 90)),
    "days_of_week": (Issue("days_of_week", ((1, 2, 3, 4, 5, 6, 7), (1, 2, 3, 4, 5)), 10),
                     Issue("days_of_week", ((1, 2, 3, 4, 5), (1, 2, 3, 4, 5, 6, 7)), 90)),
    "start_minute": (Issue("start_minute", (0, 600), 10, 15), Issue("start_minute", (600, 0), 90, 15)),
    "end_minute": (Issue("end_minute", (1440, 960), 10, 15), Issue("end_minute", (960, 1440), 90, 15)),
    "flex_elements": (Issue("flex_elements", (("bat", "pv"), ("bat",)), 10),
                      Issue("flex_elements", (("bat",), ("bat", "pv")), 90)),
    "amount_up_w": (Issue("amount_up_w", (9000, 1000), 10, 1), Issue("amount_up_w", (1000, 9000), 90, 1)),
    "amount_down_w": (Issue("amount_down_w", (-9000, -1000), 10, 1), Issue("amount_down_w", (-1000, -9000), 90, 1)),
    "max_activations": (Issue("max_activations", (24, 2), 10, 1), Issue("max_activations", (2, 24), 90, 1)),
    "max_runtime_isps": (Issue("max_runtime_isps", (96, 8), 10, 1), Issue("max_runtime_isps", (8, 96), 90, 1)),
    "recovery_isps": (Issue("recovery_isps", (0, 8), 10, 1), Issue("recovery_isps", (8, 0), 90, 1)),
    "penalty_e4_per_kwh": (Issue("penalty_e4_per_kwh", (3000, 0), 10, 1), Issue("penalty_e4_per_kwh", (0, 3000), 90, 1)),
    "notice_days": (Issue("notice_days", (0, 30), 10, 1), Issue("notice_days", (30, 0), 90, 1)),
    "activation_price": (
        Issue("activation_price", (ActivationPriceKind.MAXIMUM, ActivationPriceKind.FIXED), 10),
        Issue("activation_price", (ActivationPriceKind.FIXED, ActivationPriceKind.MAXIMUM), 90),
    ),
    "counted_per": (Issue("counted_per", (CountedPer.DAY, CountedPer.TERM), 10),
                    Issue("counted_per", (CountedPer.TERM, CountedPer.DAY), 90)),
    "deficiency_cap": (Issue("deficiency_cap", (False, True), 10), Issue("deficiency_cap", (True, False), 90)),
}  # fmt: skip


def test_every_parameter_of_a_contract_can_be_negotiated() -> None:
    """There is a case below for each; parties, place and time zone are given, the two prices are negotiated anyway."""
    assert set(ISSUES) == NEGOTIABLE


@pytest.mark.parametrize("parameter", ISSUES)
@pytest.mark.parametrize("name", STRATEGIES)
def test_an_issue_ends_within_what_both_take(name: str, parameter: str) -> None:
    """Whatever is agreed lies within both sides' values, and the contract is sound."""
    mine, theirs = ISSUES[parameter]
    end, _ = talk(
        wants(Side.BUYER, 500, 1500, strategy=name, issues=(mine,)),
        wants(Side.SELLER, 1500, 500, strategy=name, issues=(theirs,)),
    )
    if end.state is State.AGREED:
        assert end.offer is not None
        value = of_contract(end.offer.contract, mine)
        assert mine.loss(value) is not None
        assert theirs.loss(value) is not None
        assert end.offer.contract.faults == ()
    else:
        assert name in {"take-it-or-leave-it", "contract-net"}


def test_what_one_side_does_not_take_at_all_ends_without_a_contract() -> None:
    """The price may be as good as it likes: weekends are no part of it."""
    weekdays = Issue("days_of_week", ((1, 2, 3, 4, 5),), 0)
    every_day = Issue("days_of_week", ((1, 2, 3, 4, 5, 6, 7),), 0)
    for name in STRATEGIES:
        end, _ = talk(
            wants(Side.BUYER, 0, 9000, strategy=name, issues=(every_day,)),
            wants(Side.SELLER, 9000, 0, strategy=name, issues=(weekdays,)),
        )
        assert end.state is State.REJECTED


def test_a_side_pays_for_what_it_wants_more() -> None:
    """The seller gives up hours that cost it little for a price that is worth more to it: both are better off than half-way."""
    hours = Issue("max_activations", (24, 2), 100, 1), Issue("max_activations", (2, 24), 900, 1)
    end, _ = talk(wants(Side.BUYER, 500, 1500, issues=hours[:1]), wants(Side.SELLER, 1500, 500, issues=hours[1:]))
    assert end.offer is not None
    for side, own in ((Side.BUYER, hours[:1]), (Side.SELLER, hours[1:])):
        prefer = wants(side, *((500, 1500) if side is Side.BUYER else (1500, 500)), issues=own)
        worth = prefer.worth(end.offer.contract)
        assert worth is not None
        assert worth >= prefer.least()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"parameter": "buyer"}, "buyer is not negotiable"),
        ({"parameter": "volume_price_e4_per_kwh"}, "is not negotiable"),
        ({"values": ()}, "expected a value at least"),
        ({"worth_e4": -1}, "expected a value at least"),
        ({"values": (1, 2, 3)}, "expected two numbers where there is a step"),
    ],
)
def test_an_issue_that_says_nothing_is_refused(change: dict[str, object], why: str) -> None:
    """One sentence says what is wrong with it."""
    with pytest.raises(BadInput, match=why):
        replace(Issue("recovery_isps", (0, 8), 1, 1), **change)  # type: ignore[arg-type]


def test_an_unknown_strategy_is_refused_with_those_there_are() -> None:
    """The site file's author sees what can be chosen."""
    with pytest.raises(
        BadInput, match="'haggling' is unknown; expected one of alternating-offers, monotonic-concession"
    ):
        strategy_of("haggling")


def test_what_is_signed_of_an_offer_is_the_record_that_it_would_become() -> None:
    """Both sides' signatures under an offer fit the record that goes to the ledger, byte for byte."""
    end, said = talk(wants(Side.BUYER, 500, 1500), wants(Side.SELLER, 1500, 500))
    for message in said:
        if isinstance(message, ContractProposal | ContractCounter):
            assert signed_bytes(message) == record_of(message).message
    record = end.record()
    assert {s.party for s in record.signatures} == {BUYER, SELLER}
    assert all(verify(KEYS[s.party], record.message, s.value) for s in record.signatures)
