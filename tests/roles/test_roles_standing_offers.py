"""Offers that stand without a request: made between rounds, ordered where they suffice, taken back for whatever comes first."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from agents.roles.aggregator import AggregatorRole
from agents.roles.aggregator.config import StandingTerms
from agents.roles.aggregator.flex_trading import FlexTrading
from agents.roles.aggregator.prognosis_sums import PrognosesSent
from agents.roles.aggregator.unsolicited_offers import OfferStanding, UnsolicitedOffers
from agents.roles.dso.prognoses import Prognoses
from agents.roles.dso.standing_offers import StandingOffers
from agents.roles.effects import Effect, Send
from agents.roles.events import Fired
from agents.roles.messages import Filed
from agents.roles.parts.keys import SellerPointDay
from market.uftp import (
    FlexOffer,
    FlexOfferResponse,
    FlexOfferRevocation,
    FlexOrder,
    FlexOrderResponse,
    FlexRequest,
    IspPower,
    OfferOption,
    Result,
)
from tests.roles.test_roles_dso import analysed, dso, hear, hear_all, of
from tests.worlds import players
from tests.worlds.players import AHEAD, DAY, FIRST, POINT, Pump, market_of_farms, request

TERMS = StandingTerms(from_hour=11, to_hour=12, moved_w=6_000, valid_min=45, gate_isps=4)
ISPS = tuple(range(45, 49))


def standing(pump: Pump, at: datetime = AHEAD) -> list[FlexOffer]:
    """What the aggregator offers when nobody asks, by these terms; all that it has offered so."""
    role = pump.roles["agr"]
    assert isinstance(role, AggregatorRole)
    part = role.part(UnsolicitedOffers)
    part._config = replace(part._config, standing=TERMS)
    pump.fire("agr", OfferStanding(FIRST), at)
    return [offer for offer in pump.said(FlexOffer, to="dso") if offer.unsolicited]


def test_where_the_site_says_nothing_nothing_is_offered_unasked() -> None:
    """No timer, no offer."""
    role = players.aggregator()
    assert role._emit(PrognosesSent(FIRST), AHEAD) == []
    assert role.handle(Fired(OfferStanding(FIRST)), AHEAD) == []


def test_an_offer_stands_without_a_request_and_can_be_ordered() -> None:
    """6 kW from 11 to 12, by the members' splits: accepted like any other offer, and its members are ordered."""
    pump = market_of_farms()
    (offer,) = standing(pump)
    assert (offer.flex_request_message_id, offer.period, offer.congestion_point) == (None, FIRST, POINT)
    assert offer.expiration == AHEAD + timedelta(minutes=45)
    whole = offer.options[-1]
    assert [row.start for row in whole.isps] == list(ISPS)
    assert all(abs(row.power_w - 6_000) < 100 for row in whole.isps)
    order = FlexOrder(
        players.dso().me.header("agr", AHEAD, None, "FlexOrder", "o-1"), FIRST, POINT, "o-1", whole.price, "EUR", whole.isps,
        "Europe/Vienna", 15, offer.header.message_id, whole.option_reference, 100, offer.contract_id, offer.d_prognosis_message_id,
    )  # fmt: skip
    pump.tell("agr", "dso", order, AHEAD + timedelta(minutes=20))
    filed = [r.kind for f in pump.said(Filed, to="ledger", sender="agr") for r in f.records]
    assert "member-order" in filed  # recorded before they are told
    assert pump.said(FlexOrderResponse, sender="agr") == []


def test_no_isp_is_offered_that_could_not_be_ordered_while_it_stands() -> None:
    """Made at 10 on the day it stands until 10:45: with a gate of four ISPs 11:30 comes too early, 11:45 does not."""
    pump = market_of_farms()
    offers = standing(pump, DAY.at(10))
    assert [row.start for row in offers[-1].options[-1].isps] == [48]
    assert standing(pump, DAY.at(11)) == offers, "later that day nothing is left to offer"


def test_a_request_comes_first() -> None:
    """The standing offer is taken back, the members are free, and the request is answered."""
    pump = market_of_farms()
    (offer,) = standing(pump)
    pump.tell("agr", "dso", request(), AHEAD + timedelta(minutes=5))
    (revoked,) = pump.said(FlexOfferRevocation, to="dso")
    assert revoked.flex_offer_message_id == offer.header.message_id
    assert pump.said(FlexOffer, to="dso")[-1].flex_request_message_id is not None
    assert pump.roles["agr"].part(FlexTrading).standing_at(POINT) == ()


def test_it_is_renewed_by_a_newer_one() -> None:
    """The old one is revoked, the new one stands."""
    pump = market_of_farms()
    (first,) = standing(pump)
    first_again, second = standing(pump, AHEAD + timedelta(hours=1))
    assert first_again == first
    assert [r.flex_offer_message_id for r in pump.said(FlexOfferRevocation)] in ([], [first.header.message_id])
    assert pump.roles["agr"].part(FlexTrading).standing_at(POINT) == (second,)


# ---- the DSO's side ------------------------------------------------------------------------------------------------------


def offered(role: Any, watts: int, isps: tuple[int, ...] = ISPS, **changes: Any) -> list[Effect]:
    """What the DSO wants when the aggregator offers so much unasked, against its newest prognosis."""
    rows = tuple(IspPower(isp, watts) for isp in isps)
    newest = role.part(Prognoses).newest(SellerPointDay("agr", POINT, FIRST))
    offer = FlexOffer(
        players.aggregator().me.header("dso", AHEAD, None, "FlexOffer", str(watts)), FIRST, POINT, AHEAD + timedelta(hours=1),
        (OfferOption("s/100", 10_000, rows, 1),), "EUR", "Europe/Vienna", 15,
        d_prognosis_message_id=newest.header.message_id, unsolicited=True,
    )  # fmt: skip
    return hear(role, "agr", replace(offer, **changes))


def asked(effects: list[Effect]) -> set[str]:
    """Who is asked for flexibility."""
    return {e.to for e in effects if isinstance(e, Send) and isinstance(e.message, FlexRequest)}


def test_a_seller_whose_standing_offer_gives_what_is_needed_is_not_asked() -> None:
    """5 kW are needed where 6 stand: the other seller alone is asked, and the choice is among both."""
    role = dso()
    hear_all(role)
    (answer,) = of(offered(role, 6_000), FlexOfferResponse)
    assert answer.result is Result.ACCEPTED
    assert asked(analysed(role, dict.fromkeys(ISPS, 5_000.0))) == {"agr-2"}


@pytest.mark.parametrize(
    ("watts", "need"),
    [
        (6_000, dict.fromkeys(ISPS, 7_000.0)),  # too little
        (6_000, {44: 1_000.0, 45: 5_000.0}),  # another ISP as well
        (6_000, {45: 1_000.0}),  # four times as much would have to be moved
        (-6_000, dict.fromkeys(ISPS, 5_000.0)),  # the other way
    ],
)
def test_where_it_does_not_suffice_the_seller_is_asked(watts: int, need: dict[int, float]) -> None:
    """As if nothing stood."""
    role = dso()
    hear_all(role)
    offered(role, watts)
    assert asked(analysed(role, need)) == {"agr", "agr-2"}


def test_what_is_revoked_or_over_stands_no_more() -> None:
    """After its revocation, and at its expiration."""
    for after in ("revoked", "over"):
        role = dso()
        hear_all(role)
        (answer,) = of(offered(role, 6_000, expiration=AHEAD + timedelta(minutes=1)), FlexOfferResponse)
        number = answer.flex_offer_message_id
        if after == "revoked":
            header = players.aggregator().me.header("dso", AHEAD, None, "FlexOfferRevocation", number)
            hear(role, "agr", FlexOfferRevocation(header, number))
        at = AHEAD if after == "revoked" else AHEAD + timedelta(minutes=1)
        need = [0.0] * DAY.count
        for isp in ISPS:
            need[isp - 1] = 5_000.0
        assert role.part(StandingOffers).covering("agr", POINT, FIRST, np.array(need), at) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"flex_request_message_id": "r-1"}, "Unsolicited: it names the request r-1"),
        ({"options": ()}, "OfferOption: none"),
        ({"expiration": AHEAD}, "ExpirationDateTime"),
        ({"congestion_point": "ean.elsewhere"}, "CongestionPoint: ean.elsewhere"),
        ({"unsolicited": False}, "FlexRequestMessageID: None is no open request"),
    ],
)
def test_what_cannot_stand_is_refused_with_the_reason(changes: dict[str, Any], why: str) -> None:
    """And is not kept."""
    role = dso()
    hear_all(role)
    (answer,) = of(offered(role, 6_000, **changes), FlexOfferResponse)
    assert answer.result is Result.REJECTED
    assert why in (answer.rejection_reason or "")
    assert role.part(StandingOffers).state.offers == {}
