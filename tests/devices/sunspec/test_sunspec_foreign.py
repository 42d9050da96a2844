"""A setpoint of somebody else that a device is found with: remembered, never loosened, put back when ILES leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from cim.model.devices import Mode, Setpoint
from devices.simulators.sunspec.sunspec_device import DeviceRegisters
from devices.sunspec import control
from devices.sunspec.driver import SunSpecPlant, sunspec_port
from devices.sunspec.duties import Steering
from devices.sunspec.foreign import ForeignSetpoint
from devices.sunspec.image import DeviceImage
from devices.sunspec.scan import scan

QUARTER = timedelta(minutes=15)
CASES = {
    "pv_123": (Steering.LIMIT_123, (("WMaxLimPct", 70.0), ("WMaxLimPct_RvrtTms", 0)), 1, Mode.LIMIT, -7000.0),
    "pv_704": (Steering.LIMIT_704, (("WMaxLimPct", 70.0), ("WMaxLimPctRvrtTms", 0)), 1, Mode.LIMIT, -7000.0),
    "battery_124": (
        Steering.STORAGE_124,
        (("OutWRte", -20.0), ("InWRte", 20.0), ("InOutWRte_RvrtTms", 0)),
        3,
        Mode.TARGET,
        2000.0,
    ),
    "battery_704": (Steering.SET_704, (("WSetMod", 1), ("WSet", -2000), ("WSetRvrtTms", 0)), 1, Mode.TARGET, 2000.0),
}


def found_with(name: str, make: Callable[..., Any], now: datetime) -> tuple[SunSpecPlant, Any, Callable[[], Any]]:
    """A driver of a device that somebody has set, the device, and what its unit is held to."""
    steering, values, enabled, mode, _ = CASES[name]
    device = make(name, rated_w=10_000.0)
    registers = DeviceRegisters(device.sunspec_device)

    async def prepared() -> SunSpecPlant:
        image = DeviceImage(registers, await scan(registers))
        await control.release(image, steering, ForeignSetpoint(values, enabled))
        port = sunspec_port("dut", device.kind, registers)
        assert isinstance(port, SunSpecPlant)
        await port.open(now)
        return port

    setting = "limit_w" if mode is Mode.LIMIT else "target_w"
    return asyncio.run(prepared()), device, lambda: getattr(device.unit, setting)


@pytest.mark.parametrize("leave", ["release", "close"])
@pytest.mark.parametrize("name", CASES)
def test_what_stood_before_stands_again_when_iles_leaves(
    name: str, leave: str, make: Callable[..., Any], now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    """By every control model, whether it lets go or is closed; and for good, as it stood before."""
    mode, stood = CASES[name][3:]
    with caplog.at_level(logging.WARNING, logger="iles.devices.sunspec"):
        port, device, held = found_with(name, make, now)
    assert "found with a setpoint of somebody else" in caplog.text
    assert held() == pytest.approx(stood, abs=1.0)
    asyncio.run(port.command(Setpoint(mode, -1000), now + QUARTER, now))
    assert held() == pytest.approx(-1000.0, abs=1.0)
    asyncio.run(port.release(now) if leave == "release" else port.close())
    assert held() == pytest.approx(stood, abs=1.0)
    assert device.sunspec_device.next_expiry is None
    device.sunspec_device.advance(now + 10 * QUARTER)
    assert held() == pytest.approx(stood, abs=1.0)


@pytest.mark.parametrize("name", ["pv_123", "pv_704"])
def test_a_limit_of_ours_never_loosens_that_of_somebody_else(
    name: str, make: Callable[..., Any], now: datetime
) -> None:
    """9 kW are wanted where 7 kW are allowed: 7 kW."""
    port, _, held = found_with(name, make, now)
    asyncio.run(port.command(Setpoint(Mode.LIMIT, -9000), now + QUARTER, now))
    assert held() == pytest.approx(-7000.0, abs=1.0)


@pytest.mark.parametrize("name", ["pv_123", "pv_704"])
def test_a_limit_that_somebody_sets_between_two_of_ours_is_not_loosened(
    name: str, make: Callable[..., Any], now: datetime
) -> None:
    """Found free; once a limit of ours is over somebody allows 70 %: 9 kW are 7 kW then, and 7 kW stay when ILES leaves."""
    steering, values, enabled, _, stood = CASES[name]
    device = make(name, rated_w=10_000.0)
    registers = DeviceRegisters(device.sunspec_device)
    later = now + 2 * QUARTER

    async def limited() -> float:
        port = sunspec_port("dut", device.kind, registers)
        assert isinstance(port, SunSpecPlant)
        await port.open(now)
        await port.command(Setpoint(Mode.LIMIT, -9000), now + QUARTER, now)
        device.sunspec_device.advance(later)
        await control.release(DeviceImage(registers, await scan(registers)), steering, ForeignSetpoint(values, enabled))
        await port.command(Setpoint(Mode.LIMIT, -9000), later + QUARTER, later)
        ours: float = device.unit.limit_w
        await port.close()
        return ours

    assert asyncio.run(limited()) == pytest.approx(stood, abs=1.0)
    assert device.unit.limit_w == pytest.approx(stood, abs=1.0)


@pytest.mark.parametrize("name", CASES)
def test_once_ours_is_over_it_is_put_back(name: str, make: Callable[..., Any], now: datetime) -> None:
    """The device drops ours by itself and runs free; the next reading puts back what stood before."""
    mode, stood = CASES[name][3:]
    port, device, held = found_with(name, make, now)
    asyncio.run(port.command(Setpoint(mode, -1000), now + QUARTER, now))
    device.sunspec_device.advance(now + QUARTER)
    assert held() is None
    asyncio.run(port.measure(now + QUARTER))
    assert held() == pytest.approx(stood, abs=1.0)


@pytest.mark.parametrize("name", CASES)
def test_a_setpoint_that_expires_is_nobody_elses(name: str, make: Callable[..., Any], now: datetime) -> None:
    """It may be our own, of a driver before this one: release clears it, and close leaves it to end by itself."""
    mode = CASES[name][3]
    device = make(name, rated_w=10_000.0)
    registers = DeviceRegisters(device.sunspec_device)

    async def story() -> tuple[Any, Any]:
        first = sunspec_port("dut", device.kind, registers)
        assert isinstance(first, SunSpecPlant)
        await first.open(now)
        await first.command(Setpoint(mode, -1000), now + QUARTER, now)
        await first.close()
        stands = device.sunspec_device.next_expiry
        second = sunspec_port("dut", device.kind, registers)
        assert isinstance(second, SunSpecPlant)
        await second.open(now)
        await second.release(now)
        return stands, device.sunspec_device.next_expiry

    assert asyncio.run(story()) == (now + QUARTER, None)


def test_a_device_that_is_gone_when_iles_leaves_is_told_in_the_log(
    make: Callable[..., Any], now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    """Closing goes on: the other devices must not wait for it."""
    port, device, _ = found_with("pv_123", make, now)
    asyncio.run(port.command(Setpoint(Mode.LIMIT, -1000), now + QUARTER, now))
    device.sunspec_device.silent = True
    with caplog.at_level(logging.WARNING, logger="iles.devices.sunspec"):
        asyncio.run(port.close())
    assert "what it was found with could not be put back" in caplog.text
