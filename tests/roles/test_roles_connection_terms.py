"""What is agreed of connections beside the market, held by DSO and prosumer: caps, non-firm capacity, limits on call."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from agents.planning.elements.element import ElementConfig
from agents.roles.dso import DsoRole
from agents.roles.dso.config import DsoConfig, FeedInControl, MeteredPoint, PlantConnection
from agents.roles.dso.curtailment import Curtailment, LimitFeedIn
from agents.roles.dso.non_firm_capacity import NonFirmCapacity
from agents.roles.dso.prognoses import Prognoses
from agents.roles.effects import Effect, Publish
from agents.roles.events import Fired, Recalled, Received
from agents.roles.grid_messages import CapacityWithdrawn, FeedInLimit, LimitedFeedIn, PlantStateAsked, PlantStateTold
from agents.roles.messages import DeviceReport, DeviceSchedule, Filed
from agents.roles.part import MOMENT
from agents.roles.parts.meter_data import MeterDay
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.available_energy import AvailableEnergy
from agents.roles.prosumer.connection_limits import ConnectionLimits
from agents.roles.prosumer.day_planning import DayPlanning
from agents.roles.prosumer.grid_limits import GridLimits
from agents.roles.prosumer.metering_messages import TellMetering
from agents.roles.prosumer.told import DayMeteringTold
from cim.codec.codec import decode
from cim.model.devices import DeviceKind, VehiclePlugged
from cim.model.readings import Kind, Reading
from cim.platform.publications.grid import FeedInAccounted
from cim.platform.publications.incidents import MessageLapsed
from market.contracts.connection_terms import NOTHING_AGREED, ConnectionTerms, FlexibleConnection, LimitOnCall
from market.rules import Control
from market.settlement.elements import AVAILABLE
from market.uftp import DPrognosisResponse, FlexOfferResponse, FlexRequest, Header, Metering, MeteringProfile, Result
from tests.roles.test_roles_dso import analysed, hear, hear_all, of, offer, prognosis
from tests.roles.test_roles_feed_in import TARIFF
from tests.worlds import players, terms
from tests.worlds.players import AHEAD, DAY, FIRST, NOON, POINT

EAN, METER = "ean.farm-a", "lv.meter"
AGREED = FlexibleConnection(0, 4_000, 0, 6_000, notice_min=30)
FLEXIBLE = ConnectionTerms(flexible=AGREED)
SUBSTATION = {
    Kind.POWER: -12_000.0, Kind.REACTIVE_POWER: 0.0, Kind.ENERGY_IMPORT: 0.0, Kind.ENERGY_EXPORT: 0.0,
}  # fmt: skip
KEY = MeterDay(EAN, FIRST)
ISP = DAY.isp_of(NOON)


def dso(agreed: ConnectionTerms, control: Control = Control.MARKET, carries_w: int = 0) -> DsoRole:
    """A DSO with one plant of 20 kW below its point, at a connection with these terms."""
    config: DsoConfig = players.dso(players.rules(control), carries_w).part(Prognoses).config
    connections = tuple(replace(c, terms=agreed) if c.usage_point == EAN else c for c in config.connections)
    curtailing = FeedInControl(
        meters=(MeteredPoint(POINT, METER, 10_000.0),),
        plants=(PlantConnection(EAN, "farm-a", (POINT,), 20_000, TARIFF, agreed),),
        watch_pct=90,
        reserve_pct=0,
        relax_pct=2,
    )
    config = replace(config, connections=connections, curtailing=curtailing)
    return DsoRole("dso", players.rules(control), players.key("dso"), config)


def farm(agreed: ConnectionTerms) -> ProsumerRole:
    """A farm with two PV plants, 15 and 5 kW, at a connection with these terms."""
    elements = tuple(
        ElementConfig(f"farm-a.{n}", DeviceKind.PV, rated) for n, rated in (("pv", 15_000), ("roof", 5_000))
    )
    config = terms.prosumer_config("farm-a", POINT, "agr", elements, (np.zeros(96),))
    return ProsumerRole("farm-a", players.RULES, players.key("farm-a"), replace(config, terms=agreed))


def lapses(effects: list[Effect]) -> list[str]:
    """Why something was held for nothing."""
    found = (getattr(effect, "publication", None) for effect in effects)
    return [told.reason for told in found if isinstance(told, MessageLapsed)]


# ---- non-firm capacity ---------------------------------------------------------------------------------------------------


def test_non_firm_capacity_is_withdrawn_before_anybody_is_asked() -> None:
    """5 kW less feed-in are needed, the connection feeds in 9: 5 of it are withdrawn, recorded, and nobody is paid."""
    role = dso(FLEXIBLE)
    hear_all(role)
    effects = analysed(role, {ISP: 5_000.0})
    (told,) = of(effects, CapacityWithdrawn)
    assert told == CapacityWithdrawn(EAN, "farm-a.example", FIRST, AHEAD, ((ISP, 4_000),), POINT)
    (filed,) = of(effects, Filed)
    (record,) = filed.records
    assert (record.kind, decode(record.body)) == ("capacity-withdrawn", told)
    assert of(effects, FlexRequest) == []


def test_the_rest_is_asked_for_when_the_prognosis_knows_of_it() -> None:
    """12 kW are needed and 5 are withdrawn: in that ISP the market is asked once the seller's prognosis is a new one."""
    role = dso(FLEXIBLE)
    hear_all(role)
    effects = analysed(role, {ISP: 12_000.0, 20: 3_000.0})
    withdrawn = dict(of(effects, CapacityWithdrawn)[0].export_w)
    assert withdrawn[ISP] == AGREED.firm_export_w
    asked = {r.start for request in of(effects, FlexRequest) for r in request.isps if r.disposition.name == "REQUESTED"}
    assert ISP not in asked
    later = AHEAD + timedelta(minutes=1)
    role = dso(FLEXIBLE)
    state = role.part(NonFirmCapacity).state
    state.withdrawn_w, state.told = {KEY: {ISP: 4_000}}, {KEY: (AHEAD - timedelta(minutes=1), "an older one")}
    hear_all(role, now=later, power_w=-4_000)
    effects = analysed(role, {ISP: 7_000.0}, later)
    assert of(effects, CapacityWithdrawn) == []
    assert {r.start for request in of(effects, FlexRequest) for r in request.isps if r.min_power_w > 0} == {ISP}


def test_without_an_agreement_or_its_notice_the_market_is_asked() -> None:
    """Nothing agreed; or it is too late for the first ISP that can still be ordered."""
    hours = replace(AGREED, end_minute=60)
    for agreed in (NOTHING_AGREED, ConnectionTerms(flexible=hours)):
        role = dso(agreed)
        hear_all(role)
        effects = analysed(role, {ISP: 5_000.0})
        assert of(effects, CapacityWithdrawn) == []
        assert len(of(effects, FlexRequest)) == 2


def test_what_was_withdrawn_is_remembered_after_a_loss_and_forgotten_with_its_day() -> None:
    """From the ledger's records, on both sides."""
    role = dso(FLEXIBLE)
    hear_all(role)
    (filed,) = of(analysed(role, {ISP: 5_000.0}), Filed)
    history = LedgerHistory(Recalled(filed.records, (), AHEAD, AHEAD), players.RULES)
    fresh = dso(FLEXIBLE).part(NonFirmCapacity)
    fresh.recover(history, AHEAD)
    assert fresh.left_w(EAN, FIRST) == {ISP: 4_000}
    fresh.prune(DAY.next().day)
    assert fresh.left_w(EAN, FIRST) == {}
    owner = farm(FLEXIBLE).part(ConnectionLimits)
    owner.recover(history, AHEAD)
    assert owner.state.withdrawn_w == {FIRST: {ISP: 4_000}}
    owner.prune(DAY.next().day)
    assert owner.state.withdrawn_w == {}


def withdrawn(role: ProsumerRole, told: datetime = AHEAD, **changes: Any) -> list[Effect]:
    """What a farm does when the DSO tells it that only 4 kW are left at noon."""
    message = CapacityWithdrawn(EAN, "farm-a.example", FIRST, told, ((ISP, 4_000),), POINT)
    return role.handle(Received("dso", 1, replace(message, **changes)), told)


def test_withdrawn_capacity_is_held_and_is_no_part_of_what_is_expected() -> None:
    """15 and 5 kW of plants share what is left, 4 kW; the forecast says no more, so that nobody offers or delivers it."""
    role = farm(FLEXIBLE)
    planning = role.part(DayPlanning)
    planning.forecast(DAY, 1, AHEAD)
    for name in ("farm-a.pv", "farm-a.roof"):
        planning.state.forecasts[FIRST].elements_kw[name] = np.full(96, -8.0)
    withdrawn(role)
    for name, kw in (("farm-a.pv", -3.0), ("farm-a.roof", -1.0)):
        assert role.part(GridLimits).limit_kw(name, DAY)[ISP - 1] == kw
        assert planning.expected_kw(name, DAY)[ISP - 1] == kw
        assert planning.expected_kw(name, DAY)[ISP] == max(-8.0, kw * 10 / 4)  # firm and non-firm: 10 kW in all


@pytest.mark.parametrize(
    ("agreed", "changes", "told", "fault"),
    [
        (NOTHING_AGREED, {}, AHEAD, "there is no flexible connection agreement"),
        (FLEXIBLE, {"export_w": ((ISP, 3_999),)}, AHEAD, "3999 W in ISP .*; 4000 W are firm"),
        (FLEXIBLE, {"export_w": ((97, 4_000),)}, AHEAD, "ISP: 97; expected one of"),
        (FLEXIBLE, {}, NOON, "expected one of .* that has not begun"),
        (FLEXIBLE, {"at": NOON}, AHEAD, "it is not yet then"),
        (FLEXIBLE, {"usage_point": "ean.farm-b"}, AHEAD, "another connection"),
    ],
)
def test_capacity_is_withdrawn_only_as_it_is_agreed(
    agreed: ConnectionTerms, changes: dict[str, Any], told: datetime, fault: str
) -> None:
    """Anything else changes nothing, and the DSO's word is told as what it is."""
    role = farm(agreed)
    before = role.part(GridLimits).limit_kw("farm-a.pv", DAY)
    (reason,) = lapses(withdrawn(role, told, **changes))
    assert np.array_equal(role.part(GridLimits).limit_kw("farm-a.pv", DAY), before, equal_nan=True)
    assert re.search(fault, reason)


def test_too_short_a_notice_is_refused() -> None:
    """Half an hour is agreed: told 29 minutes before the ISP begins, it stands; told 30 minutes before, it is withdrawn."""
    for minutes, refused in ((29, 1), (30, 0)):
        at = NOON - timedelta(minutes=minutes)
        assert len(lapses(withdrawn(farm(FLEXIBLE), told=at))) == refused


# ---- what is not paid ----------------------------------------------------------------------------------------------------


def test_what_an_agreement_held_back_is_no_available_power() -> None:
    """The inverters say 12 kW; 10 are firm and non-firm, 4 were left at noon: an order is measured against those."""
    role = farm(FLEXIBLE)
    withdrawn(role)
    available = role.part(AvailableEnergy).state.energy
    for isp in (ISP, ISP + 1):
        start = DAY.isp_start(isp)
        available.add(players.RULES, "farm-a.pv", start, DAY.isp_start(isp + 1), -3_000.0, known=True)
    for _ in range(2):  # the first time it waits for its meter's last reading
        told = of(role.handle(Fired(TellMetering(FIRST)), DAY.end + timedelta(hours=1)), Metering)
    profile = next(metering.profile(AVAILABLE) for metering in told if metering.ean == "farm-a.pv")
    assert profile is not None
    assert profile.values[ISP - 1 : ISP + 1] == (-3_000, -7_500)


def test_the_account_of_a_limit_leaves_out_what_the_agreement_held_back() -> None:
    """12 kW of sun, 4 left by the agreement, limited to 1 by the DSO's own right: 3 are to be paid, by either's account."""
    role = farm(FLEXIBLE)
    withdrawn(role)
    limited(role, -1_000)
    for name, available_w in (("farm-a.pv", -9_000.0), ("farm-a.roof", -3_000.0)):
        reading = Reading(name, Kind.AVAILABLE_POWER, available_w, NOON)
        role.handle(Received(name, 1, DeviceReport(name, NOON, (reading,), ())), NOON)
    (account,) = of(role.handle(DayMeteringTold(DAY, ()), DAY.end), LimitedFeedIn)
    assert account.isps == ((ISP, -4_000, 0),)


@pytest.mark.parametrize(
    ("agreed", "left", "curtailed_wh"),
    [
        (NOTHING_AGREED, {}, 2_750),  # 12 kW were available and 1 given, for a quarter of an hour
        (FLEXIBLE, {ISP: 4_000}, 750),
        (FLEXIBLE, {}, 2_250),  # firm and non-firm: 10 kW
        (ConnectionTerms(max_export_w=7_000), {}, 1_500),
    ],
)
def test_the_dso_pays_for_nothing_beyond_the_agreements(
    agreed: ConnectionTerms, left: dict[int, int], curtailed_wh: int
) -> None:
    """Whatever a connection says was available: beyond its cap or what was left to it nothing was to be fed in."""
    role = dso(agreed)
    role.part(Curtailment).state.limits = {FIRST: {EAN: {ISP: -1_000}}}
    role.part(NonFirmCapacity).state.withdrawn_w = {KEY: left}
    header = Header("farm-a.example", "dso.example", DAY.end, "m-1", "m-1")
    power = tuple(-1_000 if isp == ISP else 0 for isp in range(1, 97))
    metering = Metering(header, FIRST, EAN, 1, (MeteringProfile("Power", "W", power),), "Europe/Vienna")
    role.handle(Received("farm-a", 3, metering), DAY.end)
    effects = role.handle(Received("farm-a", 4, LimitedFeedIn(EAN, FIRST, ((ISP, -12_000, -1_000),))), DAY.end)
    figures = [e.publication for e in effects if isinstance(e, Publish)]
    assert [told.curtailed_wh for told in figures if isinstance(told, FeedInAccounted)] == [curtailed_wh]


# ---- limits on call ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("least_w", "limit_w"), [(0, -10_000), (9_000, -10_000), (11_000, -11_000)])
def test_the_dso_never_limits_below_the_stated_minimum(least_w: int, limit_w: int) -> None:
    """12 kW flow where 10 may: the plant stays at 10, or at its minimum where that is more."""
    role = dso(ConnectionTerms(on_call=LimitOnCall(least_w, 15, least_w)), Control.CURTAILMENT)
    readings = tuple(Reading(METER, kind, x, NOON) for kind, x in SUBSTATION.items())
    role.handle(Received(METER, 1, DeviceReport(METER, NOON, readings, ())), NOON)
    role.handle(Received("farm-a", 2, PlantStateTold(EAN, NOON, -12_000, -12_000, -12_000)), NOON)
    (told,) = of(role.handle(Fired(LimitFeedIn()), NOON + MOMENT), FeedInLimit)
    assert told.limit_w == limit_w


def limited(role: ProsumerRole, limit_w: int | None) -> list[Effect]:
    """What a farm does when the DSO limits the running ISP."""
    message = FeedInLimit(EAN, FIRST, ISP, limit_w, DAY.isp_start(ISP + 1), POINT)
    return role.handle(Received("dso", 1, message), NOON)


def test_a_limit_below_the_minimum_is_obeyed_down_to_the_minimum_and_told() -> None:
    """Limited to 1 kW where 3 are its stated minimum: the plants share 3, and the DSO's word is told as what it is."""
    role = farm(ConnectionTerms(on_call=LimitOnCall(3_000, 15, 3_000)))
    (reason,) = lapses(limited(role, -1_000))
    assert reason == "limit_w: -1000 W; 3000 W of feed-in are its stated minimum"
    assert role.part(GridLimits).limit_kw("farm-a.pv", DAY)[ISP - 1] == pytest.approx(-2.25)
    assert lapses(limited(role, -3_000)) == []


def export_kw(role: ProsumerRole, isp: int) -> float:
    """What the larger plant, three quarters of the rating, is held to in an ISP."""
    return float(role.part(GridLimits).limit_kw("farm-a.pv", DAY)[isp - 1])


def test_where_the_dso_falls_silent_the_fail_safe_holds_until_the_limit_has_expired() -> None:
    """Limited to 3 kW at noon, half an hour: without another word 4 kW in the next ISP, and none of it in the one after."""
    role = farm(ConnectionTerms(on_call=LimitOnCall(2_000, 30, 4_000)))
    limited(role, -3_000)
    assert (export_kw(role, ISP), export_kw(role, ISP + 1)) == (-2.25, -3.0)
    assert np.isnan(export_kw(role, ISP + 2))
    role.part(GridLimits).prune(DAY.next().day)
    assert role.part(GridLimits).state.silent_w == {}


@pytest.mark.parametrize(("minutes", "held"), [(10, True), (15, False)])
def test_a_word_of_the_dso_renews_or_ends_the_fail_safe(minutes: int, held: bool) -> None:
    """Asked within the limited ISP it is renewed; asked after it, with no limit in force, the plants are free."""
    role = farm(ConnectionTerms(on_call=LimitOnCall(2_000, 30, 4_000)))
    limited(role, -3_000)
    at = NOON + timedelta(minutes=minutes)
    role.handle(Received("dso", 2, PlantStateAsked(EAN, at)), at)
    assert np.isnan(export_kw(role, ISP + 1)) != held
    assert np.isnan(export_kw(role, ISP + 2)) != held


def test_a_limit_that_is_lifted_leaves_no_fail_safe_and_without_terms_there_is_none() -> None:
    """The DSO's last word counts; who has agreed nothing is free when the ISP of a limit ends."""
    role = farm(ConnectionTerms(on_call=LimitOnCall(2_000, 30, 4_000)))
    limited(role, -3_000)
    limited(role, None)
    assert np.isnan(export_kw(role, ISP + 1))
    role = farm(NOTHING_AGREED)
    limited(role, -3_000)
    assert np.isnan(export_kw(role, ISP + 1))


# ---- caps ----------------------------------------------------------------------------------------------------------------


def test_a_capped_connections_plants_are_held_to_the_cap_by_themselves() -> None:
    """7 kW for 20 kW of plants, all day, without a word from anybody."""
    limits = farm(ConnectionTerms(max_export_w=7_000)).part(GridLimits)
    assert limits.limit_kw("farm-a.pv", DAY).tolist() == [-5.25] * 96
    assert limits.limit_kw("farm-a.roof", DAY).tolist() == [-1.75] * 96


def test_a_capped_connections_vehicle_waits_for_what_its_home_leaves() -> None:
    """A cap of 5 kW on what is drawn, a base of 2 that was 3 once: a vehicle that could take 11 is told 2 kW at once.

    Without a cap it charges at once as fast as it may.
    """
    station, plugged = "farm-a.station", VehiclePlugged(10_000, 11_000, NOON + timedelta(hours=6), NOON)
    config = terms.prosumer_config(
        "farm-a", POINT, "agr", (ElementConfig(station, DeviceKind.STATION, 0, 11_000),),
        (np.full(96, 2.0), np.full(96, 2.0), np.full(96, 3.0)),
    )  # fmt: skip
    for capped_w, told_w in ((5_000, 2_000), (None, None)):
        agreed = replace(config, terms=ConnectionTerms(max_import_w=capped_w))
        role = ProsumerRole("farm-a", players.RULES, players.key("farm-a"), agreed)
        role.part(DayPlanning).forecast(DAY, 1, AHEAD)
        readings = (Reading(station, Kind.POWER, 0.0, NOON), Reading(station, Kind.ENERGY_IMPORT, 0.0, NOON))
        effects = role.handle(Received(station, 1, DeviceReport(station, NOON, readings, (plugged,))), NOON)
        held = [one for told in of(effects, DeviceSchedule) for one in told.setpoints[ISP - 1 :]]
        assert {None if one is None else one.power_w for one in held} == ({told_w} if told_w else set())
        drawn_kw = role.part(DayPlanning).connection_kw(DAY)[ISP - 1 :]
        assert (float(drawn_kw.max()) <= 5.0) is (capped_w is not None)


def test_a_prognosis_beyond_a_capped_connection_is_refused_by_its_name() -> None:
    """7 kW are the cap, 9 foretold; 7 are taken."""
    role = dso(ConnectionTerms(max_export_w=7_000))
    (answer,) = of(hear(role, "agr", prognosis("agr", POINT)), DPrognosisResponse)
    assert (answer.result, answer.rejection_reason) == (
        Result.REJECTED, "MaxUsage: -9000 W in ISP 1; at most -7000 W (capped: ean.farm-a at 7000 W)",
    )  # fmt: skip
    (answer,) = of(hear(role, "agr", prognosis("agr", POINT, level_w=-7_000)), DPrognosisResponse)
    assert answer.result is Result.ACCEPTED


def test_an_offer_that_would_take_a_capped_connection_beyond_its_cap_is_refused_by_its_name() -> None:
    """9 kW of feed-in are foretold and 1 of consumption is the cap: 10 kW more may be offered, not 10.001."""
    for power_w, result in ((10_001, Result.REJECTED), (10_000, Result.ACCEPTED)):
        role = dso(ConnectionTerms(max_import_w=1_000))
        hear_all(role)
        request = of(analysed(role, {ISP: 15_000.0}), FlexRequest)[0]
        (answer,) = of(hear(role, "agr", offer(request, "agr", power_w)), FlexOfferResponse)
        assert answer.result is result
        if result is Result.REJECTED:
            assert answer.rejection_reason == (
                "MaxUsage: 1001 W in ISP 49; at most 1000 W (capped: ean.farm-a at 1000 W)"
            )  # fmt: skip
