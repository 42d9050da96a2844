"""Charging stations from the field: each input of `tests/golden/field` with its right answer (see `source.md` there)."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.planning.elements.registry import element_kind
from cim.model.devices import Mode, News, Setpoint, VehiclePlugged, VehicleUnplugged
from cim.model.readings import Kind, Quality
from devices.ocpp.driver import StationPort
from devices.port.errors import DeviceFault

FOLDER = Path(__file__).parents[2] / "golden" / "field"
NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
_OPTIONAL = {
    "GetBaseReport": {"status": "NotSupported"},
    "GetChargingProfiles": {"status": "NoProfiles"},
    "TriggerMessage": {"status": "NotImplemented"},
}


class FieldStation:
    """A station that says what a file says, frame by frame, and answers as it says; `asked` is what it was asked."""

    def __init__(self, file: str, **answers: dict[str, Any]) -> None:
        text = re.sub(r'"@([+-]?\d+)"', lambda found: f'"{_stamp(int(found[1]))}"', (FOLDER / file).read_text())
        said = json.loads(text)
        self.to_say = [frame for frame in said["frames"] if "action" in frame]
        self.answers: dict[str, Any] = {**_OPTIONAL, **said.get("answers", {}), **answers}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._count = 0

    def say(self, frame: dict[str, Any]) -> str:
        """A CALL of the station."""
        self._count += 1
        return json.dumps([2, frame.get("id", f"s{self._count}"), frame["action"], frame["payload"]])

    async def exchange(self, device: str, frames: list[str]) -> list[str]:
        """See `FrameLink`."""
        back = []
        for kind, number, *rest in map(json.loads, frames):
            if kind == 2:
                self.asked.append((rest[0], rest[1]))
                back.append(json.dumps([3, number, self.answers[rest[0]]]))
        if self.to_say:
            back.append(self.say(self.to_say.pop(0)))
        return back


def _stamp(seconds: int) -> str:
    return (NOW + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def told(file: str, frames: int | None = None) -> tuple[dict[Kind, float], tuple[News, ...], StationPort]:
    """Good readings and news once a station has said (the first of) its frames."""
    station = FieldStation(file)
    if frames is not None:
        del station.to_say[frames:]
    port = StationPort("cs", link=station)
    asyncio.run(port.open(NOW))
    asyncio.run(port.sync(NOW))
    assert not station.to_say
    values = {
        kind: fresh.value for kind, fresh in port._machine.state.last.values.items() if fresh.told is Quality.GOOD
    }
    return values, port.drain(), port


def limited(file: str, power_w: int, **answers: dict[str, Any]) -> FieldStation:
    """A station of a file that was given a limit for a quarter of an hour."""
    station = FieldStation(file, **answers)
    port = StationPort("cs", link=station)
    asyncio.run(port.open(NOW))
    asyncio.run(port.command(Setpoint(Mode.LIMIT, power_w), NOW + QUARTER, NOW))
    return station


def _unplugged(news: tuple[News, ...]) -> list[int]:
    return [piece.energy_wh for piece in news if isinstance(piece, VehicleUnplugged)]


def test_a_composite_of_minus_one_is_no_limit() -> None:
    """The station says that nothing limits it: that is not "done"."""
    with pytest.raises(DeviceFault, match="-1 means that no limit is in force"):
        limited("ocpp_composite_minus_one.json", 4000)


def test_a_limit_of_an_unknown_rating_stays_what_it_is() -> None:
    """No device model, so no rated power: 7200 W are 7200 W on the wire."""
    profiles = [
        asked for action, asked in limited("ocpp_unknown_rating.json", 7200).asked if action == "SetChargingProfile"
    ]
    (schedule,) = profiles[0]["chargingProfile"]["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"][0]["limit"] == 7200
    plate = asyncio.run(StationPort("cs", link=FieldStation("ocpp_unknown_rating.json")).open(NOW))
    assert plate.max_consumption_w == 0
    limit = Setpoint(Mode.LIMIT, 7200)
    assert element_kind(plate.kind).safe(limit, plate) == limit


def test_a_station_without_composite_schedules_is_limited_unverified() -> None:
    """Reading back is optional for a station: the limit counts as set, each time."""
    station = limited("ocpp_no_composite.json", 4000)
    assert [action for action, _ in station.asked][-2:] == ["SetChargingProfile", "GetCompositeSchedule"]


def test_a_composite_in_amperes_is_read_as_watts() -> None:
    """5.8 A in three phases of 230 V are 4000 W to the step of a tenth of an ampere; 8 A are more than was asked."""
    limited("ocpp_composite_in_amps.json", 4000)
    more = json.loads((FOLDER / "ocpp_composite_in_amps.json").read_text())["answers"]["GetCompositeSchedule"]
    more["schedule"]["chargingSchedulePeriod"][0]["limit"] = 8.0
    with pytest.raises(DeviceFault, match="reads back a limit of 5520"):
        limited("ocpp_composite_in_amps.json", 4000, GetCompositeSchedule=more)


def test_a_station_of_amperes_is_asked_in_amperes_and_its_refusal_says_so() -> None:
    """After UnsupportedRateUnit the same limit goes in amperes, rounded down; where that is refused too, it is said."""
    with pytest.raises(DeviceFault, match="takes amperes only"):
        limited("ocpp_amps_only.json", 4000)
    station = FieldStation("ocpp_amps_only.json")
    port = StationPort("cs", link=station)
    asyncio.run(port.open(NOW))
    with pytest.raises(DeviceFault):
        asyncio.run(port.command(Setpoint(Mode.LIMIT, 4000), NOW + QUARTER, NOW))
    (schedule,) = station.asked[-1][1]["chargingProfile"]["chargingSchedule"]
    assert schedule["chargingRateUnit"] == "A"
    assert schedule["chargingSchedulePeriod"][0] == {"startPeriod": 0, "limit": 5.7, "numberPhases": 3}


def test_phases_without_voltage_are_left_out_of_the_mean() -> None:
    """Charging by one phase, the others say 0 V: the voltage is 231.1 V."""
    values, _, _ = told("ocpp_phase_voltages_zero.json")
    assert values[Kind.VOLTAGE] == pytest.approx(231.1)
    assert values[Kind.POWER] == pytest.approx(3500)
    assert values[Kind.ENERGY_IMPORT] == pytest.approx(254_780)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_outlet_counts_whatever_the_order(reverse: bool) -> None:
    """A DC station samples the grid side, too: what the vehicle gets is the standard's default location."""
    station = FieldStation("ocpp_dc_inlet_outlet.json")
    if reverse:
        for value in station.to_say[-1]["payload"]["meterValue"]:
            value["sampledValue"].reverse()
    port = StationPort("cs", link=station)
    asyncio.run(port.open(NOW))
    asyncio.run(port.sync(NOW))
    values = port._machine.state.last.values
    assert (values[Kind.POWER].value, values[Kind.ENERGY_IMPORT].value) == (50_000, 1000)
    assert values[Kind.STATE_OF_CHARGE].value == 38


def test_a_reading_from_the_future_does_not_shut_out_the_present() -> None:
    """Local time with a Z is two hours ahead for two messages; then 7400 W and 5040 Wh are told and count."""
    values, _, _ = told("ocpp_local_time_with_z.json")
    assert (values[Kind.POWER], values[Kind.ENERGY_IMPORT]) == (7400, 5040)


def test_what_is_told_hours_after_our_last_look_is_no_clock_ahead() -> None:
    """A driver that was last asked at noon hears at 22:00 what is true at 22:00: it is of 22:00, and good."""
    station = FieldStation("ocpp_local_time_with_z.json")
    del station.to_say[3:]
    port = StationPort("cs", link=station)
    asyncio.run(port.open(NOW))
    at = NOW + timedelta(seconds=7195)  # what the file takes for ahead is here the time that it is
    power, _ = asyncio.run(port.measure(at))
    assert (power.at, power.quality) == (at, Quality.GOOD)


def test_after_a_reboot_the_same_id_and_text_are_a_new_message() -> None:
    """A station without a clock boots at 1970 again and repeats itself: its connector is Available."""
    _, _, port = told("ocpp_clock_1970.json")
    assert port._machine.state.status == "Available"


def test_a_second_evse_changes_nothing_of_the_first() -> None:
    """B's start does not unplug A, and B's register is not A's: A goes with its 300 Wh."""
    values, news, _ = told("ocpp_two_evses.json", 9)
    assert _unplugged(news) == []
    assert (values[Kind.POWER], values[Kind.ENERGY_IMPORT]) == (11_000, 1200)
    values, news, _ = told("ocpp_two_evses.json")
    assert _unplugged(news) == [300]


def test_an_offline_queue_is_history() -> None:
    """T1 of two hours ago is told after T2 began: T2 stays at 7200 W until its own end, and takes 120 Wh."""
    values, news, _ = told("ocpp_offline_queue_after_live.json", 7)
    assert values[Kind.POWER] == 7200
    assert _unplugged(news) == []
    _, news, _ = told("ocpp_offline_queue_after_live.json")
    assert _unplugged(news) == [120]


def test_a_lost_end_is_told_late_and_by_its_own_words() -> None:
    """A's Ended comes after B began: A took the 1900 Wh that it says, B the 60 Wh from its own begin; each once."""
    _, news, port = told("ocpp_seq_gap_lost_ended.json", 4)
    assert _unplugged(news) == []
    assert port._machine.state.transaction is not None
    assert port._machine.state.transaction.id == "B"
    _, news, _ = told("ocpp_seq_gap_lost_ended.json", 5)
    assert _unplugged(news) == [1900]
    values, news, _ = told("ocpp_seq_gap_lost_ended.json")
    assert [(piece.transaction, piece.energy_wh) for piece in news if isinstance(piece, VehicleUnplugged)] == [
        ("A", 1900),
        ("B", 60),
    ]
    assert values[Kind.ENERGY_IMPORT] == 3060


def test_a_lost_end_that_never_comes_is_told_by_what_is_known() -> None:
    """After a quarter of an hour A has gone with the 0 Wh that were told of it, and B stands there still."""
    _, _, port = told("ocpp_seq_gap_lost_ended.json", 4)
    asyncio.run(port.sync(NOW + timedelta(minutes=16)))
    assert _unplugged(port.drain()) == [0]
    assert port._machine.state.transaction is not None


def test_a_station_that_makes_up_numbers_is_remembered_within_bounds(caplog: pytest.LogCaptureFixture) -> None:
    """A thousand EVSEs that are not there, a thousand transactions that never end: a few are named, the others gone."""
    station = FieldStation("ocpp_seq_gap_lost_ended.json")
    del station.to_say[2:]
    port = StationPort("cs", link=station)
    asyncio.run(port.open(NOW))
    stamp = _stamp(0)
    for number in range(1000):
        status = {"timestamp": stamp, "connectorStatus": "Occupied", "evseId": 2 + number, "connectorId": 1}
        begun = {"eventType": "Started", "triggerReason": "CablePluggedIn", "seqNo": 0, "timestamp": stamp}
        begun |= {"transactionInfo": {"transactionId": f"T{number}"}, "evse": {"id": 1, "connectorId": 1}}
        for action, payload in (("StatusNotification", status), ("TransactionEvent", begun)):
            port._machine.receive(station.say({"action": action, "payload": payload}))
    assert len(port._machine.station._others) == len([r for r in caplog.records if "is not steered" in r.message]) == 16
    assert len(port._machine.state._lost) == 16
    gone = [piece.transaction for piece in port.drain() if isinstance(piece, VehicleUnplugged)]
    assert gone == [f"T{number}" for number in range(1000 - 17)], "each is told once, in its order"


def test_a_vehicle_says_with_how_much_it_charges_at_least() -> None:
    """6 A in three phases of 230 V are 4140 W: the plan of such a vehicle knows nothing between that and 0."""
    _, news, _ = told("ocpp_min_current.json")
    (plugged,) = [piece for piece in news if isinstance(piece, VehiclePlugged)]
    assert (plugged.energy_wh, plugged.max_power_w, plugged.min_power_w) == (12_000, 11_040, 4_140)
