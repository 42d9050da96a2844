"""A simulated site on real wires: Modbus TCP ports to connect to, and stations and gateways that dial out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from cim.model.devices import DeviceKind
from cim.model.errors import BadInput
from devices.mqtt.address import broker_address
from devices.simulators.dial_out import DialOut
from devices.simulators.dial_tls import DialTls
from devices.simulators.gateway.announced_building import AnnouncedBuilding
from devices.simulators.publish_out import PublishOut
from devices.simulators.simulation import Simulation
from devices.simulators.sunspec.server import ModbusTcpServer

PREFIXES: Mapping[DeviceKind, str] = {DeviceKind.STATION: "ocpp", DeviceKind.GATEWAY: "s2", DeviceKind.APPLIANCE: "s2"}
_BACKOFF_MAX_S = 2.0


class SimulatorHost:
    """Serves a `Simulation`. All methods belong to one event loop.

    Args:
        simulation: the site.
        host: address to listen on.
        settle_s: how long the peers may take to answer what one step made the devices say.
        tls: of those that dial `wss://`.
    """

    def __init__(
        self, simulation: Simulation, host: str = "127.0.0.1", settle_s: float = 10.0, tls: DialTls | None = None
    ) -> None:
        self.simulation = simulation
        self.endpoints: dict[str, tuple[str, int]] = {}
        self._host, self._settle_s, self._tls = host, settle_s, tls or DialTls()
        self._server = ModbusTcpServer(host)
        self._runners: dict[str, DialOut | PublishOut] = {}

    async def serve(self, base_port: int = 0) -> None:
        """Listen for every SunSpec device: from `base_port` on in the order of `simulation.names`, or anywhere (0).

        Raises:
            BadInput: a port cannot be had.
        """
        for number, (name, sunspec_device) in enumerate(self.simulation.sunspec_devices.items()):
            port = await self._server.add(sunspec_device, base_port + number if base_port else 0)
            self.endpoints[name] = (self._host, port)

    async def dial(self, targets: Mapping[str, tuple[str, str, str]]) -> None:
        """Let stations and gateways dial: by name (URL, user, password); what was dialled before is hung up.

        Who has no password ("") shows its certificate alone.

        The URL of a building that is announced is that of its broker, with user and password in it.

        Raises:
            BadInput: a name is unknown or not one that dials, or a file of its TLS does not fit.
        """
        for name in targets:
            if self.simulation.kind(name) not in PREFIXES:
                raise BadInput(f"device: {name!r} is a {self.simulation.kind(name)}; expected one that dials out")
        for name, (url, user, password) in targets.items():
            older = self._runners.pop(name, None)
            if older is not None:
                await older.hang_up()
            machine = self.simulation.machines[name]
            runner: DialOut | PublishOut
            if isinstance(machine, AnnouncedBuilding):
                runner = PublishOut(machine, broker_address(url))
            else:
                tls = self._tls.context(name) if url.startswith("wss:") else None
                spoken, login = machine.subprotocol, (user, password)
                runner = DialOut(machine, url, login, spoken, tls=tls, backoff_max_s=_BACKOFF_MAX_S)
            self._runners[name] = runner
            if not self.simulation.silent(name):
                runner.dial()

    async def advance(self, to: datetime) -> tuple[str, ...]:
        """Move the site on to `to` and carry what its devices say.

        Returns:
            The names of connected devices whose peer did not answer everything in time; () is the rule.
        """
        return await self._carry(self.simulation.step(to))

    async def report(self) -> tuple[str, ...]:
        """Carry what stations and gateways say now, see `advance`."""
        return await self._carry(self.simulation.report())

    async def _carry(self, said: dict[str, list[str]]) -> tuple[str, ...]:
        outcomes = await asyncio.gather(*(self._tell(name, frames) for name, frames in said.items()))
        return tuple(name for name, settled in zip(said, outcomes, strict=True) if not settled)

    async def _tell(self, name: str, frames: list[str]) -> bool:
        runner = self._runners.get(name)
        if runner is None or not runner.connected:
            return True  # nobody hears it; what must not be lost waits in the machine
        await runner.say(frames)
        return await runner.at_rest(self._settle_s)

    def refused(self) -> dict[str, str]:
        """By name, why a station or gateway that dials is not connected, as far as an attempt has failed."""
        runners = self._runners.items()
        return {name: runner.refusal for name, runner in runners if runner.refusal and not runner.connected}

    async def silence(self, name: str, lost: bool) -> None:
        """Lose a device or get it back, see `Simulation.silence`."""
        self.simulation.silence(name, lost)
        runner = self._runners.get(self.simulation.wire_name(name))
        if runner is None:
            return
        if lost:
            await runner.hang_up()
        else:
            runner.dial()

    async def close(self) -> None:
        """Hang up and stop listening; safe to call twice."""
        for runner in self._runners.values():
            await runner.hang_up()
        self._runners.clear()
        await self._server.close()
