"""Whole conversations between the appliance's driver and the simulated appliance, in memory and over a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from s2python.version import S2_VERSION

from cim.model.devices import DeviceKind, Mode, Programme, ProgrammeState, Setpoint
from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import DialInServer
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.s2.appliance import AppliancePort
from devices.s2.driver import GatewayPort
from devices.simulators.adapters import ApplianceInUse
from devices.simulators.dial_out import DialOut
from devices.simulators.gateway.appliance import ApplianceMachine
from devices.simulators.in_memory_link import DirectLink
from environment.physics import Appliance, Connection
from environment.profiles.programmes import ApplianceUse, ProgrammeSteps

START = datetime(2026, 1, 1, 6, tzinfo=UTC)
INTERVAL = timedelta(minutes=5)
PASSWORD = "sixteen-letters!"
STEPS = ((600.0, 100.0), (1200.0, 2000.0), (1800.0, 400.0))
ENERGY_WH = (600 * 100 + 1200 * 2000 + 1800 * 400) / 3600
HEAT = Setpoint(Mode.START, 1000)


class Direct:
    """An appliance in memory: ready after half an hour, to be done six hours after the start."""

    def __init__(self, interruptible: bool = False) -> None:
        use = ApplianceUse(START.timestamp() + 1800, START.timestamp() + 6 * 3600)
        self.unit = Appliance(
            "w", START.timestamp(), uses=(use,), programme=ProgrammeSteps(STEPS, interruptible=interruptible)
        )
        self.connection = Connection("home", (self.unit,))
        self.machine = ApplianceMachine("w", ApplianceInUse(self.unit))
        self.now = START
        self.told: list[Programme] = []
        self.measured_wh = 0.0

    async def open(self) -> AppliancePort:
        """Connect the driver."""
        self.link = DirectLink()
        self.link.add("w", self.machine, START)
        self.port = AppliancePort("w", link=self.link)
        await self.port.open(START)
        return self.port

    def move(self) -> None:
        """Physics, a control interval on."""
        self.connection.advance(self.now.timestamp(), (self.now + INTERVAL).timestamp())
        self.now += INTERVAL

    async def speak(self) -> None:
        """Carry what the appliance says."""
        self.link.advance(self.now)

    async def until(self, hours: float) -> None:
        """Advance to so many hours after the start, and keep what is told and measured."""
        while self.now < START + timedelta(hours=hours):
            self.move()
            await self.speak()
            await self.port.sync(self.now)
            (power,) = await self.port.measure(self.now)
            if power.quality is Quality.GOOD:
                self.measured_wh += power.value * (INTERVAL / timedelta(hours=1))
            self.told += [news for news in self.port.drain() if isinstance(news, Programme)]

    async def start(self, setpoint: Setpoint = HEAT) -> None:
        """Command it for a quarter of an hour."""
        await self.port.command(setpoint, self.now + 3 * INTERVAL, self.now)

    async def close(self) -> None:
        """End."""
        await self.port.close()


class Tcp(Direct):
    """The same appliance over a WebSocket."""

    async def open(self) -> AppliancePort:
        """Let it dial."""
        self.machine.start(START)
        self.server = DialInServer(authenticate=known_passwords({"w": PASSWORD}))
        await self.server.start()
        self.port = AppliancePort("w", server=self.server)
        self.out = DialOut(self.machine, self.server.url("s2", "w"), ("w", PASSWORD), "s2")
        self.out.dial()
        await self.port.open(START)
        return self.port

    async def speak(self) -> None:
        """Send it, and wait for the answers."""
        await self.out.say(self.machine.advance(self.now))
        await self.out.settled()

    async def close(self) -> None:
        """End."""
        await self.out.hang_up()
        await self.port.close()
        await self.server.close()


def play(site: Direct, story: Callable[[AppliancePort], Awaitable[None]]) -> None:
    """Open, run the story, close."""

    async def run() -> None:
        port = await site.open()
        try:
            await story(port)
        finally:
            await site.close()

    asyncio.run(run())


def states(site: Direct) -> list[tuple[ProgrammeState, int, float]]:
    """What was told: state, progress, hours after the start."""
    return [(news.state, news.done_s, (news.at - START) / timedelta(hours=1)) for news in site.told]


def test_it_says_what_it_is() -> None:
    """Who made it, and from its forecast what it draws at most; it measures power and nothing else."""
    site = Direct()

    async def story(port: AppliancePort) -> None:
        plate = await port.open(START)
        assert (plate.kind, plate.manufacturer, plate.serial) == (DeviceKind.APPLIANCE, "ILES", "w")
        assert (plate.max_consumption_w, plate.max_generation_w) == (2000, 0)
        (power,) = await port.measure(START)
        assert (power.kind, power.value, power.quality) == (Kind.POWER, 0.0, Quality.GOOD)

    play(site, story)


@pytest.mark.parametrize("make", [Direct, Tcp])
def test_a_programme_is_told_when_it_is_ready_and_started_when_it_is_told(make: type[Direct]) -> None:
    """Ready at half past six, started at half past seven: told at once; finished an hour later; each watt-hour measured."""
    site = make()

    async def story(_port: AppliancePort) -> None:
        await site.until(1.5)
        assert states(site) == [(ProgrammeState.READY, 0, 0.5)]
        (told,) = site.told
        assert told.steps == STEPS
        assert (told.earliest, told.latest_end) == (START + timedelta(hours=0.5), START + timedelta(hours=6))
        await site.start()
        assert site.unit.power_w == 100
        await site.until(3)
        expected = [(ProgrammeState.READY, 0, 0.5), (ProgrammeState.RUNNING, 0, 1.5), (ProgrammeState.OVER, 3600, 2.5)]
        assert states(site) == expected
        assert site.measured_wh == pytest.approx(ENERGY_WH)

    play(site, story)


def test_what_is_not_started_begins_by_itself() -> None:
    """At its latest start, and with the progress that it had when it was told."""
    site = Direct()

    async def story(_port: AppliancePort) -> None:
        await site.until(4.9)
        assert site.unit.import_wh == 0
        await site.until(6.5)
        assert [state for state, _, _ in states(site)] == [
            ProgrammeState.READY,
            ProgrammeState.RUNNING,
            ProgrammeState.OVER,
        ]
        assert site.unit.started_s == (START + timedelta(hours=5)).timestamp()

    play(site, story)


def test_a_second_start_changes_nothing() -> None:
    """While it runs and when it is over: the same setpoint comes in every control interval."""
    site = Direct()

    async def story(_port: AppliancePort) -> None:
        await site.until(1)
        for hours in (1.25, 1.5, 1.75, 2.0, 2.25, 2.5):
            await site.start()
            await site.until(hours)
        assert site.unit.import_wh == pytest.approx(ENERGY_WH)

    play(site, story)


def test_nothing_of_a_controller_is_left_when_it_is_gone() -> None:
    """A start of nothing and a release leave it to itself; what began runs to its end while nobody is connected."""
    site = Direct()

    async def story(port: AppliancePort) -> None:
        await site.until(1)
        await site.start(Setpoint(Mode.START, 0))
        await port.release(site.now)
        assert site.unit.ready
        await site.start()
        site.link.cut("w", True)
        await site.until(3)
        (power,) = await port.measure(site.now)
        assert power.quality is Quality.ABSENT
        assert site.unit.import_wh == pytest.approx(ENERGY_WH)
        with pytest.raises(DeviceUnreachable, match="is not connected"):
            await site.start()

    play(site, story)


def test_a_driver_that_comes_back_hears_how_far_it_is() -> None:
    """Cut off while it was ready, back when it had been running for ten minutes."""
    site = Direct()

    async def story(_port: AppliancePort) -> None:
        await site.until(4.75)
        site.link.cut("w", True)
        await site.until(5 + 1 / 6)
        site.link.cut("w", False)
        await site.until(5.25)
        assert states(site)[-1] == (ProgrammeState.RUNNING, 900, 5.25)
        await site.start()
        assert site.unit.start_at_s is None, "there is nothing left to start"

    play(site, story)


def test_a_new_driver_hears_it_too() -> None:
    """The driver before it died without a word."""
    site = Direct()

    async def story(_port: AppliancePort) -> None:
        await site.until(1)
        again = AppliancePort("w", link=site.link)
        plate = await again.open(site.now)
        assert plate.max_consumption_w == 2000
        (told,) = again.drain()
        assert isinstance(told, Programme)
        assert told.state is ProgrammeState.READY
        await again.command(HEAT, site.now + INTERVAL, site.now)
        assert site.unit.running

    play(site, story)


def test_without_a_controller_it_begins_at_once() -> None:
    """Before anybody selects PPBC, and after somebody deselected it; with a CEM that once was there it waits."""
    site = Direct()
    site.machine.start(START)
    for _ in range(7):
        site.move()
        site.machine.advance(site.now)
    assert site.unit.started_s == START.timestamp() + 1800


@pytest.mark.parametrize(
    ("setpoint", "expected"),
    [
        (Setpoint(Mode.TARGET, 100), "expected a start"),
        (Setpoint(Mode.LIMIT, 0), "expected a start"),
        (Setpoint(Mode.START, -1), "expected a start"),
    ],
)
def test_what_it_cannot_do_is_refused_before_it_is_sent(setpoint: Setpoint, expected: str) -> None:
    """A target, a limit, a negative start."""
    site = Direct()

    async def story(_port: AppliancePort) -> None:
        await site.until(1)
        with pytest.raises(BadInput, match=expected):
            await site.start(setpoint)
        assert site.unit.ready

    play(site, story)


def test_a_start_of_nothing_ready_is_a_fault() -> None:
    """Nobody has made it ready; and a setpoint that is over is none."""
    site = Direct()

    async def story(port: AppliancePort) -> None:
        with pytest.raises(DeviceFault, match="has no programme ready"):
            await site.start()
        with pytest.raises(BadInput, match="is over"):
            await port.command(HEAT, START, START)

    play(site, story)


def test_each_driver_says_what_it_needs() -> None:
    """An appliance is no heat pump: the other driver names what it expected, and takes no start."""
    site = Direct()

    async def story(_port: AppliancePort) -> None:
        other = GatewayPort("w", link=site.link)
        with pytest.raises(DeviceUnreachable, match=r"expected it to dial .* and to offer FRBC or PEBC"):
            await other.open(START)
        with pytest.raises(BadInput, match="is for appliances"):
            await other.command(HEAT, START + INTERVAL, START)

    play(site, story)


class Rm:
    """A CEM of bare messages in front of the simulated appliance."""

    def __init__(self, interruptible: bool = False) -> None:
        self.site = Direct(interruptible)
        self.machine, self.count = self.site.machine, 0
        self.machine.start(START)
        self.say(message_type="Handshake", role="CEM", supported_protocol_versions=[S2_VERSION])
        self.say(message_type="HandshakeResponse", selected_protocol_version=S2_VERSION)
        self.say(message_type="SelectControlType", control_type="POWER_PROFILE_BASED_CONTROL")
        while self.site.now < START + timedelta(hours=1):
            self.site.move()
            for frame in self.machine.advance(self.site.now):
                message = json.loads(frame)
                if message["message_type"] == "PPBC.PowerProfileDefinition":
                    (container,) = message["power_sequences_containers"]
                    self.names = {
                        "power_profile_id": message["id"],
                        "sequence_container_id": container["id"],
                        "power_sequence_id": container["power_sequences"][0]["id"],
                    }

    def say(self, **message: Any) -> list[dict[str, Any]]:
        """What it answers."""
        self.count += 1
        framed = {**message, "message_id": f"60000000-0000-4000-8000-{self.count:012d}"}
        return [json.loads(frame) for frame in self.machine.receive(json.dumps(framed))]

    def instruct(self, what: str, hours: float, **changed: Any) -> list[dict[str, Any]]:
        """An instruction for so many hours after the start; what it answers."""
        self.identity = f"70000000-0000-4000-8000-{self.count:012d}"
        at = (START + timedelta(hours=hours)).isoformat()
        fields = {**self.names, "execution_time": at, "abnormal_condition": False, "id": self.identity, **changed}
        return self.say(message_type=f"PPBC.{what}", **fields)

    def advance(self, hours: float) -> list[dict[str, Any]]:
        """What it says up to so many hours after the start."""
        said = []
        while self.site.now < START + timedelta(hours=hours):
            self.site.move()
            self.machine.look(self.site.now)
            said += [json.loads(frame) for frame in self.machine.advance(self.site.now)]
        return said


def words(messages: list[dict[str, Any]]) -> list[str]:
    """The statuses in messages, in their order."""
    found = []
    for message in messages:
        if message["message_type"] == "InstructionStatusUpdate":
            found.append(message["status_type"])
        elif message["message_type"] == "PPBC.PowerProfileStatus":
            found.append(message["sequence_container_status"][0]["status"])
        elif message["message_type"] == "ReceptionStatus":
            found.append(message["status"])
    return found


def test_a_start_ahead_is_scheduled_started_and_finished() -> None:
    """Other CEMs than ours schedule ahead: the statuses of the instruction and of the sequence follow each other."""
    rm = Rm()
    assert words(rm.instruct("ScheduleInstruction", 2.0)) == ["OK", "ACCEPTED", "SCHEDULED"]
    assert words(rm.advance(2.5)) == ["STARTED", "EXECUTING"]
    assert words(rm.advance(4)) == ["SUCCEEDED", "FINISHED"]
    assert rm.site.unit.started_s == (START + timedelta(hours=2)).timestamp()


def test_a_scheduled_start_can_be_taken_back() -> None:
    """Until it has begun; then it begins at its latest start."""
    rm = Rm()
    rm.instruct("ScheduleInstruction", 2.0)
    revoke = {"message_type": "RevokeObject", "object_type": "PPBC.ScheduleInstruction", "object_id": rm.identity}
    assert words(rm.say(**revoke)) == ["OK", "REVOKED", "NOT_SCHEDULED"]
    assert words(rm.say(**revoke)) == ["INVALID_CONTENT"]
    rm.advance(4.9)
    assert rm.site.unit.ready
    rm.instruct("ScheduleInstruction", 4.9)
    assert words(rm.say(**revoke | {"object_id": rm.identity})) == ["INVALID_CONTENT"]


def test_what_does_not_fit_is_refused() -> None:
    """Another programme, an end after its latest, one that runs, a pause of what may not be paused."""
    rm = Rm()
    other = "80000000-0000-4000-8000-000000000000"
    for name in rm.names:
        assert words(rm.instruct("ScheduleInstruction", 2.0, **{name: other})) == ["INVALID_CONTENT"]
    assert words(rm.instruct("ScheduleInstruction", 5.01)) == ["INVALID_CONTENT"]
    assert words(rm.instruct("ScheduleInstruction", 0.0)) == ["OK", "ACCEPTED", "STARTED", "EXECUTING"]
    assert words(rm.instruct("ScheduleInstruction", 2.0)) == ["INVALID_CONTENT"]
    assert words(rm.instruct("StartInterruptionInstruction", 0.0)) == ["INVALID_CONTENT"]
    assert words(rm.say(message_type="SelectControlType", control_type="FILL_RATE_BASED_CONTROL")) == [
        "INVALID_CONTENT"
    ]


def test_an_interruptible_one_is_paused_and_goes_on() -> None:
    """At the instants that the instructions name, also when both are given ahead."""
    rm = Rm(interruptible=True)
    assert words(rm.instruct("StartInterruptionInstruction", 1.0)) == ["INVALID_CONTENT"], "it does not run yet"
    rm.instruct("ScheduleInstruction", 1.0)
    assert words(rm.instruct("StartInterruptionInstruction", 1.5)) == ["OK", "ACCEPTED"]
    assert words(rm.instruct("EndInterruptionInstruction", 2.0)) == ["OK", "ACCEPTED"]
    assert rm.machine.next_change() == START + timedelta(hours=1.5)
    assert "INTERRUPTED" in words(rm.advance(1.75))
    assert rm.site.unit.power_w == 0
    assert words(rm.advance(3)) == ["STARTED", "EXECUTING", "SUCCEEDED", "FINISHED"]
    assert rm.site.unit.ended_s == (START + timedelta(hours=2.5)).timestamp()


def test_deselected_it_waits_for_nobody() -> None:
    """NO_SELECTION ends the control: what is ready begins."""
    rm = Rm()
    assert words(rm.say(message_type="SelectControlType", control_type="NO_SELECTION")) == ["OK"]
    assert rm.site.unit.running
