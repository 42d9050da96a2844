"""A simulated station with two EVSEs, a driver for each: own limits, meters and vehicles, and one limit of the station."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta

import pytest

from cim.model.devices import Mode, News, Setpoint, VehiclePlugged, VehicleUnplugged
from cim.model.readings import Kind, Quality
from devices.ocpp.connection import StationConnection
from devices.ocpp.driver import StationPort
from devices.ocpp.payload import Payload
from devices.port.errors import DeviceFault
from devices.simulators.adapters import StationUnit
from devices.simulators.in_memory_link import DirectLink
from devices.simulators.station.versions import STATIONS
from environment.physics import ChargePoint, Connection
from environment.physics.shared_supply import SharedSupply
from environment.profiles.sessions import Session

START = datetime(2026, 5, 20, 8, tzinfo=UTC)
MINUTE, QUARTER = timedelta(minutes=1), timedelta(minutes=15)
EACH = pytest.mark.parametrize("version", STATIONS)
RATED_W, LIMIT_W = 11_000.0, 16_000
_VISITS = (
    (10, 70, 7_000.0),
    (20, 115, 14_000.0),
)  # minutes from START at which one comes and goes, and what it wants, Wh
NAMES = {1: "park.bay-1", 2: "park.bay-2"}


class _Park:
    """The station, its physics, the link to it, and its drivers."""

    def __init__(self, version: str, words: str = "", *, limit_w: int | None = LIMIT_W) -> None:
        zero = START.timestamp()
        self.supply = SharedSupply(LIMIT_W)
        self.points = [
            ChargePoint(
                NAMES[k],
                zero,
                sessions=(Session(zero + 60 * come, zero + 60 * go, wanted),),
                rated_w=RATED_W,
                supply=self.supply,
            )
            for k, (come, go, wanted) in enumerate(_VISITS, start=1)
        ]
        self._grid, self.now, self.link, self.limit_w = (
            Connection("park", tuple(self.points)),
            START,
            DirectLink(),
            limit_w,
        )
        self.station = STATIONS[version](
            "park.charger", [StationUnit(point) for point in self.points], supply=self.supply
        )
        self.link.add("park.charger", self.station, START)
        self.words = words
        self.good: list[tuple[str, Kind, datetime, float]] = []
        self.news: dict[int, list[News]] = {1: [], 2: []}
        self.ports = self.drivers("first")

    def drivers(self, run: str) -> dict[int, StationPort]:
        """New ones for both EVSEs, on a connection of their own."""
        connection = StationConnection("park.charger", NAMES, link=self.link, run=run, limit_w=self.limit_w)
        return {k: StationPort(name, connection=connection, evse=k) for k, name in NAMES.items()}

    async def open(self) -> None:
        """Both at once, as a host does."""
        plates = await asyncio.gather(*(port.open(self.now) for port in self.ports.values()))
        assert {plate.serial for plate in plates if plate.serial} == {"park.charger"}
        self.station.misbehave(self.words)

    async def to(self, minutes: int) -> None:
        """Time goes on minute by minute; what is read and heard then is kept."""
        while self.now < START + minutes * MINUTE:
            before, self.now = self.now, self.now + MINUTE
            self._grid.advance(before.timestamp(), self.now.timestamp())
            self.link.advance(self.now)
            for k, port in self.ports.items():
                await port.sync(self.now)
                self.good += [
                    (r.source, r.kind, r.at, round(r.value, 3))
                    for r in await port.measure(self.now)
                    if r.quality is Quality.GOOD
                ]
                self.news[k] += port.drain()

    async def limit(self, evse: int, power_w: int, minutes: int = 15) -> None:
        """A limit of one EVSE."""
        await self.ports[evse].command(Setpoint(Mode.LIMIT, power_w), self.now + minutes * MINUTE, self.now)

    def power_w(self) -> tuple[float, ...]:
        """What is drawn now."""
        return tuple(round(point.power_w, 3) for point in self.points)

    def gone(self, evse: int) -> list[int]:
        """What was delivered to each vehicle that left there, Wh."""
        return [piece.energy_wh for piece in self.news[evse] if isinstance(piece, VehicleUnplugged)]


async def _day(version: str, words: str = "") -> _Park:
    """Both come and go; the first one is held to less in between, and the line is cut for a while."""
    park = _Park(version, words)
    await park.open()
    await park.to(25)
    await park.limit(1, 3_000)
    await park.to(50)
    park.link.cut("park.charger", True)
    await park.to(55)
    park.link.cut("park.charger", False)
    await park.to(120)
    return park


@EACH
def test_a_limit_of_one_evse_leaves_the_other_alone(version: str) -> None:
    """The first is told 3 kW: it draws that, and the second what the station's connection leaves, until the limit is over."""

    async def run() -> None:
        park = _Park(version)
        await park.open()
        await park.to(25)
        assert park.power_w() == (8_000, 8_000), "the station shares 16 kW out by itself"
        await park.limit(1, 3_000)
        assert park.power_w() == (3_000, 11_000)
        readings = {k: (await port.measure(park.now))[0].value for k, port in park.ports.items()}
        await park.to(26)
        readings = {k: (await port.measure(park.now))[0].value for k, port in park.ports.items()}
        assert readings == {1: 3_000, 2: 11_000}
        await park.ports[1].release(park.now)
        assert park.power_w() == (8_000, 8_000)

    asyncio.run(run())


@EACH
def test_each_vehicle_is_told_and_metered_at_its_own_evse(version: str) -> None:
    """Who came, with what it wants and what it got: by EVSE, also over a line that is cut for a while."""
    park = asyncio.run(_day(version))
    wanted = {k: [n.energy_wh for n in park.news[k] if isinstance(n, VehiclePlugged)] for k in (1, 2)}
    assert all(len(found) == 1 for found in wanted.values())
    if version != "1.6":
        assert wanted == {1: [7_000], 2: [14_000]}
    assert park.gone(1) == pytest.approx([7_000], abs=1)
    assert park.gone(2) == pytest.approx([14_000], abs=1)
    for k, name in NAMES.items():
        registers = [value for source, kind, _, value in park.good if (source, kind) == (name, Kind.ENERGY_IMPORT)]
        assert registers == sorted(registers)
        assert registers[-1] == pytest.approx(park.points[k - 1].import_wh, abs=1)


@EACH
@pytest.mark.parametrize("words", ["no-evse", "wrong-evse", "same-numbers", "queue-last", "same-ids", "no-composite"])
def test_a_station_that_mixes_its_evses_up_mixes_nothing_here(version: str, words: str) -> None:
    """What is GOOD of it is what a sound one tells at that instant of the same EVSE; vehicles leave with their energy."""
    sound, wrong = asyncio.run(_day(version)), asyncio.run(_day(version, words))
    assert set(wrong.good) <= set(sound.good), sorted(set(wrong.good) - set(sound.good))[:4]
    if words != "no-evse" or version == "1.6":
        assert (wrong.gone(1), wrong.gone(2)) == (sound.gone(1), sound.gone(2))
    if words not in ("wrong-evse",):
        assert len(wrong.good) >= 0.9 * len(sound.good)


@EACH
def test_new_drivers_of_a_running_station_know_which_vehicle_is_where(version: str) -> None:
    """ILES is started anew while both charge: each driver catches up with its own EVSE, and each vehicle leaves with its energy."""

    async def run() -> None:
        park = _Park(version)
        await park.open()
        await park.to(30)
        before = {k: port._machine.station.evses[k].transaction for k, port in park.ports.items()}
        for port in park.ports.values():
            await port.close()
        park.ports = park.drivers("second")
        await park.open()
        for k, port in park.ports.items():
            running = port._machine.station.evses[k].transaction
            known = before[k]
            assert known is not None
            assert running is not None
            assert running.id == known.id
        await park.limit(2, 2_000)
        assert park.power_w()[1] == 2_000
        await park.to(120)
        assert [len(park.gone(k)) for k in (1, 2)] == [1, 1]

    asyncio.run(run())


@EACH
def test_the_stations_own_limit_is_told_to_it_and_ends_with_ours(version: str) -> None:
    """With a limit of an EVSE the station is told what its connection carries (EVSE or connector 0), until the same instant."""

    async def run() -> None:
        park = _Park(version, limit_w=12_000)
        await park.open()
        await park.to(25)
        assert park.supply.limit_w is None
        await park.limit(1, 9_000)
        assert park.supply.limit_w == 12_000
        assert sum(park.power_w()) == 12_000
        await park.to(41)
        assert park.supply.limit_w is None
        await park.limit(1, 9_000)
        for k in (1, 2):
            await park.ports[k].release(park.now)
            await park.ports[k].close()
        assert park.supply.limit_w is None, "the last one that leaves takes it back"

    asyncio.run(run())


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_a_smaller_limit_of_somebody_else_for_the_station_is_not_loosened(version: str) -> None:
    """An installer's ChargingStationMaxProfile of 7 kW at a lower level: ours is no larger."""

    async def run() -> None:
        park = _Park(version)
        schedule = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7000}]}
        schedule |= {"startSchedule": (START - QUARTER).isoformat().replace("+00:00", "Z")}
        profile = {"id": 5, "stackLevel": 0, "chargingProfilePurpose": "ChargingStationMaxProfile"}
        profile |= {"chargingProfileKind": "Absolute", "chargingSchedule": [schedule]}
        assert park.station._profiles.install(Payload({"evseId": 0, "chargingProfile": profile}), "") == ""
        await park.open()
        await park.to(25)
        await park.limit(2, 9_000)
        assert park.supply.limit_w == 7_000

    asyncio.run(run())


@EACH
def test_a_station_that_takes_no_limit_for_the_whole_is_asked_once(
    version: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its EVSEs are limited all the same; the log says once that its own limit is expected to hold."""

    async def run() -> None:
        park = _Park(version)
        install, refused = park.station._profiles.install, []

        def picky(request: Payload, transaction: str) -> str:
            if request.whole("evseId") == 0:
                refused.append(request)
                return "UnsupportedParam"
            return install(request, transaction)

        park.station._profiles.install = picky  # type: ignore[method-assign]
        await park.open()
        await park.to(25)
        await park.limit(1, 5_000)
        await park.to(26)
        await park.limit(2, 6_000)
        assert park.power_w() == (5_000, 6_000)
        assert len(refused) == 1

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    assert len([r for r in caplog.records if "does not take a limit of 16000 W for the whole of it" in r.message]) == 1


@EACH
def test_a_refused_limit_of_one_evse_does_not_stop_the_other(version: str) -> None:
    """The first EVSE refuses whatever it is told, which is a fault that names it; the second is limited as before."""

    async def run() -> None:
        park = _Park(version)
        install = park.station._profiles.install

        def picky(request: Payload, transaction: str) -> str:
            return "InternalError" if request.whole("evseId") == 1 else install(request, transaction)

        park.station._profiles.install = picky  # type: ignore[method-assign]
        await park.open()
        await park.to(25)
        with pytest.raises(DeviceFault, match=r"charging station park.charger, EVSE 1,.* answered Rejected"):
            await park.limit(1, 5_000)
        await park.limit(2, 6_000)
        assert park.power_w()[1] == 6_000

    asyncio.run(run())


def test_ids_of_our_profiles_differ_from_evse_to_evse() -> None:
    """A station knows a profile's id once: a limit of the second EVSE does not replace the first one's."""

    async def run() -> None:
        park = _Park("2.0.1")
        await park.open()
        await park.to(25)
        await park.limit(1, 5_000)
        await park.limit(2, 6_000)
        assert park.power_w() == (5_000, 6_000)
        held = {(evse, json.dumps(dict(profile.fields)["id"])) for evse, profile in park.station._profiles.held}
        assert len({number for _, number in held}) == len(held) == 3

    asyncio.run(run())
