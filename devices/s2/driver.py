"""The driver of a building gateway: S2 as `Port`, `Measures`, `Limits` and `Tells` (see `devices.port`)."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime
from uuid import UUID

from cim.model.devices import DeviceKind, Mode, Nameplate, News, Setpoint
from cim.model.errors import BadInput
from cim.model.readings import Kind, Reading
from devices.dial_in.server import DialInServer
from devices.dial_in.transport import FrameLink, wire_to
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.port.tells import OnNews
from devices.s2 import pebc
from devices.s2.machine import CemMachine
from devices.s2.rm_state import FRBC, NOTHING, PEBC
from devices.s2.session import Refused

_KINDS = (Kind.POWER, Kind.TEMPERATURE)
_STATE_GRACE_S = 2.0
_TAKEN = ("ACCEPTED", "STARTED", "SUCCEEDED")


class GatewayPort:
    """One S2 resource manager: a heat pump with a room as its store (FRBC), or what can be limited (PEBC).

    A TARGET is an FRBC instruction with a scheduled return to the device's own rule; a LIMIT is a PEBC envelope, for
    which the control type is changed when the RM offers both (S2 has one active control type at a time).

    Args:
        name: the device's name: the last part of the URL it dials, and its user name.
        link: to a device in this process, or
        server: the server it dials (which holds its password).
        interval_s: how often it reports; readings older than twice that are STALE.
        timeout_s: how long it may take to dial in or to answer.
    """

    def __init__(
        self,
        name: str,
        link: FrameLink | None = None,
        server: DialInServer | None = None,
        interval_s: int = 900,
        timeout_s: float = 30.0,
    ) -> None:
        self.name = name
        self._timeout_s = timeout_s
        self._machine = CemMachine(name, stale_after_s=2 * interval_s)
        self._wire = wire_to("s2", name, self._machine, link=link, server=server, timeout_s=timeout_s)

    def listen(self, on_news: OnNews) -> None:
        """See `Tells`: thermal descriptions and usage forecasts."""
        self._machine.news.on_news = on_news

    async def open(self, now: datetime) -> Nameplate:
        """Wait for the handshake and for the description of the control type."""
        self._machine.now = now
        await self._wire.open()
        if not await self._wire.deliver([], lambda: self._machine.ready and self._wire.connected):
            raise DeviceUnreachable(
                f"gateway {self.name} did not shake hands and describe itself within {self._timeout_s:g} s; "
                f"expected it to dial {self._wire.where} with subprotocol s2 and to offer FRBC or PEBC"
            )
        await self._wait_for_state()
        details, machine = self._machine.details, self._machine
        if details is None:
            raise machine.undescribed("ResourceManagerDetails")
        steered = machine.steering() if machine.control is FRBC else None
        limit_w = pebc.largest_power_w(machine.constraints) if machine.constraints is not None else 0
        consumption = max(steered.low_w, steered.high_w) if steered else limit_w
        return Nameplate(
            DeviceKind.GATEWAY,
            details.manufacturer or "",
            details.model or "",
            details.serial_number or "",
            max_generation_w=max(0, round(-min(steered.low_w, steered.high_w))) if steered else 0,
            max_consumption_w=max(0, round(consumption)),
        )

    async def _wait_for_state(self) -> None:
        """Power and fill level follow the description; so the first reading is not ABSENT for their sake."""
        kinds = _KINDS if self._machine.control is FRBC else _KINDS[:1]
        last = self._machine.last.values
        if any(kind not in last for kind in kinds):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STATE_GRACE_S):
                    await self._wire.deliver([], lambda: all(kind in last for kind in kinds))

    async def sync(self, now: datetime) -> None:
        """Take what the gateway has to say at this instant."""
        self._machine.now = now
        await self._wire.sync()

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """Net power and room temperature as last reported; ABSENT when the gateway is not connected."""
        self._machine.now = now
        last = self._machine.last
        reading = last.reading if self._wire.connected else last.absent
        return tuple(reading(kind, now) for kind in _KINDS)

    def _obeys(self) -> bool:
        """Whether the actuator says that it runs in the mode we steer by."""
        active = self._machine.actuator
        return active is not None and active.active_operation_mode_id == self._machine.steering().mode

    async def command(self, setpoint: Setpoint, valid_until: datetime, now: datetime) -> None:
        """TARGET: an FRBC instruction now and the return at `valid_until`; LIMIT: a PEBC envelope until then."""
        if valid_until <= now:
            raise BadInput(f"valid_until of {self.name}: {valid_until.isoformat()} is over; expected a later instant")
        machine = self._machine
        machine.now = now
        wanted = FRBC if setpoint.mode is Mode.TARGET else PEBC
        await self._control(wanted, setpoint)
        if machine.steered_by_other:
            # What the driver before this one scheduled cannot be named, so it cannot be revoked: end all of it.
            machine.steered_by_other = False
            frames = machine.select(NOTHING)
            if not await self._wire.deliver(frames + machine.select(wanted), lambda: machine.ready):
                raise DeviceUnreachable(f"gateway {self.name} did not describe itself again in time; expected it to")
        try:
            if wanted is PEBC:
                frames, awaited = machine.limit(setpoint.power_w, valid_until)
            else:
                steered = machine.steering()
                factor = steered.factor(setpoint.power_w)
                if factor is None:
                    raise BadInput(
                        f"setpoint of {self.name}: {setpoint.power_w} W is outside what the device can run at; "
                        f"expected {steered.low_w:g}..{steered.high_w:g} W"
                    )
                frames, awaited = machine.target(factor, valid_until)
        except Refused as refusal:
            raise DeviceFault(f"gateway {self.name}: {refusal.text}; expected another setpoint") from refusal
        await self._await(frames, awaited, f"{setpoint.mode} {setpoint.power_w} W")
        started = wanted is FRBC and machine.outcomes.get(awaited[-1]) == "STARTED"
        # The actuator's status is a message of its own, behind the one that told STARTED: it may still be on its way.
        if started and not await self._wire.deliver([], self._obeys):
            raise DeviceFault(f"gateway {self.name} reads back another operation mode; expected the commanded one")

    async def release(self, now: datetime) -> None:
        """Back to the device's own rule, and to FRBC where it is offered."""
        self._machine.now = now
        frames, awaited = self._machine.release()
        await self._await(frames, awaited, "release")
        if self._machine.control is PEBC and self._machine.offers(FRBC):
            await self._wire.deliver(self._machine.select(FRBC), lambda: self._machine.ready)

    def drain(self) -> tuple[News, ...]:
        """Descriptions and forecasts since the last call."""
        return self._machine.news.drain()

    async def close(self) -> None:
        """Turn the gateway away."""
        await self._wire.close()

    async def _control(self, wanted: object, setpoint: Setpoint) -> None:
        machine, control = self._machine, FRBC if wanted is FRBC else PEBC
        if not self._wire.connected:
            raise DeviceUnreachable(f"gateway {self.name} is not connected; expected it to dial {self._wire.where}")
        if machine.control is control and machine.ready:
            return
        if not machine.offers(control):
            raise DeviceFault(
                f"gateway {self.name} does not offer {control.value}, which a {setpoint.mode} setpoint needs; "
                "expected it among its available_control_types"
            )
        if not await self._wire.deliver(machine.select(control), lambda: machine.ready):
            raise DeviceUnreachable(f"gateway {self.name} did not describe {control.value} in time; expected it to")

    async def _await(self, frames: list[str], awaited: list[UUID], what: str) -> None:
        outcomes = self._machine.outcomes
        if not frames:
            return
        if not await self._wire.deliver(frames, lambda: all(i in outcomes for i in awaited)):
            raise DeviceUnreachable(f"gateway {self.name} did not answer to {what} in time; expected a status update")
        for instruction in awaited:
            if outcomes[instruction] == "LOST":
                raise DeviceUnreachable(f"gateway {self.name} was cut off before it answered to {what}")
            if outcomes[instruction] not in _TAKEN:
                raise DeviceFault(f"gateway {self.name} answered {outcomes[instruction]} to {what}; expected ACCEPTED")
