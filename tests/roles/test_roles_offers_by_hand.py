"""People choose among offers: they are asked for with a time to think, stand for so long, and are ordered as any other."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from agents.roles.dso import DsoRole
from agents.roles.dso.offers_by_hand import OffersByHand
from agents.roles.dso.trading_rounds import TradingRounds
from agents.roles.effects import Compute, Effect
from agents.roles.events import Received
from agents.roles.messages import Filed, Receipt
from cim.platform.mailbox.requests import FlexibilityWanted, OfferOrderWanted
from market.uftp import FlexOffer, FlexOfferResponse, FlexOfferRevocation, FlexOrder, FlexRequest, OfferOption
from tests.roles.test_roles_dso import analysed, hear, of, offer, passed
from tests.roles.test_roles_outside_requests import answer, asked, settled_round
from tests.roles.test_roles_standing_offers import offered as offered_unasked
from tests.worlds import players
from tests.worlds.players import AHEAD, DAY, FIRST, POINT, RULES

UNTIL = AHEAD + timedelta(minutes=40)
WANTED = FlexibilityWanted("number-1", "ada", POINT, FIRST, 60, 62, 5000, UNTIL)


def asked_for(role: DsoRole, wanted: FlexibilityWanted = WANTED) -> list[FlexRequest]:
    """What sellers are asked when people want to choose."""
    assert answer(asked(role, wanted)).accepted
    return of(analysed(role, {}), FlexRequest)


def stand(role: DsoRole) -> FlexOffer:
    """The first seller's offer, which stands."""
    requests = asked_for(role)
    made = offer(requests[0], RULES.name_of(requests[0].header.recipient_domain) or "", 5000)
    hear(role, "agr", made)
    return made


def order(made: FlexOffer, **changes: Any) -> OfferOrderWanted:
    """All of an offer's option is wanted."""
    return replace(OfferOrderWanted("number-2", "ada", made.header.message_id, "", 100), **changes)


def test_the_round_goes_on_and_chooses_nothing() -> None:
    """Both sellers are asked until the engineer's time is up; what they offer starts no choice, and the round is over."""
    role = settled_round()
    requests = asked_for(role)
    assert {request.expiration for request in requests} == {UNTIL}
    assert len(requests) == 2
    assert role.part(TradingRounds).state.rounds == {}
    effects = hear(role, "agr", offer(requests[0], "agr", 5000))
    assert of(effects, Compute) == []
    assert len(role.part(OffersByHand).state.offers) == 1


def test_what_people_choose_is_recorded_then_ordered_as_offered() -> None:
    """The ledger first; with its receipt the order goes to the seller, at the offered price and powers; once."""
    role = settled_round()
    made = stand(role)
    effects = passed(role, asked(role, order(made)))
    told = answer(effects)
    assert told.accepted
    (filed,) = of(effects, Filed)
    assert of(effects, FlexOrder) == []
    placed: list[Effect] = role.handle(_receipt(filed), AHEAD)
    (sent,) = of(placed, FlexOrder)
    option = made.options[0]
    assert (sent.flex_offer_message_id, sent.price, sent.isps) == (made.header.message_id, option.price, option.isps)
    assert sent.order_reference in told.reason
    again = answer(asked(role, order(made, number="number-3")))
    assert not again.accepted
    assert len(of(effects, Filed)) == 1


def _receipt(filed: Filed) -> Received:
    """The ledger has it."""
    return Received("ledger", 9, Receipt(filed.reference, None))


def test_an_order_by_hand_moves_no_running_round() -> None:
    """While the agent waits for offers at the same point, people's order is placed and the round waits on."""
    role = settled_round()
    made = stand(role)
    effects = asked(role, FlexibilityWanted("number-4", "ada", POINT, FIRST, 70, 71, 3000))
    assert of(analysed(role, {}), FlexRequest)
    before = role.part(TradingRounds).state.rounds[FIRST]
    effects = passed(role, asked(role, order(made)))
    placed = role.handle(_receipt(of(effects, Filed)[0]), AHEAD)
    assert len(of(placed, FlexOrder)) == 1
    assert role.part(TradingRounds).state.rounds[FIRST] == before


def test_an_offer_nobody_asked_for_can_be_ordered_by_hand() -> None:
    """What stands without a request is as good as another."""
    role = settled_round()
    (response,) = of(offered_unasked(role, 6_000), FlexOfferResponse)
    wanted = OfferOrderWanted("number-5", "ada", response.flex_offer_message_id, "s/100", 100)
    assert answer(asked(role, wanted)).accepted


@pytest.mark.parametrize(
    ("changes", "now", "words"),
    [
        ({"offer": "nowhere"}, AHEAD, "does not stand"),
        ({"option": "nowhere"}, AHEAD, "expected one of option"),
        ({"factor_pct": 0}, AHEAD, "expected 1 to 100"),
        ({"factor_pct": 101}, AHEAD, "expected 1 to 100"),
        ({}, UNTIL, "expired at"),
    ],
)
def test_what_cannot_be_ordered_is_refused_with_a_reason(changes: dict[str, Any], now: datetime, words: str) -> None:
    """One sentence that names the field; nothing is recorded, and the offer stands on."""
    role = settled_round()
    made = stand(role)
    effects = asked(role, order(made, **changes), now)
    assert (answer(effects).accepted, len(effects)) == (False, 1)
    assert words in answer(effects).reason
    assert made.header.message_id in role.part(OffersByHand).state.offers


def test_of_several_options_one_has_to_be_named() -> None:
    """Nobody guesses which one was meant."""
    role = settled_round()
    requests = asked_for(role)
    made = offer(requests[0], "agr", 5000)
    rows = made.options[0].isps
    made = replace(made, options=(OfferOption("a", 700, rows, 1), OfferOption("b", 900, rows, 1)))
    hear(role, "agr", made)
    assert "expected one of a, b" in answer(asked(role, order(made))).reason
    effects = asked(role, order(made, option="b"))
    assert answer(effects).accepted


def test_what_the_seller_revokes_and_what_its_gate_closed_on_is_not_ordered() -> None:
    """An offer taken back is none; an option whose first ISP can be ordered no more is refused, also while it stands."""
    role = settled_round()
    made = stand(role)
    header = players.aggregator().me.header("dso", AHEAD, None, "FlexOfferRevocation", made.header.message_id)
    hear(role, "agr", FlexOfferRevocation(header, made.header.message_id))
    assert "has revoked" in answer(asked(role, order(made))).reason
    role = settled_round()
    requests = asked_for(role, replace(WANTED, choose_until=DAY.end))
    gate = requests[0].expiration
    assert gate < DAY.isp_start(60)
    hear(role, "agr", offer(requests[0], "agr", 5000))
    kept = role.part(OffersByHand).state.offers
    number = next(iter(kept))
    kept[number] = "agr", replace(kept[number][1], expiration=DAY.end)
    late = asked(role, OfferOrderWanted("number-6", "ada", number, "", 100), gate + timedelta(minutes=15))
    assert "whose gate has closed" in answer(late).reason


def test_only_the_mailbox_orders_and_it_survives_a_restart() -> None:
    """No other agent is obeyed; a restored agent orders what stood before."""
    role = settled_round()
    made = stand(role)
    assert asked(role, order(made), sender="agr") == []
    again = players.dso()
    again.restore(role.snapshot())
    assert answer(asked(again, order(made))).accepted
    again.prune(FIRST + timedelta(days=1))
    assert again.part(OffersByHand).state.offers == {}


def test_a_time_to_think_that_is_over_is_refused() -> None:
    """Nothing could be ordered."""
    role = settled_round()
    told = answer(asked(role, replace(WANTED, choose_until=AHEAD)))
    assert not told.accepted
    assert "choose_until" in told.reason
