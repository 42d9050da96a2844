"""A request becomes a virtual power plant's offer, an order its members' orders, each after the ledger's receipt."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from agents.planning.dispatch import admm
from agents.planning.dispatch.session import SplitEvent, SplitParty, SplitState
from agents.roles.aggregator.flex_trading import FlexOfferExpires
from agents.roles.aggregator.member_orders import MemberOrders
from agents.roles.aggregator.order_records import MemberOrdersFiling
from agents.roles.aggregator.promises import Promises
from agents.roles.aggregator.vpp_session import SplitMoved
from agents.roles.aggregator.vpp_sessions import AnswersDue, VppSessions
from agents.roles.effects import Arm, Publish
from agents.roles.messages import (
    DeviceSchedule,
    Filed,
    NetProfile,
    OrderSplit,
    PriceRound,
    Receipt,
    SessionClosed,
    VppInvitation,
)
from agents.roles.parts.contract_use import ContractUse
from cim.codec.codec import decode
from cim.platform.publications.sessions import SessionConcluded
from market.errors import LocalProtocolError
from market.uftp import (
    DPrognosis,
    FlexOffer,
    FlexOrder,
    FlexOrderResponse,
    FlexRequestResponse,
    Result,
)
from tests.worlds.players import AHEAD, FARMS, FIRST, POINT, RULES, Pump, dso, market_of_farms, request

GUARD = timedelta(seconds=RULES.control_s)


def offered(pump: Pump) -> FlexOffer:
    """The aggregator's offer for the standard request."""
    pump.tell("agr", "dso", request(), AHEAD)
    return last(pump.said(FlexOffer))


def last(messages: list[Any]) -> Any:
    """The last of some messages."""
    assert messages
    return messages[-1]


def order(offer: FlexOffer, factor: int = 100, **changes: Any) -> FlexOrder:
    """The DSO's order of the whole of what an offer offers."""
    option = offer.options[-1]
    price, isps = option.activated(factor)
    made = FlexOrder(
        dso().me.header("agr", AHEAD, None, "FlexOrder"),
        offer.period, offer.congestion_point, "o-1", price, "EUR", isps, RULES.timezone, 15,
        offer.header.message_id, option.option_reference, factor, None, offer.d_prognosis_message_id,
    )  # fmt: skip
    return replace(made, **changes)


def receipts(pump: Pump, fault: str | None = None) -> None:
    """The ledger takes what was filed for the members."""
    for filed in pump.said(Filed, sender="agr"):
        if isinstance(filed.reference, MemberOrdersFiling):
            pump.tell("agr", "ledger", Receipt(filed.reference, fault), AHEAD)


def splits(pump: Pump) -> dict[int, int]:
    """ISP -> watts over all elements, as the members told."""
    total: dict[int, int] = {}
    for split in pump.said(OrderSplit):
        for _, rows in split.parts:
            for row in rows:
                total[row.start] = total.get(row.start, 0) + row.power_w
    return total


def test_the_portfolios_prognosis_is_the_sum_of_its_members() -> None:
    """With the last member's forecast the sum goes to the DSO and the ILES manager, the same message to both."""
    pump = market_of_farms()
    own = pump.said(DPrognosis, to="agr")
    (to_dso,) = pump.said(DPrognosis, to="dso")
    (to_iles,) = pump.said(DPrognosis, to="iles")
    assert to_dso == to_iles
    assert {m.congestion_point for m in own} == {"ean.farm-a", "ean.farm-b"}
    assert to_dso.power_w == tuple(a + b for a, b in zip(*(m.power_w for m in own), strict=True))
    assert min(to_dso.power_w) == -16_000


def test_the_offer_is_the_sum_of_what_its_members_answered() -> None:
    """What is offered in each interval is the members' last answers added up, within what was asked for."""
    pump = market_of_farms()
    offer = offered(pump)
    answers = {name: pump.said(NetProfile, sender=name)[-1].deviation_kw for name in FARMS}
    option = offer.options[-1]
    for row in option.isps:
        whole = sum(round(float(answers[name][row.start - 45]) * 1000) for name in FARMS)
        assert row.power_w == whole
        assert 5990 <= row.power_w <= 7000
    assert [row.start for row in option.isps] == [45, 46, 47, 48]
    assert last(pump.said(FlexRequestResponse)).result is Result.ACCEPTED


def test_a_member_tells_sums_and_never_its_models() -> None:
    """What leaves a member in a session is its net profile, and its elements' baselines in round 0 only."""
    pump = market_of_farms()
    offered(pump)
    answers = pump.said(NetProfile)
    assert all(bool(m.baselines) == (m.round == 0) for m in answers)
    assert len({m.round for m in answers}) > 2


def concluded(pump: Pump) -> SessionConcluded:
    """What the aggregator published of its last split."""
    told = [e.publication for _, e in pump.effects if isinstance(e, Publish)]
    return last([publication for publication in told if isinstance(publication, SessionConcluded)])


def test_a_split_that_comes_to_rest_is_told_as_converged() -> None:
    """The conclusion says how the split ended, and the sum that is offered."""
    pump = market_of_farms()
    offer = offered(pump)
    told = concluded(pump)
    assert told.status == "converged"
    assert [round(kw * 1000) for kw in told.total_kw[:4]] == pytest.approx(
        [r.power_w for r in offer.options[-1].isps], abs=1
    )


@pytest.mark.parametrize("rounds", [1, 2, 4])
def test_a_split_that_does_not_is_polished_before_it_is_offered(rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no time to converge the offer still keeps to the band, and is what the members answered last."""
    monkeypatch.setattr(admm, "MAX_ROUNDS", rounds)
    pump = market_of_farms()
    offer = offered(pump)
    assert concluded(pump).status == "polished"
    answers = {name: pump.said(NetProfile, sender=name)[-1].deviation_kw for name in FARMS}
    for row in offer.options[-1].isps:
        assert row.power_w == sum(round(float(answers[name][row.start - 45]) * 1000) for name in FARMS)
        assert 5900 <= row.power_w <= 7000


def test_nothing_is_offered_of_a_split_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums that break the room to the end lead to an offer without options, and the members are free."""
    monkeypatch.setattr(admm.Band, "share_within", lambda band, total_kw: 0.5)
    monkeypatch.setattr(admm.Band, "breach_kw", lambda band, total_kw: np.full(len(total_kw), 9.0))
    monkeypatch.setattr(admm, "MAX_ROUNDS", 1)
    monkeypatch.setattr(admm, "POLISHING_ROUNDS", 0)
    pump = market_of_farms()
    assert offered(pump).options == ()
    first, second = (pump.said(NetProfile, sender="farm-a")[k].deviation_kw for k in (-2, -1))
    np.testing.assert_allclose(second, first / 2, atol=1e-2)  # the share that it was asked for
    told = concluded(pump)
    assert told.status == "failed"
    assert not any(told.total_kw)
    assert {to for _, to, m in pump.log if isinstance(m, SessionClosed)} == set(FARMS)


@pytest.mark.parametrize("factor", [100, 50, 1])
def test_the_order_of_a_factor_scales_what_members_do(factor: int) -> None:
    """The members' elements together are held to the factor's part of the offer, to a watt per element."""
    pump = market_of_farms()
    offer = offered(pump)
    pump.tell("agr", "dso", order(offer, factor), AHEAD)
    receipts(pump)
    done = splits(pump)
    for row in offer.options[-1].isps:
        assert abs(done[row.start] - row.power_w * factor / 100) <= len(FARMS)
    assert all(m.result is Result.ACCEPTED for m in pump.said(FlexOrderResponse))
    assert {m.element for m in pump.said(DeviceSchedule)} == {f"{name}.pv" for name in FARMS}


def test_members_are_ordered_only_after_the_ledgers_receipt() -> None:
    """Accepting the DSO's order files the members' orders; they go out with the receipt, once."""
    pump = market_of_farms()
    pump.tell("agr", "dso", order(offered(pump)), AHEAD)
    filed = last(pump.said(Filed, sender="agr"))
    assert pump.said(FlexOrder) == []
    pump.tell("agr", "farm-a", Receipt(filed.reference), AHEAD)
    assert pump.said(FlexOrder) == []
    receipts(pump)
    sent = pump.said(FlexOrder)
    assert sent == [decode(record.body) for record in filed.records]
    receipts(pump)
    assert pump.said(FlexOrder) == sent


def test_members_are_not_ordered_when_the_ledger_refuses() -> None:
    """A receipt with a fault means that nothing was recorded, so nobody may act on it."""
    pump = market_of_farms()
    pump.tell("agr", "dso", order(offered(pump)), AHEAD)
    receipts(pump, "it is already there with other content")
    assert pump.said(FlexOrder) == []
    (answer,) = pump.said(FlexOrderResponse)
    assert answer.result is Result.REJECTED
    promises, own, use = (pump.roles["agr"].part(kind).state for kind in (Promises, MemberOrders, ContractUse))
    assert (promises.orders, own.orders) == ((), {})
    assert not any(use.used_w.values())
    assert not any(promises.baselines.values())


def test_repeated_orders_change_nothing() -> None:
    """The same order again is accepted, files nothing, and moves no element; a member ignores its repetition."""
    pump = market_of_farms()
    made = order(offered(pump))
    pump.tell("agr", "dso", made, AHEAD)
    receipts(pump)
    filed, done = pump.said(Filed), splits(pump)
    before = [role.snapshot() for role in (pump.roles[name] for name in FARMS)]
    pump.tell("agr", "dso", made, AHEAD)
    for member_order in pump.said(FlexOrder):
        to = RULES.name_of(member_order.header.recipient_domain)
        assert to is not None
        pump.tell(to, "agr", member_order, AHEAD)
    assert pump.said(Filed) == filed
    assert splits(pump) == done
    assert [role.snapshot() for role in (pump.roles[name] for name in FARMS)] == before
    assert last(pump.said(FlexOrderResponse, to="dso")).result is Result.ACCEPTED


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"flex_offer_message_id": "unknown"}, "no open offer"),
        ({"option_reference": "another"}, "OptionReference"),
        ({"price": 1}, "Price"),
        ({"isps": ()}, "ISP"),
    ],
)
def test_an_order_that_does_not_fit_is_rejected_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    """The answer names the field that does not fit; nothing is filed and nobody is ordered."""
    pump = market_of_farms()
    offer = offered(pump)
    before = pump.said(Filed)
    pump.tell("agr", "dso", order(offer, **changes), AHEAD)
    answer = last(pump.said(FlexOrderResponse))
    assert answer.result is Result.REJECTED
    assert reason in answer.rejection_reason
    assert pump.said(Filed) == before


def test_an_expired_offer_is_not_ordered_and_frees_the_members() -> None:
    """At its expiration the offer binds no more: an order is rejected, and the timer closes the members' sessions."""
    pump = market_of_farms()
    offer = offered(pump)
    pump.tell("agr", "dso", order(offer), offer.expiration)
    assert "expired" in last(pump.said(FlexOrderResponse)).rejection_reason
    pump.fire("agr", FlexOfferExpires(offer.header.message_id), offer.expiration)
    assert {to for _, to, m in pump.log if isinstance(m, SessionClosed)} == set(FARMS)
    pump.tell("agr", "dso", order(offer), offer.expiration)
    assert "no open offer" in last(pump.said(FlexOrderResponse)).rejection_reason


def test_only_the_dso_may_order() -> None:
    """An order or a request from anybody else is not even answered."""
    pump = market_of_farms()
    offer = offered(pump)
    before = len(pump.log)
    pump.tell("agr", "farm-a", order(offer), AHEAD)
    pump.tell("agr", "agr-2", request(), AHEAD)
    assert len(pump.log) == before


def test_a_member_that_never_answers_is_left_out() -> None:
    """After the guard timer the session goes on without it, and the offer is what the others give."""
    pump = market_of_farms(deaf=("farm-b",))
    pump.tell("agr", "dso", request(), AHEAD)
    assert pump.said(FlexOffer) == []
    guard = [e for _, e in pump.effects if isinstance(e, Arm) and isinstance(e.timer, AnswersDue)][-1]
    assert guard.at == AHEAD + GUARD
    pump.fire("agr", guard.timer, guard.at)
    offer = last(pump.said(FlexOffer))
    assert pump.said(SessionClosed, to="farm-b")
    own = pump.said(NetProfile, sender="farm-a")[-1].deviation_kw
    assert [row.power_w for row in offer.options[-1].isps] == [round(float(x) * 1000) for x in own[:4]]


def test_a_member_that_falls_silent_in_mid_session_is_left_out() -> None:
    """Its last answer counts no more: the offer is what the others answered last."""
    pump = market_of_farms()
    pump.ignores = {"farm-a": PriceRound}
    pump.tell("agr", "dso", request(), AHEAD)
    assert pump.said(NetProfile, sender="farm-a")
    guard = [e for _, e in pump.effects if isinstance(e, Arm) and isinstance(e.timer, AnswersDue)][-1]
    pump.fire("agr", guard.timer, guard.at)
    offer = last(pump.said(FlexOffer))
    own = pump.said(NetProfile, sender="farm-b")[-1].deviation_kw
    assert [row.power_w for row in offer.options[-1].isps] == [round(float(x) * 1000) for x in own[:4]]


def test_a_session_goes_no_way_that_its_table_does_not_show() -> None:
    """What is not under way cannot be ordered: the part that says so has a fault, and the session stays as it is."""
    pump = market_of_farms(deaf=FARMS)
    pump.tell("agr", "dso", request(), AHEAD)
    sessions = pump.roles["agr"].part(VppSessions)
    ((identity, session),) = sessions.state.sessions.items()
    assert session.state is SplitState.INVITED
    with pytest.raises(LocalProtocolError, match="VPP session: FlexOrder is not allowed while invited"):
        sessions.moved(SplitMoved(identity, SplitParty.DSO, SplitEvent.ORDER), AHEAD)
    assert sessions.state.sessions == {identity: session}


def test_nothing_to_give_is_an_offer_without_options() -> None:
    """When nobody answers, the DSO hears so at once and the members are free for the next request."""
    pump = market_of_farms(deaf=FARMS)
    pump.tell("agr", "dso", request(), AHEAD)
    guard = [e for _, e in pump.effects if isinstance(e, Arm) and isinstance(e.timer, AnswersDue)][-1]
    pump.fire("agr", guard.timer, guard.at)
    assert last(pump.said(FlexOffer)).options == ()
    pump.deaf = ()
    assert offered(pump).options


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"timezone": "Europe/London"}, "TimeZone"),
        ({"congestion_point": "elsewhere"}, "CongestionPoint"),
    ],
)
def test_a_request_that_does_not_fit_is_rejected_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    """No session is opened for a request of another market or of a place without connections."""
    pump = market_of_farms()
    pump.tell("agr", "dso", replace(request(), **changes), AHEAD)
    answer = last(pump.said(FlexRequestResponse))
    assert answer.result is Result.REJECTED
    assert reason in answer.rejection_reason
    assert pump.said(VppInvitation) == []


def test_a_second_request_waits_for_the_first_to_be_decided() -> None:
    """Members are promised only once: the second session starts when the first one's orders are recorded."""
    pump = market_of_farms()
    first = offered(pump)
    again = replace(request(first=60, last=61), header=replace(request().header, message_id="second"))
    pump.tell("agr", "dso", again, AHEAD)
    assert pump.said(FlexOffer) == [first]
    pump.tell("agr", "dso", order(first), AHEAD)
    assert pump.said(FlexOffer) == [first]
    receipts(pump)
    assert [o.flex_request_message_id for o in pump.said(FlexOffer)][-1] == "second"
    assert pump.roles["agr"].part(Promises).state.baselines.keys() == {(POINT, FIRST)}
