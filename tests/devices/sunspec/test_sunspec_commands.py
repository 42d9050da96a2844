"""Setpoints: what reaches the unit, how long it lasts, and what is refused."""

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
from cim.model.readings import Kind
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.simulators.sunspec import device_models
from devices.simulators.sunspec.sunspec_device import DeviceRegisters, SunSpecDevice
from devices.sunspec.driver import sunspec_port

QUARTER = timedelta(minutes=15)


def _opened(device: Any, now: datetime) -> tuple[Any, Nameplate]:
    port = sunspec_port("dut", device.kind, DeviceRegisters(device.sunspec_device))
    return port, asyncio.run(port.open(now))


def _command(device: Any, now: datetime, mode: Mode, power_w: int, lasts: timedelta = QUARTER) -> Any:
    port, _ = _opened(device, now)
    asyncio.run(port.command(Setpoint(mode, power_w), now + lasts, now))
    return port


@pytest.mark.parametrize("device_model", ["pv_123", "generator_704"])
@given(limit=st.integers(0, 1_400_000), rated=st.integers(1, 1_340_000))
def test_a_limit_never_lets_more_through_than_asked(device_model: str, limit: int, rated: int) -> None:
    """Percent steps round toward less generation, by less than one step of 0.01 %."""
    from types import SimpleNamespace

    now = datetime.fromisoformat("2026-05-20T12:00:00+00:00")
    unit = SimpleNamespace(
        rated_w=float(rated), power_w=0.0, import_wh=0.0, export_wh=0.0, limit_w=None, available_w=0.0
    )
    sunspec_device = SunSpecDevice(getattr(device_models, device_model)(unit), now, serial="s")
    port = sunspec_port("pv", DeviceKind.PV, DeviceRegisters(sunspec_device))
    asyncio.run(port.open(now))
    asyncio.run(port.command(Setpoint(Mode.LIMIT, -limit), now + QUARTER, now))
    assert unit.limit_w is not None
    allowed = -unit.limit_w
    assert allowed <= limit + 1e-6
    assert allowed >= min(limit, rated) - rated * 1e-4 - 10.0  # 10 W: a rating above 65,534 W is told in tens


@pytest.mark.parametrize("device_model", ["battery_124", "battery_704"])
@pytest.mark.parametrize("power_w", [-10_000, -3_333, 0, 2_500, 10_000])
def test_a_battery_takes_either_sign(device_model: str, power_w: int, make: Callable[..., Any], now: datetime) -> None:
    """A target charges (+) or discharges (-) within a step, never by more than asked; 0 holds the battery."""
    device = make(device_model)
    _command(device, now, Mode.TARGET, power_w)
    assert abs(device.unit.target_w) <= abs(power_w)
    assert device.unit.target_w == pytest.approx(power_w, abs=1.0)


def test_a_chp_takes_a_target(make: Callable[..., Any], now: datetime) -> None:
    """A CHP's target is generation."""
    device = make("chp_704", rated_w=500_000.0)
    _command(device, now, Mode.TARGET, -321_987)
    assert device.unit.target_w == -321_987.0


@pytest.mark.parametrize(
    ("device_model", "mode", "power_w"),
    [
        ("pv_123", Mode.LIMIT, -2_000),
        ("pv_704", Mode.LIMIT, -2_000),
        ("wind_704", Mode.LIMIT, -2_000),
        ("battery_124", Mode.TARGET, 3_000),
        ("battery_704", Mode.TARGET, -3_000),
        ("chp_704", Mode.TARGET, -4_000),
    ],
)
def test_a_setpoint_dies_with_its_validity(
    device_model: str, mode: Mode, power_w: int, make: Callable[..., Any], now: datetime
) -> None:
    """If its controller is gone, the device itself drops the setpoint at valid_until, on simulated time."""
    device = make(device_model)
    setting = "limit_w" if mode is Mode.LIMIT else "target_w"
    _command(device, now, mode, power_w)
    assert device.sunspec_device.next_expiry == now + QUARTER
    device.sunspec_device.advance(now + QUARTER - timedelta(seconds=1))
    assert getattr(device.unit, setting) == pytest.approx(power_w, abs=1.0)
    device.sunspec_device.advance(now + QUARTER)
    assert getattr(device.unit, setting) is None
    assert device.sunspec_device.next_expiry is None


def test_a_second_command_starts_the_time_anew(make: Callable[..., Any], now: datetime) -> None:
    """The watchdog's re-write keeps a limit alive, and the newest value counts."""
    device = make("pv_123")
    port = _command(device, now, Mode.LIMIT, -2_000)
    later = now + timedelta(minutes=10)
    device.sunspec_device.advance(later)
    asyncio.run(port.command(Setpoint(Mode.LIMIT, -1_000), later + QUARTER, later))
    device.sunspec_device.advance(now + QUARTER)
    assert device.unit.limit_w == pytest.approx(-1_000)
    assert device.sunspec_device.next_expiry == later + QUARTER


def test_without_a_reversion_time_a_limit_stays(make: Callable[..., Any], now: datetime) -> None:
    """RvrtTms = 0 never reverts, as SunSpec says; so the driver never writes it."""
    device = make("pv_123")
    base = device.sunspec_device._image.base + device.sunspec_device._image._at[123]
    device.sunspec_device.write(base + 5, [5000])
    device.sunspec_device.write(base + 9, [1])
    assert device.sunspec_device.next_expiry is None
    device.sunspec_device.advance(now + timedelta(days=365))
    assert device.unit.limit_w == -5_000.0


def test_release_drops_the_setpoint(device: Any, now: datetime) -> None:
    """After release a device that takes setpoints runs by its own rule."""
    if device.kind is DeviceKind.METER:
        return
    port = _command(device, now, Mode.LIMIT if device.kind in (DeviceKind.PV, DeviceKind.WIND) else Mode.TARGET, -1_000)
    asyncio.run(port.release(now))
    assert device.unit.limit_w is None
    assert device.unit.target_w is None
    assert device.sunspec_device.next_expiry is None


def test_value_and_expiry_come_before_the_enable(device: Any, now: datetime) -> None:
    """A link that breaks half-way never leaves a setpoint enabled that cannot expire."""
    if device.kind is DeviceKind.METER:
        return
    port, _ = _opened(device, now)
    write, seen = device.sunspec_device.write, list[datetime | None]()

    def broken(address: int, values: list[int]) -> None:
        write(address, values)
        seen.append(device.sunspec_device.next_expiry)
        device.sunspec_device.silent = len(seen) == allowed

    mode = Mode.LIMIT if device.kind in (DeviceKind.PV, DeviceKind.WIND) else Mode.TARGET
    device.sunspec_device.write = broken
    for allowed in (1, 2):  # noqa: B007 - `broken` reads it
        seen.clear()
        with pytest.raises(DeviceUnreachable, match="dut: direct"):
            asyncio.run(port.command(Setpoint(mode, -1_000), now + QUARTER, now))
        device.sunspec_device.silent = False
        assert (device.unit.limit_w, device.unit.target_w) == (None, None)


def test_a_device_that_does_not_keep_what_was_written_is_a_fault(make: Callable[..., Any], now: datetime) -> None:
    """The driver reads back: a device that confirms a write and forgets it is found out."""
    device = make("pv_123")
    port, _ = _opened(device, now)
    device.sunspec_device.write = lambda address, values: None
    with pytest.raises(DeviceFault, match=r"dut: 123\.WMaxLimPct reads back as 10000 after writing 2000; expected"):
        asyncio.run(port.command(Setpoint(Mode.LIMIT, -2_000), now + QUARTER, now))


@pytest.mark.parametrize(
    "case",
    [
        ("pv_123", Mode.TARGET, -1, "mode target for kind pv; expected limit"),
        ("pv_704", Mode.LIMIT, 1, "power_w 1 for kind pv; expected 0 or less"),
        ("wind_704", Mode.TARGET, -1, "mode target for kind wind; expected limit"),
        ("battery_124", Mode.LIMIT, 1, "expected target"),
        ("chp_704", Mode.TARGET, 1, "expected 0 or less"),
    ],
)
def test_setpoints_that_make_no_sense_are_our_fault(
    case: tuple[str, Mode, int, str], make: Callable[..., Any], now: datetime
) -> None:
    """A wrong mode or sign for a kind is a rule of ours that broke, named in one sentence."""
    device_model, mode, power_w, sentence = case
    with pytest.raises(ProgrammingFault, match=sentence):
        _command(make(device_model), now, mode, power_w)


def test_an_expired_setpoint_is_refused(make: Callable[..., Any], now: datetime) -> None:
    """valid_until must lie ahead; otherwise RvrtTms would be 0, which never reverts."""
    with pytest.raises(ProgrammingFault, match="valid_until"):
        _command(make("pv_123"), now, Mode.LIMIT, -1, timedelta(0))


@pytest.mark.parametrize(
    "case",
    [
        ("battery_124", Mode.TARGET, 10_001, QUARTER, r"100.01 % of 124.WChaMax"),
        ("battery_704", Mode.TARGET, 10_001, QUARTER, r"refused with exception 3 \(illegal data value\)"),
        ("chp_704", Mode.TARGET, -10_001, QUARTER, "refused with exception 3"),
        ("pv_123", Mode.LIMIT, -1, timedelta(days=1), "WMaxLimPct_RvrtTms: 86400 does not fit uint16"),
    ],
)
def test_what_the_device_cannot_do_is_a_fault(
    case: tuple[str, Mode, int, timedelta, str], make: Callable[..., Any], now: datetime
) -> None:
    """Beyond the rating or beyond the longest reversion time: refused with the reason, nothing takes effect."""
    device_model, mode, power_w, lasts, sentence = case
    device = make(device_model)
    with pytest.raises(DeviceFault, match=sentence):
        _command(device, now, mode, power_w, lasts)
    assert (device.unit.limit_w, device.unit.target_w) == (None, None)


def test_a_revert_time_that_is_not_implemented_means_no_limiting(make: Callable[..., Any], now: datetime) -> None:
    """A device that cannot expire a limit says so on its nameplate and is not commanded."""
    device = make("pv_123")
    image = device.sunspec_device._image
    image.registers[image._at[123] + 7] = 0xFFFF
    port, plate = _opened(device, now)
    assert not plate.reverts_by_itself
    with pytest.raises(DeviceFault, match=r"123\.WMaxLimPct_RvrtTms is not implemented"):
        asyncio.run(port.command(Setpoint(Mode.LIMIT, -1), now + QUARTER, now))


def test_real_physics_fits_behind_a_face(now: datetime) -> None:
    """environment.physics has the attributes that a sunspec_device asks for, with the same signs."""
    from environment.physics.battery import Battery

    battery = Battery("b", now.timestamp(), rated_w=5_000.0, capacity_wh=10_000.0, efficiency=0.95, stored_wh=5_000.0)
    sunspec_device = SunSpecDevice(device_models.battery_124(battery), now, serial="s")
    port = sunspec_port("b", DeviceKind.BATTERY, DeviceRegisters(sunspec_device))
    asyncio.run(port.open(now))
    asyncio.run(port.command(Setpoint(Mode.TARGET, -2_000), now + QUARTER, now))
    readings = {reading.kind: reading.value for reading in asyncio.run(port.measure(now))}
    assert battery.power_w == readings[Kind.POWER] == -2_000.0


def test_a_limit_on_real_physics_curtails(now: datetime) -> None:
    """A PvArray behind a sunspec_device gives what the limit allows: the limit's sign means the same on both sides."""
    import numpy as np

    from environment.physics.pv import PvArray
    from environment.physics.unit import Series

    array = PvArray("p", now.timestamp(), available=Series(np.array([0.8]), now.timestamp()), rated_w=5_000.0)
    port = sunspec_port(
        "p", DeviceKind.PV, DeviceRegisters(SunSpecDevice(device_models.pv_123(array), now, serial="s"))
    )
    asyncio.run(port.open(now))
    assert array.power_w == -4_000.0
    asyncio.run(port.command(Setpoint(Mode.LIMIT, -1_500), now + QUARTER, now))
    assert array.power_w == -1_500.0
