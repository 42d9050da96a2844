"""What a vehicle needs, as long as it stands there: told before its transaction, again, with less in it, or late."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cim.model.devices import News, VehiclePlugged, VehicleUnplugged
from devices.ocpp.machine import CsmsMachine
from devices.ocpp.needs import ASSUMED_ENERGY_WH, ASSUMED_STAY

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
AC = {"energyAmount": 30_000, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 230}
DEPARTURE = NOW + timedelta(hours=9)


def _stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


class _Hearing:
    """A CSMS machine that hears a station of 2.0.1 or 2.1; times are minutes from noon."""

    def __init__(self, subprotocol: str = "ocpp2.0.1") -> None:
        self.machine, self._count = CsmsMachine("cs", now=NOW), 0
        self.machine.speak(subprotocol)
        self.machine.booted = True

    def say(self, action: str, **payload: Any) -> list[Any]:
        self._count += 1
        answer: list[Any] = json.loads(self.machine.receive(json.dumps([2, f"s{self._count}", action, payload]))[0])
        return answer

    def event(self, kind: str, number: str, minutes: float, *, offline: bool = False) -> None:
        self.say(
            "TransactionEvent",
            eventType=kind,
            triggerReason="CablePluggedIn",
            seqNo=0,
            timestamp=_stamp(NOW + timedelta(minutes=minutes)),
            transactionInfo={"transactionId": number},
            evse={"id": 1, "connectorId": 1},
            offline=offline,
        )

    def needs(self, departure: datetime | None = DEPARTURE, told: float | None = None, **params: Any) -> list[Any]:
        said: dict[str, Any] = {"requestedEnergyTransfer": "AC_three_phase"}
        said |= params or {"acChargingParameters": AC}
        if departure is not None:
            said["departureTime"] = _stamp(departure)
        more = {} if told is None else {"timestamp": _stamp(NOW + timedelta(minutes=told))}
        return self.say("NotifyEVChargingNeeds", evseId=1, chargingNeeds=said, **more)

    def status(self, status: str) -> None:
        self.say("StatusNotification", timestamp=_stamp(NOW), connectorStatus=status, evseId=1, connectorId=1)

    def at(self, minutes: float) -> None:
        self.machine.state.clock(NOW + timedelta(minutes=minutes))

    def news(self) -> tuple[News, ...]:
        return self.machine.state.news.drain()

    def vehicles(self) -> list[tuple[int, datetime, str]]:
        return [
            (piece.energy_wh, piece.departure, piece.transaction)
            for piece in self.news()
            if isinstance(piece, VehiclePlugged)
        ]


def test_needs_that_are_told_before_the_transaction_are_its_own() -> None:
    """The vehicle says 30 kWh, then its transaction begins: nothing is assumed two minutes later, or ever in its stay."""
    hearing = _Hearing()
    hearing.needs()
    assert hearing.vehicles() == [(30_000, DEPARTURE, "")]
    hearing.event("Started", "A", 0.1)
    assert hearing.vehicles() == [(30_000, DEPARTURE, "A")], "told again with the number, as the same stay"
    for minutes in (1, 2, 3, 200):
        hearing.at(minutes)
    assert hearing.vehicles() == []
    hearing.event("Ended", "A", 200)
    assert [type(piece) for piece in hearing.news()] == [VehicleUnplugged]
    hearing.event("Started", "B", 201)
    hearing.at(204)
    assert hearing.vehicles() == [(ASSUMED_ENERGY_WH, NOW + timedelta(minutes=201) + ASSUMED_STAY, "B")], (
        "B said nothing"
    )


def test_a_started_event_that_is_said_again_takes_nothing_back() -> None:
    """A station that missed our answer says Started again under another id: what the vehicle needs stays."""
    hearing = _Hearing()
    hearing.event("Started", "A", 0)
    hearing.needs()
    hearing.event("Started", "A", 0, offline=True)
    hearing.at(5)
    assert hearing.vehicles() == [(30_000, DEPARTURE, "A")]


def test_an_emptier_message_keeps_what_it_leaves_out() -> None:
    """Without departure, then as DC without an energy: the power is the newer one, the rest as it was told."""
    hearing = _Hearing()
    hearing.event("Started", "A", 0)
    hearing.needs()
    hearing.needs(departure=None, acChargingParameters=AC | {"energyAmount": 25_000})
    hearing.needs(departure=None, dcChargingParameters={"evMaxCurrent": 20, "evMaxVoltage": 400})
    first, second, third = [piece for piece in hearing.news() if isinstance(piece, VehiclePlugged)]
    assert (first.energy_wh, first.departure, first.max_power_w) == (30_000, DEPARTURE, 11_040)
    assert (second.energy_wh, second.departure) == (25_000, DEPARTURE)
    assert (third.energy_wh, third.departure, third.max_power_w) == (25_000, DEPARTURE, 8_000)


def test_a_dc_vehicle_that_says_no_energy_wants_what_is_assumed_and_not_nothing() -> None:
    """Only current and voltage are required of it: 10 kWh are assumed; by battery and state of charge it is 24 kWh."""
    hearing = _Hearing()
    hearing.event("Started", "A", 0)
    bare = {"evMaxCurrent": 100, "evMaxVoltage": 400}
    hearing.needs(dcChargingParameters=bare)
    hearing.needs(dcChargingParameters=bare | {"evEnergyCapacity": 60_000, "stateOfCharge": 40, "fullSoC": 80})
    assert [energy for energy, _, _ in hearing.vehicles()] == [ASSUMED_ENERGY_WH, 24_000]


def test_older_needs_change_nothing() -> None:
    """2.1 says when it heard them: what was heard before the last ones, or before the last vehicle went, is history."""
    hearing = _Hearing("ocpp2.1")
    hearing.event("Started", "A", 0)
    hearing.needs(told=2)
    hearing.needs(told=1, acChargingParameters=AC | {"energyAmount": 1000})
    assert {energy for energy, _, _ in hearing.vehicles()} == {30_000}
    hearing.event("Ended", "A", 10)
    hearing.news()
    assert hearing.needs(told=3)[2] == {"status": "Accepted"}
    assert hearing.news() == ()


def test_an_offline_queue_does_not_take_the_needs_of_the_present_vehicle() -> None:
    """Needs are heard live, then the queue tells T1 from begin to end, then T2 begins: T2 has them."""
    hearing = _Hearing()
    hearing.needs()
    hearing.event("Started", "T1", -120, offline=True)
    hearing.event("Ended", "T1", -60, offline=True)
    hearing.news()
    hearing.event("Started", "T2", -1, offline=True)
    assert hearing.vehicles() == [(30_000, DEPARTURE, "T2")]


def test_a_vehicle_that_leaves_before_any_transaction_has_left() -> None:
    """It said its needs and was unplugged without charging: the connector is Available, and nobody stands there."""
    hearing = _Hearing()
    hearing.status("Occupied")
    hearing.needs()
    hearing.news()
    hearing.status("Available")
    hearing.status("Available")
    assert hearing.news() == (VehicleUnplugged(0, NOW),)
    hearing.event("Started", "B", 1)
    assert hearing.news() == (), "B has not said what it needs"


@pytest.mark.parametrize("departure", [NOW - timedelta(hours=2), NOW, datetime(1970, 1, 2, tzinfo=UTC)])
def test_a_departure_that_is_over_is_not_believed(departure: datetime) -> None:
    """A vehicle that is there has not left: a clock is wrong, and the assumed stay counts."""
    hearing = _Hearing()
    hearing.event("Started", "A", 0)
    hearing.needs(departure)
    assert hearing.vehicles() == [(30_000, NOW + ASSUMED_STAY, "A")]


def test_a_clock_at_the_end_of_time_breaks_nothing() -> None:
    """A transaction of the year 9999 is one of now: the vehicle is planned, and no exception leaves the driver."""
    hearing = _Hearing()
    begun = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    hearing.event("Started", "A", (begun - NOW) / timedelta(minutes=1))
    assert hearing.needs(departure=None)[0] == 3
    hearing.at(3)
    hearing.event("Started", "B", (begun - NOW) / timedelta(minutes=1))
    hearing.at(6)
    assert [number for _, _, number in hearing.vehicles()] == ["A", "B"]
