"""Simulated time waits for a device that answers late; on the wall clock nobody waits for longer than the driver does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from agents.assembly.device_ports import SocketPorts
from devices.port.errors import DeviceUnreachable
from devices.simulators.sunspec.misbehaviour import Misbehaviour
from devices.simulators.sunspec.server import ModbusTcpServer


@pytest.mark.parametrize("real_time", [True, False])
def test_a_machine_without_time_loses_no_reading_of_a_simulated_day(
    make: Callable[..., Any], now: datetime, monkeypatch: pytest.MonkeyPatch, real_time: bool
) -> None:
    """Answers come later than the driver waits: unreachable on the wall clock, read all the same in simulated time."""
    monkeypatch.setattr("devices.sunspec.registers.PATIENCE_S", 0.02)
    device = make("pv_123")
    device.sunspec_device.misbehave(Misbehaviour.of("slow=0.1"))

    async def opened() -> str:
        server = ModbusTcpServer()
        address = ("127.0.0.1", await server.add(device.sunspec_device), 1)
        kinds = {"farm.pv": device.kind}
        port = SocketPorts(kinds, None, {"farm.pv": address}, {}, ("127.0.0.1", 0), real_time).port("farm.pv")
        try:
            return str((await port.open(now)).serial)
        finally:
            await port.close()
            await server.close()

    if real_time:
        with pytest.raises(DeviceUnreachable, match="no answer"):
            asyncio.run(opened())
    else:
        assert asyncio.run(opened()).startswith("sn-")
