"""OCPP 1.6 as stations in the field speak it: frames written by hand after the standard, not by our simulator."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.planning.elements.registry import element_kind
from cim.model.devices import DeviceKind, Mode, News, Setpoint, VehiclePlugged, VehicleUnplugged
from cim.model.readings import Kind, Quality
from devices.ocpp.driver import StationPort
from devices.ocpp.machine import CsmsMachine
from devices.ocpp.needs import ASSUMED_ENERGY_WH, ASSUMED_MIN_W, ASSUMED_STAY
from devices.ocpp.payload import Payload
from devices.ocpp.v16.heard import sample_of
from devices.ocpp.version import ids_at
from devices.port.errors import DeviceFault

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
BOOT = {"chargePointVendor": "Maker", "chargePointModel": "Wallbox", "chargeBoxSerialNumber": "B1"}
ACCEPTED = {"status": "Accepted"}


def _at(seconds: int) -> str:
    return (NOW + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


class _Heard:
    """A CSMS machine in 1.6, to which a station says things; `say` gives the payload of the answer."""

    def __init__(self, boot: bool = True) -> None:
        self.machine, self._count = CsmsMachine("cs", now=NOW), 0
        self.machine.speak("ocpp1.6")
        if boot:
            self.say("BootNotification", **BOOT)

    def say(self, action: str, **payload: Any) -> Any:
        self._count += 1
        frame = json.dumps([2, f"s{self._count}", action, payload])
        return json.loads(self.machine.receive(frame)[0])[2]

    def status(self, status: str, seconds: int = 0, connector: int = 1) -> None:
        self.say(
            "StatusNotification", connectorId=connector, errorCode="NoError", status=status, timestamp=_at(seconds)
        )

    def start(self, seconds: int = 0, meter_wh: int = 100, connector: int = 1) -> int:
        said = {"connectorId": connector, "idTag": "T", "meterStart": meter_wh, "timestamp": _at(seconds)}
        number = self.say("StartTransaction", **said)["transactionId"]
        assert isinstance(number, int)
        return number

    def stop(self, number: int, seconds: int, meter_wh: int) -> None:
        self.say("StopTransaction", transactionId=number, meterStop=meter_wh, timestamp=_at(seconds))

    def meter(self, seconds: int, *samples: dict[str, str], connector: int = 1, **more: int) -> None:
        value = {"timestamp": _at(seconds), "sampledValue": list(samples)}
        self.say("MeterValues", connectorId=connector, meterValue=[value], **more)

    def value(self, kind: Kind) -> float:
        return self.machine.state.last.values[kind].value

    def news(self) -> tuple[News, ...]:
        return self.machine.state.news.drain()


def _left(news: tuple[News, ...]) -> list[int]:
    return [piece.energy_wh for piece in news if isinstance(piece, VehicleUnplugged)]


POWER = {"value": "7.2", "measurand": "Power.Active.Import", "unit": "kW"}
REGISTER = {"value": "1.25", "measurand": "Energy.Active.Import.Register", "unit": "kWh"}


def test_the_boot_is_accepted_with_time_and_interval() -> None:
    """The answer has our time; maker, model and the charge box's serial number where the charge point has none."""
    heard = _Heard(boot=False)
    answer = heard.say("BootNotification", **BOOT)
    assert answer == {"status": "Accepted", "currentTime": "2026-05-20T12:00:00Z", "interval": 900}
    about = heard.machine.about
    assert (about.vendor, about.model, about.serial) == ("Maker", "Wallbox", "B1")


def test_a_transaction_from_plug_to_unplug() -> None:
    """Start gives a number and a plannable vehicle, meter values are W and Wh, Stop tells what was delivered."""
    heard = _Heard()
    heard.status("Preparing")
    number = heard.start(0, 1000)
    assert 0 < number < 2**31
    (plugged,) = heard.news()
    assert isinstance(plugged, VehiclePlugged)
    assert (plugged.energy_wh, plugged.departure, plugged.at) == (ASSUMED_ENERGY_WH, NOW + ASSUMED_STAY, NOW)
    assert (plugged.min_power_w, plugged.transaction) == (ASSUMED_MIN_W, str(number)), "6 A in each of three phases"
    heard.meter(60, POWER, REGISTER, transactionId=number)
    assert (heard.value(Kind.POWER), heard.value(Kind.ENERGY_IMPORT)) == (7200, 1250)
    heard.stop(number, 3600, 8200)
    assert _left(heard.news()) == [7200]
    assert heard.machine.state.transaction is None


@pytest.mark.parametrize(
    ("samples", "power_w"),
    [
        (({"value": "7200", "measurand": "Power.Active.Import"},), 7200.0),
        (({"value": " 7.2 ", "measurand": "Power.Active.Import", "unit": "kW"},), 7200.0),
        (tuple(POWER | {"phase": f"L{k}"} for k in (1, 2, 3)), 21_600.0),
        (
            (
                {"value": "16", "measurand": "Current.Import", "phase": "L1", "unit": "A"},
                {"value": "15.5", "measurand": "Current.Import", "phase": "L2", "unit": "A"},
                {"value": "229", "measurand": "Voltage", "phase": "L1-N", "unit": "V"},
            ),
            16 * 229 + 15.5 * 230,
        ),
        (({"value": "16", "measurand": "Current.Import", "unit": "A"},), None),
        (({"value": "AQ==", "format": "SignedData", "measurand": "Power.Active.Import"},), None),
    ],
)
def test_power_as_stations_meter_it(samples: tuple[dict[str, str], ...], power_w: float | None) -> None:
    """W, kW, by phase, or made of current and voltage of each phase; a lone current and signed data say nothing."""
    heard = _Heard()
    heard.meter(1, *samples)
    told = heard.machine.state.last.values.get(Kind.POWER)
    assert (None if told is None else told.value) == (None if power_w is None else pytest.approx(power_w))


@pytest.mark.parametrize("text", ["", "NaN", "inf", "1_000", "0x10", "7,2", "1e400"])
def test_a_text_that_is_no_number_is_never_a_good_reading(text: str) -> None:
    """Values are texts in 1.6: what no meter can mean makes an INVALID reading, and the message is answered."""
    heard = _Heard()
    heard.meter(1, {"value": text, "measurand": "Power.Active.Import", "unit": "W"})
    assert heard.machine.state.last.values[Kind.POWER].told is Quality.INVALID


def test_the_context_of_a_sample_is_kept() -> None:
    """Whoever missed the beginning learns the register from the sample of Transaction.Begin."""
    sample = sample_of(Payload({"value": "42", "context": "Transaction.Begin"}))
    assert (sample.value, sample.context, sample.measurand) == (
        42,
        "Transaction.Begin",
        "Energy.Active.Import.Register",
    )


def test_the_end_tells_the_beginning_to_who_was_not_there() -> None:
    """A driver that met the transaction by its meter values knows its energy from the data of StopTransaction."""
    heard = _Heard(boot=False)
    heard.meter(0, REGISTER, transactionId=77)
    begun = {"timestamp": _at(-900), "sampledValue": [{"value": "1000", "context": "Transaction.Begin"}]}
    stop = {"transactionId": 77, "meterStop": 1500, "timestamp": _at(60), "transactionData": [begun]}
    heard.say("StopTransaction", **stop)
    assert _left(heard.news()) == [500]


def test_a_start_that_is_said_again_is_the_same_transaction() -> None:
    """Its answer was lost and it comes with another message id: one number, one vehicle; after the end it is another."""
    heard = _Heard()
    first = heard.start(0, 100)
    assert heard.start(0, 100) == first
    assert len(heard.news()) == 1
    anew = _Heard()
    assert anew.start(0, 100) == first, "also to a CSMS that has begun anew"
    heard.stop(first, 60, 200)
    second = heard.start(0, 100)
    assert second != first
    assert [type(piece) for piece in heard.news()] == [VehicleUnplugged, VehiclePlugged]


def test_after_a_reboot_ids_and_texts_begin_anew() -> None:
    """A station without a clock says the same words with the same ids after a reboot: they are heard again."""
    heard = _Heard()
    for meter_wh in (100, 500):
        heard._count = 0
        heard.say("BootNotification", **BOOT)
        stamp = "1970-01-01T00:00:07Z"
        said = {"connectorId": 1, "idTag": "T", "meterStart": meter_wh, "timestamp": stamp}
        number = heard.say("StartTransaction", **said)["transactionId"]
        heard.say("StopTransaction", transactionId=number, meterStop=meter_wh + 400, timestamp=stamp)
    news = heard.news()
    assert _left(news) == [400, 400]
    assert {piece.at for piece in news if isinstance(piece, VehiclePlugged)} == {NOW}, "a clock not set says nothing"


def test_a_second_connector_changes_nothing_of_the_first() -> None:
    """Connector 2 starts, meters and stops: the vehicle at connector 1, its power and its energy stay its own."""
    heard = _Heard()
    heard.status("Charging")
    first = heard.start(0, 100)
    heard.meter(10, POWER, transactionId=first)
    heard.status("Charging", 20, connector=2)
    second = heard.start(20, 9000, connector=2)
    heard.meter(
        30, {"value": "11", "measurand": "Power.Active.Import", "unit": "kW"}, connector=2, transactionId=second
    )
    heard.stop(second, 40, 9999)
    heard.status("Faulted", 50, connector=0)
    assert heard.value(Kind.POWER) == 7200
    assert heard.machine.state.status == "Charging"
    heard.stop(first, 60, 400)
    assert _left(heard.news()) == [300]


def test_an_offline_queue_is_history() -> None:
    """A transaction of two hours ago is told while another runs: it gets a number, and changes nothing."""
    heard = _Heard()
    live = heard.start(-60, 5000)
    heard.meter(-30, POWER, transactionId=live)
    old = heard.start(-7200, 1000)
    heard.meter(-5400, {"value": "3", "measurand": "Power.Active.Import", "unit": "kW"}, transactionId=old)
    heard.stop(old, -3600, 4000)
    assert old != live
    assert heard.value(Kind.POWER) == 7200
    heard.stop(live, 0, 5120)
    news = heard.news()
    assert [type(piece) for piece in news] == [VehiclePlugged, VehicleUnplugged]
    assert _left(news) == [120]


def test_a_lost_stop_is_told_late() -> None:
    """B starts before A's stop is heard: A goes with its own energy, and B stays."""
    heard = _Heard()
    first = heard.start(0, 100)
    second = heard.start(600, 2000)
    heard.stop(first, 500, 1900)
    assert _left(heard.news()) == [1800]
    assert heard.machine.state.transaction is not None
    assert heard.machine.state.transaction.id == str(second)


@pytest.mark.parametrize("number", [0, -1])
def test_meter_values_outside_of_transactions_begin_none(number: int) -> None:
    """Some stations name a transaction 0 or -1 where none runs."""
    heard = _Heard()
    heard.meter(0, REGISTER, transactionId=number)
    assert heard.machine.state.transaction is None
    assert heard.value(Kind.ENERGY_IMPORT) == 1250


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('[2,"x","Heartbeat",{"more":1}]', "FormationViolation"),
        ('[2,"x","MakeCoffee",{}]', "NotImplemented"),
        ('[2,"x","TransactionEvent",{}]', "NotImplemented"),
        ('[2,"x","StartTransaction",{}]', "ProtocolError"),
        ('[9,"x","Heartbeat",{}]', "GenericError"),
        ('[2,"x","MeterValues",{"connectorId":"one","meterValue":[]}]', "TypeConstraintViolation"),
    ],
)
def test_faults_have_the_codes_of_16(frame: str, code: str) -> None:
    """OCPP-J 1.6 spells one code its own way and lacks others; what has no id is not answered."""
    machine = _Heard().machine
    (answer,) = machine.receive(frame)
    assert json.loads(answer)[:3] == [4, "x", code]
    assert machine.receive("no json") == []
    assert machine.receive('[2,7,"Heartbeat",{}]') == []


class _Station:
    """A station in memory that boots, says frames, and answers as it is told; `asked` is what it was asked."""

    def __init__(self, *frames: tuple[str, dict[str, Any]], **answers: Any) -> None:
        self._to_say = [("BootNotification", BOOT), *frames]
        settings = {"configurationKey": [], "unknownKey": ["ChargingScheduleAllowedChargingRateUnit"]}
        known = {"GetConfiguration": settings, "ChangeConfiguration": {"status": "Rejected"}}
        self.answers = known | {"TriggerMessage": {"status": "NotImplemented"}} | answers
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._count = 0

    def subprotocol(self, device: str) -> str:
        """See `Speaking`."""
        return "ocpp1.6"

    async def exchange(self, device: str, frames: list[str]) -> list[str]:
        """See `FrameLink`."""
        back = []
        for kind, number, *rest in map(json.loads, frames):
            if kind != 2:
                continue
            self.asked.append((rest[0], rest[1]))
            answer = self.answers[rest[0]]
            answer = answer(rest[1]) if callable(answer) else answer
            back.append(json.dumps([4, number, answer, "", {}] if isinstance(answer, str) else [3, number, answer]))
        if self._to_say:
            self._count += 1
            action, payload = self._to_say.pop(0)
            back.append(json.dumps([2, f"s{self._count}", action, payload]))
        return back

    def profiles(self) -> list[dict[str, Any]]:
        """The charging profiles that it was given."""
        return [asked["csChargingProfiles"] for action, asked in self.asked if action == "SetChargingProfile"]


def _limited(station: _Station, power_w: int) -> StationPort:
    port = StationPort("cs", link=station)
    asyncio.run(port.open(NOW))
    asyncio.run(port.command(Setpoint(Mode.LIMIT, power_w), NOW + QUARTER, NOW))
    return port


def _only(unit: str) -> dict[str, Any]:
    return {"configurationKey": [{"key": "ChargingScheduleAllowedChargingRateUnit", "readonly": True, "value": unit}]}


START = ("StartTransaction", {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": _at(0)})


def test_a_limit_in_watts_without_a_transaction() -> None:
    """A TxDefaultProfile of the connector; the station has no composite schedule, and the limit counts as set."""
    station = _Station(SetChargingProfile=ACCEPTED, GetCompositeSchedule="NotSupported", ClearChargingProfile=ACCEPTED)
    port = _limited(station, 4000)
    (profile,) = station.profiles()
    assert profile == {
        "chargingProfileId": ids_at(1)[1],
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "validTo": "2026-05-20T12:15:00Z",
        "chargingSchedule": {
            "duration": 960,
            "startSchedule": "2026-05-20T11:59:00Z",
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 4000}],
        },
    }
    asyncio.run(port.release(NOW))
    assert station.asked[-2:] == [("ClearChargingProfile", {"id": number}) for number in ids_at(1)]


def test_a_limit_of_a_running_transaction_names_it() -> None:
    """A TxProfile with the number that the station was given."""
    station = _Station(START, SetChargingProfile=ACCEPTED, GetCompositeSchedule={"status": "Rejected"})
    port = _limited(station, 4000)
    (profile,) = station.profiles()
    running = port._machine.state.transaction
    assert running is not None
    assert (profile["chargingProfilePurpose"], profile["transactionId"]) == ("TxProfile", int(running.id))


@pytest.mark.parametrize(("power_w", "current_a"), [(11_040, 16), (4200, 6.0), (4139, 0), (0, 0), (5000, 7.2)])
def test_a_station_that_takes_amperes_only_is_limited_in_amperes(power_w: int, current_a: float) -> None:
    """Told by its setting: W / (3 x 230 V) rounded down to 0.1 A; less than 6 A is none, which no vehicle charges by."""
    station = _Station(
        GetConfiguration=_only("Current"), SetChargingProfile=ACCEPTED, GetCompositeSchedule="NotImplemented"
    )
    _limited(station, power_w)
    (profile,) = station.profiles()
    schedule = profile["chargingSchedule"]
    assert schedule["chargingRateUnit"] == "A"
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": current_a, "numberPhases": 3}]


def test_a_refused_limit_in_watts_is_tried_in_amperes() -> None:
    """1.6 gives no reason: a station that says nothing of its units and refuses watts gets amperes, also the next time."""

    def answer(asked: dict[str, Any]) -> dict[str, str]:
        watts = asked["csChargingProfiles"]["chargingSchedule"]["chargingRateUnit"] == "W"
        return {"status": "Rejected" if watts else "Accepted"}

    station = _Station(SetChargingProfile=answer, GetCompositeSchedule="NotSupported")
    port = _limited(station, 11_040)
    asyncio.run(port.command(Setpoint(Mode.LIMIT, 11_040), NOW + QUARTER, NOW))
    assert [p["chargingSchedule"]["chargingRateUnit"] for p in station.profiles()] == ["W", "A", "A"]
    with pytest.raises(DeviceFault, match="takes amperes only"):
        _limited(_Station(SetChargingProfile={"status": "Rejected"}, GetCompositeSchedule="NotSupported"), 4000)


@pytest.mark.parametrize(("current_a", "done"), [(16.0, True), (17.0, False)])
def test_a_composite_in_amperes_is_read_as_watts(current_a: float, done: bool) -> None:
    """16 A in three phases are the 11,040 W that were asked for; 17 A are more."""
    period = {"startPeriod": 0, "limit": current_a, "numberPhases": 3}
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]}
    composite = {"status": "Accepted", "connectorId": 1, "scheduleStart": _at(0), "chargingSchedule": schedule}
    station = _Station(SetChargingProfile=ACCEPTED, GetCompositeSchedule=composite)
    if done:
        _limited(station, 11_040)
    else:
        with pytest.raises(DeviceFault, match="reads back a limit"):
            _limited(station, 11_040)


def test_what_is_sampled_is_set_once() -> None:
    """Power and register, each minute; a station that refuses keeps its own, and is served all the same."""
    station = _Station()
    plate = asyncio.run(StationPort("cs", link=station).open(NOW))
    assert [asked["key"] for action, asked in station.asked if action == "ChangeConfiguration"] == [
        "MeterValuesSampledData",
        "MeterValueSampleInterval",
    ]
    assert (plate.manufacturer, plate.serial, plate.max_consumption_w) == ("Maker", "B1", 0)
    limit = Setpoint(Mode.LIMIT, 7200)
    assert element_kind(DeviceKind.STATION).safe(limit, plate) == limit, "no rating is told, so none cuts the limit"


def test_who_only_looks_sets_nothing() -> None:
    """`iles devices probe` asks a station what it is, and leaves its settings alone."""
    station = _Station()
    port = StationPort("cs", link=station, only_looks=True)
    plate = asyncio.run(port.open(NOW))
    assert (plate.manufacturer, port.speaks) == ("Maker", "OCPP 1.6")
    assert [action for action, _ in station.asked] == ["GetConfiguration"]
