"""What is offered and not ordered is taken back when an element is lost, and the DSO never orders what was taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agents.roles.aggregator.flex_trading import FlexOfferExpires, FlexTrading
from agents.roles.aggregator.vpp_sessions import VppSessions
from agents.roles.dso import DsoRole
from agents.roles.dso.ordering import Ordering
from agents.roles.dso.revocations import Revocations
from agents.roles.dso.trading_round import SelectionOf
from agents.roles.effects import Compute, Publish
from agents.roles.element_messages import ElementLost
from agents.roles.events import Computed
from agents.roles.messages import DeviceReport, Filed, Receipt, SessionClosed
from agents.roles.parts.contract_use import ContractUse
from agents.roles.prosumer.lost_elements import MISSED
from cim.codec.codec import decode, encode
from cim.platform.publications.trading import OrderRefused
from market.uftp import (
    FlexOffer,
    FlexOfferRevocation,
    FlexOfferRevocationResponse,
    FlexOrder,
    FlexOrderResponse,
    FlexRequest,
    Header,
    Result,
)
from tests.roles.test_roles_dso import analysed, hear, hear_all, of, offer, ordering, passed
from tests.roles.test_roles_enforcement import order_of
from tests.worlds import players
from tests.worlds.players import AHEAD, FIRST, Pump, dso, market_of_farms, request

LOST = ElementLost("farm-a.pv", "3 reports in a row without a reading")


def offered() -> tuple[Pump, FlexOffer]:
    """Both farms' offer stands with the DSO."""
    pump = market_of_farms()
    pump.tell("agr", "dso", request(), AHEAD)
    return pump, pump.said(FlexOffer)[-1]


def test_an_offer_is_revoked_when_one_of_its_elements_is_lost() -> None:
    """The DSO hears it in the offer's conversation, the members are free, and an order that crosses it is refused."""
    pump, made = offered()
    pump.tell("agr", "farm-a", LOST, AHEAD)
    (revocation,) = pump.said(FlexOfferRevocation, to="dso")
    assert revocation.flex_offer_message_id == made.header.message_id
    assert revocation.header.conversation_id == made.header.conversation_id
    assert {to for _, to, m in pump.log if isinstance(m, SessionClosed)} == set(players.FARMS)
    agr = pump.roles["agr"]
    assert (agr.part(FlexTrading).state.offers, agr.part(VppSessions).state.sessions) == ({}, {})
    pump.tell("agr", "dso", order_of(made), AHEAD)
    answer = pump.said(FlexOrderResponse, to="dso")[-1]
    assert (answer.result, answer.rejection_reason) == (Result.REJECTED, "FlexOfferMessageID: no open offer")


@pytest.mark.parametrize(
    ("sender", "lost"),
    [("farm-a", "farm-a.heat pump"), ("farm-b", "farm-a.pv"), ("stranger", "farm-a.pv")],
    ids=["an element that takes no part", "another member's element", "no member"],
)
def test_nothing_is_revoked_because_of_what_is_not_in_the_offer(sender: str, lost: str) -> None:
    """Only the member's own element that takes part counts."""
    pump, made = offered()
    pump.tell("agr", sender, replace(LOST, element=lost), AHEAD)
    assert pump.said(FlexOfferRevocation) == []
    assert list(pump.roles["agr"].part(FlexTrading).state.offers) == [made.header.message_id]


def test_what_is_ordered_already_is_not_revoked() -> None:
    """An order binds: what it misses is the correction's affair. And the expiry of a revoked offer is nothing new."""
    pump, made = offered()
    pump.tell("agr", "dso", order_of(made), AHEAD)
    pump.tell("agr", "farm-a", LOST, AHEAD)
    assert pump.said(FlexOfferRevocation) == []
    pump, made = offered()
    pump.tell("agr", "farm-a", LOST, AHEAD)
    before = len(pump.log)
    pump.fire("agr", FlexOfferExpires(made.header.message_id), made.expiration)
    assert len(pump.log) == before


def test_a_prosumer_tells_a_lost_element_once_and_again_after_it_was_back() -> None:
    """So many reports without a reading, not fewer; one good reading ends it."""
    role, at = players.farm("farm-a"), AHEAD

    def told(*reports: bool) -> int:
        nonlocal at
        count = 0
        for is_good in reports:
            at += timedelta(minutes=1)
            readings = (players.good if is_good else lambda source, _, when: players.absent(source, when))(
                "farm-a.pv", -100.0, at
            )
            count += len(of(hear(role, "farm-a.pv", DeviceReport("farm-a.pv", at, readings, ()), at), ElementLost))
        return count

    assert told(*[False] * (MISSED - 1), True, *[False] * (MISSED - 1)) == 0
    assert told(*[False] * 5) == 1
    assert told(True, *[False] * MISSED) == 1


def revocation(made: FlexOffer, seller: str) -> FlexOfferRevocation:
    """A seller says that it takes an offer back."""
    header = Header(f"{seller}.example", "dso.example", AHEAD, f"revocation {seller}", made.header.conversation_id)
    return FlexOfferRevocation(header, made.header.message_id)


def chosen_from() -> tuple[DsoRole, list[FlexOffer]]:
    """A DSO with an offer of each seller, whose choice is being worked out."""
    role = dso()
    hear_all(role)
    made = []
    for asked in of(analysed(role, {48: 5000.0}), FlexRequest):
        seller = players.RULES.name_of(asked.header.recipient_domain) or ""
        made.append(offer(asked, seller))
        effects = hear(role, seller, made[-1])
    assert of(effects, Compute)
    return role, made


def filed_orders(role: DsoRole) -> list[FlexOrder]:
    """What is filed when both offers are chosen."""
    records = [
        r
        for f in of(passed(role, role.handle(Computed(SelectionOf(FIRST), (100, 50)), AHEAD)), Filed)
        for r in f.records
    ]
    found: list[Any] = [decode(record.body) for record in records]
    return [body for body in found if isinstance(body, FlexOrder)]


def test_a_revoked_offer_is_not_ordered_though_it_was_chosen() -> None:
    """The choice was under way when it came: the other seller's offer is ordered, the revoked one is not."""
    role, (first, second) = chosen_from()
    (answer,) = of(hear(role, "agr", revocation(first, "agr")), FlexOfferRevocationResponse)
    assert answer.result is Result.ACCEPTED
    assert [order.flex_offer_message_id for order in filed_orders(role)] == [second.header.message_id]


def test_a_seller_revokes_no_offer_but_its_own() -> None:
    """Whatever another one says of it, it is ordered."""
    role, (first, second) = chosen_from()
    hear(role, "agr-2", revocation(first, "agr-2"))
    assert [o.flex_offer_message_id for o in filed_orders(role)] == [first.header.message_id, second.header.message_id]


def test_an_offer_revoked_before_the_choice_takes_no_part_in_it() -> None:
    """While the other seller's is still out."""
    role = dso()
    hear_all(role)
    one, other = of(analysed(role, {48: 5000.0}), FlexRequest)
    made = offer(one, "agr")
    hear(role, "agr", made)
    hear(role, "agr", revocation(made, "agr"))
    (job,) = of(hear(role, "agr-2", offer(other, "agr-2")), Compute)
    assert len(job.arguments[1]) == 1


def test_an_order_on_its_way_to_the_ledger_is_none_when_its_offer_is_revoked() -> None:
    """It is recorded and never sent; the ledger says that it is refused, nothing is held to it, and the other one is placed."""
    role, offers = chosen_from()
    (filed,) = of(passed(role, role.handle(Computed(SelectionOf(FIRST), (100, 50)), AHEAD)), Filed)
    hear(role, "agr", revocation(offers[0], "agr"))
    effects = hear(role, "ledger", Receipt(filed.reference))
    (order,) = of(effects, FlexOrder)
    assert order.flex_offer_message_id == offers[1].header.message_id
    (refusal,) = [r for f in of(effects, Filed) for r in f.records if r.kind == "flex-order-refusal"]
    body: Any = decode(refusal.body)
    assert body.result is Result.REJECTED
    assert "was revoked" in (body.rejection_reason or "")
    refused = [e.publication for e in effects if isinstance(e, Publish) and isinstance(e.publication, OrderRefused)]
    assert [one.order_reference for one in refused] == [refusal.key]
    assert [o for orders in role.part(Ordering).state.orders.values() for o in orders] == [order]
    assert role.part(ContractUse).used_w == {}


def test_a_revocation_after_the_order_is_too_late() -> None:
    """It is refused with the reason, and the order stays in force."""
    role = dso()
    filed, requests = ordering(role)
    (first, *_) = of(hear(role, "ledger", Receipt(filed.reference)), FlexOrder)
    seller = players.RULES.name_of(first.header.recipient_domain) or ""
    made = next(offer(asked, seller) for asked in requests if asked.header.recipient_domain == f"{seller}.example")
    (answer,) = of(hear(role, seller, revocation(made, seller)), FlexOfferRevocationResponse)
    assert answer.result is Result.REJECTED
    assert "is ordered already" in (answer.rejection_reason or "")
    assert first in [o for orders in role.part(Ordering).state.orders.values() for o in orders]


def test_what_was_revoked_is_kept_through_a_snapshot_and_forgotten_with_its_day() -> None:
    """A restart orders nothing that was revoked; days later nobody asks."""
    role, (first, _) = chosen_from()
    hear(role, "agr", revocation(first, "agr"))
    again = dso()
    again.restore(role.snapshot())
    known = again.part(Revocations)
    assert known.is_revoked("agr", first.header.message_id)
    assert encode(known.state) == encode(role.part(Revocations).state)
    known.prune(FIRST)
    assert not known.is_revoked("agr", first.header.message_id)
