"""Who wins a tender and at which price: by price, then reliability, then time, within what is wanted and can be agreed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.contracts.contract import FlexContract, FlexElement
from market.contracts.templates import from_template
from market.negotiation.concession import NegotiationPreferences, Side, Terms
from market.negotiation.strategies import strategy_of
from market.negotiation.strategy import Heard
from market.negotiation.tender import (
    PRICINGS,
    TENDER,
    UNKNOWN_PCT,
    TenderBid,
    TenderInvitation,
    awarded,
    bid_of,
    contract_of,
    judged,
    size_w,
)

NOON = datetime(2016, 6, 14, 12, tzinfo=UTC)
BUYER = NegotiationPreferences(Side.BUYER, Terms(0, 0), Terms(600, 400), 8, strategy=TENDER)  # takes 1000 at most
SELLER = NegotiationPreferences(Side.SELLER, Terms(500, 300), Terms(100, 100), 8, strategy=TENDER)


def bid(name: str, asked: int, size: int = 1000, reliability: int = 90, minutes: int = 0) -> TenderBid:
    """A bid of a seller of that name."""
    return TenderBid(name, f"{name}.example", NOON + timedelta(minutes=minutes), asked, reliability, size)


def draft(*, reserved: bool = True) -> FlexContract:
    """An option of 4 kW up and 8 kW down, without prices."""
    return from_template(
        "dso-flexoption" if reserved else "dso-framework",
        contract_id="c-1",
        buyer="dso.example",
        seller="agr.example",
        start_date=date(2016, 6, 15),
        end_date=date(2016, 12, 31),
        timezone="Europe/Vienna",
        flex_elements=(FlexElement("point", "portfolio", 4000, -8000),),
        isp_minutes=15,
    )


def test_the_cheapest_are_served_until_enough_is_taken() -> None:
    """The dearest that is needed gets a part, what is beyond it nothing, each paid its own bid."""
    served = awarded((bid("c", 700), bid("a", 300), bid("b", 500)), BUYER, 1500, "pay-as-bid")
    assert [(b.contract_id, b.awarded_w, b.paid_e4) for b in served] == [("a", 1000, 300), ("b", 500, 500), ("c", 0, 0)]


def test_at_one_price_all_get_what_the_dearest_taken_asks() -> None:
    """And no more: neither the next bid nor the buyer's reservation sets it."""
    served = awarded((bid("c", 700), bid("a", 300), bid("b", 500)), BUYER, 1500, "uniform-price")
    assert [(b.contract_id, b.awarded_w, b.paid_e4) for b in served] == [("a", 1000, 500), ("b", 500, 500), ("c", 0, 0)]


@pytest.mark.parametrize("pricing", sorted(PRICINGS))
def test_of_equal_prices_the_more_reliable_then_the_earlier_then_the_name_comes_first(pricing: str) -> None:
    """One after the other, each only where all before it are equal."""
    bids = (
        bid("late", 500, minutes=2),
        bid("b-early", 500),
        bid("poor", 500, reliability=80),
        bid("a-early", 500),
        bid("cheap", 400, reliability=0, minutes=9),
    )
    served = awarded(bids, BUYER, 3000, pricing)
    assert [b.contract_id for b in served] == ["cheap", "a-early", "b-early", "late", "poor"]
    assert [b.awarded_w for b in served] == [1000, 1000, 1000, 0, 0]


@pytest.mark.parametrize("pricing", sorted(PRICINGS))
def test_what_is_beyond_the_buyers_reservation_is_not_taken(pricing: str) -> None:
    """Nor what offers nothing, nor anything where nothing is wanted."""
    served = awarded((bid("dear", 1001), bid("just", 1000), bid("empty", 10, size=0)), BUYER, 5000, pricing)
    assert {b.contract_id: b.awarded_w for b in served} == {"empty": 0, "just": 1000, "dear": 0}
    assert [b.awarded_w for b in awarded((bid("a", 300),), BUYER, 0, pricing)] == [0]
    assert awarded((), BUYER, 1000, pricing) == ()


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 5000), st.integers(0, 100)), max_size=8),
    st.integers(0, 12_000),
    st.sampled_from(sorted(PRICINGS)),
)
def test_every_tender_keeps_to_what_is_wanted_asked_and_affordable(
    rows: list[tuple[int, int, int]], wanted: int, pricing: str
) -> None:
    """Never more than wanted or bid, never below the bid or above the reservation; as much as can be; nobody is skipped."""
    bids = tuple(bid(str(n), asked, size, reliability) for n, (asked, size, reliability) in enumerate(rows))
    served = awarded(bids, BUYER, wanted, pricing)
    assert sorted(b.contract_id for b in served) == sorted(b.contract_id for b in bids)
    able = [b for b in served if b.asked_e4 <= 1000]
    assert sum(b.awarded_w for b in served) == min(wanted, sum(b.size_w for b in able))
    for one in served:
        assert 0 <= one.awarded_w <= one.size_w
        assert not one.awarded_w or one.asked_e4 <= one.paid_e4 <= 1000
    skipped = False
    for one in able:
        assert not (skipped and one.awarded_w)
        skipped = skipped or one.awarded_w < one.size_w


@pytest.mark.parametrize(("pricing", "volume", "capacity"), [("pay-as-bid", 300, 200), ("uniform-price", 100, 100)])
def test_a_seller_asks_for_more_only_where_it_is_paid_its_bid(pricing: str, volume: int, capacity: int) -> None:
    """Half-way to its reservation there, its reservation where others set the price; all else is the draft's."""
    made = bid_of(SELLER, TenderInvitation("t", draft(), pricing, NOON))
    assert Terms.of(made) == Terms(volume, capacity)
    assert Terms.of(draft()).into(made) == draft()


def test_a_bid_is_judged_by_the_buyers_weights() -> None:
    """Both prices together, the larger amount, and for who has no record neither good nor bad."""
    made = draft().at_prices(300, 200)
    assert judged(BUYER, made, NOON, 97) == TenderBid("c-1", "agr.example", NOON, 500, 97, size_w(made))
    assert judged(BUYER, made, NOON, None).reliability_pct == UNKNOWN_PCT


def test_an_award_of_all_at_its_own_price_is_the_bid_itself() -> None:
    """So that the buyer only has to sign."""
    made = draft().at_prices(300, 200)
    award = TenderBid("c-1", "agr.example", NOON, 500, 50, size_w(made), size_w(made), 500)
    assert contract_of(made, award, BUYER) == made


def test_an_award_of_a_part_is_that_part_of_both_amounts() -> None:
    """Rounded towards less."""
    made = draft().at_prices(300, 200)
    size = size_w(made)
    award = TenderBid("c-1", "agr.example", NOON, 500, 50, size, size // 3, 500)
    part = contract_of(made, award, BUYER)
    assert part.faults == ()
    assert part.amount_up_w <= made.amount_up_w // 3
    assert part.amount_down_w >= -(-made.amount_down_w // 3)
    assert Terms.of(part) == Terms.of(made)


def test_what_is_paid_above_the_bid_stands_in_the_contract() -> None:
    """In the capacity price; in a framework, which has none, in the volume price; worth just that to the buyer."""
    for reserved in (True, False):
        made = draft(reserved=reserved).at_prices(300, 200 if reserved else 0)
        asked = round(-BUYER.value(Terms.of(made)))
        award = TenderBid("c-1", "agr.example", NOON, asked, 50, size_w(made), size_w(made), asked + 40)
        offered = contract_of(made, award, BUYER)
        assert offered.faults == ()
        assert Terms.of(offered) == (Terms(300, 240) if reserved else Terms(340, 0))
        assert -BUYER.value(Terms.of(offered)) == asked + 40


def test_a_seller_takes_an_award_down_to_its_reservation() -> None:
    """By the strategy `tender`: yes or no, never another offer."""
    tender = strategy_of(TENDER)
    assert Terms.of(tender.opening(SELLER, draft())) == Terms(300, 200)
    for terms, move in ((Terms(100, 100), "accept"), (Terms(100, 99), "reject")):
        assert tender.answer(SELLER, Heard(terms.into(draft()), 2)).move == move
