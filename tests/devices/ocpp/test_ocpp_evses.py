"""Several EVSEs of one station, as it tells of them: what is said counts where it is meant; contradictions are not taken."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import datetime, timedelta
from typing import Any

import pytest

from cim.model.devices import VehiclePlugged, VehicleUnplugged
from cim.model.readings import Kind, Quality
from devices.ocpp.connection import StationConnection
from devices.ocpp.driver import StationPort
from devices.ocpp.machine import CsmsMachine
from tests.devices.ocpp.test_ocpp_field import NOW, FieldStation

SOURCES = {1: "park.bay-1", 2: "park.bay-2"}


def _stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


class _Said:
    """What a station with two EVSEs says, put into the CSMS's machine."""

    def __init__(self, version: str = "2.0.1", sources: dict[int, str] | None = None) -> None:
        self.machine, self._count = CsmsMachine("park.charger", now=NOW, sources=sources or SOURCES), 0
        self.machine.speak(f"ocpp{version}")
        self.machine.attached()
        if version == "1.6":
            self.say("BootNotification", chargePointVendor="Maker", chargePointModel="Two")
        else:
            self.say("BootNotification", reason="PowerUp", chargingStation={"vendorName": "Maker", "model": "Two"})

    def say(self, action: str, **payload: object) -> Any:
        """The answer to a call of the station."""
        self._count += 1
        (answer,) = self.machine.receive(json.dumps([2, f"s{self._count}", action, payload]))
        kind, _, *rest = json.loads(answer)
        assert kind == 3, rest
        return rest[0]

    def event(self, kind: str, number: str, register_wh: float, power_w: float = 0.0, **more: object) -> None:
        """A TransactionEvent of 2.0.1, whose meter tells this."""
        at = _stamp(NOW)
        samples = [
            {"value": register_wh, "measurand": "Energy.Active.Import.Register", "unitOfMeasure": {"unit": "Wh"}},
            {"value": power_w, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "W"}},
        ]
        said = {"eventType": kind, "triggerReason": "MeterValuePeriodic", "seqNo": 0, "timestamp": at, **more}
        said |= {"transactionInfo": {"transactionId": number}}
        self.say("TransactionEvent", **said, meterValue=[{"timestamp": at, "sampledValue": samples}])

    def power_w(self, evse: int) -> float | None:
        """The power that is known of an EVSE."""
        told = self.machine.station.evses[evse].last.values.get(Kind.POWER)
        return None if told is None else told.value

    def news(self, evse: int) -> list[tuple[str, str, int]]:
        """Who came and went there: what, transaction, Wh."""
        pieces = self.machine.station.evses[evse].news.drain()
        return [
            (type(piece).__name__, piece.transaction, piece.energy_wh)
            for piece in pieces
            if isinstance(piece, VehiclePlugged | VehicleUnplugged)
        ]


def _at(evse: int) -> dict[str, Any]:
    return {"evse": {"id": evse, "connectorId": 1}}


def test_each_evse_has_its_own_vehicle_and_register() -> None:
    """The field's station, a driver for each EVSE: A took 300 Wh at the first, B runs at the second with its own register."""
    connection = StationConnection("cs", {1: "bay-1", 2: "bay-2"}, link=FieldStation("ocpp_two_evses.json"))
    first, second = (StationPort(f"bay-{number}", connection=connection, evse=number) for number in (1, 2))

    async def run() -> None:
        for port in (first, second):
            await port.open(NOW)
        await first.sync(NOW)

    asyncio.run(run())
    gone = [piece for piece in first.drain() if isinstance(piece, VehicleUnplugged)]
    assert [(piece.transaction, piece.energy_wh) for piece in gone] == [("A", 300)]
    assert not [piece for piece in second.drain() if isinstance(piece, VehicleUnplugged)]
    readings = {(r.source, r.kind): r.value for p in (first, second) for r in asyncio.run(p.measure(NOW))}
    assert readings["bay-1", Kind.POWER] == 0
    assert readings["bay-1", Kind.ENERGY_IMPORT] == 1300
    assert readings["bay-2", Kind.POWER] == 3000
    assert readings["bay-2", Kind.ENERGY_IMPORT] == 500_010


def test_an_event_without_an_evse_is_where_its_transaction_runs() -> None:
    """2.0.1 says the EVSE in a transaction's first event only: later ones find their own."""
    said = _Said()
    said.event("Started", "A", 1000, **_at(1))
    said.event("Started", "B", 5000, **_at(2))
    said.event("Updated", "B", 5100, 3000)
    said.event("Updated", "A", 1200, 11_000)
    assert (said.power_w(1), said.power_w(2)) == (11_000, 3000)
    said.event("Ended", "B", 5150)
    assert (said.news(1), said.news(2)) == ([], [("VehicleUnplugged", "B", 150)])


def test_who_is_meant_cannot_be_told_so_nobody_is(caplog: pytest.LogCaptureFixture) -> None:
    """A transaction that nobody saw begin, told without an EVSE, is at neither; the log says so, and not without end."""
    said = _Said()
    with caplog.at_level(logging.WARNING):
        for number in range(100):
            said.event("Updated", f"X{number}", 9000, 7000)
    assert (said.power_w(1), said.power_w(2)) == (None, None)
    assert len([r for r in caplog.records if "does not say at which EVSE transaction" in r.message]) == 16


def test_an_event_at_another_evse_than_its_transaction_s_is_not_taken(caplog: pytest.LogCaptureFixture) -> None:
    """A runs at EVSE 1 and its station says EVSE 2 of it: A's energy is not put into the second one's register."""
    said = _Said()
    said.event("Started", "A", 1000, **_at(1))
    with caplog.at_level(logging.WARNING):
        said.event("Updated", "A", 1200, 11_000, **_at(2))
        said.event("Ended", "A", 1300, **_at(2))
    assert said.power_w(2) is None
    assert (said.news(1), said.news(2)) == ([], [])
    assert "says that transaction A is at EVSE 2, and it runs at another" in caplog.text
    said.event("Ended", "A", 1300, **_at(1))
    assert said.news(1) == [("VehicleUnplugged", "A", 300)]


def test_a_station_may_count_transactions_at_each_evse_by_itself() -> None:
    """Two transactions of one number at two EVSEs, each begun there, are two; what says no EVSE of them is not taken."""
    said = _Said()
    said.event("Started", "1", 1000, **_at(1))
    said.event("Started", "1", 5000, **_at(2))
    said.event("Updated", "1", 7000, 4000)
    assert (said.power_w(1), said.power_w(2)) == (0, 0)
    said.event("Ended", "1", 5300, **_at(2))
    said.event("Ended", "1", 1200, **_at(1))
    assert (said.news(1), said.news(2)) == ([("VehicleUnplugged", "1", 200)], [("VehicleUnplugged", "1", 300)])


def test_in_1_6_a_stop_is_at_the_connector_of_its_start() -> None:
    """1.6's StopTransaction names no connector: the CSMS's number tells it, also where both vehicles came at one instant."""
    said = _Said("1.6")
    numbers = [
        said.say("StartTransaction", connectorId=evse, idTag="x", meterStart=100 * evse, timestamp=_stamp(NOW))
        for evse in (1, 2)
    ]
    first, second = (number["transactionId"] for number in numbers)
    assert first != second
    sample = {"timestamp": _stamp(NOW), "sampledValue": [{"value": "700", "unit": "Wh"}]}
    said.say("MeterValues", connectorId=1, transactionId=second, meterValue=[sample])  # contradicts itself
    assert said.machine.station.evses[1].last.values[Kind.ENERGY_IMPORT].value == 100
    said.say("StopTransaction", transactionId=second, meterStop=450, timestamp=_stamp(NOW))
    assert [piece for piece in said.news(2) if piece[0] == "VehicleUnplugged"] == [
        ("VehicleUnplugged", str(second), 250)
    ]
    assert said.machine.station.evses[1].runs(str(first))
    said.say(
        "StopTransaction", transactionId=987, meterStop=450, timestamp=_stamp(NOW)
    )  # of no transaction that is known
    assert said.machine.station.evses[1].runs(str(first))


def test_what_is_said_of_the_whole_station_is_said_of_no_evse() -> None:
    """A main meter (connector 0) and a fault of the whole station are neither connector's power nor state."""
    said = _Said("1.6")
    for evse in (1, 2):
        said.say("StatusNotification", connectorId=evse, errorCode="NoError", status="Available")
    sample = {"timestamp": _stamp(NOW), "sampledValue": [{"value": "9000", "measurand": "Power.Active.Import"}]}
    said.say("MeterValues", connectorId=0, meterValue=[sample])
    said.say("StatusNotification", connectorId=0, errorCode="NoError", status="Unavailable")
    assert (said.power_w(1), said.power_w(2)) == (None, None)
    assert [state.status for state in said.machine.station.evses.values()] == ["Available", "Available"]


def test_a_faulted_evse_does_not_touch_the_other() -> None:
    """EVSE 1 reports a fault while B charges at EVSE 2: B's readings and vehicle are as they were."""
    said = _Said()
    for evse in (1, 2):
        said.say("StatusNotification", timestamp=_stamp(NOW), connectorStatus="Available", evseId=evse, connectorId=1)
    said.event("Started", "B", 5000, 3000, **_at(2))
    said.say("StatusNotification", timestamp=_stamp(NOW), connectorStatus="Faulted", evseId=1, connectorId=1)
    assert [state.status for state in said.machine.station.evses.values()] == ["Faulted", "Available"]
    assert said.power_w(2) == 3000
    assert said.machine.station.evses[2].runs("B")


def test_a_free_connector_of_an_evse_in_use_does_not_make_it_free() -> None:
    """An EVSE with two connectors (CCS and CHAdeMO) is occupied while one is."""
    said = _Said()
    for connector, status in ((1, "Occupied"), (2, "Available")):
        said.say("StatusNotification", timestamp=_stamp(NOW), connectorStatus=status, evseId=1, connectorId=connector)
    assert said.machine.station.evses[1].status == "Occupied"


def test_each_evse_has_its_own_rating_and_needs() -> None:
    """The device model's rating of EVSE 2 and the needs told there are not those of EVSE 1."""
    said = _Said()
    for evse, watts in ((1, 11_000.0), (2, 3700.0)):
        report = {
            "component": {"name": "EVSE", "evse": {"id": evse}},
            "variable": {"name": "Power"},
            "variableAttribute": [{"value": "0"}],
            "variableCharacteristics": {"dataType": "decimal", "supportsMonitoring": False, "maxLimit": watts},
        }
        said.say("NotifyReport", requestId=1, generatedAt=_stamp(NOW), seqNo=evse, reportData=[report])
    assert [state.max_power_w for state in said.machine.station.evses.values()] == [11_000, 3700]
    said.event("Started", "B", 0, **_at(2))
    ac = {"energyAmount": 8000, "evMinCurrent": 6, "evMaxCurrent": 32, "evMaxVoltage": 230}
    needs = {"requestedEnergyTransfer": "AC_single_phase", "acChargingParameters": ac}
    said.say("NotifyEVChargingNeeds", evseId=2, chargingNeeds=needs)
    assert said.news(1) == []
    assert said.news(2) == [("VehiclePlugged", "B", 8000)]


def test_an_evse_that_is_not_ours_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Only EVSE 2 is ours: the first one's transaction, told with and without its EVSE, is not the second one's."""
    said = _Said(sources={2: "bay-2"})
    with caplog.at_level(logging.WARNING):
        said.event("Started", "A", 1000, **_at(1))
        said.event("Updated", "A", 1200, 11_000)
    assert said.power_w(2) is None
    assert "EVSE 1 is not steered and not read; only EVSE 2 is" in caplog.text


def test_a_driver_that_begins_again_knows_nothing_of_the_one_before() -> None:
    """The second driver of EVSE 1 on the same connection begins anew, and EVSE 2's goes on."""
    connection = StationConnection("cs", {1: "bay-1", 2: "bay-2"}, link=FieldStation("ocpp_two_evses.json"))
    first, second = (StationPort(f"bay-{number}", connection=connection, evse=number) for number in (1, 2))
    asyncio.run(first.open(NOW))
    asyncio.run(second.open(NOW))
    asyncio.run(first.close())
    again = StationPort("bay-1", connection=connection, evse=1)
    readings = asyncio.run(again.measure(NOW + timedelta(seconds=1)))
    assert {reading.quality for reading in readings} == {Quality.ABSENT}
    assert [r.quality for r in asyncio.run(second.measure(NOW))] == [Quality.GOOD, Quality.GOOD]
