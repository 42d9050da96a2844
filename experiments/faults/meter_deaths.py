"""`iles faults --wire`: a device that no longer tells its power, on the simulated clock, and dead meters on real sockets.

With the device agents, the drivers and the simulated devices as they are.
"""

from __future__ import annotations

import asyncio
import random
import time
from datetime import datetime, timedelta

from agents.assembly.site_agents import SiteAgents
from agents.roles.device_agent import DeviceAgent, ReadDevice
from agents.roles.effects import Command, Effect, Poll, Release
from agents.roles.events import Connected, Event, Fired, Received
from agents.roles.messages import DeviceSchedule
from agents.runtime.host.effects import EffectRunner
from agents.runtime.local import inline
from cim.model.devices import DeviceKind, Nameplate, Setpoint
from devices.port.errors import DeviceUnreachable
from devices.port.port import Port
from devices.simulators.sunspec.misbehaviour import Misbehaviour
from devices.simulators.sunspec.sunspec_device import DeviceRegisters
from devices.sunspec.driver import sunspec_port
from devices.sunspec.registers import TcpRegisters
from devices.sunspec.scan import BASES
from experiments.faults.wire_report import WireReport
from experiments.faults.wire_site import LIFE, NOON, RULES, Site, drawn

_STEP = timedelta(seconds=10)
_IN_TIME_S = 10.0  # a dead meter must be known to be dead within this
_OWNER = "owner"


def meter_deaths(deaths: int, rng: random.Random, report: WireReport) -> None:
    """One device's power is no longer told, in several ways, while its owner asks for ever other power.

    While its agent is blind, what the device is told never grows; where it does not answer, what it was told ends within
    the life of a setpoint; all other devices do what their schedules say.
    """
    for number in range(deaths):
        asyncio.run(_Blind(rng).lived(f"death {number}", report))
    report.tried["meters dead"] = deaths


class _Blind:
    """Half an hour of one site with an agent for each device, in which one of them goes blind."""

    def __init__(self, rng: random.Random) -> None:
        self._rng, self._now = rng, NOON
        self._site = Site.made(NOON)
        ports: dict[str, Port] = {
            name: sunspec_port(name, kind, DeviceRegisters(self._site.devices[name]))
            for name, kind in self._site.kinds.items()
        }
        self._runner = EffectRunner(ports, inline(SiteAgents.jobs), None, None)
        self._agents = {name: DeviceAgent(name, RULES, bytes(32), _OWNER) for name in ports}
        self._wanted: dict[str, Setpoint] = {}
        self._victim = rng.choice(sorted(ports))
        self._words = rng.choice(("", "busy", "short", "unknown-power", "swapped-bytes", "slow=60"))
        self._held_w: float | None = None  # what the victim was told when it was looked at last

    async def lived(self, where: str, report: WireReport) -> None:
        """All of it."""
        for name, plate in (await self._runner.open(tuple(self._agents), self._now)).items():
            assert isinstance(plate, Nameplate)  # noqa: S101 - simulated devices answer
            await self._tell(name, Connected(name, plate))
        dies_at = self._now + _STEP * self._rng.randint(18, 60)
        blind_at: datetime | None = None
        for _ in range(180):
            self._now += _STEP
            at = f"{where} ({self._words or 'silent'}), {self._now:%H:%M:%S}: "
            if self._now == dies_at:
                device = self._site.devices[self._victim]
                device.silent = not self._words
                device.misbehave(Misbehaviour.of(self._words))
            self._site.advance(self._now)
            if blind_at is not None:
                self._lowered(at, self._now - blind_at, report)
            if self._rng.random() < 0.3:
                await self._schedule(self._rng.choice((self._victim, self._rng.choice(sorted(self._agents)))))
            if self._now == RULES.boundary(self._now - _STEP):
                if blind_at is None and self._now >= dies_at:
                    blind_at = self._now
                    self._held_w = self._told_w()
                for name in self._agents:
                    await self._tell(name, Fired(ReadDevice()))
                self._others_follow(at, report)
            if blind_at is not None:
                self._lowered(at, self._now - blind_at, report)

    def _told_w(self) -> float | None:
        """What the victim is told; a battery or CHP plant without a target is at nothing, a plant without a limit is free."""
        told_w = self._site.units[self._victim].told_w
        return 0.0 if told_w is None and self._site.kinds[self._victim] is not DeviceKind.PV else told_w

    def _lowered(self, at: str, blind: timedelta, report: WireReport) -> None:
        told_w, held_w, name = self._told_w(), self._held_w, self._victim
        self._held_w = told_w
        if told_w is not None and held_w is not None and (abs(told_w) > abs(held_w) or told_w * held_w < 0):
            report.failures.append(
                f"{at}{name} is told {told_w:.0f} W while nobody sees it, after {held_w:.0f} W; expected less"
            )
        if blind >= LIFE and self._words != "unknown-power" and self._site.units[name].told_w is not None:
            report.failures.append(
                f"{at}{name} is still told {told_w} W; expected its own rule {LIFE.total_seconds():.0f} s after it was lost"
            )

    def _others_follow(self, where: str, report: WireReport) -> None:
        for name, unit in self._site.units.items():
            wanted = self._wanted.get(name)
            if name == self._victim or wanted is None:
                continue
            if unit.told_w is None or abs(unit.told_w - wanted.power_w) > 0.002 * unit.rated_w:
                report.failures.append(
                    f"{where}{name} is told {unit.told_w} W; expected {wanted.power_w} W, as it is well"
                )

    async def _schedule(self, name: str) -> None:
        self._wanted[name] = drawn(self._site.kinds[name], self._rng)
        message = DeviceSchedule(name, RULES.first_day, (self._wanted[name],) * 96)
        await self._tell(name, Received(_OWNER, 1, message))

    async def _tell(self, name: str, event: Event) -> None:
        """An agent hears something, and all that follows at this instant."""
        effects = self._agents[name].handle(event, self._now)
        while effects:
            wire: list[tuple[str, Effect]] = [(name, e) for e in effects if isinstance(e, Poll | Command | Release)]
            told = await self._runner.carry_out(wire, self._now, {})
            effects = [e for _, event_ in told for e in self._agents[name].handle(event_, self._now)]  # type: ignore[arg-type]


async def dead_on_the_wire(report: WireReport, patience_s: float) -> None:
    """A meter that takes the connection and says nothing, one that hangs up, one that hangs up late, one that is not there.

    Each must be told as a fault within 10 s, so that the fail-safe of whoever goes by it begins in time.
    """

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def hangs_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def hangs_up_late(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.9 * patience_s)
        writer.close()

    async def gone(host: str, port: int) -> float:
        registers, begun = TcpRegisters(host, port, timeout_s=patience_s), time.monotonic()
        try:
            await registers.read(BASES[0], 2)
        except DeviceUnreachable:
            return time.monotonic() - begun
        finally:
            await registers.close()
        report.failures.append("a dead meter answered")
        return 0.0

    servers = [await asyncio.start_server(peer, "127.0.0.1", 0) for peer in (mute, hangs_up, hangs_up_late, mute)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    servers[-1].close()
    spans = await asyncio.gather(*(gone("127.0.0.1", port) for port in ports))
    for server in servers:
        server.close()
    report.tried["meters dead on a socket"] = len(spans)
    report.slowest_s["a dead meter is told"] = max(spans)
    if max(spans) > _IN_TIME_S:
        report.failures.append(f"a dead meter was told after {max(spans):.1f} s; expected {_IN_TIME_S:.0f} s at most")
