"""The DSO's own right to limit feed-in: who is asked, what is set, how it ends, and what it costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from agents.planning.elements.element import ElementConfig
from agents.roles.dso import DsoRole
from agents.roles.dso.config import DsoConfig, FeedInControl, MeteredPoint, PlantConnection
from agents.roles.dso.curtailment import LimitFeedIn
from agents.roles.dso.prognoses import Prognoses
from agents.roles.effects import Arm, Effect, Publish, Send
from agents.roles.events import Fired, Received
from agents.roles.grid_messages import FeedInLimit, LimitedFeedIn, PlantStateAsked, PlantStateTold
from agents.roles.messages import DeviceReport, DeviceSchedule, Filed
from agents.roles.meter_messages import MeteringHandedOver
from agents.roles.part import MOMENT
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.grid_limits import GridLimits
from agents.roles.prosumer.held_orders import ElementOrder, HeldOrders
from agents.roles.prosumer.metering_messages import TellMetering
from agents.roles.prosumer.told import DayMeteringTold, PlanChanged
from cim.codec.codec import decode
from cim.model.devices import DeviceKind, Mode, Setpoint, VehiclePlugged
from cim.model.readings import Kind, Quality, Reading
from cim.platform.publications.grid import FeedInAccounted, FeedInLimited
from market.billing.tariff import Tariff, TariffRow
from market.rules import Control
from market.settlement.payments import Payment
from market.uftp import Header, Metering, MeteringProfile
from tests.worlds import players, terms
from tests.worlds.players import DAY, FIRST, NOON, POINT

METER, EAN = "lv.meter", "ean.farm-a"
TARIFF = Tariff((TariffRow(FIRST, 500_000, 600_000, 900_000, 800_000),))  # 8 ct for feed-in, 20 ct from the grid
CONTROL = FeedInControl(
    meters=(MeteredPoint(POINT, METER, 10_000.0),),
    plants=(PlantConnection(EAN, "farm-a", (POINT,), 20_000, TARIFF),),
    watch_pct=90,
    reserve_pct=0,
    relax_pct=2,
)
ISP = DAY.isp_of(NOON)
INTERVAL = timedelta(minutes=5)


def dso(control: Control = Control.CURTAILMENT) -> DsoRole:
    """A DSO with one metered point (10 kVA) and one plant (20 kW) below it."""
    config: DsoConfig = players.dso(players.rules(control)).part(Prognoses).config
    return DsoRole("dso", players.rules(control), players.key("dso"), replace(config, curtailing=CONTROL))


def metered(role: DsoRole, at: datetime, power_w: float, net_wh: float = 0.0, **changes: Any) -> list[Effect]:
    """What the DSO wants when the substation meter was read."""
    shown = {Kind.POWER: power_w, Kind.REACTIVE_POWER: 0.0, Kind.ENERGY_IMPORT: 0.0, Kind.ENERGY_EXPORT: -net_wh}
    readings = tuple(Reading(METER, kind, x, at, **changes) for kind, x in shown.items())
    return role.handle(Received(METER, 1, DeviceReport(METER, at, readings, ())), at)


def decided(role: DsoRole, at: datetime, plants_w: int, connection_w: int, available_w: int | None) -> list[Effect]:
    """What it decides when the plant has told its state."""
    told = PlantStateTold(EAN, at, connection_w, plants_w, available_w)
    role.handle(Received("farm-a", 2, told), at)
    return role.handle(Fired(LimitFeedIn()), at + MOMENT)


def sent(effects: list[Effect], kind: type) -> list[Any]:
    """Messages of a type."""
    return [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, kind)]


def test_near_the_limit_the_plants_below_are_asked_and_the_decision_waits_for_them() -> None:
    """Below 90 % nobody is asked; above, each plant below is, and all of the instant is heard before the decision."""
    assert metered(dso(), NOON, -8_900.0) == []
    asked = metered(dso(), NOON, -9_100.0)
    assert sent(asked, PlantStateAsked) == [PlantStateAsked(EAN, NOON)]
    assert [(e.timer, e.at) for e in asked if isinstance(e, Arm)] == [(LimitFeedIn(), NOON + MOMENT)]


@pytest.mark.parametrize("control", [Control.LOCAL, Control.IDLE])
def test_without_the_right_nobody_is_asked(control: Control) -> None:
    """Where devices are steered by their owners alone, the DSO reads its meter and does nothing."""
    assert metered(dso(control), NOON, -15_000.0) == []


def test_a_limit_is_told_published_and_recorded_and_ends_with_its_isp() -> None:
    """12 kW flow where 10 may: the plant (13 kW, of which 1 is used at home) stays at 11 to the end of the ISP."""
    role = dso()
    metered(role, NOON, -12_000.0)
    effects = decided(role, NOON, plants_w=-13_000, connection_w=-12_000, available_w=-13_000)
    (limit,) = sent(effects, FeedInLimit)
    assert limit == FeedInLimit(EAN, FIRST, ISP, -11_000, DAY.isp_start(ISP + 1), POINT)
    (filed,) = sent(effects, Filed)
    (record,) = filed.records
    assert (record.kind, decode(record.body)) == ("feed-in-limit", limit)
    (published,) = [e.publication for e in effects if isinstance(e, Publish)]
    assert published == FeedInLimited(NOON + MOMENT, EAN, POINT, FIRST, ISP, -11_000, limit.valid_until)


def test_what_flowed_too_much_is_made_up_in_the_rest_of_the_isp() -> None:
    """12 kW for five minutes: 9 kW in the ten that are left, and the plant's own use stays its own."""
    role = dso()
    metered(role, NOON, -12_000.0)
    metered(role, NOON + INTERVAL, -12_000.0, net_wh=-1_000.0)
    (limit,) = sent(decided(role, NOON + INTERVAL, -13_000, -12_000, -13_000), FeedInLimit)
    assert limit.limit_w == -10_000


def test_what_a_battery_feeds_in_beside_the_plant_counts() -> None:
    """10 kW of PV and 2 of a battery flow where 10 may: the plant stays at 8."""
    role = dso()
    metered(role, NOON, -12_000.0)
    (limit,) = sent(decided(role, NOON, plants_w=-10_000, connection_w=-12_000, available_w=-10_000), FeedInLimit)
    assert limit.limit_w == -8_000


def test_a_store_that_will_be_full_counts_as_feeding_in() -> None:
    """9.5 kW flow where 10 may, and a store that takes 3 will soon take none: 12.5 would flow, so the plant stays at 10."""
    role = dso()
    metered(role, NOON, -9_500.0)
    told = PlantStateTold(EAN, NOON, -9_500, -12_500, -12_500, filling_w=3_000)
    role.handle(Received("farm-a", 2, told), NOON)
    (limit,) = sent(role.handle(Fired(LimitFeedIn()), NOON + MOMENT), FeedInLimit)
    assert limit.limit_w == -10_000


def test_a_limit_is_lifted_where_all_that_the_plant_could_give_has_room() -> None:
    """Limited to 11 kW: a load of 5 kW comes, the plant could give 13: it is free. With 1 kW more it is not."""
    for load_w, lifted in ((5_000, True), (1_000, False)):
        role = dso()
        metered(role, NOON, -12_000.0)
        decided(role, NOON, -13_000, -12_000, -13_000)
        at = NOON + INTERVAL
        metered(role, at, -10_000.0 + load_w, net_wh=-10_000.0 / 12)
        limits = sent(decided(role, at, -11_000, -10_000, -13_000), FeedInLimit)
        assert (limits[0].limit_w is None) if lifted else limits[0].limit_w == -12_000


def test_where_there_is_a_market_the_dso_waits_for_it() -> None:
    """Its own limit is the last means: at the beginning of the ISP it waits, when two intervals are left it acts."""
    role = dso(Control.MARKET)
    metered(role, NOON, -12_000.0)
    assert sent(decided(role, NOON, -13_000, -12_000, -13_000), FeedInLimit) == []
    at = NOON + INTERVAL
    metered(role, at, -12_000.0, net_wh=-1_000.0)
    (limit,) = sent(decided(role, at, -13_000, -12_000, -13_000), FeedInLimit)
    assert limit.limit_w == -10_000


def test_a_meter_that_does_not_answer_limits_nobody() -> None:
    """What is not measured is not acted on; a limit in force ends with its ISP."""
    role = dso()
    assert metered(role, NOON, -15_000.0, quality=Quality.ABSENT) == []


def test_what_a_limit_took_is_paid_once_and_no_more_than_the_plants_rating() -> None:
    """Told 25 kW available of a 20 kW plant, 12 given, the meter fed in all of it: 8 kW for a quarter-hour at 8 ct."""
    role = dso()
    metered(role, NOON, -12_000.0)
    decided(role, NOON, -13_000, -12_000, -13_000)
    power = tuple(-11_000 if isp == ISP else 0 for isp in range(1, 97))
    header = Header("farm-a.example", "dso.example", DAY.end, "m-1", "m-1")
    metering = Metering(header, FIRST, EAN, 1, (MeteringProfile("Power", "W", power),), "Europe/Vienna")
    role.handle(Received("farm-a", 3, metering), DAY.end)
    account = LimitedFeedIn(EAN, FIRST, ((ISP, -25_000, -12_000), (ISP + 1, -20_000, 0)))
    effects = role.handle(Received("farm-a", 4, account), DAY.end)
    figures = [e.publication for e in effects if isinstance(e, Publish)]
    assert FeedInAccounted(DAY.end, EAN, FIRST, 2_000, 0, 1_600, (ISP,), (8_000,)) in figures
    (filed,) = sent(effects, Filed)
    (payments,) = [decode(record.body) for record in filed.records]
    assert payments == (Payment("dso.example", "farm-a.example", 1_600, "curtailment", f"{EAN}/{FIRST}"),)
    again = role.handle(Received("farm-a", 5, account), DAY.end)
    assert sent(again, Filed) == []


def test_where_a_company_reads_the_meter_its_word_is_waited_for_and_no_other_counts() -> None:
    """The account comes first, then what the farm says its meter showed, then what it did show: paid by that, once."""
    known = players.rules(Control.CURTAILMENT)
    rules = replace(known, domains={**known.domains, "meters": "meters.example"}, meter_company="meters")
    role = DsoRole("dso", rules, players.key("dso"), replace(dso().part(Prognoses).config, curtailing=CONTROL))
    metered(role, NOON, -12_000.0)
    decided(role, NOON, -13_000, -12_000, -13_000)
    header = Header("farm-a.example", "meters.example", DAY.end, "m-1", "m-1")
    true, false = (
        Metering(header, FIRST, EAN, 1, (MeteringProfile("Power", "W", (0,) * (ISP - 1) + (w,) + (0,) * (96 - ISP)),),
                 "Europe/Vienna")
        for w in (-11_000, 0)
    )  # fmt: skip
    account = LimitedFeedIn(EAN, FIRST, ((ISP, -25_000, -12_000),))
    assert role.handle(Received("farm-a", 3, account), DAY.end) == []
    assert sent(role.handle(Received("farm-a", 4, false), DAY.end), Filed) == []
    assert sent(role.handle(Received("farm-a", 5, MeteringHandedOver(false)), DAY.end), Filed) == []
    (filed,) = sent(role.handle(Received("meters", 6, MeteringHandedOver(true)), DAY.end), Filed)
    (payments,) = [decode(record.body) for record in filed.records]
    assert payments == (Payment("dso.example", "farm-a.example", 1_600, "curtailment", f"{EAN}/{FIRST}"),)
    assert sent(role.handle(Received("farm-a", 7, account), DAY.end), Filed) == []


# ---- the prosumer's side -------------------------------------------------------------------------------------------------


def farm() -> ProsumerRole:
    """A farm with two PV plants, 15 and 5 kW."""
    elements = tuple(
        ElementConfig(f"farm-a.{n}", DeviceKind.PV, rated) for n, rated in (("pv", 15_000), ("roof", 5_000))
    )
    config = terms.prosumer_config("farm-a", POINT, "agr", elements, (np.zeros(96),))
    return ProsumerRole("farm-a", players.RULES, players.key("farm-a"), config)


def limited(role: ProsumerRole, limit_w: int | None, at: datetime = NOON, sender: str = "dso") -> list[Effect]:
    """What it wants when the DSO limits the running ISP."""
    message = FeedInLimit(EAN, FIRST, ISP, limit_w, DAY.isp_start(ISP + 1), POINT)
    return role.handle(Received(sender, 1, message), at)


def setpoints(effects: list[Effect]) -> dict[str, Setpoint | None]:
    """What each plant is told for the running ISP."""
    return {m.element: m.setpoints[ISP - 1] for m in sent(effects, DeviceSchedule)}


def test_plants_share_a_limit_by_their_rating_and_are_free_when_it_is_lifted() -> None:
    """8 kW for 15 and 5 kW of plants: 6 and 2, in this ISP only; lifted, both run free."""
    role = farm()
    effects = limited(role, -8_000)
    assert setpoints(effects) == {
        "farm-a.pv": Setpoint(Mode.LIMIT, -6_000),
        "farm-a.roof": Setpoint(Mode.LIMIT, -2_000),
    }
    assert all(m.setpoints[ISP] is None for m in sent(effects, DeviceSchedule))
    assert setpoints(limited(role, None)) == {"farm-a.pv": None, "farm-a.roof": None}


def test_a_plant_obeys_the_stricter_of_order_and_limit() -> None:
    """Ordered to 4 kW and limited to 6: 4. Ordered to 9: 6; and the order stands when the limit is lifted."""
    for ordered_kw, strict_w in ((-4.0, -4_000), (-9.0, -6_000)):
        role = farm()
        held = np.full(96, np.nan)
        held[ISP - 1] = ordered_kw
        role.part(HeldOrders).state.held_kw[FIRST] = {"farm-a.pv": held}
        role.handle(PlanChanged(DAY), NOON)
        found = setpoints(limited(role, -8_000))
        assert found.get("farm-a.pv", Setpoint(Mode.LIMIT, -4_000)) == Setpoint(Mode.LIMIT, strict_w)
        lifted = setpoints(limited(role, None))
        assert lifted.get("farm-a.pv", Setpoint(Mode.LIMIT, -4_000)) == Setpoint(Mode.LIMIT, round(ordered_kw * 1000))


def test_a_store_says_what_it_will_not_take_any_more() -> None:
    """A battery takes 6 kW and has room for 0.5 kWh: over the ISP's 15 minutes 2 kW on average, so 4 will be missing."""
    pv = ElementConfig("farm-a.pv", DeviceKind.PV, 15_000)
    battery = ElementConfig("farm-a.battery", DeviceKind.BATTERY, 6_000, 6_000, 10_000)
    config = terms.prosumer_config("farm-a", POINT, "agr", (pv, battery), (np.zeros(96),))
    role = ProsumerRole("farm-a", players.RULES, players.key("farm-a"), config)
    readings = (
        Reading("farm-a.battery", Kind.POWER, 6_000.0, NOON),
        Reading("farm-a.battery", Kind.STORED_ENERGY, 9_500.0, NOON),
    )
    role.handle(Received("farm-a.battery", 1, DeviceReport("farm-a.battery", NOON, readings, ())), NOON)
    (told,) = sent(role.handle(Received("dso", 2, PlantStateAsked(EAN, NOON)), NOON), PlantStateTold)
    assert told.filling_w == 4_000


def test_a_vehicle_says_what_it_will_not_take_any_more() -> None:
    """At 10 kW with 1 kWh to go it is full after six minutes: 4 kW on average over the ISP, so 6 will be missing.

    A household's vehicle that had what it needed four minutes before the end of an ISP had broken the transformer's limit.
    """
    station = "farm-a.station"
    elements = (
        ElementConfig("farm-a.pv", DeviceKind.PV, 15_000),
        ElementConfig(station, DeviceKind.STATION, 0, 11_000),
    )
    config = terms.prosumer_config("farm-a", POINT, "agr", elements, (np.zeros(96),))
    role = ProsumerRole("farm-a", players.RULES, players.key("farm-a"), config)
    came = VehiclePlugged(5_000, 11_000, NOON + timedelta(hours=6), NOON)
    for taken_wh, news, at in ((100_000.0, (came,), NOON - INTERVAL), (104_000.0, (), NOON)):
        readings = (Reading(station, Kind.POWER, 10_000.0, at), Reading(station, Kind.ENERGY_IMPORT, taken_wh, at))
        role.handle(Received(station, 1, DeviceReport(station, at, readings, news)), at)
    (told,) = sent(role.handle(Received("dso", 2, PlantStateAsked(EAN, NOON)), NOON), PlantStateTold)
    assert told.filling_w == 6_000


def test_nobody_but_the_dso_limits_and_no_limit_of_an_isp_that_is_over_counts() -> None:
    """The aggregator's word is nothing here; a message that was held up is told as such."""
    assert sent(limited(farm(), -8_000, sender="agr"), DeviceSchedule) == []
    assert sent(limited(farm(), -8_000, at=DAY.isp_start(ISP + 1)), DeviceSchedule) == []


def test_the_account_says_what_was_available_and_given_where_it_was_limited() -> None:
    """Available at three readings of the limited ISP: their mean; of other ISPs nothing is told."""
    role = farm()
    limited(role, -8_000)
    for k, available_w in enumerate((-3_000.0, -4_500.0, -4_500.0, -5_000.0)):
        at = NOON + k * INTERVAL
        for name in ("farm-a.pv", "farm-a.roof"):
            readings = (Reading(name, Kind.AVAILABLE_POWER, available_w, at), Reading(name, Kind.POWER, -2_000.0, at))
            role.handle(Received(name, 1, DeviceReport(name, at, readings, ())), at)
    asked = role.handle(Received("dso", 2, PlantStateAsked(EAN, NOON)), NOON)
    assert sent(asked, PlantStateTold) == [PlantStateTold(EAN, NOON, None, -4_000, -10_000)]
    (account,) = sent(role.handle(DayMeteringTold(DAY, ()), DAY.end), LimitedFeedIn)
    ((isp, available, given),) = account.isps
    assert (isp, available) == (ISP, -8_000)
    assert given < 0
    assert role.part(GridLimits).state.limits_w == {}


def test_the_connections_metering_says_what_the_limit_took() -> None:
    """8 kW available, none given, limited in one ISP: aggregator and DSO are told 8 kW there; without a limit nothing."""
    for limit_w, taken in ((-8_000, [(ISP, 8_000)]), (None, [])):
        role = farm()
        if limit_w is not None:
            limited(role, limit_w)
        for name, available_w in (("farm-a.pv", -8_000.0), ("farm-a.roof", 0.0)):
            reading = Reading(name, Kind.AVAILABLE_POWER, available_w, NOON)
            role.handle(Received(name, 1, DeviceReport(name, NOON, (reading,), ())), NOON)
        at = DAY.end + timedelta(hours=1)
        effects = [
            *role.handle(Fired(TellMetering(FIRST)), at),
            *role.handle(Fired(TellMetering(FIRST)), at + INTERVAL),
        ]
        told = {e.to: e.message for e in effects if isinstance(e, Send) and isinstance(e.message, Metering)
                and e.message.ean == EAN}  # fmt: skip
        assert set(told) == {"agr", "dso"}
        for message in told.values():
            profile = message.profile("Limited")
            found = [] if profile is None else [(k, w) for k, w in enumerate(profile.values, start=1) if w]
            assert found == taken


@pytest.mark.parametrize(
    ("held_kw", "moved_w", "could_w"),
    [
        (None, 0, -8_000),  # nothing is ordered: all that was available
        (-6.0, 1_500, -6_000),  # held to what was promised, which is less than available
        (-6.0, 500, -7_000),  # to hold it all would take four times what was ordered: twice that is given up
        (-7.5, 2_000, -6_000),  # less sun than was told: the reduction that was ordered is still one
        (-9.0, 0, -8_000),  # more was promised than there was, and nothing ordered
        (-3.0, 0, -8_000),
        (-1.0, 20_000, 0),  # a plant cannot give less than nothing
    ],
)
def test_what_an_order_held_back_anyway_is_not_in_the_account(
    held_kw: float | None, moved_w: int, could_w: int
) -> None:
    """8 kW available: what the plant would have given without the limit is what its order left of them."""
    role = farm()
    if held_kw is not None:
        held = np.full(96, np.nan)
        held[ISP - 1] = held_kw
        role.part(HeldOrders).state.held_kw[FIRST] = {"farm-a.pv": held}
        role.part(HeldOrders).state.parts = (ElementOrder("o", FIRST, "farm-a.pv", ((ISP, -9_000, moved_w),)),)
    limited(role, -8_000)
    for name, available_w in (("farm-a.pv", -8_000.0), ("farm-a.roof", 0.0)):
        reading = Reading(name, Kind.AVAILABLE_POWER, available_w, NOON)
        role.handle(Received(name, 1, DeviceReport(name, NOON, (reading,), ())), NOON)
    (account,) = sent(role.handle(DayMeteringTold(DAY, ()), DAY.end), LimitedFeedIn)
    assert account.isps == ((ISP, could_w, 0),)
    assert role.part(GridLimits).accounted(FIRST) == account.isps
