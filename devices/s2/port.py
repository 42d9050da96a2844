"""What the drivers of all S2 resource managers have in common: the session, what is told, and the answers to instructions."""

from __future__ import annotations

import contextlib
from asyncio import timeout
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from s2python.common import ControlType, ResourceManagerDetails

from cim.model.devices import News
from cim.model.readings import Kind, Reading
from devices.dial_in.server import DialInServer
from devices.dial_in.transport import FrameLink, wire_to
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.port.tells import OnNews
from devices.s2.machine import CemMachine

_STATE_GRACE_S = 2.0
_TAKEN = ("ACCEPTED", "STARTED", "SUCCEEDED")


class ResourceManagerPort:
    """One S2 resource manager; what it can be asked for is the drivers' own.

    Args:
        name: the device's name: the last part of the URL it dials, and its user name.
        link: to a device in this process, or
        server: the server it dials (which holds its password).
        interval_s: how often it reports; readings older than twice that are STALE.
        timeout_s: how long it may take to dial in or to answer.
    """

    # of each driver: the control types that it can use, the one to begin with first, and what it measures
    _wanted: ClassVar[Sequence[ControlType]]
    _kinds: ClassVar[Sequence[Kind]]

    def __init__(
        self,
        name: str,
        link: FrameLink | None = None,
        server: DialInServer | None = None,
        interval_s: int = 900,
        timeout_s: float = 30.0,
    ) -> None:
        self.name, self._timeout_s = name, timeout_s
        self._machine = CemMachine(name, stale_after_s=2 * interval_s, wanted=self._wanted)
        self._wire = wire_to("s2", name, self._machine, link=link, server=server, timeout_s=timeout_s)

    def listen(self, on_news: OnNews) -> None:
        """See `Tells`."""
        self._machine.news.on_news = on_news

    async def _connect(self, now: datetime, offers: str) -> ResourceManagerDetails:
        """Wait for the handshake and for the description of the control type; who the device says it is."""
        self._machine.now = now
        await self._wire.open()
        machine = self._machine
        if (
            not await self._wire.deliver([], lambda: machine.unusable != "" or (machine.ready and self._wire.connected))
            or machine.unusable
        ):
            if machine.unusable:
                raise DeviceFault(f"gateway {self.name}: {machine.unusable}; expected {offers}")
            raise DeviceUnreachable(
                f"gateway {self.name} did not shake hands and describe itself within {self._timeout_s:g} s; "
                f"expected it to dial {self._wire.where} with subprotocol s2 and to offer {offers}"
            )
        if self._machine.details is None:
            raise self._machine.undescribed("ResourceManagerDetails")
        return self._machine.details

    async def _wait_for(self, done: Callable[[], bool]) -> None:
        """Some things follow the description; not for long, as a device need not tell them."""
        if not done():
            with contextlib.suppress(TimeoutError):
                async with timeout(_STATE_GRACE_S):
                    await self._wire.deliver([], done)

    async def sync(self, now: datetime) -> None:
        """Take what the device has to say at this instant."""
        self._machine.now = now
        await self._wire.sync()

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """What it measures, as last reported; ABSENT when it is not connected."""
        self._machine.now = now
        last = self._machine.last
        reading = last.reading if self._wire.connected else last.absent
        return tuple(reading(kind, now) for kind in self._kinds)

    def drain(self) -> tuple[News, ...]:
        """News since the last call."""
        return self._machine.news.drain()

    async def close(self) -> None:
        """Turn the device away."""
        await self._wire.close()

    async def _control(self, control: ControlType, mode: str) -> None:
        """Have a control type selected and described."""
        machine = self._machine
        if not self._wire.connected:
            raise DeviceUnreachable(f"gateway {self.name} is not connected; expected it to dial {self._wire.where}")
        if machine.control is control and machine.ready:
            return
        if not machine.offers(control):
            raise DeviceFault(
                f"gateway {self.name} does not offer {control.value}, which a {mode} setpoint needs; "
                "expected it among its available_control_types"
            )
        if not await self._wire.deliver(machine.select(control), lambda: machine.ready):
            raise DeviceUnreachable(f"gateway {self.name} did not describe {control.value} in time; expected it to")

    async def _await(self, frames: list[str], awaited: list[UUID], what: str) -> None:
        """Send instructions and wait until each is taken."""
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
