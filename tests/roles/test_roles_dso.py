"""The DSO analyses when all have spoken, asks for what can still be ordered, and orders what is recorded."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from inspect import signature
from typing import Any

import pytest

from agents.planning.grid_safety.assessment import assess
from agents.roles.dso import DsoRole
from agents.roles.dso.ordering import Ordering
from agents.roles.dso.prognoses import BeginWithout, Prognoses
from agents.roles.dso.requests import Requests
from agents.roles.dso.trading_round import ChooseNow, SafetyOf, SelectionOf
from agents.roles.dso.trading_rounds import TradingRounds
from agents.roles.effects import Arm, Compute, Effect, Publish, Send
from agents.roles.events import Computed, Fired, Received
from agents.roles.messages import Filed, Receipt
from agents.roles.parts.keys import SellerPointDay
from cim.codec.codec import decode
from cim.platform.publications.incidents import MessageLapsed
from market.rules import Control
from market.uftp import (
    Disposition,
    DPrognosis,
    DPrognosisResponse,
    FlexOffer,
    FlexOfferResponse,
    FlexOrder,
    FlexRequest,
    Header,
    IspPower,
    OfferOption,
    Result,
)
from tests.worlds import players
from tests.worlds.players import AHEAD, DAY, FIRST, NOON, POINT, RULES, UPPER, assessment, dso

PERIOD = FIRST.isoformat()
PAIRS = (("agr", POINT), ("agr-2", POINT), ("agr", UPPER))


def prognosis(seller: str, point: str, revision: int = 1, level_w: int = -9000, **changes: Any) -> DPrognosis:
    """A seller's flat prognosis."""
    name = f"{seller} {point} {revision}"
    header = Header(f"{seller}.example", "dso.example", AHEAD, name, name)
    return replace(DPrognosis(header, FIRST, point, revision, (level_w,) * 96, RULES.timezone), **changes)


def hear(role: DsoRole, seller: str, message: Any, now: datetime = AHEAD) -> list[Effect]:
    """What the DSO wants on hearing a message."""
    return role.handle(Received(seller, 1, message), now)


def hear_all(role: DsoRole, revision: int = 1, now: datetime = AHEAD, power_w: int = -9000) -> list[Effect]:
    """A whole cycle of prognoses."""
    return [e for s, p in PAIRS for e in hear(role, s, prognosis(s, p, revision, power_w), now)]


def of(effects: list[Effect], kind: type) -> list[Any]:
    """Effects of a type (of jobs not the table of cases, which moves nothing), or messages of a type that are sent."""
    found = [e for e in effects if isinstance(e, kind) and getattr(e, "job", "") != "safety-cases"]
    return found or [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, kind)]


def passed(role: DsoRole, effects: list[Effect], now: datetime = AHEAD) -> list[Effect]:
    """Effects, and what follows when the power flow before the orders finds nothing against them."""
    checks = [e for e in effects if isinstance(e, Compute) and e.job == "order-check"]
    return effects + [
        more
        for check in checks
        for more in role.handle(Computed(check.reference, ("",) * len(check.reference.chosen)), now)
    ]


def analysed(role: DsoRole, need_w: dict[int, float], now: datetime = AHEAD) -> list[Effect]:
    """What the DSO wants when its analysis has found a need."""
    return role.handle(Computed(SafetyOf(FIRST), assessment(need_w)), now)


def offer(request: FlexRequest, seller: str, power_w: int = 4000, **changes: Any) -> FlexOffer:
    """A seller's offer of the same power wherever it is asked for some."""
    rows = tuple(IspPower(r.start, power_w) for r in request.isps if r.disposition is Disposition.REQUESTED)
    name = f"offer {seller} {request.header.message_id}"
    made = FlexOffer(
        Header(f"{seller}.example", "dso.example", AHEAD, name, name), FIRST, request.congestion_point,
        request.expiration, (OfferOption("option", 800, rows, 1),), "EUR", RULES.timezone, 15,
        request.header.message_id, None, f"{seller} {request.congestion_point} 1",
    )  # fmt: skip
    return replace(made, **changes)


def ordering(role: DsoRole, need_w: dict[int, float] | None = None) -> tuple[Filed, tuple[FlexRequest, ...]]:
    """Prognoses, analysis, requests, offers and the choice; what is filed then."""
    hear_all(role)
    requests = tuple(of(analysed(role, need_w or {48: 5000.0, 49: 5000.0}), FlexRequest))
    for request in requests:
        seller = RULES.name_of(request.header.recipient_domain) or ""
        effects = hear(role, seller, offer(request, seller))
    assert [c.job for c in of(effects, Compute)] == ["selection"]
    (filed,) = of(passed(role, role.handle(Computed(SelectionOf(FIRST), (100, 50)), AHEAD)), Filed)
    return filed, requests


def test_a_prognosis_that_is_taken_is_published_and_one_that_is_refused_is_not() -> None:
    """Who watches the grid sees each prognosis that the DSO took, once."""
    role = dso()
    taken = [e.publication for e in hear(role, "agr", prognosis("agr", POINT)) if isinstance(e, Publish)]
    assert [(p.seller, p.congestion_point, p.revision) for p in taken] == [("agr.example", POINT, 1)]
    again = [e.publication for e in hear(role, "agr", prognosis("agr", POINT)) if isinstance(e, Publish)]
    assert [type(told) for told in again] == [MessageLapsed]


def test_the_prognoses_of_all_pairs_start_one_analysis() -> None:
    """The last of the cycle's prognoses starts one safety job; until then a timer stands for the late ones."""
    role = dso()
    first = hear(role, *_said(0))
    second = hear(role, *_said(1))
    assert of(first + second, Compute) == []
    assert {arm.at for arm in of(first + second, Arm)} == {AHEAD + timedelta(seconds=RULES.control_s)}
    (job,) = of(hear(role, *_said(2)), Compute)
    assert (job.reference, job.job) == (SafetyOf(FIRST), "safety")
    assert role.handle(Fired(BeginWithout(FIRST)), AHEAD) == []


def _said(index: int, revision: int = 1) -> tuple[str, DPrognosis]:
    seller, point = PAIRS[index]
    return seller, prognosis(seller, point, revision)


def test_a_late_prognosis_does_not_stop_the_analysis() -> None:
    """After an interval the analysis goes on with what is known."""
    role = dso()
    hear(role, *_said(0))
    assert len(of(role.handle(Fired(BeginWithout(FIRST)), AHEAD), Compute)) == 1


def test_one_round_runs_at_a_time() -> None:
    """A newer cycle of prognoses during a round starts no second one; after the round it does."""
    role = dso()
    assert len(of(hear_all(role, 1), Compute)) == 1
    assert of(hear_all(role, 2), Compute) == []
    (following,) = of(analysed(role, {}), Compute)
    assert following.arguments[3].identity == UPPER
    assert of(analysed(role, {}), Compute) == []
    assert len(of(hear_all(role, 3), Compute)) == 1


def test_a_points_room_is_looked_for_at_the_points_above_it_too() -> None:
    """The lower point's analysis is told of the upper one, the upper one's of none."""
    role = dso()
    (lower,) = of(hear_all(role), Compute)
    (upper,) = of(analysed(role, {}), Compute)
    told = [signature(assess).bind(*job.arguments).arguments["above"] for job in (lower, upper)]
    assert [[point.identity for point in above] for above in told] == [[UPPER], []]


def test_without_flexibility_nothing_is_analysed() -> None:
    """The comparison run accepts prognoses and asks for nothing."""
    effects = hear_all(dso(players.rules(Control.LOCAL)))
    assert {m.result for m in of(effects, DPrognosisResponse)} == {Result.ACCEPTED}
    assert of(effects, Compute) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"timezone": "Europe/London"}, "TimeZone"),
        ({"isp_minutes": 30}, "ISP"),
        ({"power_w": (0,) * 92}, "ISP: 92 values; expected 96"),
        ({"congestion_point": "elsewhere"}, "CongestionPoint"),
    ],
)
def test_a_prognosis_that_does_not_fit_is_rejected_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    """The answer names the field; the prognosis is not kept."""
    role = dso()
    (answer,) = of(hear(role, "agr", prognosis("agr", POINT, **changes)), DPrognosisResponse)
    assert answer.result is Result.REJECTED
    assert reason in answer.rejection_reason
    assert role.part(Prognoses).state.newest == {}


@pytest.mark.parametrize("revision", [1, 2])
def test_a_revision_must_grow(revision: int) -> None:
    """A prognosis that is not newer than the known one is rejected."""
    role = dso()
    hear(role, "agr", prognosis("agr", POINT, 2))
    (answer,) = of(hear(role, "agr", prognosis("agr", POINT, revision)), DPrognosisResponse)
    assert answer.rejection_reason == f"Revision: {revision} is not above 2"


def asked(effects: list[Effect]) -> list[int]:
    """The ISPs that are asked for."""
    requests = of(effects, FlexRequest)
    assert len({r.isps[0].start for r in requests}) <= 1
    return [row.start for row in requests[0].isps if row.disposition is Disposition.REQUESTED] if requests else []


def test_day_ahead_every_interval_may_be_requested() -> None:
    """Before the day starts the whole need is asked for, of every seller of the congestion point."""
    role = dso()
    hear_all(role)
    effects = analysed(role, dict.fromkeys(range(1, 97), 3000.0))
    assert asked(effects) == list(range(1, 97))
    assert [e.to for e in effects if isinstance(e, Send)] == ["agr", "agr-2"]


def test_on_the_day_requests_lie_between_gate_and_lookahead() -> None:
    """What starts too soon cannot be ordered any more, what is far off waits for a better prognosis."""
    role = dso()
    hear_all(role, now=NOON)
    first = DAY.isp_of(NOON) + role.part(TradingRounds).config.gate_isps
    effects = analysed(role, dict.fromkeys(range(1, 97), 3000.0), NOON)
    assert asked(effects) == list(range(first, first + role.part(TradingRounds).config.lookahead_isps))
    for request in of(effects, FlexRequest):
        assert [row.start for row in request.isps] == list(range(first, 97))


def test_a_need_out_of_reach_is_not_requested() -> None:
    """A need that lies before the gate or beyond the lookahead only leads to the next congestion point."""
    role = dso()
    hear_all(role, now=NOON)
    effects = analysed(role, {DAY.isp_of(NOON) + 3: 3000.0, 96: 3000.0}, NOON)
    assert asked(effects) == []
    assert of(effects, Compute)[0].arguments[3].identity == UPPER


def test_needs_are_rounded_up_and_room_is_shared() -> None:
    """A request never asks for less than the need; the room beside it is split by the portfolios' sizes."""
    role = dso()
    hear_all(role)
    small, large = of(analysed(role, {48: 4901.0}), FlexRequest)
    row = {r.start: r for r in small.isps}
    assert (row[48].min_power_w, row[48].disposition) == (5000, Disposition.REQUESTED)
    assert (row[50].min_power_w, row[50].max_power_w) == (-12_500, 12_500)
    assert {r.start: r for r in large.isps}[50].max_power_w == 37_500


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"flex_request_message_id": "unknown"}, "FlexRequestMessageID"),
        ({"d_prognosis_message_id": "unknown"}, "D-PrognosisMessageID"),
        ({"d_prognosis_message_id": f"agr-2 {POINT} 1"}, "D-PrognosisMessageID"),
        ({"timezone": "Europe/London"}, "TimeZone"),
        ({"options": (OfferOption("o", 1, (IspPower(97, 5),)),)}, "97"),
        ({"period": FIRST + timedelta(days=1)}, "FlexRequestMessageID"),
        ({"contract_id": "c-9"}, "ContractID"),
    ],
)
def test_an_offer_that_does_not_fit_is_rejected_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    """The answer names the field; the offer is not chosen from."""
    role = dso()
    hear_all(role)
    request = of(analysed(role, {48: 5000.0}), FlexRequest)[0]
    (answer,) = of(hear(role, "agr", offer(request, "agr", **changes)), FlexOfferResponse)
    assert answer.result is Result.REJECTED
    assert reason in answer.rejection_reason
    assert role.part(TradingRounds).state.rounds[FIRST].offers == {}


def test_orders_are_sent_only_after_the_receipt() -> None:
    """The choice is filed with the prognoses it stands on; the orders go out with the ledger's receipt, once."""
    role = dso()
    filed, _ = ordering(role)
    assert [record.kind for record in filed.records] == ["flex-order", "d-prognosis"] * 2
    assert hear(role, "agr", Receipt(filed.reference)) == []
    effects = hear(role, "ledger", Receipt(filed.reference))
    orders = of(effects, FlexOrder)
    assert orders == [decode(record.body) for record in filed.records if record.kind == "flex-order"]
    assert [(o.activation_factor_pct, o.price) for o in orders] == [(100, 800), (50, 400)]
    assert of(hear(role, "ledger", Receipt(filed.reference)), FlexOrder) == []


def test_nothing_is_ordered_when_the_ledger_refuses() -> None:
    """A receipt with a fault means that nothing was recorded, so nothing may be ordered."""
    role = dso()
    filed, _ = ordering(role)
    assert of(hear(role, "ledger", Receipt(filed.reference, "clash")), FlexOrder) == []
    assert role.part(Ordering).state.orders == {}


def test_the_round_goes_up_after_the_orders() -> None:
    """With the orders out the next congestion point is analysed on what was promised."""
    role = dso()
    filed, _ = ordering(role)
    (job,) = of(hear(role, "ledger", Receipt(filed.reference)), Compute)
    assert job.arguments[3].identity == UPPER
    powers = dict(zip(job.arguments[4], job.arguments[5], strict=True))
    assert powers["n1"][47] == -18_000 + 4000 + 2000
    assert powers["n1"][49] == -18_000


def test_baselines_are_frozen_at_the_first_order() -> None:
    """A newer prognosis moves neither the baseline of an ordered interval nor what is expected there."""
    role = dso()
    filed, _ = ordering(role)
    hear(role, "ledger", Receipt(filed.reference))
    key, held = SellerPointDay("agr", POINT, FIRST), role.part(Ordering)
    assert held.baseline_w(key) == {48: -9000, 49: -9000}
    hear_all(role, 2, power_w=-1000)
    assert held.baseline_w(key) == {48: -9000, 49: -9000}
    expected = role.part(TradingRounds)._expected.of_portfolio_w("agr", POINT, DAY)
    assert (expected[47], expected[49]) == (-5000, -1000)


def test_sellers_that_do_not_answer_are_left_out() -> None:
    """When time is up the choice is made among the offers that came."""
    role = dso()
    hear_all(role)
    request = of(analysed(role, {48: 5000.0}), FlexRequest)[0]
    hear(role, "agr", offer(request, "agr"))
    (job,) = of(role.handle(Fired(ChooseNow(FIRST)), AHEAD), Compute)
    assert job.job == "selection"
    assert len(job.arguments[1]) == 1


def test_a_late_offer_is_not_taken_for_the_next_congestion_point() -> None:
    """An offer for a point whose round is over does not count as the answer to another point's request."""
    role = dso()
    hear_all(role)
    late = of(analysed(role, {48: 5000.0}), FlexRequest)[0]
    role.handle(Fired(ChooseNow(FIRST)), AHEAD)
    role.handle(Computed(SelectionOf(FIRST), ()), AHEAD)
    assert [r.congestion_point for r in of(analysed(role, {48: 5000.0}), FlexRequest)] == [UPPER]
    hear(role, "agr", offer(late, "agr"))
    assert role.part(TradingRounds).state.rounds[FIRST].asked == ("agr",)
    assert role.part(TradingRounds).state.rounds[FIRST].offers == {}


def test_what_was_asked_and_offered_counts_for_the_day_although_a_later_request_asks_for_less() -> None:
    """An order takes what is asked for out of the next request; what the contract owed and what stood by stays on its account."""
    role = dso()
    _, requests = ordering(role, {48: 5000.0, 49: 5000.0})
    place = SellerPointDay("agr", requests[0].congestion_point, FIRST)
    asked, offered = dict(role.part(Requests).requested_w(place)), dict(role.part(Requests).offered_w(place))
    assert asked
    assert offered
    role.part(Requests).note_offer("agr", offer(requests[0], "agr", 1000))
    assert role.part(Requests).offered_w(place) == offered
    assert set(asked) == set(role.part(Requests).requested_w(place))
