"""`iles faults --wire`: a controller that dies before any of its requests, on the simulated clock."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from devices.port.limits import Limits
from devices.simulators.sunspec.sunspec_device import DeviceRegisters, SunSpecDevice
from devices.sunspec.driver import sunspec_port
from experiments.faults.wire_report import WireReport
from experiments.faults.wire_site import LIFE, NOON, Site, Unit, drawn

_REQUESTS = 16  # so many for each device at most before it is killed; a setpoint takes six to eight


@dataclass
class _Controller:
    """What can be killed: it makes so many more requests, and then none."""

    left: int


class _Killed(Exception):
    """The controller is gone: whatever it was about to ask is not asked."""


class _Mortal(DeviceRegisters):
    """The wire of a controller that may be gone before any request."""

    def __init__(self, device: SunSpecDevice, controller: _Controller) -> None:
        super().__init__(device)
        self._controller = controller

    async def _read_once(self, address: int, count: int) -> list[int]:
        self._live()
        return await super()._read_once(address, count)

    async def _write_together(self, address: int, values: list[int]) -> None:
        self._live()
        await super()._write_together(address, values)

    def _live(self) -> None:
        if self._controller.left == 0:
            raise _Killed
        self._controller.left -= 1


def controller_kills(kills: int, rng: random.Random, report: WireReport) -> None:
    """Killed before any request, `kills` times, each time one more life on the same devices.

    At every step no setpoint stands that cannot expire, and each plant is within the limit that stands; when the last
    setpoint's reversion time is over, all run by their own rule.
    """
    asyncio.run(_controller_kills(kills, rng, report))
    report.tried["controllers killed"] = kills


async def _controller_kills(kills: int, rng: random.Random, report: WireReport) -> None:
    now = NOON
    site = Site.made(now)
    for number in range(kills):
        if number % 2:  # devices that nobody has written to yet, and those that an earlier life has left as they are
            site = Site.made(now)
        standing = await _one_life(site, now, rng)
        if not standing:
            report.failures.append(
                f"kill {number}: the controller lived through all of its requests; expected it to die"
            )
        until, killed_at = now + LIFE, now
        while now < until:
            now = min(now + timedelta(seconds=rng.randint(1, 120)), until)
            site.advance(now)
            for name, unit in site.units.items():
                _within(
                    f"kill {number}, {(now - killed_at).total_seconds():.0f} s later: {name}",
                    unit,
                    site.devices[name],
                    report,
                )
        for name, unit in site.units.items():
            if unit.told_w is not None or unit.power_w != unit.own_w:
                report.failures.append(
                    f"kill {number}: {name} still does {unit.power_w:.0f} W as it was told, {LIFE.total_seconds():.0f} s "
                    f"after the controller died; expected its own {unit.own_w:.0f} W"
                )


async def _one_life(site: Site, now: datetime, rng: random.Random) -> bool:
    """A controller opens all devices and writes setpoints until it is killed; whether it was."""
    controller = _Controller(10**6)
    ports = {
        name: sunspec_port(name, kind, _Mortal(site.devices[name], controller)) for name, kind in site.kinds.items()
    }
    for port in ports.values():
        await port.open(now)
    controller.left = rng.randrange(_REQUESTS * len(ports))
    try:
        for _ in range(_REQUESTS):
            for name, port in rng.sample(sorted(ports.items()), len(ports)):
                assert isinstance(port, Limits)  # noqa: S101 - all of these take setpoints
                await port.command(drawn(site.kinds[name], rng), now + LIFE, now)
    except _Killed:
        return True
    return False


def _within(where: str, unit: Unit, device: SunSpecDevice, report: WireReport) -> None:
    if unit.told_w is not None and device.next_expiry is None:
        report.failures.append(f"{where} is told {unit.told_w:.0f} W, and that does not expire")
    if unit.limit_w is not None and unit.power_w < unit.limit_w:
        report.failures.append(f"{where} gives {-unit.power_w:.0f} W; expected at most {-unit.limit_w:.0f} W")
