"""The connection of one charging station, which the drivers of all its EVSEs share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from devices.dial_in.server import DialInServer
from devices.dial_in.transport import FrameLink, wire_to
from devices.ocpp.machine import LOST, CsmsMachine
from devices.ocpp.payload import Payload, PeerFault
from devices.ocpp.state import EvseState
from devices.ocpp.version import WHOLE
from devices.ocpp.versions import VERSIONS
from devices.port.errors import DeviceError, DeviceFault, DeviceUnreachable

_BOOT_GRACE_S = 0.5
_log = logging.getLogger("iles.devices.ocpp")


class StationConnection:
    """Where one charging station dials in, or its simulator in this process.

    Args:
        name: the station's identity: the last part of the URL it dials, and its user name.
        sources: in whose name the readings of each EVSE are, by its number; not said: it has one, in the station's name.
        link: to a device in this process, or
        server: the server it dials (which holds its password).
        interval_s, timeout_s, run: see `devices.ocpp.driver.StationPort`.
        limit_w: the most that all its EVSEs may draw together, W; None where that is not known.

    Attributes:
        machine: the protocol.
    """

    def __init__(
        self,
        name: str,
        sources: Mapping[int, str] | None = None,
        *,
        link: FrameLink | None = None,
        server: DialInServer | None = None,
        interval_s: int = 900,
        timeout_s: float = 30.0,
        run: str = "",
        limit_w: int | None = None,
    ) -> None:
        self.name = name
        self.machine = CsmsMachine(name, interval_s, run, sources=sources)
        self._timeout_s, self._limit_w = timeout_s, limit_w
        self._wire = wire_to("ocpp", name, self.machine, link=link, server=server, timeout_s=timeout_s)
        self._opening = asyncio.Lock()  # its EVSEs' drivers open at once, and each asks what only one answer tells
        self._held: set[int] = set()  # EVSEs whose drivers are open
        self._known: set[int] = set()  # EVSEs that had a driver
        self._limited_until: datetime | None = None
        self._unlimited = False  # it does not take a limit for the whole of it

    @property
    def connected(self) -> bool:
        """True while the station is there."""
        return self._wire.connected

    def state(self, evse: int) -> EvseState:
        """What an EVSE has told to the driver that begins now."""
        if evse in self._known:
            return self.machine.station.begin_anew(evse)
        self._known.add(evse)
        return self.machine.station.evses[evse]

    async def open(self, evse: int, now: datetime, *, only_looks: bool) -> None:
        """Wait for the station's BootNotification, and learn what it tells of itself and of an EVSE.

        Raises:
            DeviceUnreachable: it does not come, or does not boot.
        """
        async with self._opening:
            machine = self.machine
            self._held.add(evse)
            machine.station.evses[evse].clock(now)
            await self._wire.open()
            await self._remind()
            if not await self._wire.deliver([], lambda: machine.booted and self._wire.connected):
                raise DeviceUnreachable(
                    f"charging station {self.name} sent no BootNotification within {self._timeout_s:g} s; "
                    f"expected it to dial {self._wire.where} with one of the subprotocols {', '.join(VERSIONS)}"
                )
            await self._learn(evse, only_looks=only_looks)
            await self._catch_up(evse)

    async def _remind(self) -> None:
        """A station that was running when we started does not boot again by itself: ask it to (F06 TriggerMessage)."""
        if await self._wire.deliver([], lambda: self._wire.connected) and not self.machine.booted:
            await asyncio.sleep(_BOOT_GRACE_S)  # one that has just been switched on says so at once
            if not self.machine.booted:
                await self._wire.deliver(self.machine.ask_boot(), lambda: self.machine.booted)

    async def _learn(self, evse: int, *, only_looks: bool) -> None:
        machine, wide = self.machine, self.machine.station.wide
        machine.station.evses[evse].foreign = []
        settings = () if only_looks else machine.version.settings(machine.interval_s)
        for question in (*machine.version.questions(), *settings):
            try:
                wide.report_ended = False
                answer = await self.ask(machine.call(question))
                if machine.version.learn(machine.station, type(question).__name__, answer):
                    await self._wire.deliver([], lambda: wide.report_ended)
            except (DeviceError, PeerFault):
                continue  # all of it is optional here: what is not told stays unknown, such as the rated power (0)

    async def _catch_up(self, evse: int) -> None:
        """Learn what a station that was running before us has told already: connector, registers, transaction (F06)."""
        machine, state = self.machine, self.machine.station.evses[evse]
        if not state.running:
            return
        for what in machine.version.askable:
            heard = len(machine.recent_actions)
            machine.station.asked = evse
            try:
                answer = await self.ask(machine.call(machine.version.trigger(what, evse)))
                if answer.text("status") == "Accepted":
                    await self._wire.deliver(
                        [],
                        lambda what=what, heard=heard: what in machine.recent_actions[heard:],  # type: ignore[misc]
                    )
                elif what == "TransactionEvent" and answer.text("status") == "Rejected":
                    state.caught_up = True  # none runs
            except DeviceFault:
                continue  # a station without triggers tells all this by and by; until then nothing is taken for granted
            finally:
                machine.station.asked = None

    async def sync(self) -> None:
        """Take what the station has to say at this instant."""
        await self._wire.sync()

    async def keep_station_limit(self, valid_until: datetime) -> None:
        """Let the station hold what all its EVSEs may draw together until `valid_until`, where that is known.

        Whatever the EVSEs are told by themselves, their sum then stays within it. A smaller limit of somebody else for the
        whole station is not loosened. A station that takes no such limit has its own, which its installer set.
        """
        limit_w, station = self._limit_w, self.machine.station
        until = self._limited_until
        if limit_w is None or self._unlimited or (until is not None and valid_until <= until):
            return
        if (foreign_w := station.foreign_w(valid_until)) is not None:
            limit_w = min(limit_w, int(foreign_w))
        answer = None
        with suppress(DeviceFault):
            answer = await self.ask(self.machine.set_limit(limit_w, valid_until, WHOLE))
        if answer is not None and answer.text("status") == "Accepted":
            self._limited_until = valid_until
            return
        self._unlimited = True
        _log.warning(
            "charging station %s does not take a limit of %d W for the whole of it; expected its own to hold",
            *(self.name, limit_w),
        )

    async def limit(self, power_w: int, valid_until: datetime, evse: int) -> Payload:
        """The answer to a limit of an EVSE, in the way in which the station may take it.

        Raises:
            DeviceUnreachable, DeviceFault: see `ask`.
        """
        machine, wide = self.machine, self.machine.station.wide
        level, in_amperes = wide.stack_level, wide.in_amperes
        answer = await self.ask(machine.set_limit(power_w, valid_until, evse))
        if answer.text("status") != "Accepted" and wide.stack_level > 0:
            wide.stack_level = 0  # perhaps it does not mean what it says of its levels
            answer = await self.ask(machine.set_limit(power_w, valid_until, evse))
        if answer.text("status") != "Accepted" and not wide.in_amperes and machine.version.wants_amperes(answer):
            wide.in_amperes = True
            answer = await self.ask(machine.set_limit(power_w, valid_until, evse))
        if answer.text("status") != "Accepted" and len(machine.station.evses) > 1:
            wide.stack_level, wide.in_amperes = (
                level,
                in_amperes,
            )  # one EVSE that refuses all says nothing of the others
        return answer

    async def release(self, evse: int) -> None:
        """Drop our limits at an EVSE, and of the station where no other EVSE is in use; nobody else's."""
        clearings = self.machine.version.clear_limits(evse)
        if self._limited_until is not None and self._held <= {evse}:
            self._limited_until = None
            clearings = (*clearings, *self.machine.version.clear_limits(WHOLE))
        for clearing in clearings:
            await self.ask(self.machine.call(clearing))

    async def close(self, evse: int) -> None:
        """The driver of an EVSE ends; with the last one the station is turned away."""
        self._held.discard(evse)
        if not self._held:
            await self._wire.close()

    async def ask(self, unique_id: str) -> Payload:
        """The answer to one of our calls.

        Raises:
            DeviceUnreachable: the station is gone, or does not answer in time.
            DeviceFault: it answers with an error.
        """
        machine = self.machine
        answers = machine.answers
        try:
            if self._wire.connected:
                await self._wire.deliver(machine.flush(), lambda: unique_id in answers)
        finally:
            late = unique_id not in answers
            if late:
                machine.abandon(unique_id)
            answer = answers.pop(unique_id)
        if late and self._wire.connected:
            with suppress(DeviceError):  # what other EVSEs ask has waited behind it
                await self._wire.deliver(machine.flush(), lambda: True)
        if answer.error:
            fault = DeviceUnreachable if answer.error in (LOST, "no answer in time") else DeviceFault
            raise fault(f"charging station {self.name} did not do {answer.action}: {answer.error}; expected an answer")
        return answer.payload
