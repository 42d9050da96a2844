"""A contract's parameters are held at activation by both of its sides: not offered, not ordered, refused with the reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from agents.roles.aggregator.order_records import MemberOrdersFiling
from agents.roles.dso.trading_round import SafetyOf
from agents.roles.effects import Effect, Publish, Send
from agents.roles.events import Computed, Recalled, Received
from agents.roles.messages import Filed, Receipt
from agents.roles.parts.contract_use import CallDropped, CallTaken, ContractUse
from agents.roles.parts.contracts import Contracts
from agents.roles.prosumer.asset_publishing import AssetPublishing
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.role import Role
from cim.platform.publications.incidents import MessageLapsed
from market.assets.capability import PowerBand
from market.contracts.contract import ActivationPriceKind, BaselineKind, CountedPer, FlexContract, FlexElement
from market.contracts.templates import from_template
from market.uftp import (
    Disposition,
    DPrognosis,
    FlexOffer,
    FlexOfferResponse,
    FlexOrder,
    FlexOrderResponse,
    FlexRequest,
    Header,
    IspPower,
    OfferOption,
    Result,
)
from tests.worlds import players
from tests.worlds.players import AHEAD, DAY, FIRST, POINT, RULES, Pump, dso, market_of_farms, request

UPPER = players.UPPER
FIRST_ISP = 45  # of the standard request: 11:00 to 12:00


def change_contract(role: Role, peer: str, **changes: Any) -> FlexContract:
    """One side's contract with a peer, with other parameters."""
    contracts = role.part(Contracts).state.contracts
    (contract,) = contracts[peer]
    contracts[peer] = (replace(contract, **changes),)
    return contracts[peer][0]


def use_before(role: Role, contract: FlexContract, isp: int, watts: int = 10) -> None:
    """One side knows that the contract was called in an ISP of the day."""
    role.part(ContractUse).state.used_w[contract.contract_id] = {DAY.isp_start(isp): watts}


BREACHES = [
    ({"end_date": FIRST - timedelta(days=1), "start_date": FIRST - timedelta(days=9)}, None, "date"),
    ({"days_of_week": tuple(d for d in range(1, 8) if d != FIRST.isoweekday())}, None, "day of week"),
    ({"start_minute": 720}, None, "hours of day: 11:00 is outside 12:00..24:00"),
    ({"amount_up_w": 100}, None, "amount"),
    ({"max_runtime_isps": 3}, None, "runtime: 4 ISPs"),
    ({"recovery_isps": 4}, FIRST_ISP - 3, "recovery: 2 ISPs before"),
    ({"recovery_isps": 0, "max_activations": 1}, FIRST_ISP - 3, "activations: 2 on"),
]


@pytest.mark.parametrize(("changes", "used_isp", "why"), BREACHES[1:])
def test_what_a_members_contract_does_not_allow_is_not_offered(
    changes: dict[str, Any], used_isp: int | None, why: str
) -> None:
    """The share of that member is left out, and it is told why; the other one's is offered."""
    pump = market_of_farms()
    contract = change_contract(pump.roles["agr"], "farm-a", **changes)
    if used_isp is not None:
        use_before(pump.roles["agr"], contract, used_isp)
    pump.tell("agr", "dso", request(), AHEAD)
    told = [e.publication for _, e in pump.effects if isinstance(e, Publish)]
    lapsed = [t for t in told if isinstance(t, MessageLapsed) and t.what == "share"]
    assert [t.peer for t in lapsed] == ["farm-a"]
    assert f"does not allow it: {why}" in lapsed[0].reason
    offer = pump.said(FlexOffer)[-1]
    assert offer.options
    assert max(row.power_w for row in offer.options[-1].isps) < 6000  # half of what both would give


def ordered(pump: Pump, **changes: Any) -> FlexOrderResponse:
    """The DSO orders the standard request's offer; what farm-a answers its own order, which is said otherwise."""
    pump.changes["agr", FlexOrder] = lambda order: replace(order, **changes)
    pump.tell("agr", "dso", request(), AHEAD)
    offer = pump.said(FlexOffer)[-1]
    pump.tell("agr", "dso", order_of(offer), AHEAD)
    for filed in pump.said(Filed, sender="agr"):
        if isinstance(filed.reference, MemberOrdersFiling):
            pump.tell("agr", "ledger", Receipt(filed.reference), AHEAD)
    return pump.said(FlexOrderResponse, sender="farm-a")[-1]


def order_of(offer: FlexOffer) -> FlexOrder:
    """The DSO's order of the whole of what an offer offers."""
    option = offer.options[-1]
    return FlexOrder(
        dso().me.header("agr", AHEAD, None, "FlexOrder"),
        offer.period, offer.congestion_point, "o-1", option.price, "EUR", option.isps, RULES.timezone, 15,
        offer.header.message_id, option.option_reference, 100, offer.contract_id, offer.d_prognosis_message_id,
    )  # fmt: skip


@pytest.mark.parametrize(("changes", "used_isp", "why"), BREACHES)
def test_a_member_refuses_an_order_that_its_contract_does_not_allow(
    changes: dict[str, Any], used_isp: int | None, why: str
) -> None:
    """Whatever its aggregator holds the contract for: the answer names the parameter, and nothing is held to it."""
    pump = market_of_farms()
    farm = pump.roles["farm-a"]
    pump.tell("agr", "dso", request(), AHEAD)  # the session is open by the contract as it was
    contract = change_contract(farm, "agr", **changes)
    if used_isp is not None:
        use_before(farm, contract, used_isp)
    before = dict(farm.part(ContractUse).state.used_w)
    pump.tell("agr", "dso", order_of(pump.said(FlexOffer)[-1]), AHEAD)
    for filed in pump.said(Filed, sender="agr"):
        if isinstance(filed.reference, MemberOrdersFiling):
            pump.tell("agr", "ledger", Receipt(filed.reference), AHEAD)
    answer = pump.said(FlexOrderResponse, sender="farm-a")[-1]
    assert answer.result is Result.REJECTED
    assert why in (answer.rejection_reason or "")
    assert farm.part(ContractUse).state.used_w == before


@pytest.mark.parametrize(
    ("changes", "result", "why"),
    [
        ({}, Result.ACCEPTED, ""),
        ({"price": 1}, Result.REJECTED, "price: 1; expected"),
        ({"price": 10**6}, Result.REJECTED, "fixed activation price"),
        ({"contract_id": "another"}, Result.REJECTED, "ContractID: another is no contract"),
    ],
)
def test_a_member_takes_no_other_price_than_the_fixed_one(changes: dict[str, Any], result: Result, why: str) -> None:
    """A household's price is fixed: neither less nor more, and under no contract that it does not hold."""
    answer = ordered(market_of_farms(), **changes)
    assert answer.result is result
    assert why in (answer.rejection_reason or "")


def sales(amount_up_w: int, **changes: Any) -> tuple[FlexContract, FlexContract]:
    """The DSO's option on the aggregator's portfolio at the farms' point, and the framework beside it."""
    elements = (FlexElement(POINT, "portfolio", 40_000, -40_000, BaselineKind.ELEMENTS),)
    term: dict[str, Any] = {
        "buyer": "dso.example", "seller": "agr.example", "start_date": FIRST, "end_date": FIRST,
        "timezone": RULES.timezone, "flex_elements": elements,
    }  # fmt: skip
    option = from_template("dso-flexoption", contract_id="option", amount_up_w=amount_up_w, **term)
    return replace(option, **changes), from_template("dso-framework", contract_id="framework", **term)


def with_sales(pump: Pump, *contracts: FlexContract) -> Pump:
    """The aggregator holds these contracts with the DSO."""
    pump.roles["agr"].part(Contracts).state.contracts["dso"] = contracts
    return pump


@pytest.mark.parametrize(
    ("amount_up_w", "changes", "used_w", "under"),
    [
        (10_000, {}, 0, "option"),
        (10_000, {}, 5_000, "framework"),
        (10_000, {"start_minute": 720}, 0, "framework"),
        (10_000, {"max_runtime_isps": 3}, 0, "framework"),
        (5_000, {}, 0, "framework"),
    ],
)
def test_what_is_beyond_the_option_is_offered_under_the_framework(
    amount_up_w: int, changes: dict[str, Any], used_w: int, under: str
) -> None:
    """Its amount in sum, its hours, its runtime: where one of an offer's options is beyond, the option is not what is called."""
    option, framework = sales(amount_up_w, **changes)
    pump = with_sales(market_of_farms(), option, framework)
    if used_w:
        use_before(pump.roles["agr"], option, FIRST_ISP, used_w)
    pump.tell("agr", "dso", request(), AHEAD)
    assert pump.said(FlexOffer)[-1].contract_id == under


def test_a_fixed_price_of_the_dsos_contract_is_what_is_offered() -> None:
    """Just its price for the energy; where that does not cover what the members ask, nothing is offered."""
    for volume_price, offers in ((3000, True), (100, False)):
        option, _ = sales(10_000, activation_price=ActivationPriceKind.FIXED, volume_price_e4_per_kwh=volume_price)
        pump = with_sales(market_of_farms(), option)
        pump.tell("agr", "dso", request(), AHEAD)
        offer = pump.said(FlexOffer)[-1]
        assert bool(offer.options) is offers
        for step in offer.options:
            energy_kwh = sum(row.power_w for row in step.isps) / 4000
            assert step.price == round(energy_kwh * volume_price)


def test_the_seller_refuses_an_order_beyond_its_contract() -> None:
    """What the option allowed when it was offered is used up meanwhile; or the order names another contract."""
    option, framework = sales(10_000)
    for changes, why in (
        ({}, "ContractID: option does not allow it: amount"),
        ({"contract_id": "framework"}, "ContractID"),
    ):
        pump = with_sales(market_of_farms(), option, framework)
        pump.tell("agr", "dso", request(), AHEAD)
        use_before(pump.roles["agr"], option, FIRST_ISP, 9_000)
        pump.tell("agr", "dso", replace(order_of(pump.said(FlexOffer)[-1]), **changes), AHEAD)
        answer = pump.said(FlexOrderResponse, to="dso")[-1]
        assert answer.result is Result.REJECTED
        assert why in (answer.rejection_reason or "")


def test_what_is_called_under_other_contracts_is_not_there_any_more() -> None:
    """The option alone would allow the order; under the framework the DSO has called for all that the members have given."""
    option, framework = sales(10_000)
    pump = with_sales(market_of_farms(), option, framework)
    pump.tell("agr", "dso", request(), AHEAD)
    bought_w = sum(contract.amount_up_w for farm in ("farm-a", "farm-b") for contract in held_with(pump, farm))
    use_before(pump.roles["agr"], framework, FIRST_ISP, bought_w)
    pump.tell("agr", "dso", order_of(pump.said(FlexOffer)[-1]), AHEAD)
    answer = pump.said(FlexOrderResponse, to="dso")[-1]
    assert answer.result is Result.REJECTED
    assert (answer.rejection_reason or "").startswith("sold twice: ")


def held_with(pump: Pump, farm: str) -> tuple[FlexContract, ...]:
    """The aggregator's contracts with a member."""
    return players.contracts(pump.roles["agr"], farm)


@pytest.mark.parametrize(("highest_w", "taken"), [(0, True), (-9000, False)])
def test_a_member_refuses_to_be_moved_beyond_an_elements_envelope(highest_w: int, taken: bool) -> None:
    """PV that may always be curtailed to nothing is; where it may not go above -9 kW at any hour, the order is refused, and
    nothing is held to it."""
    pump = market_of_farms()
    farm = pump.roles["farm-a"]
    assets = farm.part(AssetPublishing).state.joined
    assert assets
    for name, asset in assets.items():
        assets[name] = replace(asset, envelope=(PowerBand(0, 1440, asset.max_generation_w, highest_w),))
    answer = ordered(pump)
    assert (answer.result is Result.ACCEPTED) is taken
    assert bool(farm.part(HeldOrders).state.parts) is taken
    if not taken:
        assert (answer.rejection_reason or "").startswith("envelope: farm-a.")


def test_an_order_that_is_taken_counts_for_the_next() -> None:
    """Under the option: what was ordered of it is not offered a second time."""
    option, framework = sales(10_000)
    pump = with_sales(market_of_farms(), option, framework)
    pump.tell("agr", "dso", request(), AHEAD)
    pump.tell("agr", "dso", order_of(pump.said(FlexOffer)[-1]), AHEAD)
    used = pump.roles["agr"].part(ContractUse).used_w["option"]
    assert used == {DAY.isp_start(row.start): row.power_w for row in pump.said(FlexOffer)[-1].options[-1].isps}


def asked_dso(contract: FlexContract) -> tuple[Any, FlexRequest]:
    """A DSO with a contract that has asked the aggregator."""
    role = dso()
    role.part(Contracts).state.contracts["agr"] = (contract,)
    for seller, point in (("agr", POINT), ("agr", UPPER), ("agr-2", POINT)):
        name = f"{seller} {point} 1"
        header = Header(f"{seller}.example", "dso.example", AHEAD, name, name)
        prognosis = DPrognosis(header, FIRST, point, 1, (-9000,) * 96, RULES.timezone)
        role.handle(Received(seller, 1, prognosis), AHEAD)
    effects = role.handle(Computed(SafetyOf(FIRST), players.assessment({48: 5000.0})), AHEAD)
    requests = [
        e.message for e in effects if isinstance(e, Send) and isinstance(e.message, FlexRequest) and e.to == "agr"
    ]
    return role, requests[0]


@pytest.mark.parametrize(
    ("contract", "power_w", "price", "why"),
    [
        ("option", 4_000, 100, None),
        ("option", 10_001, 100, "ContractID: option does not allow it: amount"),
        ("option", 4_000, 10**6, "ContractID: option does not allow it: price"),
        ("other", 4_000, 100, "ContractID: other is no contract with agr"),
    ],
)
def test_the_dso_refuses_an_offer_that_its_contract_does_not_allow(
    contract: str, power_w: int, price: int, why: str | None
) -> None:
    """More than the amount, dearer than the agreed price, or under a contract that there is not."""
    role, asked = asked_dso(sales(10_000)[0])
    rows = tuple(IspPower(r.start, power_w) for r in asked.isps if r.disposition is Disposition.REQUESTED)
    offer = FlexOffer(
        Header("agr.example", "dso.example", AHEAD, "offer", "offer"), FIRST, POINT, asked.expiration,
        (OfferOption("o", price, rows, 1),), "EUR", RULES.timezone, 15, asked.header.message_id, contract,
        f"agr {POINT} 1",
    )  # fmt: skip
    effects: list[Effect] = role.handle(Received("agr", 2, offer), AHEAD)
    (answer,) = [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, FlexOfferResponse)]
    assert answer.rejection_reason == why or (why is not None and (answer.rejection_reason or "").startswith(why))


def member_order(reference: str, period: date, isp: int, contract: FlexContract) -> FlexOrder:
    """An order to farm-a."""
    header = players.aggregator().me.header("farm-a", AHEAD, None, "FlexOrder", reference)
    return FlexOrder(header, period, "ean.farm-a", reference, 1, "EUR", (IspPower(isp, 700),), RULES.timezone, 15,
                     contract_id=contract.contract_id)  # fmt: skip


@pytest.mark.parametrize("per", list(CountedPer))
def test_use_is_forgotten_with_its_days_unless_it_is_counted_over_the_term(per: CountedPer) -> None:
    """And is rebuilt from the ledger's orders; one that is dropped was no activation."""
    contract = replace(players.agreement("farm-a", FIRST, FIRST + timedelta(days=99)), counted_per=per)
    role = players.farm("farm-a")
    role.part(Contracts).state.contracts["agr"] = (contract,)
    use = role.part(ContractUse)
    later = FIRST + timedelta(days=20)
    orders = [member_order(f"o-{k}", day, 40, contract) for k, day in enumerate((FIRST, later))]
    for order in orders:
        use.taken(CallTaken(order), AHEAD)
    use.taken(CallTaken(member_order("o-9", FIRST, 50, contract)), AHEAD)
    use.dropped(CallDropped(member_order("o-9", FIRST, 50, contract)), AHEAD)
    starts: list[datetime] = [RULES.day(day).isp_start(40) for day in (FIRST, later)]
    assert use.used_w == {contract.contract_id: dict.fromkeys(starts, 700)}
    records = [players.aggregator().me.record("member-order", o.order_reference, o, AHEAD) for o in orders]
    agr, farm = players.aggregator().me, players.farm("farm-a").me
    paper = agr.record("contract", contract.contract_id, contract, AHEAD).signed(farm.domain, farm.signer)
    fresh = players.farm("farm-a")
    fresh.handle(Recalled((paper, *records), (), AHEAD, AHEAD), AHEAD)
    assert fresh.part(ContractUse).used_w == use.used_w
    use.prune(FIRST + timedelta(days=10))
    kept = starts if per is CountedPer.TERM else starts[1:]
    assert use.used_w == {contract.contract_id: dict.fromkeys(kept, 700)}
    use.prune(contract.end_date + timedelta(days=1))
    assert use.used_w == {}
