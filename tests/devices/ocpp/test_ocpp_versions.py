"""One driver, three versions of OCPP: the same day, the same readings and news, whatever the station speaks."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cim.model.devices import Mode, News, Setpoint, VehiclePlugged, VehicleUnplugged
from cim.model.readings import Kind, Quality, Reading
from devices.ocpp.driver import StationPort
from devices.ocpp.machine import CsmsMachine
from devices.ocpp.needs import ASSUMED_ENERGY_WH, ASSUMED_MAX_W, ASSUMED_MIN_W, ASSUMED_STAY
from devices.ocpp.version import ids_at
from devices.ocpp.versions import VERSIONS
from devices.simulators.in_memory_link import DirectLink
from devices.simulators.station.versions import STATIONS

START = datetime(2026, 5, 1, 8, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
EACH = pytest.mark.parametrize("version", STATIONS)


class _Site:
    """A simulated station of a version, its physics and its port; `step` is one quarter-hour."""

    def __init__(self, version: str, point: Any) -> None:
        self.point, self.now, self.link = point, START, DirectLink()
        self.station = STATIONS[version]("cs1", point)
        self.link.add("cs1", self.station, START)
        self.port = StationPort("cs1", link=self.link)

    async def step(self, span: timedelta = QUARTER) -> dict[Kind, Reading]:
        self.point.run(span)
        self.now += span
        self.link.advance(self.now)
        await self.port.sync(self.now)
        return {r.kind: r for r in await self.port.measure(self.now)}

    async def limit(self, watts: int, span: timedelta = QUARTER) -> None:
        await self.port.command(Setpoint(Mode.LIMIT, watts), self.now + span, self.now)


@EACH
def test_a_charging_day_is_the_same_in_every_version(version: str, point: Any) -> None:
    """Boot, plug, limit with read-back, meter, expiry, release and unplug: values arrive in our units, news in order."""

    async def day() -> tuple[News, ...]:
        site = _Site(version, point)
        plate = await site.port.open(START)
        assert (plate.manufacturer, plate.model, plate.serial) == ("ILES", "Simulated AC 1", "cs1")
        assert site.port._machine.version is VERSIONS[f"ocpp{version}"]
        idle = await site.step()
        assert (idle[Kind.POWER].value, idle[Kind.POWER].quality) == (0.0, Quality.GOOD)
        assert idle[Kind.ENERGY_IMPORT].value == 1000
        point.plug(site.now)
        await site.step(timedelta(0))
        await site.limit(4500)
        assert point.limit_w == 4500
        limited = await site.step()
        assert limited[Kind.POWER].at == site.now
        assert limited[Kind.ENERGY_IMPORT].value == 1000 + 1125
        assert point.limit_w is None, "the profile has ended on the simulated clock"
        await site.limit(0)
        assert point.power_w == 0
        await site.port.release(site.now)
        assert point.limit_w is None
        await site.step()
        point.session = None
        gone = await site.step(timedelta(minutes=1))
        assert (gone[Kind.POWER].value, gone[Kind.POWER].quality) == (0.0, Quality.GOOD)
        assert site.station.quiet
        return site.port.drain()

    plugged, left = asyncio.run(day())
    assert left == VehicleUnplugged(1125 + 2760, START + timedelta(minutes=46))
    assert isinstance(plugged, VehiclePlugged)
    assert plugged.at == START + QUARTER
    needs = (plugged.energy_wh, plugged.max_power_w, plugged.min_power_w, plugged.departure - plugged.at)
    if version == "1.6":
        assert needs == (ASSUMED_ENERGY_WH, ASSUMED_MAX_W, ASSUMED_MIN_W, ASSUMED_STAY)
    else:
        assert needs == (20_000, 11_040, 0, timedelta(hours=5))


@EACH
def test_a_driver_that_is_built_anew_finds_the_running_transaction(version: str, point: Any) -> None:
    """In mid-transaction: the same readings, no news a second time, and the limit is one of the running transaction."""

    async def run() -> None:
        site = _Site(version, point)
        await site.port.open(START)
        point.plug(site.now)
        await site.step(timedelta(0))
        before = await site.step()
        assert len(site.port.drain()) == 1
        number = site.port._machine.state.transaction
        site.port = StationPort("cs1", link=site.link, run="second")
        await site.port.open(site.now)
        await site.port.sync(site.now)
        assert {r.kind: r for r in await site.port.measure(site.now)} == before
        again = site.port._machine.state.transaction
        assert again is not None
        assert number is not None
        assert again.id == number.id
        await site.limit(3000)
        assert point.limit_w == 3000
        assert site.port.drain() == ()
        point.session = None
        await site.step()
        (left,) = site.port.drain()
        assert isinstance(left, VehicleUnplugged)
        assert left.transaction == number.id

    asyncio.run(run())


@EACH
def test_what_happens_offline_is_told_once_and_in_order(version: str, point: Any) -> None:
    """One vehicle goes and another comes while the line is cut: afterwards both are told, each with its own energy."""

    async def run() -> tuple[News, ...]:
        site = _Site(version, point)
        await site.port.open(START)
        point.plug(site.now)
        await site.step(timedelta(0))
        await site.step()
        site.link.cut("cs1", True)
        point.session = None
        await site.step(timedelta(minutes=1))
        point.plug(site.now)
        await site.step(timedelta(0))
        await site.step()
        site.link.cut("cs1", False)
        readings = await site.step()
        assert readings[Kind.POWER].value == 11_040
        point.session = None
        await site.step(timedelta(minutes=1))
        return site.port.drain()

    news = asyncio.run(run())
    assert [type(piece) for piece in news] == [VehiclePlugged, VehicleUnplugged] * 2
    energies = [piece.energy_wh for piece in news if isinstance(piece, VehicleUnplugged)]
    assert energies == [2760, 2 * 2760]


@pytest.mark.parametrize(
    ("offered", "spoken"),
    [
        (("ocpp1.6", "ocpp2.0.1", "ocpp2.1"), "ocpp2.1"),
        (("ocpp1.6", "ocpp2.0.1"), "ocpp2.0.1"),
        (("ocpp1.6",), "ocpp1.6"),
    ],
)
def test_a_machine_speaks_what_its_session_does(offered: tuple[str, ...], spoken: str) -> None:
    """The best of the offered versions is the first of ours that is among them, and the machine answers in it."""
    assert next(name for name in VERSIONS if name in offered) == spoken
    machine = CsmsMachine("cs1", now=START)
    machine.speak(spoken)
    boots = {
        "ocpp1.6": {"chargePointVendor": "v", "chargePointModel": "m"},
        "ocpp2.0.1": {"reason": "PowerUp", "chargingStation": {"vendorName": "v", "model": "m"}},
    }
    payload = boots["ocpp1.6" if spoken == "ocpp1.6" else "ocpp2.0.1"]
    (answer,) = machine.receive(json.dumps([2, "1", "BootNotification", payload]))
    assert json.loads(answer)[:2] == [3, "1"]
    assert (machine.about.vendor, machine.about.model) == ("v", "m")


def test_a_station_that_comes_back_in_another_version_is_heard_in_it() -> None:
    """New firmware: what was asked in the old version is given up, message ids go on, what is known stays known."""
    machine = CsmsMachine("cs1", now=START)
    machine.state.max_power_w = 11_000
    old = machine.call(machine.version.clear_limits(1)[0])
    machine.flush()
    machine.detached()
    machine.speak("ocpp1.6")
    assert machine.answers[old].error
    assert machine.attached() == []
    new = machine.call(machine.version.clear_limits(1)[0])
    assert new != old
    assert json.loads(machine.flush()[0])[2:] == ["ClearChargingProfile", {"id": ids_at(1)[0]}]
    assert machine.state.max_power_w == 11_000


def test_a_vehicle_that_says_no_needs_is_told_with_what_is_assumed() -> None:
    """2.0.1 leaves NotifyEVChargingNeeds to the station: after two minutes the vehicle is plannable, later words count."""
    machine = CsmsMachine("cs1", now=START)
    machine.booted = True
    begun = {"eventType": "Started", "triggerReason": "CablePluggedIn", "seqNo": 0, "timestamp": "2026-05-01T08:00:00Z"}
    begun |= {"transactionInfo": {"transactionId": "A"}}
    machine.receive(json.dumps([2, "1", "TransactionEvent", begun]))
    machine.state.clock(START + timedelta(minutes=1))
    assert machine.state.news.drain() == ()
    machine.state.clock(START + timedelta(minutes=2))
    machine.state.clock(START + timedelta(minutes=3))
    (assumed,) = machine.state.news.drain()
    departure = START + ASSUMED_STAY
    assert assumed == VehiclePlugged(ASSUMED_ENERGY_WH, ASSUMED_MAX_W, departure, START, "A", ASSUMED_MIN_W)
    ac = {"energyAmount": 9000, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 230}
    needs = {"evseId": 1, "chargingNeeds": {"requestedEnergyTransfer": "AC_single_phase", "acChargingParameters": ac}}
    machine.receive(json.dumps([2, "2", "NotifyEVChargingNeeds", needs]))
    (said,) = machine.state.news.drain()
    assert isinstance(said, VehiclePlugged)
    assert (said.energy_wh, said.max_power_w, said.same_stay(assumed)) == (9000, 3680, True)


def test_a_vehicle_that_can_give_energy_says_its_needs_in_21() -> None:
    """V2XChargingParameters: powers of the phases are summed, and what it is to get is the energy to its target."""
    machine = CsmsMachine("cs1", now=START)
    machine.speak("ocpp2.1")
    machine.booted = True
    v2x = {"maxChargePower": 3680.0, "maxChargePower_L2": 3680.0, "maxChargePower_L3": 3680.0, "minChargePower": 1380.0}
    v2x |= {"maxDischargePower": 11_040.0, "evTargetEnergyRequest": 12_345.6}
    needs = {"requestedEnergyTransfer": "AC_BPT", "departureTime": "2026-05-01T12:00:00Z", "v2xChargingParameters": v2x}
    frame = json.dumps([2, "1", "NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs}])
    assert json.loads(machine.receive(frame)[0])[2] == {"status": "Accepted"}
    (said,) = machine.state.news.drain()
    assert said == VehiclePlugged(12_346, 11_040, START + timedelta(hours=4), START, "", 1380)


def test_what_21_never_answers_is_not_answered() -> None:
    """SEND (6) and CALLRESULTERROR (5) get no answer in 2.1; earlier versions do not know them."""
    machine = CsmsMachine("cs1")
    frames = ('[6,"x","NotifyPeriodicEventStream",{}]', '[5,"x","InternalError","",{}]')
    assert [json.loads(machine.receive(frame)[0])[2] for frame in frames] == ["MessageTypeNotSupported"] * 2
    machine.speak("ocpp2.1")
    assert [machine.receive(frame) for frame in frames] == [[], []]
