"""The manager's part for the island and the agents of its units, without devices: who is heard, what is told, what expires."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from agents.planning.islanding.control import IslandFacts
from agents.planning.islanding.outlook import IslandExpectations
from agents.roles.effects import Arm, Command, Disarm, Effect, Poll, Publish, Release, Send
from agents.roles.events import Commanded, Connected, Fired, Measured, Received
from agents.roles.iles_manager import IlesConfig, IlesRole, IslandLeading, IslandUnits
from agents.roles.iles_manager.islanding import DecideAnyway
from agents.roles.island_member import IslandMemberConfig, IslandMemberRole, ReadUnit
from agents.roles.island_messages import Duty, UnitOrder, UnitReport
from cim.model.devices import DeviceKind, Mode, Nameplate, Setpoint
from cim.model.readings import Kind, Quality, Reading
from cim.platform.publications.incidents import MessageLapsed
from cim.platform.publications.island import IslandLed
from cim.platform.publications.measured import CommandRefused, DeviceLost
from market.rules import Control, MarketRules

NOW = datetime(2016, 5, 20, 18, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES = MarketRules(
    "Europe/Vienna", 15, "EUR", 300, date(2016, 5, 20), 2, Control.MARKET,
    {name: f"{name}.example" for name in ("iles", "dso", "ledger")}, {}, "test",
)  # fmt: skip
UNITS = IslandUnits(
    mains="breaker",
    forming="bess",
    engine="chp",
    inverters="pv",
    stages=("stage-1", "stage-2"),
    stage_w=500_000,
    facts=IslandFacts(
        battery_w=100_000, capacity_wh=200_000, empty_wh=4_000, efficiency=0.95, chp_w=100_000, chp_min_w=40_000, promised=1,
        mains_stable_s=60, nominal_hz=50, start_wh=6_000, bridge_s=120,
    ),
    expected=IslandExpectations(
        NOW, np.full((2, 100), 20_000.0), np.zeros(100), np.array([600.0, 7200.0]), np.array([9.0, 1.0]), 0.95
    ),
    control_s=60,
)  # fmt: skip


def manager() -> IlesRole:
    """The real one, with an island."""
    return IlesRole("iles", RULES, bytes(32), IlesConfig("", (), "ledger", "dso", island=UNITS))


SHOWN: dict[str, dict[Kind, float | None]] = {
    "breaker": {Kind.VOLTAGE: 400, Kind.POWER: 0},
    "bess": {Kind.VOLTAGE: 400, Kind.POWER: 0, Kind.STORED_ENERGY: 100_000},
    "chp": {Kind.POWER: -60_000, Kind.AVAILABLE_POWER: -100_000},
    "pv": {Kind.POWER: 0, Kind.AVAILABLE_POWER: 0},
    "stage-1": {Kind.VOLTAGE: 400, Kind.POWER: 20_000},
    "stage-2": {Kind.VOLTAGE: 400, Kind.POWER: 20_000},
}
LOST = {**SHOWN, "breaker": {Kind.VOLTAGE: 0.0, Kind.POWER: None}}


def report(unit: str, shown: dict[Kind, float | None], now: datetime) -> Received:
    """What a unit's agent tells."""
    readings = tuple(
        Reading(unit, kind, value or 0.0, now, Quality.ABSENT if value is None else Quality.GOOD)
        for kind, value in shown.items()
    )
    return Received(unit, 1, UnitReport(Duty.STAGE, now, readings))


def tell(role: IlesRole, shown: dict[str, dict[Kind, float | None]], now: datetime) -> list[Effect]:
    """All units report at an instant; what the manager wants because of the last."""
    found: list[Effect] = []
    for unit, values in shown.items():
        found = role.handle(report(unit, values, now), now)
    return found


def orders(effects: list[Effect]) -> dict[str, Setpoint | None]:
    """Whom it told what."""
    return {e.to: e.message.setpoint for e in effects if isinstance(e, Send) and isinstance(e.message, UnitOrder)}


def test_units_are_armed_while_mains_are_there() -> None:
    """Every unit is told what to do when mains are lost, for three control intervals; the breaker is not to close."""
    found = tell(manager(), SHOWN, NOW)
    told = orders(found)
    assert set(told) == set(SHOWN)
    assert told["breaker"] == Setpoint(Mode.LIMIT, 0)
    assert told["stage-1"] == told["stage-2"] == Setpoint(Mode.LIMIT, 500_000)
    assert told["bess"] is None
    assert {e.message.valid_until for e in found if isinstance(e, Send)} == {NOW + 3 * MINUTE}
    assert Disarm(DecideAnyway()) in found


def test_the_loss_is_since_it_was_decided_last_and_the_return_since_it_was_seen() -> None:
    """An unknown instant counts as the earlier one for how long it lasts, as the later one for how stable mains are."""
    role = manager()
    tell(role, SHOWN, NOW)
    tell(role, LOST, NOW + MINUTE)
    state = role.part(IslandLeading).state
    assert state.lost_at == NOW
    back = {**LOST, "breaker": {Kind.VOLTAGE: 400.0, Kind.POWER: None}}
    assert orders(tell(role, back, NOW + 2 * MINUTE))["breaker"] == Setpoint(Mode.LIMIT, 0)
    assert state.back_at == NOW + 2 * MINUTE
    assert orders(tell(role, back, NOW + 3 * MINUTE))["breaker"] == Setpoint(Mode.START, 1)
    assert orders(tell(role, SHOWN, NOW + 4 * MINUTE)) == {}
    assert state.lost_at is state.back_at is None
    assert orders(tell(role, SHOWN, NOW + 5 * MINUTE))["breaker"] == Setpoint(Mode.LIMIT, 0)


def led(effects: list[Effect]) -> list[IslandLed]:
    """What it published of the island."""
    return [e.publication for e in effects if isinstance(e, Publish) and isinstance(e.publication, IslandLed)]


def test_an_island_is_told_at_each_change_and_each_quarter_hour() -> None:
    """Armed, lost, back and one with mains again, each once; nothing new is told again after a quarter of an hour."""
    role = manager()
    (armed,) = led(tell(role, SHOWN, NOW))
    assert (armed.state, armed.lost_at) == ("on mains", None)
    assert (armed.stored_wh, armed.usable_wh, armed.engine_w) == (100_000, 96_000, 60_000)
    assert [(one.promised, one.connected, one.wanted, one.power_w) for one in armed.stages] == [
        (True, True, True, 20_000), (False, True, True, 20_000),
    ]  # fmt: skip
    assert led(tell(role, SHOWN, NOW + MINUTE)) == []
    (again,) = led(tell(role, SHOWN, NOW + 15 * MINUTE))
    assert again.state == "on mains"
    (lost,) = led(tell(role, LOST, NOW + 16 * MINUTE))
    assert (lost.state, lost.lost_at) == ("island", NOW + 15 * MINUTE)
    back = {**LOST, "breaker": {Kind.VOLTAGE: 400.0, Kind.POWER: None}}
    (returning,) = led(tell(role, back, NOW + 17 * MINUTE))
    assert returning.state == "mains are back"
    (joined,) = led(tell(role, SHOWN, NOW + 18 * MINUTE))
    assert joined.state == "resynchronised"


def test_the_reserve_is_what_the_promised_loads_need_as_long_as_an_outage_may_last() -> None:
    """20 kW promised, two hours with 95 %, no engine: 40 kWh and the battery's losses, 2,105 Wh."""
    shown = {**SHOWN, "chp": {Kind.POWER: 0.0, Kind.AVAILABLE_POWER: 0.0}}
    (told,) = led(tell(manager(), shown, NOW))
    assert told.may_last_min == 120
    assert told.reserve_wh == round(40_000 / 0.95)
    with_engine = led(tell(manager(), SHOWN, NOW))[0]
    assert with_engine.reserve_wh == 0


def test_a_dark_island_is_started_by_its_battery() -> None:
    """Nothing has voltage: the battery starts it with the first stage."""
    role = manager()
    tell(role, SHOWN, NOW)
    dark = {**LOST, "bess": {Kind.VOLTAGE: 0.0, Kind.POWER: 0.0, Kind.STORED_ENERGY: 50_000.0}}
    dark |= {name: {Kind.VOLTAGE: 0.0, Kind.POWER: 0.0} for name in UNITS.stages}
    told = orders(tell(role, dark, NOW + MINUTE))
    assert told["bess"] == Setpoint(Mode.START, 1)
    assert told["stage-1"] == Setpoint(Mode.LIMIT, 500_000)
    assert told["stage-2"] == Setpoint(Mode.LIMIT, 0)


def test_an_empty_battery_lets_go() -> None:
    """Nothing stored, no engine: TARGET 0 for the battery, and every stage is shed."""
    role = manager()
    tell(role, SHOWN, NOW)
    empty = {**LOST, "bess": {Kind.VOLTAGE: 400.0, Kind.POWER: 0.0, Kind.STORED_ENERGY: 3_000.0}}
    empty["chp"] = {Kind.POWER: 0.0, Kind.AVAILABLE_POWER: 0.0}
    told = orders(tell(role, empty, NOW + MINUTE))
    assert told["bess"] == Setpoint(Mode.TARGET, 0)
    assert told["chp"] == Setpoint(Mode.TARGET, 0)
    assert told["stage-1"] == told["stage-2"] == Setpoint(Mode.LIMIT, 0)


def test_who_does_not_report_is_not_waited_for_long() -> None:
    """After five seconds it is decided by what the silent unit said last; without breaker and battery not at all."""
    role = manager()
    tell(role, SHOWN, NOW)
    rest = {name: shown for name, shown in LOST.items() if name != "stage-2"}
    waiting = tell(role, rest, NOW + MINUTE)
    assert [e for e in waiting if isinstance(e, Arm)] == [Arm(DecideAnyway(), NOW + MINUTE + timedelta(seconds=5))]
    assert orders(waiting) == {}
    late = role.handle(Fired(DecideAnyway()), NOW + MINUTE + timedelta(seconds=5))
    assert orders(late)["stage-2"] == Setpoint(Mode.LIMIT, 500_000)
    assert manager().handle(Fired(DecideAnyway()), NOW) == []


def test_a_battery_that_shows_nothing_good_counts_as_empty() -> None:
    """An ABSENT charge never keeps loads connected."""
    role = manager()
    tell(role, SHOWN, NOW)
    blind = {**LOST, "bess": {Kind.VOLTAGE: 400.0, Kind.POWER: None, Kind.STORED_ENERGY: None}}
    blind["chp"] = {Kind.POWER: 0.0, Kind.AVAILABLE_POWER: 0.0}
    told = orders(tell(role, blind, NOW + MINUTE))
    assert told["stage-1"] == told["stage-2"] == Setpoint(Mode.LIMIT, 0)


def test_a_stranger_s_report_changes_nothing() -> None:
    """Who is no unit of the island is not heard, and that is told."""
    role = manager()
    before = role.snapshot()
    (told,) = role.handle(report("stranger", SHOWN["bess"], NOW), NOW)
    assert isinstance(told, Publish)
    assert isinstance(told.publication, MessageLapsed)
    assert role.snapshot() == before


def test_the_island_outlives_the_manager_s_process() -> None:
    """A restored manager goes on with the same orders."""
    role = manager()
    tell(role, SHOWN, NOW)
    tell(role, LOST, NOW + MINUTE)
    again = manager()
    again.restore(role.snapshot())
    assert again.snapshot() == role.snapshot()
    assert orders(tell(again, LOST, NOW + 2 * MINUTE)) == orders(tell(role, LOST, NOW + 2 * MINUTE))


def test_a_site_without_an_island_has_no_such_part() -> None:
    """The manager is then what it was."""
    role = IlesRole("iles", RULES, bytes(32), IlesConfig("", (), "ledger", "dso"))
    assert "IslandLeading" not in role.parts


def member() -> IslandMemberRole:
    """A stage's agent."""
    return IslandMemberRole("stage-1", RULES, bytes(32), IslandMemberConfig("iles", Duty.STAGE, 60))


def test_a_unit_is_read_each_control_interval_and_shown_to_the_manager() -> None:
    """Poll now and in a minute; what is measured goes to the manager, a lost device is told once."""
    role = member()
    found = role.handle(Connected("stage-1", Nameplate(DeviceKind.GATEWAY, "", "", "")), NOW)
    assert found == [Poll("stage-1"), Arm(ReadUnit(), NOW + MINUTE)]
    reading = Reading("stage-1", Kind.POWER, 5.0, NOW)
    sent = role.handle(Measured("stage-1", (reading,), ()), NOW)[0]
    assert sent == Send("iles", UnitReport(Duty.STAGE, NOW, (reading,)))
    absent = replace(reading, quality=Quality.ABSENT)
    for expected in (1, 0):
        told = role.handle(Measured("stage-1", (absent,), (), "gone"), NOW + MINUTE)
        lost = [e for e in told if isinstance(e, Publish) and isinstance(e.publication, DeviceLost)]
        assert len(lost) == expected


@pytest.mark.parametrize(
    ("sender", "until", "commands"),
    [("iles", NOW + MINUTE, 1), ("dso", NOW + MINUTE, 0), ("iles", NOW, 0)],
)
def test_a_unit_obeys_its_manager_and_nothing_that_is_over(sender: str, until: datetime, commands: int) -> None:
    """An order of somebody else, or one whose time is over, is not written."""
    found = member().handle(Received(sender, 1, UnitOrder(Setpoint(Mode.LIMIT, 0), until)), NOW)
    assert [e for e in found if isinstance(e, Command)] == [
        Command("stage-1", Setpoint(Mode.LIMIT, 0), until)
    ] * commands


def test_a_unit_is_released_once_and_a_refusal_is_told() -> None:
    """No setpoint after one releases the device; after none nothing is written."""
    role = member()
    nothing = UnitOrder(None, NOW + MINUTE)
    assert role.handle(Received("iles", 1, nothing), NOW) == []
    role.handle(Received("iles", 2, UnitOrder(Setpoint(Mode.LIMIT, 0), NOW + MINUTE)), NOW)
    assert role.handle(Received("iles", 3, nothing), NOW) == [Release("stage-1")]
    (told,) = role.handle(Commanded("stage-1", None, "no"), NOW)
    assert isinstance(told, Publish)
    assert isinstance(told.publication, CommandRefused)
