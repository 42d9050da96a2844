"""Two parties amend and end what they have signed: in the ledger, with both signatures, and held at the next call."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agents.roles.contract_messages import TerminationAnswered, TerminationGiven
from agents.roles.effects import Publish
from agents.roles.events import Recalled
from agents.roles.messages import DeviceJoined, Filed
from agents.roles.parts.contract_ending import ContractEnding
from agents.roles.parts.contract_use import ContractUse
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.negotiation import ContractNegotiation
from agents.roles.prosumer.asset_publishing import AssetPublishing
from agents.roles.prosumer.told import AssetsChanged, ElementJudged
from agents.roles.register_messages import RegisterEntry
from cim.codec.codec import decode
from cim.model.devices import DeviceKind, Nameplate
from cim.platform.publications.incidents import MessageLapsed, RuleBroken
from market.contracts.changes import TERMINATION, amended
from market.contracts.contract import FlexContract
from market.ledger.records import Record
from market.ledger.signing import verify
from market.negotiation.messages import ContractCounter, ContractReject
from market.register.lifecycle import UnitEvent
from tests.roles.test_roles_enforcement import member_order
from tests.worlds import players
from tests.worlds.players import AHEAD, FIRST, RULES, Pump, market_of_farms

TOMORROW = RULES.day_of(AHEAD).next().day


def held(pump: Pump, name: str, peer: str) -> tuple[FlexContract, ...]:
    """The versions that a party holds."""
    return pump.roles[name].part(Contracts).with_peer(peer)


def records(pump: Pump, kind: str) -> list[Record]:
    """What was filed of a kind."""
    return [r for filed in pump.said(Filed, to="ledger") for r in filed.records if r.kind == kind]


def propose(pump: Pump, contract: FlexContract) -> None:
    """farm-a offers an amendment."""
    role = pump.roles["farm-a"]
    pump.post("farm-a", role.part(ContractNegotiation).propose_amendment(contract, AHEAD), AHEAD)


def test_an_amendment_at_the_same_prices_is_signed_by_both_and_recorded() -> None:
    """It is offered once and taken; both hold both versions, and the record carries both signatures."""
    pump = market_of_farms()
    (first,) = held(pump, "agr", "farm-a")
    new = replace(amended(first, TOMORROW + timedelta(days=1)), amount_up_w=first.amount_up_w // 2)
    propose(pump, new)
    assert held(pump, "agr", "farm-a") == held(pump, "farm-a", "agr") == (first, new)
    record = records(pump, "contract")[-1]
    assert (record.key, decode(record.body)) == (new.record_key, new)
    assert {s.party for s in record.signatures} == {"agr.example", "farm-a.example"}
    assert all(verify(RULES.keys[s.party], record.message, s.value) for s in record.signatures)


def test_amended_terms_are_held_from_their_day_on() -> None:
    """What the first version allows on its last day the second forbids on the next."""
    pump = market_of_farms()
    (first,) = held(pump, "agr", "farm-a")
    new = replace(amended(first, TOMORROW + timedelta(days=1)), amount_up_w=100)
    propose(pump, new)
    use = pump.roles["farm-a"].part(ContractUse)
    allowed, forbidden = (
        use.fault(
            replace(member_order("o", day, 40, first), price=0, flex_offer_message_id="x", activation_factor_pct=99)
        )
        for day in (TOMORROW, TOMORROW + timedelta(days=1))
    )
    assert allowed is None
    assert "amount: 700 W" in (forbidden or "")


def test_a_price_is_negotiated_anew_and_never_taken_as_it_stands() -> None:
    """An amendment that asks more is answered by the strategy: what comes of it is no dearer than the buyer ever pays."""
    pump = market_of_farms()
    (first,) = held(pump, "agr", "farm-a")
    dear = amended(first, TOMORROW + timedelta(days=1)).at_prices(5_000, 0)
    propose(pump, dear)
    offers = [m.contract.volume_price_e4_per_kwh for m in pump.said(ContractCounter)]
    assert offers  # the buyer did not take it
    for contract in held(pump, "agr", "farm-a")[1:]:
        assert contract.volume_price_e4_per_kwh <= 600  # its reservation, 6 ct/kWh


@pytest.mark.parametrize(("changes", "why"), [
    ({"version": 5}, "version: 5; expected 2"),
    ({"start_date": TOMORROW - timedelta(days=1)}, "start_date"),
    ({"contract_id": "unknown"}, "has no version 1 to amend"),
])  # fmt: skip
def test_what_is_no_amendment_is_refused_with_the_reason(changes: dict[str, Any], why: str) -> None:
    """And both hold what they held."""
    pump = market_of_farms()
    before = held(pump, "agr", "farm-a")
    propose(pump, replace(amended(before[0], TOMORROW + timedelta(days=1)), **changes))
    assert why in pump.said(ContractReject)[-1].reason
    assert held(pump, "agr", "farm-a") == before


def end(pump: Pump, by: str, *, notice: bool, days: int = 0) -> list[Any]:
    """A party ends the contract of farm-a and the aggregator; what it tells everybody."""
    peer = "farm-a" if by == "agr" else "agr"
    (contract,) = held(pump, by, peer)
    before, last = len(pump.effects), RULES.day_of(AHEAD).next(days).day
    effects = pump.roles[by].part(ContractEnding).give(contract, last, AHEAD, "moved away", notice=notice)
    pump.post(by, effects, AHEAD)
    return [e.publication for _, e in pump.effects[before:] if isinstance(e, Publish)]


@pytest.mark.parametrize("by", ["agr", "farm-a"])
def test_both_end_a_contract_by_consent(by: str) -> None:
    """One asks, the other signs and files; after its last day it is in force with neither."""
    pump = market_of_farms()
    end(pump, by, notice=False, days=1)
    (record,) = records(pump, TERMINATION)
    assert {s.party for s in record.signatures} == {"agr.example", "farm-a.example"}
    for name, peer in (("agr", "farm-a"), ("farm-a", "agr")):
        contracts = pump.roles[name].part(Contracts)
        assert contracts.contract_on(peer, TOMORROW) is not None
        assert contracts.contract_on(peer, TOMORROW + timedelta(days=1)) is None


def with_notice(pump: Pump, days: int) -> Pump:
    """Both hold the contract with a right of notice."""
    for name, peer in (("agr", "farm-a"), ("farm-a", "agr")):
        contracts = pump.roles[name].part(Contracts).state.contracts
        contracts[peer] = tuple(replace(c, notice_days=days) for c in contracts[peer])
    return pump


def test_notice_needs_no_consent_and_is_recorded_by_who_gives_it() -> None:
    """One signature; the other side ends it as well."""
    pump = with_notice(market_of_farms(), 5)
    end(pump, "farm-a", notice=True, days=5)
    (record,) = records(pump, TERMINATION)
    assert [s.party for s in record.signatures] == ["farm-a.example"]
    assert pump.said(TerminationAnswered) == []
    assert {held(pump, *pair)[0].end_date for pair in (("agr", "farm-a"), ("farm-a", "agr"))} == {
        RULES.day_of(AHEAD).next(5).day
    }


@pytest.mark.parametrize(("notice_days", "days", "why"), [(0, 5, "no right of notice"), (6, 5, "a notice of 6 days")])
def test_notice_is_not_given_where_the_contract_allows_none(notice_days: int, days: int, why: str) -> None:
    """Nothing is sent, and it is told why."""
    pump = with_notice(market_of_farms(), notice_days)
    (told,) = end(pump, "farm-a", notice=True, days=days)
    assert isinstance(told, MessageLapsed)
    assert why in told.reason
    assert pump.said(TerminationGiven) == []


def test_a_notice_too_short_is_answered_with_what_is_wrong() -> None:
    """The giver believes in another contract: the other side holds on, and says so."""
    pump = with_notice(market_of_farms(), 6)
    mine = pump.roles["farm-a"].part(Contracts).state.contracts
    mine["agr"] = tuple(replace(c, notice_days=1) for c in mine["agr"])
    told = end(pump, "farm-a", notice=True, days=2)
    assert any(isinstance(one, MessageLapsed) and "a notice of 6 days" in one.reason for one in told)
    assert held(pump, "agr", "farm-a")[0].end_date > TOMORROW + timedelta(days=3)


def test_a_terminated_contract_cannot_be_called() -> None:
    """On the day after its last: neither side allows it."""
    pump = market_of_farms()
    (contract,) = held(pump, "agr", "farm-a")
    end(pump, "agr", notice=False, days=1)
    order = member_order("o", TOMORROW + timedelta(days=1), 40, contract)
    for name in ("agr", "farm-a"):
        assert "date:" in (pump.roles[name].part(ContractUse).fault(order) or "")


def forged(record: Record, **changes: Any) -> Record:
    """The record with other fields and the same signatures."""
    return replace(record, **changes)


def test_a_termination_that_is_not_signed_by_its_sender_is_a_breach() -> None:
    """Another one's record, a changed one, one that is no termination, an answer to none of ours: nothing ends."""
    pump = market_of_farms()
    end(pump, "farm-a", notice=False, days=1)
    (given,) = pump.said(TerminationGiven)
    fresh = market_of_farms()
    before = held(fresh, "agr", "farm-a")
    wrong = [
        ("farm-b", TerminationGiven(given.record)),
        ("farm-a", TerminationGiven(forged(given.record, at=AHEAD + timedelta(hours=1)))),
        ("farm-a", TerminationGiven(forged(given.record, kind="contract"))),
        ("farm-a", TerminationGiven(forged(given.record, body=b"\xc1"))),
        ("farm-a", TerminationAnswered(given.record, None)),
    ]
    for sender, message in wrong:
        count = len(fresh.effects)
        fresh.tell("agr", sender, message, AHEAD)
        assert [type(e.publication) for _, e in fresh.effects[count:] if isinstance(e, Publish)] == [RuleBroken]
    assert held(fresh, "agr", "farm-a") == before


def test_versions_and_ends_are_rebuilt_from_the_ledger() -> None:
    """After a loss of everything both count again; a termination that only one of two has signed does not."""
    pump = market_of_farms()
    (first,) = held(pump, "agr", "farm-a")
    propose(pump, replace(amended(first, TOMORROW + timedelta(days=1)), amount_up_w=100))
    pump.post("agr", pump.roles["agr"].part(ContractEnding).give(
        held(pump, "agr", "farm-a")[-1], TOMORROW + timedelta(days=3), AHEAD, "over", notice=False), AHEAD)  # fmt: skip
    papers = [*records(pump, "contract"), *records(pump, TERMINATION)]
    mine = [r for r in papers if "farm-a.example" in {s.party for s in r.signatures}]
    again = players.farm("farm-a")
    again.handle(Recalled(tuple(mine), (), AHEAD, AHEAD), AHEAD)
    assert again.part(Contracts).with_peer("agr") == held(pump, "farm-a", "agr")
    half = [replace(r, signatures=r.signatures[:1]) if r.kind == TERMINATION else r for r in mine]
    doubtful = players.farm("farm-a")
    doubtful.handle(Recalled(tuple(half), (), AHEAD, AHEAD), AHEAD)
    assert doubtful.part(Contracts).with_peer("agr")[0].end_date == first.end_date


def test_a_contract_without_its_only_element_ends() -> None:
    """The farm's PV was not metered often enough: there is nothing left to call, and both sign that it ends today."""
    pump = market_of_farms()
    farm = pump.roles["farm-a"]
    pump.post("farm-a", farm._emit(ElementJudged("farm-a.pv", True), AHEAD), AHEAD)
    (record,) = records(pump, TERMINATION)
    body: Any = decode(record.body)
    assert body.last_day == RULES.day_of(AHEAD).day < FIRST
    assert pump.roles["agr"].part(Contracts).contract_on("farm-a", FIRST) is None


def test_a_suspended_element_leaves_the_contract_and_comes_back() -> None:
    """One of two elements: an amendment from tomorrow on without it, and another one with it."""
    pump = market_of_farms()
    (first,) = held(pump, "agr", "farm-a")
    pv = first.flex_elements[0]
    two = replace(first, flex_elements=(pv, replace(pv, name="farm-a.heat pump")))
    for name, peer in (("agr", "farm-a"), ("farm-a", "agr")):
        pump.roles[name].part(Contracts).state.contracts[peer] = (two,)
    farm = pump.roles["farm-a"]
    pump.post("farm-a", farm._emit(ElementJudged("farm-a.pv", True), AHEAD), AHEAD)
    without = held(pump, "agr", "farm-a")[-1]
    assert (without.version, [e.name for e in without.flex_elements]) == (2, ["farm-a.heat pump"])
    assert without.start_date == TOMORROW
    later = AHEAD + timedelta(days=1)
    pump.post("farm-a", farm._emit(ElementJudged("farm-a.pv", False), later), later)
    back = held(pump, "agr", "farm-a")[-1]
    assert (back.version, {e.name for e in back.flex_elements}) == (3, {"farm-a.pv", "farm-a.heat pump"})
    assert back.element("farm-a.pv") == pv


def changed(pump: Pump, **changes: Any) -> FlexContract:
    """What the two hold last when farm-a's PV is published otherwise."""
    publishing = pump.roles["farm-a"].part(AssetPublishing)
    publishing.state.joined["farm-a.pv"] = replace(publishing.state.joined["farm-a.pv"], **changes)
    pump.post("farm-a", pump.roles["farm-a"]._emit(AssetsChanged(("farm-a.pv",), TOMORROW), AHEAD), AHEAD)
    assert held(pump, "agr", "farm-a") == held(pump, "farm-a", "agr")
    return held(pump, "agr", "farm-a")[-1]


def test_an_element_that_can_do_less_is_contracted_for_less() -> None:
    """Its inverter was changed for one of 6 kW: from tomorrow on no more is covered, at the same prices, without haggling."""
    pump = market_of_farms()
    (first,), counters = held(pump, "agr", "farm-a"), len(pump.said(ContractCounter))
    new = changed(pump, max_generation_w=-6_000)
    assert (new.version, new.start_date, new.amount_up_w) == (2, TOMORROW, 6_000)
    assert new.flex_elements[0].max_increase_w == 6_000
    assert new.price_e4_per_kwh("farm-a.pv") == first.price_e4_per_kwh("farm-a.pv")
    assert len(pump.said(ContractCounter)) == counters


def test_an_element_that_costs_more_is_negotiated_anew() -> None:
    """Its owner's feed-in earns 3 ct/kWh more: the buyer does not take that as it stands, and what both sign pays the cost."""
    pump = market_of_farms()
    (first,), counters = held(pump, "agr", "farm-a"), len(pump.said(ContractCounter))
    cost = first.own_costs_e4_per_kwh["farm-a.pv"] + 300
    new = changed(pump, cost_e4_per_kwh=cost)
    assert len(pump.said(ContractCounter)) > counters
    assert new.version == 2
    assert new.own_costs_e4_per_kwh["farm-a.pv"] == cost
    assert new.volume_price_e4_per_kwh <= 600  # the buyer's reservation, 6 ct/kWh, on top of what it costs


def test_what_would_never_be_called_at_its_price_is_refused() -> None:
    """60 ct/kWh are more than a shortage counts: the old version stands."""
    pump = market_of_farms()
    (first,) = held(pump, "agr", "farm-a")
    assert changed(pump, cost_e4_per_kwh=6_000) == first
    assert "above 5000 it is never called" in pump.said(ContractReject)[-1].reason


@pytest.mark.parametrize("changes", [{"cost_e4_per_kwh": 0}, {"place": "n7"}])
def test_what_costs_less_or_stands_elsewhere_amends_nothing(changes: dict[str, Any]) -> None:
    """A seller offers no lower price by itself, and a contract says nothing of the node."""
    pump = market_of_farms()
    (first,) = held(pump, "agr", "farm-a")
    assert changed(pump, **changes) == first


def test_a_device_that_joins_with_another_nameplate_is_applied_with_and_amended() -> None:
    """The same nameplate again is only a restart; another one goes to the register, too."""
    pump = market_of_farms()
    pv = Nameplate(DeviceKind.PV, "M", "M", "1", 10_000)
    pump.tell("farm-a", "farm-a.pv", DeviceJoined("farm-a.pv", pv), AHEAD)
    entries = len(pump.said(RegisterEntry))
    assert len(held(pump, "agr", "farm-a")) == 1
    pump.tell("farm-a", "farm-a.pv", DeviceJoined("farm-a.pv", replace(pv, max_generation_w=4_000)), AHEAD)
    assert held(pump, "agr", "farm-a")[-1].amount_up_w == 4_000
    moves = [m for entry in pump.said(RegisterEntry)[entries:] for m in decode(entry.record.body)]
    assert [(m.event, m.asset.max_generation_w) for m in moves] == [(UnitEvent.APPLICATION, -4_000)]
