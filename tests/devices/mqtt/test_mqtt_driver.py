"""The driver of a building behind a broker, against a broker in memory and the simulated building."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.devices import DeviceKind, Mode, Setpoint
from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality, Reading
from devices.mqtt import driver
from devices.mqtt.driver import BuildingPort
from devices.port.capabilities import capabilities
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.simulators.gateway.announced_building import AnnouncedBuilding
from tests.devices.s2.conftest import Room
from tests.worlds.mqtt import MemoryBroker, MemoryLink

T = TypeVar("T")
NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
URL = "mqtt://127.0.0.1/homeassistant"
STATE, LIMIT = "home-7-pump/state", "home-7-pump/limit/state"


class World:
    """A broker, a building behind it, and a driver with a clock that stands."""

    def __init__(self, room: Room, options: str = "", words: str = "") -> None:
        self.now = NOW
        self.broker, self.room = MemoryBroker(), room
        self.machine = AnnouncedBuilding("home-7.pump", room)
        self.machine.misbehave(words)
        self.broker.add(self.machine, NOW)
        self.port = BuildingPort("home-7.pump", URL + options, 1.0, lambda: self.now, self.broker.link)

    @property
    def link(self) -> MemoryLink:
        """The driver's."""
        return self.broker.links[0]

    def tell(self, topic: str, payload: object, keep: bool = False) -> None:
        """Something is published."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        self.broker.publish(topic, text.encode(), keep)

    async def by_kind(self) -> dict[Kind, Reading]:
        """What it measures."""
        return {reading.kind: reading for reading in await self.port.measure(self.now)}

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives with the driver open."""

        async def all_of_it() -> T:
            await self.port.open(self.now)
            try:
                return await work()
            finally:
                await self.port.close()

        return asyncio.run(all_of_it())


def test_a_building_is_read_in_cim_terms(room: Room) -> None:
    """Power, the counter in watt-hours, the room's temperature; its rating is the largest limit; it can be limited."""
    world = World(room)

    async def work() -> dict[Kind, Reading]:
        room.run(timedelta(minutes=15))
        world.broker.say(world.machine.advance(NOW + QUARTER))
        world.now += QUARTER
        return await world.by_kind()

    plate = asyncio.run(world.port.open(NOW))
    assert (plate.kind, plate.manufacturer, plate.serial) == (DeviceKind.GATEWAY, "ILES", "home-7.pump")
    assert (plate.max_consumption_w, plate.reverts_by_itself) == (4000, False)
    assert capabilities(world.port) == ("Measures", "Limits")
    found = world.run(work)
    assert {kind: (one.value, one.quality) for kind, one in found.items()} == {
        Kind.POWER: (4000.0, Quality.GOOD),
        Kind.ENERGY_IMPORT: (1000.0, Quality.GOOD),
        Kind.TEMPERATURE: (pytest.approx(20.77), Quality.GOOD),
    }


def test_what_the_broker_kept_is_of_no_known_age(room: Room) -> None:
    """A retained state is STALE until it is told anew; one that says when it held is as old as that."""
    world = World(room, words="kept")

    async def work() -> list[tuple[Quality, datetime]]:
        told = [(await world.by_kind())[Kind.POWER]]
        world.tell(STATE, {"power": 900})
        told.append((await world.by_kind())[Kind.POWER])
        world.tell(STATE, {"power": 900, "last_seen": "2026-05-01T07:45:00Z"}, keep=True)
        world.link.cut()
        await world.port._link.open(None)
        told.append((await world.by_kind())[Kind.POWER])
        world.now += timedelta(minutes=16)
        told.append((await world.by_kind())[Kind.POWER])
        return [(one.quality, one.at) for one in told]

    early = NOW - QUARTER
    assert world.run(work) == [(Quality.STALE, NOW), (Quality.GOOD, NOW), (Quality.GOOD, early), (Quality.STALE, early)]


@pytest.mark.parametrize("said", ["2026-05-01T10:00:00Z", "2026-05-01T07:00:00", 4e9, -1e20, "soon", None])
def test_a_time_that_cannot_be_is_not_taken(room: Room, said: object) -> None:
    """Ahead of now, without a zone, or none at all: what was kept stays of no known age, what is live is of now."""
    world = World(room)

    async def work() -> list[Quality]:
        world.tell(STATE, {"power": 900, "time": said}, keep=True)
        live = (await world.by_kind())[Kind.POWER]
        assert live.at == NOW
        world.link.cut()
        await world.port._link.open(None)
        return [live.quality, (await world.by_kind())[Kind.POWER].quality]

    assert world.run(work) == [Quality.GOOD, Quality.STALE]


@pytest.mark.parametrize(
    ("words", "power", "temperature"),
    [
        ("not-a-number", Quality.INVALID, Quality.INVALID),
        ("endless", Quality.INVALID, Quality.GOOD),
        ("templated", Quality.ABSENT, Quality.GOOD),
        ("silent", Quality.ABSENT, Quality.ABSENT),
    ],
)
def test_what_cannot_be_true_is_never_good(room: Room, words: str, power: Quality, temperature: Quality) -> None:
    """Whatever way it misbehaves, its power is not GOOD, and no value of it stands for a real one."""
    world = World(room, words=words)

    async def work() -> dict[Kind, Reading]:
        world.broker.say(world.machine.advance(NOW))
        return await world.by_kind()

    found = world.run(work)
    assert (found[Kind.POWER].quality, found[Kind.POWER].value) == (power, 0.0)
    assert found[Kind.TEMPERATURE].quality is temperature


@pytest.mark.parametrize("payload", ["unknown", "", "None", "1e999", "-2000000", '{"power": "12 W"}', "[]", "\x00"])
def test_no_payload_becomes_a_wrong_power(room: Room, payload: str) -> None:
    """What is no number that a building's connection could carry is INVALID."""
    world = World(room)

    async def work() -> Reading:
        world.tell(STATE, payload)
        return (await world.by_kind())[Kind.POWER]

    assert world.run(work).quality is Quality.INVALID


def test_a_building_that_says_it_is_away_shows_nothing(room: Room) -> None:
    """Its availability topic counts: ABSENT while it is offline, and a limit is refused; the values come back with it."""
    world = World(room)

    async def work() -> list[Quality]:
        world.broker.say(world.machine.advance(NOW))
        told = [(await world.by_kind())[Kind.POWER].quality]
        world.tell("home-7-pump/status", "offline", keep=True)
        told.append((await world.by_kind())[Kind.POWER].quality)
        with pytest.raises(DeviceUnreachable, match="it says that it is offline"):
            await world.port.command(Setpoint(Mode.LIMIT, 1000), NOW + QUARTER, NOW)
        world.tell("home-7-pump/status", "online", keep=True)
        return [*told, (await world.by_kind())[Kind.POWER].quality]

    assert world.run(work) == [Quality.GOOD, Quality.ABSENT, Quality.GOOD]


def test_who_is_meant_is_asked(room: Room) -> None:
    """Two sensors of power, or two devices: a sentence names them and the option that says which; then it is read."""
    world = World(room, words="ambiguous")
    with pytest.raises(DeviceFault, match=r"power, power_house could all be its power; expected \?power= and which"):
        asyncio.run(world.port.open(NOW))
    chosen = World(room, "?power=power_house", words="ambiguous")
    assert Kind.POWER in {reading.kind for reading in chosen.run(lambda: chosen.port.measure(NOW))}
    neighbour = AnnouncedBuilding("home-8.pump", room)
    world = World(room)
    world.broker.add(neighbour, NOW)
    with pytest.raises(DeviceFault, match=r"2 devices are announced \(home-7-pump, home-8-pump\); expected \?device="):
        asyncio.run(world.port.open(NOW))
    world = World(room)
    late = world.broker
    late.later.append(lambda: late.add(neighbour, NOW))  # its announcement comes behind that of the first
    with pytest.raises(DeviceFault, match="2 devices are announced"):
        asyncio.run(world.port.open(NOW))
    world = World(room, "?device=home-8.pump")
    world.broker.add(neighbour, NOW)
    assert asyncio.run(world.port.open(NOW)).serial == "home-8.pump"
    with pytest.raises(DeviceUnreachable, match=r"'home-9' is not announced .* \(home-7-pump is\)"):
        asyncio.run(World(room, "?device=home-9").port.open(NOW))


def test_nothing_announced_is_a_sentence(room: Room) -> None:
    """It names the broker and the prefix."""
    world = World(room)
    world.broker.kept.clear()
    with pytest.raises(
        DeviceUnreachable, match=r"nothing is announced at mqtt://127.0.0.1:1883/homeassistant; expected"
    ):
        asyncio.run(world.port.open(NOW))


def test_a_limit_is_written_with_its_end_and_read_back(room: Room) -> None:
    """The broker knows what to say when we are gone before the limit is written; the building heats with what it leaves."""
    world = World(room)

    async def work() -> tuple[float, object]:
        await world.port.command(Setpoint(Mode.LIMIT, 1500), NOW + QUARTER, NOW)
        order = [said for said in world.broker.said if said[0] == world.machine.command_topic]
        assert order == [("home-7-pump/limit/set", "1500")]
        return room.power_w, world.link.will

    assert world.run(work) == (1500.0, ("home-7-pump/limit/set", "4000"))
    assert world.machine.limit_w == 4000.0  # it is put back when ILES leaves


def test_a_driver_that_is_gone_leaves_no_limit(room: Room) -> None:
    """The broker says the will, and what stood before stands again: a limit of somebody else's, too."""
    world = World(room)
    world.broker.say(world.machine.receive(json.dumps(["home-7-pump/limit/set", "2500", False])))

    async def work() -> list[float]:
        await world.port.command(Setpoint(Mode.LIMIT, 1000), NOW + QUARTER, NOW)
        limits = [world.machine.limit_w]
        world.link.cut()
        return [*limits, world.machine.limit_w]

    assert world.run(work) == [1000.0, 2500.0]


_DONE = st.lists(st.tuples(st.sampled_from(["ours", "theirs", "release"]), st.integers(0, 4000)), max_size=8)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 4000), _DONE)
def test_no_limit_of_ours_loosens_somebody_elses(first: int, done: list[tuple[str, int]]) -> None:
    """Theirs before ours, and theirs that is smaller while ours stands: ours never lets it draw more, and theirs comes back."""
    world = World(Room())
    theirs = float(first)

    def set_by_hand(watts: float) -> None:
        world.broker.say(world.machine.receive(json.dumps(["home-7-pump/limit/set", f"{watts:g}", False])))

    async def work() -> None:
        nonlocal theirs
        for who, watts in done:
            stood = world.machine.limit_w
            if who == "ours":
                await world.port.command(Setpoint(Mode.LIMIT, watts), NOW + QUARTER, NOW)
                assert world.machine.limit_w == min(watts, theirs)
            elif who == "theirs" and watts < stood:
                theirs = float(watts)
                set_by_hand(theirs)
            elif who == "release":
                await world.port.command(Setpoint(Mode.LIMIT, watts), NOW + QUARTER, NOW)  # takes notice of theirs
                await world.port.release(NOW)
                assert world.machine.limit_w == theirs

    set_by_hand(theirs)
    world.run(work)


def test_a_limit_ends_at_its_instant(room: Room) -> None:
    """By itself, without another word from whoever set it; release puts back at once, and a second one does nothing."""
    world = World(room)

    async def work() -> list[float]:
        await world.port.command(Setpoint(Mode.LIMIT, 1000), NOW + timedelta(seconds=0.05), NOW)
        limits = [world.machine.limit_w]
        async with asyncio.timeout(60):
            while world.machine.limit_w != 4000.0:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        await world.port.command(Setpoint(Mode.TARGET, 700), NOW + QUARTER, NOW)
        limits.append(world.machine.limit_w)
        await world.port.release(NOW)
        limits.append(world.machine.limit_w)
        said = len(world.broker.said)
        await world.port.release(NOW)
        assert len(world.broker.said) == said
        return limits

    assert world.run(work) == [1000.0, 700.0, 4000.0]


@pytest.mark.parametrize("lost", ["the building", "the broker", "patience"])
@pytest.mark.parametrize("by", ["release", "its end"])
def test_a_limit_that_could_not_be_ended_ends_when_it_can(
    room: Room, monkeypatch: pytest.MonkeyPatch, lost: str, by: str
) -> None:
    """Offline at its release or at its end, or nobody waited for it: once all are there again it ends without another word."""
    monkeypatch.setattr(driver, "_AGAIN_S", 0.01)
    world = World(room)
    status = "home-7-pump/status"

    async def work() -> None:
        await world.port.command(Setpoint(Mode.LIMIT, 1000), NOW + QUARTER, NOW)
        link, will = world.link, world.link.will
        if lost == "the broker":
            link._gone()  # it dies with our connection, so it says no will
        else:
            world.tell(status, "offline", keep=True)
        if by == "release" and lost == "patience":
            world.tell(status, "online", keep=True)
            monkeypatch.setattr(world.broker, "buildings", [])  # it hears nothing, so its release waits
            asked = asyncio.ensure_future(world.port.release(NOW))
            await asyncio.sleep(0)
            asked.cancel()
            assert isinstance((await asyncio.gather(asked, return_exceptions=True))[0], asyncio.CancelledError)
            monkeypatch.undo()
            monkeypatch.setattr(driver, "_AGAIN_S", 0.01)
            world.tell(status, "offline", keep=True)
        elif by == "release":
            with pytest.raises(DeviceUnreachable, match="expected it to be there"):
                await world.port.release(NOW)
        else:
            world.port._end_at(NOW)  # its instant comes
        await asyncio.sleep(0.1)
        assert world.machine.limit_w == 1000.0
        if lost == "the broker":
            await link.open(will)
        else:
            world.tell(status, "online", keep=True)
        async with asyncio.timeout(60):
            while world.machine.limit_w != 4000.0:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        await world.port.command(Setpoint(Mode.LIMIT, 1000), NOW + QUARTER, NOW)
        await asyncio.sleep(0.1)
        assert world.machine.limit_w == 1000.0  # nothing of the former limit's end is left

    world.run(work)


def test_a_limit_that_is_passed_over_is_a_fault(room: Room) -> None:
    """It reads back as what stood before, and that is written again."""
    world = World(room, words="passes-over")

    async def work() -> None:
        await world.port.command(Setpoint(Mode.LIMIT, 1000), NOW + QUARTER, NOW)

    with pytest.raises(
        DeviceFault, match=r"limit reads back as '4000'; expected 1000; what stood before is written again"
    ):
        world.run(work)


@pytest.mark.parametrize(
    ("setpoint", "until", "error", "words"),
    [
        (Setpoint(Mode.LIMIT, -1), NOW + QUARTER, BadInput, "expected a limit, >= 0 W"),
        (Setpoint(Mode.START, 100), NOW + QUARTER, BadInput, "start 100 W does not fit"),
        (Setpoint(Mode.LIMIT, 100), NOW, BadInput, "is over; expected a later instant"),
    ],
)
def test_a_setpoint_that_does_not_fit_is_refused(room: Room, setpoint: Any, until: Any, error: Any, words: str) -> None:
    """Before anything is published."""
    world = World(room)

    async def work() -> None:
        said = len(world.broker.said)
        with pytest.raises(error, match=words):
            await world.port.command(setpoint, until, NOW)
        assert len(world.broker.said) == said

    world.run(work)


def other(room: Room, component: str, options: str = "", state: str = "", **told: Any) -> World:
    """A building whose limit is something else than a number in watts."""
    world = World(room, options)
    more = {"stat_t": LIMIT, "cmd_t": "home-7-pump/x", "dev": {"ids": "home-7-pump", "name": "home-7.pump"}}
    world.broker.publish("homeassistant/number/home-7-pump/limit/config", b"", keep=True)
    world.tell(f"homeassistant/{component}/home-7-pump/x/config", {**more, **told}, keep=True)
    world.tell(LIMIT, state, keep=True)
    return world


@pytest.mark.parametrize(
    ("component", "told", "options", "state", "wanted", "payload"),
    [
        ("number", {"unit_of_meas": "kW", "min": 0, "max": 3, "step": 0.5}, "", "3", 1700, "1.5"),
        ("number", {"unit_of_meas": "W", "min": 0, "max": 9000, "step": 250}, "", "9000", 1700, "1500"),
        ("select", {"ops": ["Off", "1.5 kW", "3000 W"]}, "", "3000 W", 1700, "1.5 kW"),
        ("select", {"ops": ["off", "50 %", "100%"]}, "?rated=3000", "100%", 1700, "50 %"),
        ("switch", {"pl_off": "0", "pl_on": "1"}, "?rated=3000", "1", 1700, "0"),
    ],
)
def test_a_limit_goes_down_to_what_can_be_said(
    room: Room, component: str, told: Any, options: str, state: str, wanted: int, payload: str
) -> None:
    """A step, an option or off: the largest that lets it draw no more than was wanted; what stood before comes back."""
    world = other(room, component, options, state, **told)

    async def work() -> None:
        asked = asyncio.create_task(world.port.command(Setpoint(Mode.LIMIT, wanted), NOW + QUARTER, NOW))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        world.tell(LIMIT, payload, keep=True)
        await asked

    world.run(work)
    assert [said for topic, said in world.broker.said if topic == "home-7-pump/x"] == [payload, state]


@pytest.mark.parametrize(
    ("component", "told", "options", "state", "words"),
    [
        (
            "number",
            {"unit_of_meas": "W", "min": 2000, "max": 9000},
            "",
            "9000",
            "1700 W is below the least of x, 2000 W",
        ),
        ("number", {"unit_of_meas": "°C", "max": 30}, "", "21", "it has nothing that takes a limit"),
        ("number", {"unit_of_meas": "MW", "max": 40}, "", "40", "it has nothing that takes a limit"),
        ("number", {"unit_of_meas": "W", "max": 9000, "stat_t": ""}, "", "1", "it has nothing that takes a limit"),
        ("select", {"ops": ["Eco", "Comfort"]}, "", "Eco", "it has nothing that takes a limit"),
        ("select", {"ops": ["2 kW", "3 kW"]}, "", "3 kW", "1700 W is below '2 kW' of x"),
        ("switch", {}, "", "ON", "it has nothing that takes a limit"),
        ("switch", {}, "?rated=3000", "perhaps", "x does not tell how it stands"),
    ],
)
def test_what_cannot_be_limited_so_is_a_fault(
    room: Room, component: str, told: Any, options: str, state: str, words: str
) -> None:
    """In a sentence, and nothing is published."""
    world = other(room, component, options, state, **told)

    async def work() -> None:
        await world.port.command(Setpoint(Mode.LIMIT, 1700), NOW + QUARTER, NOW)

    with pytest.raises(DeviceFault, match=words):
        world.run(work)
    assert not [said for topic, said in world.broker.said if topic == "home-7-pump/x"]


def test_air_and_people_are_read(room: Room) -> None:
    """Humidity within 0..100 %, and whether somebody is there; the warmth of a device's own chip is no room's."""
    world = World(room)
    device = {"dev": {"ids": "home-7-pump"}}
    world.tell(
        "homeassistant/sensor/home-7-pump/air/config",
        {"dev_cla": "humidity", "unit_of_meas": "%", "stat_t": "air", **device},
        keep=True,
    )
    world.tell(
        "homeassistant/binary_sensor/home-7-pump/in/config",
        {"dev_cla": "occupancy", "stat_t": "in", "pl_on": "true", "pl_off": "false", **device},
        keep=True,
    )
    world.tell(
        "homeassistant/sensor/home-7-pump/chip/config",
        {"dev_cla": "temperature", "unit_of_meas": "°C", "stat_t": "chip", "ent_cat": "diagnostic", **device},
        keep=True,
    )

    async def work() -> list[dict[Kind, tuple[float, Quality]]]:
        found = []
        world.broker.say(world.machine.advance(NOW))
        for air, inside in (("55.5", "true"), ("140", "maybe"), ("0", "false")):
            world.tell("air", air)
            world.tell("in", inside)
            found.append({k: (one.value, one.quality) for k, one in (await world.by_kind()).items()})
        return found

    found = world.run(work)
    good, bad = Quality.GOOD, Quality.INVALID
    assert [one[Kind.HUMIDITY] for one in found] == [(55.5, good), (0.0, bad), (0.0, good)]
    assert [one[Kind.OCCUPANCY] for one in found] == [(1.0, good), (0.0, bad), (0.0, good)]
    assert [one[Kind.TEMPERATURE] for one in found] == [(20.5, good)] * 3
