"""Devices without a protocol: energies exact, setpoints that end, batteries within their bounds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.devices import DeviceKind, Mode, Nameplate, Setpoint
from cim.model.readings import Kind
from devices.port.errors import DeviceUnreachable
from experiments.faults.world.devices import PlainBattery, PlainProfile
from experiments.faults.world.world import PlainMeter, PlainWeather, PlainWorld

START = datetime(2016, 6, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)


def plate(kind: DeviceKind, name: str, power_w: int = 10_000, capacity_wh: int = 0) -> Nameplate:
    """What a device says of itself."""
    return Nameplate(kind, "ILES", "plain", name, power_w, power_w, capacity_wh)


def home(
    profile_w: list[float], stored_wh: float = 5_000.0
) -> tuple[PlainWorld, PlainProfile, PlainBattery, PlainMeter]:
    """PV and a battery behind a meter."""
    pv = PlainProfile(plate(DeviceKind.PV, "pv"), profile_w)
    battery = PlainBattery(plate(DeviceKind.BATTERY, "battery", 4_000, 10_000), 0.9, stored_wh)
    meter = PlainMeter(plate(DeviceKind.METER, "meter"), [pv, battery])
    return PlainWorld(START, HOUR, HOUR, 48, [meter]), pv, battery, meter


def test_a_limit_is_obeyed_until_it_expires_and_no_longer() -> None:
    """A PV plant held to a limit gives no more, and all it can from the instant of expiry on."""
    world, pv, _, _ = home([-8_000.0])
    asyncio.run(pv.command(Setpoint(Mode.LIMIT, -3_000), START + HOUR / 2, START))
    asyncio.run(world.advance(START + HOUR))
    assert pv.energy_wh[0] == pytest.approx(-1_500 - 4_000)
    (held,) = pv.held
    assert (held.begin, held.end, held.valid_until) == (START, START + HOUR / 2, START + HOUR / 2)


def test_a_battery_stops_at_full_and_at_empty_to_the_second() -> None:
    """It takes what fits and gives what is there, in the middle of an interval."""
    world, _, battery, _ = home([0.0])
    asyncio.run(battery.command(Setpoint(Mode.TARGET, 9_000), START + 9 * HOUR, START))
    asyncio.run(world.advance(START + 6 * HOUR))
    assert battery.stored_wh == pytest.approx(10_000)
    assert battery.imported_wh == pytest.approx(5_000 / 0.9)
    asyncio.run(battery.command(Setpoint(Mode.TARGET, -4_000), START + 16 * HOUR, START + 6 * HOUR))
    asyncio.run(world.advance(START + 12 * HOUR))
    assert battery.stored_wh == pytest.approx(0, abs=1e-3)
    assert battery.exported_wh == pytest.approx(9_000)


@given(
    steps=st.lists(st.integers(1, 200), min_size=1, max_size=12),
    targets=st.lists(st.integers(-6_000, 6_000), min_size=12, max_size=12),
    sun=st.lists(st.integers(-9_000, 0), min_size=1, max_size=5),
)
def test_energy_is_conserved_however_the_world_is_advanced(
    steps: list[int], targets: list[int], sun: list[int]
) -> None:
    """Meter = sum of devices in every ISP, and a battery holds what it took less its losses, for any steps and setpoints."""
    world, pv, battery, meter = home([float(value) for value in sun])
    now = START
    for minutes, target in zip(steps, targets, strict=False):
        asyncio.run(battery.command(Setpoint(Mode.TARGET, target), now + HOUR, now))
        now += timedelta(minutes=minutes)
        asyncio.run(world.advance(now))
    for isp in range(48):
        assert meter.energy_wh[isp] == pytest.approx(pv.energy_wh[isp] + battery.energy_wh[isp], abs=1e-6)
    held = 5_000 + battery.imported_wh * 0.9 - battery.exported_wh / 0.9
    assert battery.stored_wh == pytest.approx(held, abs=1e-3)
    assert 0 <= battery.stored_wh <= 10_000


def test_a_reading_is_the_mean_since_the_last_and_twice_the_same() -> None:
    """Read seldom, a device's power times the interval is still its energy; reading again at one instant changes nothing."""
    world, pv, _, _ = home([-1_000.0, -3_000.0])
    asyncio.run(pv.measure(START))
    asyncio.run(world.advance(START + 2 * HOUR))
    for _ in range(2):
        power = next(r.value for r in asyncio.run(pv.measure(START + 2 * HOUR)) if r.kind is Kind.POWER)
        assert power == pytest.approx(-2_000)


def test_a_lost_device_says_so_in_one_sentence() -> None:
    """What is lost answers nothing, and the error names it."""
    _, pv, _, _ = home([-1_000.0])
    pv.lost = True
    with pytest.raises(DeviceUnreachable, match=r"^pv: no answer; expected a pv$"):
        asyncio.run(pv.measure(START))


def test_the_weather_service_tells_its_newest_forecast_once() -> None:
    """Each question is answered with the issue of its day."""
    service = PlainWeather("weather", START, 3600, [[0.1], [0.2]], 24 * HOUR)
    asyncio.run(service.sync(START + HOUR))
    (news,) = service.drain()
    assert (news.issued, news.pv_per_unit) == (START + HOUR, (0.1,))  # type: ignore[attr-defined]
    assert service.drain() == ()
    asyncio.run(service.sync(START + 30 * HOUR))
    assert service.drain()[0].pv_per_unit == (0.2,)  # type: ignore[attr-defined]
