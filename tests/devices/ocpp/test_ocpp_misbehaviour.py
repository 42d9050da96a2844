"""Stations that misbehave on command: the driver gives the same readings and news as of a sound one, or none that are GOOD."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from cim.model.devices import Mode, News, Setpoint, VehiclePlugged, VehicleUnplugged
from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality
from devices.ocpp.driver import StationPort
from devices.ocpp.needs import ASSUMED_ENERGY_WH
from devices.simulators.in_memory_link import DirectLink, Misbehaves
from devices.simulators.station.misbehaviour import WORDS, Misbehaviour, Way
from devices.simulators.station.versions import STATIONS
from tests.devices.ocpp.conftest import Point

START = datetime(2026, 5, 20, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
EACH = pytest.mark.parametrize("version", STATIONS)


class _World:
    """A station that misbehaves from the beginning, its physics and its driver."""

    def __init__(self, version: str, words: str) -> None:
        self.point, self.now, self.link = Point(), START, DirectLink()
        self.station = STATIONS[version]("cs", self.point)
        self.link.add("cs", self.station, START)
        self.port = StationPort("cs", link=self.link)
        self.told: list[tuple[datetime, Kind, float]] = []  # what was GOOD
        self.news: list[News] = []
        self.words = words

    async def step(self, span: timedelta = QUARTER) -> None:
        """Time passes; what is read and heard then is kept."""
        self.point.run(span)
        self.now += span
        self.link.advance(self.now)
        await self.port.sync(self.now)
        readings = await self.port.measure(self.now)
        self.told += [(self.now, r.kind, round(r.value, 3)) for r in readings if r.quality is Quality.GOOD]
        self.news += self.port.drain()

    async def day(self) -> _World:
        """A vehicle comes, is limited, goes; another comes while the line is cut, and goes."""
        await self.port.open(START)
        assert isinstance(self.station, Misbehaves)
        self.station.misbehave(self.words)
        await self.step()
        self.point.plug(self.now)
        await self.step(timedelta(minutes=1))
        for watts in (6000, 4500):
            await self.port.command(Setpoint(Mode.LIMIT, watts), self.now + QUARTER, self.now)
            assert self.point.limit_w == watts
            await self.step(QUARTER / 3)
        self.link.cut("cs", True)
        self.point.session = None
        await self.step(timedelta(minutes=5))
        self.point.plug(self.now, 9000.0)
        await self.step(timedelta(minutes=5))
        self.link.cut("cs", False)
        await self.step(timedelta(minutes=5))
        await self.step(timedelta(minutes=5))
        self.point.session = None
        await self.step()
        return self

    def left(self) -> list[int]:
        """What was delivered to each vehicle that went, Wh."""
        return [piece.energy_wh for piece in self.news if isinstance(piece, VehicleUnplugged)]

    def came(self) -> dict[str, VehiclePlugged]:
        """The vehicles by transaction, by what was told of them last."""
        return {piece.transaction: piece for piece in self.news if isinstance(piece, VehiclePlugged)}


def _day(version: str, words: str) -> _World:
    return asyncio.run(_World(version, words).day())


@EACH
@pytest.mark.parametrize("words", [*Way, "no-unit,wrong-context", "kilowatt-hours,no-needs,queue-last"])
def test_readings_and_what_was_delivered_are_those_of_a_sound_station(version: str, words: str) -> None:
    """Whatever way: the same values at the same instants, two vehicles with the same energy each, every limit set."""
    sound, wrong = _day(version, ""), _day(version, words)
    assert len(sound.left()) == 2
    assert wrong.left() == sound.left()
    assert set(wrong.told) <= set(sound.told)
    assert wrong.told[-2:] == sound.told[-2:], "at the end all is as it is"
    assert len(wrong.told) >= len(sound.told) - 2
    assert list(wrong.came()) == list(sound.came())
    if Way.NO_NEEDS in words and version != "1.6":
        assert {vehicle.energy_wh for vehicle in wrong.came().values()} == {ASSUMED_ENERGY_WH}
    else:
        assert [v.energy_wh for v in wrong.came().values()] == [v.energy_wh for v in sound.came().values()]


@EACH
@pytest.mark.parametrize("hours", [-8, -2, 2, 8])
def test_a_clock_that_is_off_by_hours_makes_no_reading_wrong(version: str, hours: int) -> None:
    """Ahead counts as now; behind is as old as it says, so not GOOD. What the vehicles took is told in any case."""
    sound, wrong = _day(version, ""), _day(version, f"clock={hours}")
    values = {(kind, value) for _, kind, value in sound.told}
    assert {(kind, value) for _, kind, value in wrong.told} <= values | {(Kind.POWER, 0.0)}
    assert wrong.left() == sound.left()
    if hours > 0:
        assert wrong.told[-2:] == sound.told[-2:]


@EACH
def test_a_station_that_is_told_to_behave_does(version: str) -> None:
    """No words: sound again from the next frame on."""
    world = _World(version, "no-unit,clock=3")

    async def run() -> None:
        await world.port.open(START)
        for words in (world.words, ""):
            world.station.misbehave(words)
            await world.step()
        assert world.told[-1] == (world.now, Kind.ENERGY_IMPORT, 1000.0)
        assert world.station._wrong == Misbehaviour()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("lazy", r"misbehave: 'lazy' is unknown; expected words of queue-last, .*clock=HOURS"),
        ("clock=noon", "misbehave: 'clock=noon' is unknown"),
        ("clock=1e9", "expected at most 8784 hours of the clock"),
        ("clock=nan", "expected at most 8784 hours of the clock"),
    ],
)
def test_a_word_that_says_nothing_is_named(words: str, sentence: str) -> None:
    """One clear sentence; several words are joined by commas."""
    with pytest.raises(BadInput, match=sentence):
        Misbehaviour.of(words)
    assert Misbehaviour.of("no-unit, clock=-2.5") == Misbehaviour(frozenset({Way.NO_UNIT}), timedelta(hours=-2.5))
    assert len(WORDS) == len(Way) + 1
