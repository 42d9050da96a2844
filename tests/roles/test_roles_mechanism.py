"""Under another mechanism than pay-as-bid the DSO's order has the mechanism's price, and its seller takes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agents.roles.aggregator.offers import order_fault
from agents.roles.dso import DsoRole
from agents.roles.dso.trading_round import PricedSelectionOf, SelectionOf
from agents.roles.dso.trading_rounds import TradingRounds
from agents.roles.effects import Compute
from agents.roles.events import Computed, JobFailed
from agents.roles.messages import Filed
from cim.codec.codec import decode
from cim.platform.publications.settlement import SettlementAnswered
from market.uftp import (
    AcceptedDisputed,
    FlexOffer,
    FlexOrder,
    FlexRequest,
    FlexSettlement,
    Header,
    IspPower,
    OfferOption,
)
from tests.roles.test_roles_dso import analysed, hear, hear_all, of, offer, passed
from tests.worlds import players
from tests.worlds.miniature import Miniature
from tests.worlds.players import AHEAD, FIRST, POINT, RULES

UNIFORM = replace(RULES, mechanism="uniform-price")


def asked(role: DsoRole) -> list[Compute]:
    """The jobs that two offers of 800 lead to."""
    hear_all(role)
    effects = []
    for request in of(analysed(role, {48: 5000.0, 49: 5000.0}), FlexRequest):
        seller = RULES.name_of(request.header.recipient_domain) or ""
        effects = hear(role, seller, offer(request, seller))
    return of(effects, Compute)


def ordered(filed: Filed) -> list[FlexOrder]:
    """The orders that are filed."""
    return [decode(record.body) for record in filed.records if record.kind == "flex-order"]


def test_the_mechanism_stands_in_the_job_that_chooses() -> None:
    """With what a posted price would be: the price at which the DSO opens its negotiations."""
    role = players.dso(UNIFORM)
    (job,) = asked(role)
    assert (job.job, job.reference) == ("priced-selection", PricedSelectionOf(FIRST))
    posted = role.part(TradingRounds).config.buying.aspiration.volume_price_e4_per_kwh
    assert job.arguments[:3] == ("uniform-price", posted, 0.25)
    (plain,) = asked(players.dso())
    assert (plain.job, plain.reference) == ("selection", SelectionOf(FIRST))
    assert len(job.arguments) == len(plain.arguments) + 3


def test_orders_have_the_mechanisms_prices() -> None:
    """A whole offer of 800 at 900, and half of one (400) at 450."""
    role = players.dso(UNIFORM)
    asked(role)
    (filed,) = of(passed(role, role.handle(Computed(PricedSelectionOf(FIRST), ((100, 900), (50, 450))), AHEAD)), Filed)
    assert [(order.price, order.activation_factor_pct) for order in ordered(filed)] == [(900, 100), (450, 50)]


def test_an_order_is_never_below_its_offer() -> None:
    """Whatever a job says: the offered price is the least."""
    role = players.dso(UNIFORM)
    asked(role)
    (filed,) = of(passed(role, role.handle(Computed(PricedSelectionOf(FIRST), ((100, 10), (0, 0))), AHEAD)), Filed)
    assert [order.price for order in ordered(filed)] == [800]


def test_a_priced_choice_that_fails_ends_the_point() -> None:
    """It is told, and the DSO goes on to the next point."""
    role = players.dso(UNIFORM)
    asked(role)
    effects = role.handle(JobFailed(PricedSelectionOf(FIRST), "no solution"), AHEAD)
    assert [job.job for job in of(effects, Compute)] == ["safety"]


@pytest.mark.parametrize(
    ("price", "more", "fault"),
    [
        (400, False, None),
        (450, False, "Price: 450; expected 400 (50 % of the offer)"),
        (450, True, None),
        (400, True, None),
        (399, True, "Price: 399; expected at least 400 (50 % of the offer)"),
        (399, False, "Price: 399; expected 400 (50 % of the offer)"),
    ],
)
def test_a_seller_takes_more_only_where_the_market_pays_more(price: int, more: bool, fault: str | None) -> None:
    """Under pay-as-bid the price is the offered one to the unit; else it is at least that."""
    header = Header("agr.example", "dso.example", AHEAD, "o", "c")
    made = FlexOffer(header, FIRST, POINT, AHEAD + timedelta(hours=1), (OfferOption("option", 800, (IspPower(48, 4000),), 1),),
                     "EUR", RULES.timezone)  # fmt: skip
    order = FlexOrder(header, FIRST, POINT, "order", price, "EUR", (IspPower(48, 2000),), RULES.timezone, 15, "o",
                      "option", 50)  # fmt: skip
    assert order_fault(order, made, AHEAD, may_pay_more=more) == fault


def test_a_whole_day_under_a_posted_price(tmp_path: Path) -> None:
    """Four homes and two sellers that expect keeping promises to cost nothing, so that some ask less than what is posted: what is
    ordered is paid at the posted price or the most of its contract, the more of the sellers' own price; all is settled,
    undisputed, and what one pays another has."""
    market = Miniature(tmp_path / "ledger.db", mechanism="posted-price", keeping_share=0.0)
    market.play(players.DAY.end + timedelta(hours=8))
    orders = [m for _, to, m in market.sent if isinstance(m, FlexOrder) and to.startswith("agr")]
    offers = {m.header.message_id: m for _, to, m in market.sent if isinstance(m, FlexOffer) and to == "dso"}
    posted = market.roles["dso"].part(TradingRounds).config.buying.aspiration.volume_price_e4_per_kwh
    assert orders
    for order in orders:
        energy_kwh = sum(abs(row.power_w) * row.duration for row in order.isps) * 0.25 / 1000
        offered = offers[order.flex_offer_message_id or ""]
        option = next(o for o in offered.options if o.option_reference == order.option_reference)
        own = option.activated(order.activation_factor_pct)[0]
        assert order.price >= own
        assert order.price <= max(round(posted * energy_kwh) + 1, own)
    answers = [answer.disposition for told in market.told(SettlementAnswered) for answer in told.answers]
    assert answers
    assert set(answers) == {AcceptedDisputed.ACCEPTED}
    settled = [row for m in market.said(FlexSettlement) for row in m.order_settlements]
    assert {order.order_reference for order in orders} <= {row.order_reference for row in settled}


def test_a_price_posted_below_what_sellers_ask_buys_nothing(tmp_path: Path) -> None:
    """With what the site assumes that keeping costs, each option that is offered asks more for a kWh than is posted, and
    nobody is ordered all day."""
    market = Miniature(tmp_path / "ledger.db", mechanism="posted-price")
    market.play(players.DAY.end)
    offers = [m for _, to, m in market.sent if isinstance(m, FlexOffer) and to == "dso"]
    posted = market.roles["dso"].part(TradingRounds).config.buying.aspiration.volume_price_e4_per_kwh
    assert offers
    for option in (option for made in offers for option in made.options):
        energy_kwh = sum(abs(row.power_w) * row.duration for row in option.isps) * 0.25 / 1000
        assert option.price > posted * energy_kwh
    assert not [m for _, _, m in market.sent if isinstance(m, FlexOrder)]
