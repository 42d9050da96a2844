"""The driver of a charging station: OCPP as `Port`, `Measures`, `Limits` and `Tells` (see `devices.port`)."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

from cim.model.devices import DeviceKind, Mode, Nameplate, News, Setpoint
from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality, Reading
from devices.dial_in.server import DialInServer
from devices.dial_in.transport import FrameLink, wire_to
from devices.ocpp.machine import LOST, CsmsMachine
from devices.ocpp.payload import Payload, PeerFault
from devices.ocpp.version import BothWays
from devices.ocpp.versions import VERSIONS
from devices.port.errors import DeviceError, DeviceFault, DeviceUnreachable
from devices.port.tells import OnNews

_KINDS = (Kind.POWER, Kind.ENERGY_IMPORT)
_AT_REST = ("Available", "Occupied", "Reserved")  # connector states in which no transaction means no power

_SETPOINT_STEP_W = 0.5
_BOOT_GRACE_S = 0.5
_NOT_THERE = ("NotImplemented", "NotSupported")  # the RPC errors of a station without composite schedules
_log = logging.getLogger("iles.devices.ocpp")


class StationPort:
    """One charging station with one EVSE, in the version of OCPP that it speaks.

    Args:
        name: the station's identity: the last part of the URL it dials, and its user name.
        link: to a device in this process, or
        server: the server it dials (which holds its password).
        interval_s: how often it reports; readings older than twice that are STALE.
        timeout_s: how long it may take to dial in or to answer.
        run: differs from driver to driver of one station (8 characters count), because a station may remember our
            message ids; without it the same inputs give the same frames.
        only_looks: whether nothing is to be set in the station when it is opened.
    """

    def __init__(
        self,
        name: str,
        link: FrameLink | None = None,
        server: DialInServer | None = None,
        interval_s: int = 900,
        timeout_s: float = 30.0,
        run: str = "",
        *,
        only_looks: bool = False,
    ) -> None:
        self.name = name
        self._only_looks = only_looks
        self._timeout_s = timeout_s
        self._unverified = False
        self._machine = CsmsMachine(name, interval_s, run)
        self._wire = wire_to("ocpp", name, self._machine, link=link, server=server, timeout_s=timeout_s)

    @property
    def speaks(self) -> str:
        """The version of OCPP of its session, such as `OCPP 1.6`."""
        return self._machine.version.title

    def listen(self, on_news: OnNews) -> None:
        """See `Tells`: vehicles that come and go."""
        self._machine.state.news.on_news = on_news

    async def open(self, now: datetime) -> Nameplate:
        """Wait for the station's BootNotification, and learn what it tells of itself."""
        machine = self._machine
        machine.state.clock(now)
        await self._wire.open()
        await self._remind()
        if not await self._wire.deliver([], lambda: machine.booted and self._wire.connected):
            raise DeviceUnreachable(
                f"charging station {self.name} sent no BootNotification within {self._timeout_s:g} s; "
                f"expected it to dial {self._wire.where} with one of the subprotocols {', '.join(VERSIONS)}"
            )
        machine.state.foreign = []
        settings = () if self._only_looks else machine.version.settings(machine.interval_s)
        for question in (*machine.version.questions(), *settings):
            try:
                machine.state.report_ended = False
                answer = await self._ask(machine.call(question))
                if machine.version.learn(machine.state, type(question).__name__, answer):
                    await self._wire.deliver([], lambda: machine.state.report_ended)
            except (DeviceError, PeerFault):
                continue  # all of it is optional here: what is not told stays unknown, such as the rated power (0)
        await self._catch_up()
        if machine.state.foreign:
            _log.warning("charging station %s holds limits of somebody else, which are not loosened", self.name)
        about, rated_w = machine.about, machine.state.max_power_w or 0
        return Nameplate(DeviceKind.STATION, about.vendor, about.model, about.serial, max_consumption_w=rated_w)

    async def _remind(self) -> None:
        """A station that was running when we started does not boot again by itself: ask it to (F06 TriggerMessage)."""
        if await self._wire.deliver([], lambda: self._wire.connected) and not self._machine.booted:
            await asyncio.sleep(_BOOT_GRACE_S)  # one that has just been switched on says so at once
            if not self._machine.booted:
                await self._wire.deliver(self._machine.ask_boot(), lambda: self._machine.booted)

    async def _catch_up(self) -> None:
        """Learn what a station that was running before us has told already: connector, registers, transaction (F06)."""
        machine = self._machine
        if not machine.state.running:
            return
        for what in machine.version.askable:
            heard = len(machine.recent_actions)
            try:
                answer = await self._ask(machine.call(machine.version.trigger(what)))
            except DeviceFault:
                continue  # a station without triggers tells all this by and by; until then nothing is taken for granted
            if answer.text("status") == "Accepted":
                await self._wire.deliver([], lambda what=what, heard=heard: what in machine.recent_actions[heard:])  # type: ignore[misc]
            elif what == "TransactionEvent" and answer.text("status") == "Rejected":
                machine.state.caught_up = True  # none runs

    async def sync(self, now: datetime) -> None:
        """Take what the station has to say at this instant."""
        self._machine.state.clock(now)
        await self._wire.sync()

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """Net power and the energy register as the station last reported them; ABSENT when it is not connected."""
        self._machine.state.clock(now)
        told = self._machine.state.last.values
        given = (
            (Kind.ENERGY_EXPORT,) if isinstance(self._machine.version, BothWays) and Kind.ENERGY_EXPORT in told else ()
        )
        return tuple(self._reading(kind, now) for kind in (*_KINDS, *given))

    def _reading(self, kind: Kind, now: datetime) -> Reading:
        state = self._machine.state
        if not self._wire.connected:
            return state.last.absent(kind, now)
        at_rest = state.transaction is None and state.caught_up and state.status in _AT_REST
        told = state.last.values.get(kind)
        # No transaction, no current: the contactor is open and the register stands. The connector's state is told at
        # every change and the connection is alive, so this holds now.
        if at_rest and kind is Kind.POWER:
            return Reading(self.name, kind, 0.0, now)
        if at_rest and told is not None and told.told is Quality.GOOD:
            return Reading(self.name, kind, told.value, now)
        return state.last.reading(kind, now)

    async def command(self, setpoint: Setpoint, valid_until: datetime, now: datetime) -> None:
        """Limit the charging power until `valid_until` (SetChargingProfile), and read the composite schedule back.

        Where somebody else's limit is smaller, that is what is asked for: ours would overrule it.
        """
        machine, state, power_w = self._machine, self._machine.state, setpoint.power_w
        state.clock(now)
        if (foreign_w := state.foreign_w(valid_until)) is not None:
            power_w = min(power_w, int(foreign_w))
        if setpoint.mode is Mode.TARGET and self._gives():
            await self._ask_for(power_w, valid_until, now)
            return
        if setpoint.mode is not Mode.LIMIT or power_w < 0:
            raise BadInput(
                f"setpoint of {self.name}: {setpoint.mode} {power_w} W cannot be given to an {machine.version.title} "
                "station; expected a limit of 0 W or more (it cannot discharge)"
            )
        self._check_end(valid_until, now)
        answer = await self._ask(machine.set_limit(power_w, valid_until))
        if answer.text("status") != "Accepted" and state.stack_level > 0:
            state.stack_level = 0  # perhaps it does not mean what it says of its levels
            answer = await self._ask(machine.set_limit(power_w, valid_until))
        if answer.text("status") != "Accepted" and not state.in_amperes and machine.version.wants_amperes(answer):
            state.in_amperes = True
            answer = await self._ask(machine.set_limit(power_w, valid_until))
        if answer.text("status") != "Accepted":
            only = ", which takes amperes only," if state.in_amperes else ""
            raise DeviceFault(
                f"charging station {self.name}{only} answered {answer.text('status')} to a limit of "
                f"{power_w} W; expected Accepted"
            )
        await self._read_back(power_w, valid_until)

    def _check_end(self, valid_until: datetime, now: datetime) -> None:
        if valid_until <= now:
            raise BadInput(f"valid_until of {self.name}: {valid_until.isoformat()} is over; expected a later instant")

    def _gives(self) -> bool:
        """Whether a vehicle is plugged that can give energy back, and can be asked for it."""
        return isinstance(self._machine.version, BothWays) and self._machine.state.discharge_w > 0

    async def _ask_for(self, power_w: int, valid_until: datetime, now: datetime) -> None:
        """Ask the plugged vehicle for a power until `valid_until`, and read back that it is asked for."""
        version, state = self._machine.version, self._machine.state
        self._check_end(valid_until, now)
        if power_w < -state.discharge_w:
            raise BadInput(
                f"setpoint of {self.name}: {power_w} W is more than its vehicle can give; "
                f"expected {-state.discharge_w} W or more"
            )
        if not isinstance(version, BothWays) or state.transaction is None:
            raise DeviceFault(f"charging station {self.name} has no vehicle that gives energy; expected a transaction")
        wanted = version.set_power(power_w, now, valid_until, state.transaction.id, stack_level=state.stack_level)
        answer = await self._ask(self._machine.call(wanted))
        if answer.text("status") != "Accepted":
            raise DeviceFault(
                f"charging station {self.name} answered {answer.text('status')} to a setpoint of {power_w} W; "
                "expected Accepted"
            )
        told = version.power_read(
            await self._ask(self._machine.call(self._machine.version.read_limit(now, valid_until)))
        )
        if told is None or abs(told - power_w) > _SETPOINT_STEP_W:
            read = "no setpoint" if told is None else f"a setpoint of {told:g} W"
            raise DeviceFault(f"charging station {self.name} reads back {read}; expected {power_w} W")

    async def _read_back(self, power_w: int, valid_until: datetime) -> None:
        """Compare the composite schedule, where the station has one: it may leave that out, and the limit counts as set."""
        version = self._machine.version
        try:
            applied = version.limit_read(
                await self._ask(self._machine.call(version.read_limit(self._machine.now, valid_until)))
            )
        except DeviceUnreachable:
            raise
        except DeviceFault as fault:
            if not any(code in str(fault) for code in _NOT_THERE):
                raise
            applied = None
        if applied is None:
            if not self._unverified:
                self._unverified = True
                _log.warning("charging station %s tells no composite schedule: its limits are not verified", self.name)
            return
        limit_w, step_w = applied
        if limit_w < 0:
            raise DeviceFault(
                f"charging station {self.name} reads back a limit of {limit_w:g}, and -1 means that no limit is in force; "
                f"expected at most {power_w} W"
            )
        if limit_w > power_w + step_w:
            raise DeviceFault(
                f"charging station {self.name} reads back a limit of {limit_w:g} W; expected at most {power_w} W"
            )

    async def release(self, now: datetime) -> None:
        """Drop our limits, and nobody else's; that there were none is no fault."""
        self._machine.state.clock(now)
        for clearing in self._machine.version.clear_limits():
            await self._ask(self._machine.call(clearing))

    def drain(self) -> tuple[News, ...]:
        """Vehicles that came and went since the last call."""
        return self._machine.state.news.drain()

    async def close(self) -> None:
        """Turn the station away."""
        await self._wire.close()

    async def _ask(self, unique_id: str) -> Payload:
        """The answer to one of our calls."""
        answers = self._machine.answers
        try:
            if self._wire.connected:
                await self._wire.deliver(self._machine.flush(), lambda: unique_id in answers)
        finally:
            if unique_id not in answers:
                self._machine.abandon(unique_id)
            answer = answers.pop(unique_id)
        if answer.error:
            fault = DeviceUnreachable if answer.error in (LOST, "no answer in time") else DeviceFault
            raise fault(f"charging station {self.name} did not do {answer.action}: {answer.error}; expected an answer")
        return answer.payload
