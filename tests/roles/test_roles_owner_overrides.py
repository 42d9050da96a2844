"""An owner keeps an element for itself: it is not offered, not ordered, and no order holds it; its contract goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from agents.roles.effects import Effect, Publish, Send
from agents.roles.element_messages import ElementLost
from agents.roles.events import Received
from agents.roles.messages import NetProfile
from agents.roles.parts.meter_data import MeterData
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.prosumer.owner_overrides import OwnerOverrides
from agents.roles.role import Role
from cim.platform.mailbox.requests import MAILBOX, ElementKeptWanted, RequestAnswered, SettlementWanted
from cim.platform.publications.incidents import ElementOverridden
from market.uftp import FlexOfferRevocation, Result
from tests.roles.test_roles_enforcement import ordered
from tests.roles.test_roles_vpp_session import offered
from tests.worlds import players
from tests.worlds.players import AHEAD, DAY, FIRST, NOON, Pump, market_of_farms

UNIT = "farm-a.pv"
KEPT = ElementKeptWanted("number-1", "farmer", UNIT, DAY.at(12))


def asked(role: Role, message: Any, now: datetime = AHEAD, sender: str = MAILBOX) -> list[Effect]:
    """What a role wants when it is asked something."""
    return role.handle(Received(sender, 1, message), now)


def answer(effects: list[Effect]) -> RequestAnswered:
    """Its one answer."""
    (told,) = [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, RequestAnswered)]
    return told


def given_w(pump: Pump) -> list[int]:
    """What the farm answers last to the standard request, 11:00 to 12:00."""
    offered(pump)
    return [round(1000 * float(kw)) for kw in pump.said(NetProfile, sender="farm-a")[-1].deviation_kw[:4]]


def test_what_its_owner_keeps_is_not_offered_until_it_is_given_back() -> None:
    """Free it gives its part; kept until noon it gives nothing; given back, its part again; kept until eleven, too."""
    assert min(given_w(market_of_farms())) > 2_900
    pump = market_of_farms()
    pump.tell("farm-a", MAILBOX, KEPT, AHEAD)
    assert given_w(pump) == [0, 0, 0, 0]
    pump = market_of_farms()
    pump.tell("farm-a", MAILBOX, KEPT, AHEAD)
    pump.tell("farm-a", MAILBOX, replace(KEPT, until=None), AHEAD)
    assert min(given_w(pump)) > 2_900
    pump = market_of_farms()
    pump.tell("farm-a", MAILBOX, replace(KEPT, until=DAY.at(11)), AHEAD)
    assert min(given_w(pump)) > 2_900


def test_what_was_offered_before_is_refused_when_it_is_ordered() -> None:
    """Where the word that it is lost did not come through: with the reason, and nothing is held to it."""
    pump = market_of_farms()
    pump.ignores["agr"] = ElementLost
    offered(pump)
    pump.tell("farm-a", MAILBOX, KEPT, AHEAD)
    told = ordered(pump)
    assert told.result is Result.REJECTED
    assert (told.rejection_reason or "").startswith(f"kept: {UNIT} in ISP 45; its owner keeps it for itself until")
    assert not pump.roles["farm-a"].part(HeldOrders).state.parts


def test_what_is_offered_of_it_is_revoked() -> None:
    """The aggregator takes its offer back, and the next one is made without the element."""
    pump = market_of_farms()
    offered(pump)
    assert pump.said(FlexOfferRevocation) == []
    pump.tell("farm-a", MAILBOX, KEPT, AHEAD)
    assert len(pump.said(FlexOfferRevocation, to="dso")) == 1


def test_an_order_in_force_holds_it_no_more_and_is_settled_all_the_same() -> None:
    """The element is free for so long; the order stays, so that what is not delivered is found at the settlement."""
    pump = market_of_farms()
    farm = pump.roles["farm-a"]
    offered(pump)
    assert ordered(pump).result is Result.ACCEPTED
    held = farm.part(HeldOrders)
    assert not np.isnan(held.held_kw(UNIT, DAY)[44:48]).any()
    moved = held.moved_kw(UNIT, DAY)
    effects = asked(farm, replace(KEPT, until=DAY.isp_start(47)), DAY.isp_start(45))
    assert list(np.isnan(held.held_kw(UNIT, DAY)[44:48])) == [True, True, False, False]
    assert (held.moved_kw(UNIT, DAY) == moved).all()
    lost = [e for e in effects if isinstance(e, Send) and isinstance(e.message, ElementLost)]
    assert [(e.to, e.message.element) for e in lost] == [("agr", UNIT)]
    assert answer(effects).accepted
    (told,) = [e.publication for e in effects if isinstance(e, Publish)]
    lost_wh = round(250 * float(np.abs(moved[44:46]).sum()))
    assert told == ElementOverridden(DAY.isp_start(45), UNIT, "farm-a.example", DAY.isp_start(47), lost_wh)
    assert f"{lost_wh / 1000:.3g} kWh are ordered of it" in answer(effects).reason


def test_of_a_running_isp_the_rest_is_lost() -> None:
    """Kept from the middle of ISP 45 to the middle of ISP 46: half of either."""
    pump = market_of_farms()
    farm = pump.roles["farm-a"]
    offered(pump)
    ordered(pump)
    moved = np.abs(farm.part(HeldOrders).moved_kw(UNIT, DAY))
    half = timedelta(minutes=7, seconds=30)
    effects = asked(farm, replace(KEPT, until=DAY.isp_start(46) + half), DAY.isp_start(45) + half)
    (told,) = [
        e.publication for e in effects if isinstance(e, Publish) and isinstance(e.publication, ElementOverridden)
    ]
    assert told.promised_wh == round(125 * float(moved[44] + moved[45]))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"element": "farm-b.pv"}, "expected one of farm-a.pv"),
        ({"until": AHEAD}, "is over"),
        ({"until": None}, "farm-a.pv is not kept"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_a_reason(changes: dict[str, Any], words: str) -> None:
    """One sentence; nothing follows."""
    effects = asked(players.farm("farm-a"), replace(KEPT, **changes))
    assert (answer(effects).accepted, len(effects)) == (False, 1)
    assert words in answer(effects).reason


def test_nobody_but_the_mailbox_keeps_an_element() -> None:
    """Its aggregator cannot pretend to be the owner."""
    farm = players.farm("farm-a")
    assert asked(farm, KEPT, sender="agr") == []
    assert not farm.part(OwnerOverrides).keeps(UNIT, AHEAD)


def test_it_survives_a_restart_and_ends_by_itself() -> None:
    """By the site's clock; what has ended is forgotten with its day."""
    farm, again = players.farm("farm-a"), players.farm("farm-a")
    asked(farm, KEPT)
    again.restore(farm.snapshot())
    kept = again.part(OwnerOverrides)
    assert kept.keeps(UNIT, NOON - timedelta(seconds=1))
    assert not kept.keeps(UNIT, NOON)
    again.prune(FIRST + timedelta(days=1))
    assert kept.state.until == {}


def test_a_day_is_settled_when_the_engineer_wants_it() -> None:
    """Not before it is over, nor twice, nor a day that is none of the site's."""
    role = players.dso()
    wanted = SettlementWanted("number-2", "ada", FIRST)
    assert "is not over" in answer(asked(role, wanted, NOON)).reason
    other = replace(wanted, period=FIRST + timedelta(days=9))
    assert "no day that the site operates" in answer(asked(role, other, NOON)).reason
    assert asked(role, wanted, DAY.end, sender="agr") == []
    assert answer(asked(role, wanted, DAY.end)).accepted
    assert role.part(MeterData).is_closed(FIRST)
    assert "settled already" in answer(asked(role, wanted, DAY.end)).reason
