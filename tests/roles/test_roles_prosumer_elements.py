"""A prosumer treats each of its elements by the rules of its kind: what it publishes, expects and tells."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

import numpy as np

from agents.planning.elements.element import ElementConfig
from agents.roles.effects import Effect, Send
from agents.roles.events import Fired, Received
from agents.roles.messages import DeviceJoined, DeviceReport, DeviceSchedule, WeatherBulletin
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.prognoses import ForecastDay, ReviseDay
from agents.roles.register_messages import AssetsPublished
from cim.model.devices import DeviceKind, Mode, Setpoint, VehiclePlugged, VehicleUnplugged, WeatherForecast
from cim.model.readings import Kind, Reading
from market.uftp import DPrognosis
from tests.worlds import players, terms
from tests.worlds.players import DAY, FIRST, POINT, RULES

KINDS = (
    DeviceKind.WIND,
    DeviceKind.PV,
    DeviceKind.BATTERY,
    DeviceKind.CHP,
    DeviceKind.STATION,
    DeviceKind.GATEWAY,
    DeviceKind.APPLIANCE,
)
Message = TypeVar("Message")
USUAL = (np.full(96, -20.0),)  # of the turbine, kW


def farm(*kinds: DeviceKind) -> ProsumerRole:
    """A farm without base load that has one element of each kind."""
    elements = tuple(
        ElementConfig(f"farm-a.{kind}", kind, 100_000, 100_000, history_kw=USUAL if kind is DeviceKind.WIND else ())
        for kind in kinds
    )
    config = terms.prosumer_config("farm-a", POINT, "agr", elements, (np.zeros(96),))
    return ProsumerRole("farm-a", RULES, players.key("farm-a"), config)


def sent(effects: list[Effect], kind: type[Message]) -> list[Message]:
    """The messages of a type among effects."""
    return [effect.message for effect in effects if isinstance(effect, Send) and isinstance(effect.message, kind)]


def test_each_kind_is_published_with_the_directions_it_can_move_in() -> None:
    """What only can be curtailed offers to raise its net power; all others offer both ways, with their whole swing."""
    role = farm(*KINDS)
    effects: list[Effect] = []
    for number, kind in enumerate(KINDS):
        joined = DeviceJoined(f"farm-a.{kind}", players.nameplate(kind, 5_000, 4_000))
        effects += role.handle(Received(f"farm-a.{kind}", number + 1, joined), DAY.start)
    (published,) = sent(effects, AssetsPublished)
    elements = {asset.kind: (asset.element.max_increase_w, asset.element.max_decrease_w) for asset in published.assets}
    curtailable, both = (9_000, 0), (9_000, -9_000)
    assert elements == {
        "wind": curtailable, "pv": curtailable, "battery": both, "chp": both, "station": both, "gateway": both,
        "appliance": both,
    }  # fmt: skip


def test_a_turbine_in_a_strong_wind_is_expected_to_go_on() -> None:
    """The day before, its usual 20 kW are told; after two hours of 80 kW a revision tells 80 now and less later."""
    role = farm(DeviceKind.WIND)
    (ahead,) = sent(role.handle(Fired(ForecastDay(FIRST)), players.AHEAD), DPrognosis)
    assert set(ahead.power_w) == {-20_000}
    for number in range(25):
        at = DAY.start + number * timedelta(minutes=5)
        report = DeviceReport("farm-a.wind", at, players.good("farm-a.wind", -80_000.0, at), ())
        role.handle(Received("farm-a.wind", number + 1, report), at)
    at = DAY.start + timedelta(hours=2, minutes=1)
    (revised,) = sent(role.handle(Fired(ReviseDay(FIRST)), at), DPrognosis)
    assert revised.power_w[:9] == (-20_000,) * 9  # what is over or running stays as it was told
    now, evening = revised.power_w[9], revised.power_w[80]
    assert -80_000 < now < -75_000
    assert -27_000 < evening < -20_000
    assert list(revised.power_w[9:]) == sorted(revised.power_w[9:])


def test_who_plugs_in_is_planned_and_told_at_once() -> None:
    """A vehicle that comes at noon is in a new prognosis of the same instant, from the next ISP on; so is that it left."""
    role = farm(DeviceKind.STATION)
    role.handle(Fired(ForecastDay(FIRST)), players.AHEAD)
    noon = DAY.at(12) + timedelta(minutes=4)
    came = VehiclePlugged(30_000, 100_000, DAY.at(17), noon)

    def report(number: int, at: datetime, *news: VehiclePlugged | VehicleUnplugged) -> list[Effect]:
        readings = (
            *players.good("farm-a.station", 0.0, at),
            Reading("farm-a.station", Kind.ENERGY_IMPORT, 1_000.0 * number, at),
        )
        return role.handle(Received("farm-a.station", number, DeviceReport("farm-a.station", at, readings, news)), at)

    (told,) = sent(report(1, noon, came), DPrognosis)
    assert told.power_w[48:51] == (0, 46_667, 0)  # of 30 kWh, 100 kW take 18.3 in the eleven minutes that are left
    assert sent(report(2, noon + timedelta(minutes=5)), DPrognosis) == []
    (left,) = sent(report(3, noon + timedelta(minutes=10), VehicleUnplugged(0, noon)), DPrognosis)
    assert set(left.power_w[49:]) == {0}


def test_a_vehicle_waits_for_the_sun_of_its_home_as_its_stations_limit() -> None:
    """At eight 20 kWh are wanted by 17:00; the sun of the forecast leaves 10 kW from 10:00 to 12:00: a limit until then."""
    role = farm(DeviceKind.PV, DeviceKind.STATION)
    sun = np.zeros(192)
    sun[96 + 40 : 96 + 48] = 0.1  # of 100 kW
    forecast = WeatherForecast(DAY.next(-1).start, DAY.next(-1).start, 900, tuple(sun))
    role.handle(Received("iles", 1, WeatherBulletin(forecast)), players.AHEAD)
    role.handle(Fired(ForecastDay(FIRST)), players.AHEAD)
    came = VehiclePlugged(20_000, 100_000, DAY.at(17), DAY.at(8))
    report = DeviceReport("farm-a.station", DAY.at(8), players.good("farm-a.station", 0.0, DAY.at(8)), (came,))
    schedules = sent(role.handle(Received("farm-a.station", 1, report), DAY.at(8)), DeviceSchedule)
    (limits,) = [schedule.setpoints for schedule in schedules if schedule.element == "farm-a.station"]
    assert limits[32:40] == (Setpoint(Mode.LIMIT, 0),) * 8
    assert limits[40:47] == (Setpoint(Mode.LIMIT, 10_000),) * 7
    assert set(limits[47:]) == {None}


def test_the_late_end_of_another_stay_does_not_take_a_vehicle_away() -> None:
    """A's departure is told when B stands there: B's plan stays; B's own departure ends it."""
    role = farm(DeviceKind.STATION)
    role.handle(Fired(ForecastDay(FIRST)), players.AHEAD)
    noon = DAY.at(12)

    def report(number: int, *news: VehiclePlugged | VehicleUnplugged) -> list[Effect]:
        at = noon + timedelta(minutes=4 * number)
        readings = players.good("farm-a.station", 0.0, at)
        return role.handle(Received("farm-a.station", number, DeviceReport("farm-a.station", at, readings, news)), at)

    report(1, VehiclePlugged(30_000, 100_000, DAY.at(17), noon, "B"))
    assert sent(report(2, VehicleUnplugged(1900, noon, "A")), DPrognosis) == []
    (left,) = sent(report(3, VehicleUnplugged(0, noon, "B")), DPrognosis)
    assert set(left.power_w[49:]) == {0}
