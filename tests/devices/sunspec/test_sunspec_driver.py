"""The driver on simulated devices, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.devices import DeviceKind, Mode, Nameplate, Setpoint
from cim.model.errors import ProgrammingFault
from cim.model.readings import Kind, Quality
from devices.port.capabilities import capabilities, limits_of
from devices.port.errors import CapabilityMissing, DeviceFault, DeviceUnreachable
from devices.port.port import Port
from devices.simulators.sunspec import device_models
from devices.simulators.sunspec.sunspec_device import DeviceRegisters, SunSpecDevice
from devices.sunspec.driver import sunspec_port

QUARTER = timedelta(minutes=15)


def _opened(device: Any, now: datetime) -> tuple[Any, Nameplate]:
    port = sunspec_port("dut", device.kind, DeviceRegisters(device.sunspec_device))
    return port, asyncio.run(port.open(now))


def _values(device: Any, now: datetime) -> dict[Kind, float]:
    port, _ = _opened(device, now)
    readings = asyncio.run(port.measure(now))
    assert all(
        reading.quality is Quality.GOOD and reading.source == "dut" and reading.at == now for reading in readings
    )
    return {reading.kind: reading.value for reading in readings}


def test_a_driver_has_the_capabilities_of_its_kind(device: Any) -> None:
    """A meter only measures, a plant takes setpoints too, a battery stores; SunSpec devices tell nothing unasked."""
    port: Port = sunspec_port("dut", device.kind, DeviceRegisters(device.sunspec_device))
    expected = {DeviceKind.METER: ("Measures",), DeviceKind.BATTERY: ("Measures", "Limits", "Stores")}
    assert capabilities(port) == expected.get(device.kind, ("Measures", "Limits"))


def test_asking_a_meter_for_a_limit_is_one_clear_fault_and_sends_nothing(make: Callable[..., Any]) -> None:
    """What takes no setpoint is not asked to: the fault names the device, what was expected and what it has."""
    device = make("meter_203")
    device.sunspec_device.silent = True  # it is not even spoken to
    with pytest.raises(CapabilityMissing, match=r"^m: the device takes no setpoint; expected Limits, .* has Measures$"):
        limits_of(sunspec_port("m", DeviceKind.METER, DeviceRegisters(device.sunspec_device)))


def test_closing_twice_is_harmless(device: Any) -> None:
    """A driver may be closed at any time, and again."""
    port = sunspec_port("dut", device.kind, DeviceRegisters(device.sunspec_device))
    asyncio.run(port.close())
    asyncio.run(port.close())


@pytest.mark.parametrize("device_model", ["pv_123", "pv_704", "wind_704"])
def test_a_plant_says_what_it_could_give(make: Callable[..., Any], now: datetime, device_model: str) -> None:
    """Model 122's available power is read beside the power, negative like all generation, limited or not."""
    values = _values(make(device_model, power_w=-1_000.0, available_w=-6_543.2), now)
    assert (values[Kind.POWER], values[Kind.AVAILABLE_POWER]) == (-1_000.0, -6_543.2)


def test_a_store_keeps_what_it_held_when_it_was_last_read(make: Callable[..., Any], now: datetime) -> None:
    """Stored energy is known after the first measurement, grows stale while the battery is silent, and keeps its value."""
    device = make("battery_704")
    port = sunspec_port("bat", DeviceKind.BATTERY, DeviceRegisters(device.sunspec_device))
    assert (port.capacity_wh(), port.stored_wh()) == (0, None)
    asyncio.run(port.open(now))
    asyncio.run(port.measure(now))
    device.sunspec_device.silent = True
    later = now + timedelta(hours=1)
    with pytest.raises(DeviceUnreachable):
        asyncio.run(port.measure(later))
    stored = port.stored_wh()
    assert (port.capacity_wh(), stored.value, stored.at) == (20_000, 5_000.0, now)
    assert (stored.quality(now), stored.quality(later)) == (Quality.GOOD, Quality.STALE)


def test_nameplates(device: Any, now: datetime) -> None:
    """Each device_model tells who it is and what it is rated for, as magnitudes."""
    _, plate = _opened(device, now)
    assert (plate.manufacturer, plate.model, plate.kind) == ("ILES", "simulator", device.kind)
    assert plate.serial.startswith("sn-")
    assert plate.reverts_by_itself
    assert plate.max_generation_w == (0 if device.kind is DeviceKind.METER else 10_000)
    assert plate.max_consumption_w == (10_000 if device.kind is DeviceKind.BATTERY else 0)
    assert plate.capacity_wh == (20_000 if device.kind is DeviceKind.BATTERY else 0)


@pytest.mark.parametrize(
    "device_model", ["pv_123", "pv_704", "wind_704", "chp_704", "battery_124", "battery_704", "meter_203"]
)
def test_generation_is_negative_and_consumption_positive(
    device_model: str, make: Callable[..., Any], now: datetime
) -> None:
    """Whatever sign the model uses on the wire, POWER follows the one sign rule."""
    assert _values(make(device_model, power_w=-1234.5), now)[Kind.POWER] == pytest.approx(-1234.5, abs=0.05)
    assert _values(make(device_model, power_w=777.0), now)[Kind.POWER] == 777.0


def test_counters_and_store(make: Callable[..., Any], now: datetime) -> None:
    """Energy counters come to 0.1 Wh without running ahead; a store's state as share and as energy."""
    values = _values(make("battery_704", import_wh=77.77, export_wh=12_345.67), now)
    assert (values[Kind.ENERGY_IMPORT], values[Kind.ENERGY_EXPORT]) == (77.7, 12_345.6)
    assert (values[Kind.STATE_OF_CHARGE], values[Kind.STORED_ENERGY]) == (25.0, 5_000.0)
    home = _values(make("battery_124"), now)
    assert (home[Kind.STATE_OF_CHARGE], home[Kind.STORED_ENERGY]) == (25.0, 5_000.0)
    meter = _values(make("meter_203", import_wh=0.0), now)
    assert (meter[Kind.ENERGY_IMPORT], meter[Kind.ENERGY_EXPORT]) == (0.0, 12_345.6)
    assert meter[Kind.VOLTAGE] == 231.4


@given(st.floats(0, 4.2e9), st.floats(0, 4.2e9))
def test_energy_is_told_to_a_watt_hour_for_years_of_a_megawatt(taken: float, given_: float) -> None:
    """Up to 4,200 MWh both counters of an acc32 meter are within 1 Wh of the truth, and never above it."""
    from types import SimpleNamespace

    now = datetime.fromisoformat("2026-05-20T12:00:00+00:00")
    unit = SimpleNamespace(reactive_var=0.0, power_w=1e6, import_wh=taken, export_wh=given_)
    sunspec_device = SunSpecDevice(device_models.meter_203(unit), now, serial="s")
    port = sunspec_port("m", DeviceKind.METER, DeviceRegisters(sunspec_device))
    asyncio.run(port.open(now))
    values = {reading.kind: reading.value for reading in asyncio.run(port.measure(now))}
    assert 0 <= taken - values[Kind.ENERGY_IMPORT] + 1e-5 < 1.01
    assert 0 <= given_ - values[Kind.ENERGY_EXPORT] + 1e-5 < 1.01
    assert Kind.VOLTAGE not in values


def test_a_blind_point_is_invalid(make: Callable[..., Any], now: datetime) -> None:
    """A "not implemented" power is an INVALID reading, not a zero that someone could act on."""
    device = make("pv_123")
    image = device.sunspec_device._image
    image.registers[image._at[103] + 14] = 0x8000
    port, _ = _opened(device, now)
    readings = {reading.kind: reading for reading in asyncio.run(port.measure(now))}
    assert readings[Kind.POWER].quality is Quality.INVALID
    assert readings[Kind.ENERGY_EXPORT].quality is Quality.GOOD


def test_a_measurement_costs_few_requests(device: Any, now: datetime) -> None:
    """One request for each stretch of at most 125 registers: at most two for any kind."""
    port, _ = _opened(device, now)
    asked: list[int] = []
    read = device.sunspec_device.read
    device.sunspec_device.read = lambda address, count: asked.append(count) or read(address, count)
    asyncio.run(port.measure(now))
    assert 1 <= len(asked) <= 2
    assert max(asked) <= 125


def test_a_device_without_the_models_of_its_duty_is_refused(make: Callable[..., Any], now: datetime) -> None:
    """Opening a PV inverter as a battery names what it has and what a battery needs."""
    port = sunspec_port("bat", DeviceKind.BATTERY, DeviceRegisters(make("pv_123").sunspec_device))
    with pytest.raises(DeviceFault, match=r"bat: the device has SunSpec models 1, 103, 120, 121, 122, 123; expected"):
        asyncio.run(port.open(now))


def test_a_silent_device_is_unreachable(device: Any, now: datetime) -> None:
    """A lost device raises DeviceUnreachable and comes back without being opened again."""
    port, _ = _opened(device, now)
    device.sunspec_device.silent = True
    with pytest.raises(DeviceUnreachable, match="dut"):
        asyncio.run(port.measure(now))
    device.sunspec_device.silent = False
    assert asyncio.run(port.measure(now))


def test_a_device_that_slept_when_it_was_opened_is_there_once_it_wakes(make: Callable[..., Any], now: datetime) -> None:
    """An inverter that is off at night is unreachable, not the end of its agent, and is scanned when it answers."""
    device = make("pv_123")
    device.sunspec_device.silent = True
    port = sunspec_port("x", DeviceKind.PV, DeviceRegisters(device.sunspec_device))
    later = now + timedelta(hours=1)
    for call in (
        port.open(now),
        port.measure(now),
        port.command(Setpoint(Mode.LIMIT, 0), later, now),
        port.release(now),
    ):
        with pytest.raises(DeviceUnreachable, match="x"):
            asyncio.run(call)
    device.sunspec_device.silent = False
    assert asyncio.run(port.measure(now))[0].quality is Quality.GOOD
    asyncio.run(port.command(Setpoint(Mode.LIMIT, 0), later, now))


def test_only_some_kinds_speak_sunspec(make: Callable[..., Any]) -> None:
    """A port for another kind is a fault of the program."""
    with pytest.raises(ProgrammingFault, match="does not speak SunSpec"):
        sunspec_port("x", DeviceKind.STATION, DeviceRegisters(make("pv_123").sunspec_device))
