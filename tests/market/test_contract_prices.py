"""A contract's prices: each element's own, which no negotiation can push below what it costs its owner."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.contracts.contract import FlexContract, FlexElement
from market.contracts.templates import from_template
from market.errors import RemoteProtocolError
from market.ledger.signing import key_from_seed
from market.negotiation.concession import NegotiationPreferences, Side, Terms, offer_at
from market.negotiation.conversation import Negotiation, State, signed_offer
from market.negotiation.messages import ContractCounter, ContractProposal

NOW = datetime(2026, 5, 1, 10, tzinfo=UTC)
BUYER, SELLER = "agr.example", "house.example"
SIGNERS = {name: key_from_seed(3, name) for name in (BUYER, SELLER)}
KEYS = {name: signer.public for name, signer in SIGNERS.items()}


def contract(**costs: int | None) -> FlexContract:
    """A contract on elements with these costs; nothing on top yet."""
    elements = tuple(FlexElement(n, "battery", 3000, -3000, volume_price_e4_per_kwh=c) for n, c in costs.items())
    return from_template(
        "household-daily", contract_id="c-1", buyer=BUYER, seller=SELLER, start_date=date(2026, 5, 2),
        end_date=date(2027, 5, 1), timezone="Europe/Vienna", flex_elements=elements, volume_price_e4_per_kwh=0,
    )  # fmt: skip


COSTS = st.dictionaries(st.sampled_from(["pv", "bess", "hp"]), st.none() | st.integers(0, 3000), min_size=1)


@given(costs=COSTS, prices=st.lists(st.integers(0, 4000), min_size=1, max_size=5))
def test_whatever_is_negotiated_comes_on_top_of_the_owners_costs(
    costs: dict[str, int | None], prices: list[int]
) -> None:
    """After any offers each element is paid its cost plus the last price; the costs can be read from any of them."""
    made = contract(**costs)
    for price in prices:
        made = Terms(price, 7).into(made)
        assert not made.faults
        assert made.own_costs_e4_per_kwh == {name: cost or 0 for name, cost in costs.items()}
    for name, cost in costs.items():
        assert made.price_e4_per_kwh(name) == (cost or 0) + prices[-1]
    assert made.capacity_price_e4_per_kw_day == 7
    assert made.price_e4_per_kwh("nobody") == prices[-1]


def test_an_element_below_the_contracts_price_is_a_fault() -> None:
    """Its owner's cost would be negative."""
    odd = replace(contract(pv=100), volume_price_e4_per_kwh=101)
    assert odd.faults == ("flex_elements: [('pv', 100)]; expected no price below the contract's",)


def test_a_counter_that_changes_the_owners_costs_is_refused() -> None:
    """Only the contract's own prices are negotiated: an element made cheaper on the way is the peer's breach."""
    buyer, seller = Negotiation("conv", BUYER, SELLER, KEYS), Negotiation("conv", SELLER, BUYER, KEYS)
    offered = Terms(300, 5).into(contract(pv=800, hp=200))
    proposal = ContractProposal("conv", SELLER, BUYER, 1, NOW, offered, NOW + timedelta(hours=1))
    buyer.receive(seller.send(signed_offer(proposal, SIGNERS[SELLER])))
    cheaper = replace(
        offered,
        flex_elements=(replace(offered.flex_elements[0], volume_price_e4_per_kwh=900), offered.flex_elements[1]),
    )
    counter = ContractCounter("conv", BUYER, SELLER, 2, NOW, cheaper, NOW + timedelta(hours=1))
    with pytest.raises(RemoteProtocolError, match="changes what the elements cost their owner"):
        seller.receive(signed_offer(counter, SIGNERS[BUYER]))
    assert seller.state is State.WAITING


def test_a_seller_whose_costs_were_told_too_low_asks_for_the_rest() -> None:
    """Both ends of its range rise by what is lacking; capacity is not touched."""
    wants = NegotiationPreferences(Side.SELLER, Terms(600, 60), Terms(100, 10), 8)
    dearer = wants.dearer_by(250)
    assert (offer_at(dearer, 1), offer_at(dearer, 8)) == (Terms(850, 60), Terms(350, 10))
    assert wants.dearer_by(0) == wants


@given(st.integers(-500, 3000), st.integers(-500, 3000), st.booleans())
def test_a_contract_at_other_prices_has_the_faults_that_a_new_one_would_have(
    volume: int, capacity: int, reserved: bool
) -> None:
    """What is known of the old one spares the work, and changes no answer."""
    old = replace(contract(pv=900, battery=700), reserved=reserved, capacity_price_e4_per_kw_day=0)
    assert old.faults == ()
    made = old.at_prices(volume, capacity)
    assert made.faults == replace(made).faults
