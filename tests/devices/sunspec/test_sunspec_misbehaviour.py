"""Simulated devices that misbehave on command, and what our driver makes of each way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from cim.model.devices import DeviceKind, Mode, Setpoint
from cim.model.errors import BadInput
from cim.model.readings import Kind
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.simulators.sunspec.misbehaviour import JUMP, WORDS, Misbehaviour, Way
from devices.simulators.sunspec.server import ModbusTcpServer
from devices.simulators.sunspec.sunspec_device import DeviceRegisters
from devices.sunspec.driver import SunSpecPlant, sunspec_port
from devices.sunspec.registers import TcpRegisters
from devices.sunspec.scan import scan

QUARTER = timedelta(minutes=15)


def told(port: Any, now: datetime) -> dict[Kind, float]:
    """What a device shows, by kind."""
    return {reading.kind: reading.value for reading in asyncio.run(port.measure(now))}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("busy", r"refused with exception 6 \(device busy\)"),
        ("short", r"answered with \d+; expected \d+"),
        ("swapped-bytes", "no SunSpec device: expected 'SunS'"),
    ],
)
def test_what_no_client_can_use_is_one_sentence(
    words: str, sentence: str, make: Callable[..., Any], now: datetime
) -> None:
    """Busy for good, answers too short, bytes the wrong way round: a fault by these words, and nothing is believed."""
    device = make("meter_203")
    device.sunspec_device.misbehave(Misbehaviour.of(words))
    port = sunspec_port("m", DeviceKind.METER, DeviceRegisters(device.sunspec_device))
    with pytest.raises(DeviceFault, match=sentence):
        asyncio.run(port.open(now))
    device.sunspec_device.misbehave(Misbehaviour())
    asyncio.run(port.open(now))
    assert told(port, now)[Kind.POWER] == pytest.approx(device.unit.power_w, abs=0.5)


@pytest.mark.parametrize("words", ["most-read=50", "single-writes", "other-end", "most-read=8,single-writes,other-end"])
def test_what_is_only_odd_is_got_along_with(words: str, make: Callable[..., Any], now: datetime) -> None:
    """Small reads, function 06 alone, the other end marker: read, and limited, as a sound device is."""
    device = make("pv_123")
    device.sunspec_device.misbehave(Misbehaviour.of(words))
    port = sunspec_port("pv", DeviceKind.PV, DeviceRegisters(device.sunspec_device))
    assert isinstance(port, SunSpecPlant)
    asyncio.run(port.open(now))
    asyncio.run(port.command(Setpoint(Mode.LIMIT, -1_234), now + QUARTER, now))
    assert device.unit.limit_w == pytest.approx(-1_234, abs=1)
    assert told(port, now)[Kind.ENERGY_EXPORT] == pytest.approx(device.unit.export_wh, abs=0.1)


def test_a_setpoint_that_is_passed_over_is_a_fault(make: Callable[..., Any], now: datetime) -> None:
    """Confirmed and not kept: the read-back says it, and nothing is enabled."""
    device = make("pv_123")
    port = sunspec_port("pv", DeviceKind.PV, DeviceRegisters(device.sunspec_device))
    asyncio.run(port.open(now))
    device.sunspec_device.misbehave(Misbehaviour.of("passes-over"))
    with pytest.raises(DeviceFault, match="reads back as"):
        asyncio.run(port.command(Setpoint(Mode.LIMIT, -1_234), now + QUARTER, now))
    assert (device.unit.limit_w, device.sunspec_device.next_expiry) == (None, None)


def test_a_setpoint_that_is_shown_and_not_obeyed_is_seen_in_the_power_alone(
    make: Callable[..., Any], now: datetime
) -> None:
    """Heedless: registers read back, the driver has no fault to tell, and the measured power does not follow."""
    device = make("pv_123", power_w=-5_000.0)
    port = sunspec_port("pv", DeviceKind.PV, DeviceRegisters(device.sunspec_device))
    asyncio.run(port.open(now))
    device.sunspec_device.misbehave(Misbehaviour.of("heedless"))
    asyncio.run(port.command(Setpoint(Mode.LIMIT, -1_000), now + QUARTER, now))
    assert device.unit.limit_w is None
    assert told(port, now)[Kind.POWER] == -5_000.0


def test_stale_values_stay_while_the_unit_goes_on(make: Callable[..., Any], now: datetime) -> None:
    """It shows for good what it showed; sound again, it shows what is."""
    device = make("meter_203", power_w=1_000.0)
    port = sunspec_port("m", DeviceKind.METER, DeviceRegisters(device.sunspec_device))
    asyncio.run(port.open(now))
    device.sunspec_device.misbehave(Misbehaviour.of("stale"))
    device.unit.power_w = 9_000.0
    device.sunspec_device.advance(now + QUARTER)
    assert told(port, now + QUARTER)[Kind.POWER] == 1_000.0
    device.sunspec_device.misbehave(Misbehaviour())
    assert told(port, now + QUARTER)[Kind.POWER] == 9_000.0


def test_counters_stand_at_zero_jump_or_wrap(make: Callable[..., Any], now: datetime) -> None:
    """All counters of a device, each going on from where the way puts it; its power is as it was."""
    device = make("meter_203", export_wh=500.0, import_wh=1_000.0)
    port = sunspec_port("m", DeviceKind.METER, DeviceRegisters(device.sunspec_device))
    asyncio.run(port.open(now))
    sound, step_wh = told(port, now), 0.1
    shown = {}
    for way in (Way.ZERO_COUNTERS, Way.JUMPING_COUNTERS, Way.WRAPPING_COUNTERS):
        device.sunspec_device.misbehave(Misbehaviour.of(way))
        shown[way] = told(port, now)
        assert shown[way][Kind.POWER] == sound[Kind.POWER]
    assert shown[Way.ZERO_COUNTERS][Kind.ENERGY_IMPORT] == 0
    assert shown[Way.JUMPING_COUNTERS][Kind.ENERGY_IMPORT] == pytest.approx(1_000 + JUMP * step_wh)
    assert shown[Way.WRAPPING_COUNTERS][Kind.ENERGY_EXPORT] == pytest.approx((2**32 - 1) * step_wh)
    device.unit.export_wh += 100.0
    device.sunspec_device.advance(now + QUARTER)
    assert told(port, now + QUARTER)[Kind.ENERGY_EXPORT] == pytest.approx(100 - step_wh)


def test_words_swapped_leave_what_fits_one_register(make: Callable[..., Any], now: datetime) -> None:
    """Power (one register) is right, counters (two) are not: they read with their halves exchanged."""
    device = make("meter_203", import_wh=1_000.0)
    port = sunspec_port("m", DeviceKind.METER, DeviceRegisters(device.sunspec_device))
    asyncio.run(port.open(now))
    device.sunspec_device.misbehave(Misbehaviour.of("swapped-words"))
    found = told(port, now)
    assert found[Kind.POWER] == pytest.approx(device.unit.power_w, abs=0.5)
    assert found[Kind.ENERGY_IMPORT] == pytest.approx((10_000 << 16) / 10)


def test_a_slow_device_is_read_when_one_is_patient(make: Callable[..., Any], now: datetime) -> None:
    """Over a socket its answers come late and in order; slower than anybody waits for is unreachable on either wire."""
    device = make("meter_203")
    device.sunspec_device.misbehave(Misbehaviour.of("slow=0.01"))

    async def over_a_socket(timeout_s: float) -> list[int]:
        server = ModbusTcpServer()
        registers = TcpRegisters("127.0.0.1", await server.add(device.sunspec_device), timeout_s=timeout_s)
        try:
            return [found.id for found in await scan(registers)]
        finally:
            await registers.close()
            await server.close()

    assert asyncio.run(over_a_socket(60.0)) == [1, 203]
    device.sunspec_device.misbehave(Misbehaviour.of("slow=600"))
    with pytest.raises(DeviceUnreachable, match=r"no answer within 0\.1 s"):
        asyncio.run(over_a_socket(0.1))
    with pytest.raises(DeviceUnreachable, match="no answer within 3 s"):
        asyncio.run(scan(DeviceRegisters(device.sunspec_device)))


@pytest.mark.parametrize(
    "words", ["rude", "busy,rude", "slow", "slow=soon", "slow=-1", "slow=inf", "most-read=0", "busy=1"]
)
def test_words_that_say_nothing_are_refused(words: str) -> None:
    """One sentence with what is known."""
    with pytest.raises(BadInput, match=r"misbehave: .* expected"):
        Misbehaviour.of(words)


def test_all_words_are_known_and_none_is_a_sound_device() -> None:
    """What the help lists is what can be said."""
    values = {"slow=SECONDS": "slow=1", "most-read=REGISTERS": "most-read=8"}
    assert Misbehaviour.of(",".join(values.get(word, word) for word in WORDS)) == Misbehaviour(frozenset(Way), 1.0, 8)
    assert Misbehaviour.of("") == Misbehaviour()
