"""An asset writes only what expires, only within its nameplate, and only for its owner."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.roles.device_agent import LIFE_IN_INTERVALS, DeviceAgent, ReadDevice, SetpointWriting
from agents.roles.effects import Arm, Command, Effect, Poll, Publish, Release, Send
from agents.roles.events import Commanded, Connected, Fired, Measured, Received
from agents.roles.messages import DeviceJoined, DeviceReport, DeviceSchedule
from cim.model.devices import DeviceKind, Mode, Setpoint
from cim.model.readings import Quality
from cim.platform.publications.measured import CommandRefused, DeviceBack, DeviceLost, ReadingsTaken
from tests.worlds import players
from tests.worlds.players import DAY, FIRST, NOON, RULES

NAME, OWNER = "farm-a.pv", "farm-a"
INTERVAL = timedelta(seconds=RULES.control_s)
LIFE = INTERVAL * LIFE_IN_INTERVALS


def battery(generation_w: int = 5000, consumption_w: int = 4000, kind: DeviceKind = DeviceKind.BATTERY) -> DeviceAgent:
    """The agent of a battery, or of a device of another kind, that has answered."""
    role = DeviceAgent(NAME, RULES, players.key(NAME), OWNER)
    plate = players.nameplate(kind, generation_w, consumption_w)
    role.handle(Connected(NAME, plate), DAY.start - timedelta(hours=1))
    return role


def schedule(power_w: int | None, mode: Mode = Mode.TARGET) -> DeviceSchedule:
    """The same setpoint all day."""
    return DeviceSchedule(NAME, FIRST, (None if power_w is None else Setpoint(mode, power_w),) * 96)


def told(role: DeviceAgent, message: Any, at: Any, sender: str = OWNER) -> list[Effect]:
    """What it wants on hearing a message."""
    return role.handle(Received(sender, 1, message), at)


def measured(role: DeviceAgent, at: Any) -> list[Effect]:
    """What it wants on a good reading."""
    return role.handle(Measured(NAME, players.good(NAME, 100.0, at), ()), at)


def lost(role: DeviceAgent, at: Any) -> list[Effect]:
    """What it wants when its device does not answer."""
    return role.handle(Measured(NAME, players.absent(NAME, at), (), "no answer"), at)


def commands(effects: list[Effect]) -> list[Command]:
    """The setpoints among effects."""
    return [effect for effect in effects if isinstance(effect, Command)]


def test_it_joins_its_owner_and_controls_from_the_first_day_on() -> None:
    """A connected asset says what it is, reads once, and arms its control for the first operated instant."""
    role = DeviceAgent(NAME, RULES, players.key(NAME), OWNER)
    plate = players.nameplate(DeviceKind.BATTERY, 5000, 4000)
    effects = role.handle(Connected(NAME, plate), DAY.start - timedelta(hours=1))
    assert effects == [Send(OWNER, DeviceJoined(NAME, plate)), Poll(NAME), Arm(ReadDevice(), DAY.start)]


def test_control_reads_each_interval_and_stops_after_the_last_day() -> None:
    """Each control instant reads the device and arms the next, none beyond the operated days."""
    role = battery()
    assert role.handle(Fired(ReadDevice()), NOON) == [Poll(NAME), Arm(ReadDevice(), NOON + INTERVAL)]
    assert role.handle(Fired(ReadDevice()), DAY.end) == [Poll(NAME)]


def test_a_setpoint_always_expires() -> None:
    """What is written lives LIFE_IN_INTERVALS control intervals and no longer."""
    role = battery()
    assert told(role, schedule(1500), NOON) == [Command(NAME, Setpoint(Mode.TARGET, 1500), NOON + LIFE)]


def test_a_setpoint_is_written_again_at_half_its_life() -> None:
    """A setpoint that holds is left alone before half its life and renewed from then on."""
    role = battery()
    told(role, schedule(1500), NOON)
    assert commands(measured(role, NOON + INTERVAL)) == []
    later = NOON + 2 * INTERVAL
    assert commands(measured(role, later)) == [Command(NAME, Setpoint(Mode.TARGET, 1500), later + LIFE)]


def test_a_changed_schedule_acts_at_once() -> None:
    """When the running interval's setpoint changes, it is written without waiting for the next reading."""
    role = battery()
    told(role, schedule(1500), NOON)
    assert commands(told(role, schedule(-700), NOON + INTERVAL))[0].setpoint == Setpoint(Mode.TARGET, -700)


def test_a_freed_device_is_released_once() -> None:
    """When the schedule frees the device it is released, and then left alone."""
    role = battery()
    told(role, schedule(1500), NOON)
    assert told(role, schedule(None), NOON + INTERVAL) == [Release(NAME)]
    assert not [e for e in measured(role, NOON + 2 * INTERVAL) if isinstance(e, Release | Command)]


def test_without_readings_nothing_is_written_and_the_fault_is_told_once() -> None:
    """A lost device gets no setpoint; its owner hears every absence, the platform the fault once, and its end once."""
    role = battery()
    first = lost(role, NOON)
    assert told(role, schedule(1500), NOON) == []
    second = lost(role, NOON + INTERVAL)
    assert commands(first + second) == []
    assert [type(e.publication) for e in first if isinstance(e, Publish)] == [ReadingsTaken, DeviceLost]
    assert [type(e.publication) for e in second if isinstance(e, Publish)] == [ReadingsTaken]
    assert all(any(isinstance(e, Send) and isinstance(e.message, DeviceReport) for e in es) for es in (first, second))
    back = measured(role, NOON + 2 * INTERVAL)
    assert Publish(DeviceBack(NOON + 2 * INTERVAL, NAME)) in back
    assert commands(back)[0].setpoint.power_w == 1500


def test_on_a_reading_that_is_not_good_power_is_lowered_but_never_raised() -> None:
    """A stale reading is enough to take less, and never enough to take or give more, nor to let the device run free."""
    role = battery()
    told(role, schedule(1500), NOON)
    stale = tuple(replace(r, quality=Quality.STALE) for r in players.good(NAME, 1500.0, NOON))
    for wanted, written in ((2500, []), (None, []), (-100, []), (900, [900])):
        role.part(SetpointWriting).state.schedules[DAY.day] = schedule(wanted)
        effects = role.handle(Measured(NAME, stale, ()), NOON + INTERVAL)
        assert [c.setpoint.power_w for c in commands(effects)] == written
        assert not [e for e in effects if isinstance(e, Release)]


def test_a_schedule_that_comes_while_nobody_sees_the_device_raises_nothing() -> None:
    """Blind stays blind between two readings: a new schedule may lower, and raises only once a good reading is there."""
    role = battery()
    told(role, schedule(1500), NOON)
    stale = tuple(replace(r, quality=Quality.INVALID) for r in players.good(NAME, 1500.0, NOON))
    role.handle(Measured(NAME, stale, ()), NOON + INTERVAL)
    at = NOON + INTERVAL + timedelta(seconds=10)
    assert [told(role, schedule(wanted), at) for wanted in (2500, -100, None)] == [[], [], []]
    assert [c.setpoint.power_w for c in commands(told(role, schedule(900), at))] == [900]
    told(role, schedule(2500), at)
    assert [c.setpoint.power_w for c in commands(measured(role, NOON + 2 * INTERVAL))] == [2500]


def test_what_has_expired_is_no_power_to_lower() -> None:
    """1500 W were written and have expired while blind: the device rests, and 900 W would be more."""
    role = battery()
    told(role, schedule(1500), NOON)
    stale = tuple(replace(r, quality=Quality.INVALID) for r in players.good(NAME, 1500.0, NOON))
    role.part(SetpointWriting).state.schedules[DAY.day] = schedule(2500)
    for k in (1, 2, 3):
        assert commands(role.handle(Measured(NAME, stale, ()), NOON + k * INTERVAL)) == []
    assert told(role, schedule(900), NOON + 4 * INTERVAL) == []


def test_late_timers_are_armed_again_on_the_grid() -> None:
    """However late the control timer fires, the next one stands at a whole number of intervals of the day."""
    late = NOON + timedelta(hours=2, seconds=77)
    assert battery().handle(Fired(ReadDevice()), late) == [
        Poll(NAME),
        Arm(ReadDevice(), NOON + timedelta(hours=2, minutes=5)),
    ]


def test_after_a_loss_the_setpoint_is_written_afresh() -> None:
    """What a device held before it was lost counts for nothing once it is back."""
    role = battery()
    told(role, schedule(1500), NOON)
    lost(role, NOON + timedelta(seconds=1))
    assert commands(measured(role, NOON + timedelta(seconds=2)))


def test_a_refused_setpoint_is_told_and_tried_again() -> None:
    """A device's refusal is published and the next reading leads to the same setpoint again."""
    role = battery()
    told(role, schedule(1500), NOON)
    (told_of,) = role.handle(Commanded(NAME, Setpoint(Mode.TARGET, 1500), "refused"), NOON)
    assert told_of == Publish(CommandRefused(NOON, NAME, "refused"))
    assert commands(measured(role, NOON + INTERVAL))


@pytest.mark.parametrize("stranger", ["agr", "farm-b", "dso"])
def test_strangers_cannot_schedule_it(stranger: str) -> None:
    """A schedule from anybody but the owner changes nothing."""
    role = battery()
    assert told(role, schedule(1500), NOON, stranger) == []
    assert commands(measured(role, NOON)) == []


def test_days_gone_by_are_forgotten() -> None:
    """The schedules of days before the running one are dropped."""
    role = battery()
    told(role, schedule(1500), NOON)
    tomorrow = DAY.next()
    role.handle(Received(OWNER, 2, DeviceSchedule(NAME, tomorrow.day, (None,) * 96)), tomorrow.start)
    assert list(role.part(SetpointWriting).state.schedules) == [tomorrow.day]


def commanded(kind: DeviceKind, power_w: int, mode: Mode) -> Setpoint:
    """What the device of an agent is asked for when its owner schedules a setpoint."""
    (command,) = commands(told(battery(kind=kind), schedule(power_w, mode), NOON))
    return command.setpoint


@given(st.integers(-50_000, 50_000), st.sampled_from(list(Mode)))
def test_no_setpoint_exceeds_the_nameplate(power_w: int, mode: Mode) -> None:
    """Whatever a plan asks, a device is asked for no more than it is rated for; nothing within it is changed."""
    for kind in (DeviceKind.BATTERY, DeviceKind.GATEWAY):
        assert commanded(kind, power_w, mode) == Setpoint(mode, min(max(power_w, -5000), 4000))


@given(st.integers(-50_000, 50_000), st.sampled_from(list(Mode)))
def test_a_generator_is_never_told_to_consume(power_w: int, mode: Mode) -> None:
    """A generator's setpoint is never above 0 W, even when its nameplate knows a consumption."""
    for kind in (DeviceKind.PV, DeviceKind.CHP):
        assert commanded(kind, power_w, mode) == Setpoint(mode, min(max(power_w, -5000), 0))


@given(st.integers(-50_000, 50_000), st.sampled_from(list(Mode)))
def test_a_vehicle_is_never_told_to_discharge(power_w: int, mode: Mode) -> None:
    """A station gets an upper limit that is never negative."""
    assert commanded(DeviceKind.STATION, power_w, mode) == Setpoint(Mode.LIMIT, min(max(power_w, 0), 4000))
