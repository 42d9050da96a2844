"""The driver of a charging station: OCPP as `Port`, `Measures`, `Limits` and `Tells` (see `devices.port`)."""

from __future__ import annotations

import logging
from datetime import datetime

from cim.model.devices import DeviceKind, Mode, Nameplate, News, Setpoint
from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality, Reading
from devices.dial_in.server import DialInServer
from devices.dial_in.transport import FrameLink
from devices.ocpp.connection import StationConnection
from devices.ocpp.machine import CsmsMachine
from devices.ocpp.version import BothWays, LimitFor
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.port.tells import OnNews

_KINDS = (Kind.POWER, Kind.ENERGY_IMPORT)
_AT_REST = ("Available", "Occupied", "Reserved")  # connector states in which no transaction means no power

_SETPOINT_STEP_W = 0.5
_NOT_THERE = ("NotImplemented", "NotSupported")  # the RPC errors of a station without composite schedules
_log = logging.getLogger("iles.devices.ocpp")


class StationPort:
    """One EVSE of a charging station, in the version of OCPP that the station speaks.

    Args:
        name: in which its readings are. Where no connection is given it is the station's identity, too.
        link: to a device in this process, or
        server: the server it dials (which holds its password).
        interval_s: how often it reports; readings older than twice that are STALE.
        timeout_s: how long it may take to dial in or to answer.
        run: differs from driver to driver of one station (8 characters count), because a station may remember our
            message ids; without it the same inputs give the same frames.
        only_looks: whether nothing is to be set in the station when it is opened.
        connection: of a station with several EVSEs, instead of link, server, interval, time-out and run.
        evse: which one (OCPP 1.6: connector).
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
        connection: StationConnection | None = None,
        evse: int = 1,
    ) -> None:
        self.name, self._evse, self._only_looks = name, evse, only_looks
        self._unverified = False
        self._connection = connection or StationConnection(
            name, link=link, server=server, interval_s=interval_s, timeout_s=timeout_s, run=run
        )
        self._state = self._connection.state(evse)

    @property
    def _called(self) -> str:
        several = len(self._machine.station.evses) > 1
        return f"{self._connection.name}, EVSE {self._evse}," if several else self._connection.name

    @property
    def _machine(self) -> CsmsMachine:
        return self._connection.machine

    @property
    def speaks(self) -> str:
        """The version of OCPP of its session, such as `OCPP 1.6`."""
        return self._machine.version.title

    def listen(self, on_news: OnNews) -> None:
        """See `Tells`: vehicles that come and go."""
        self._state.news.on_news = on_news

    async def open(self, now: datetime) -> Nameplate:
        """Wait for the station's BootNotification, and learn what it tells of itself."""
        await self._connection.open(self._evse, now, only_looks=self._only_looks)
        state, about = self._state, self._machine.about
        if state.foreign:
            _log.warning("charging station %s holds limits of somebody else, which are not loosened", self._called)
        rated_w = state.max_power_w or 0
        return Nameplate(DeviceKind.STATION, about.vendor, about.model, about.serial, max_consumption_w=rated_w)

    async def sync(self, now: datetime) -> None:
        """Take what the station has to say at this instant."""
        self._state.clock(now)
        await self._connection.sync()

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """Net power and the energy register as the station last reported them; ABSENT when it is not connected."""
        self._state.clock(now)
        told = self._state.last.values
        given = (
            (Kind.ENERGY_EXPORT,) if isinstance(self._machine.version, BothWays) and Kind.ENERGY_EXPORT in told else ()
        )
        return tuple(self._reading(kind, now) for kind in (*_KINDS, *given))

    def _reading(self, kind: Kind, now: datetime) -> Reading:
        state = self._state
        if not self._connection.connected:
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
        machine, state, power_w = self._machine, self._state, setpoint.power_w
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
        answer = await self._connection.limit(power_w, valid_until, self._evse)
        if answer.text("status") != "Accepted":
            only = ", which takes amperes only," if machine.station.wide.in_amperes else ""
            raise DeviceFault(
                f"charging station {self._called}{only} answered {answer.text('status')} to a limit of "
                f"{power_w} W; expected Accepted"
            )
        await self._connection.keep_station_limit(valid_until)
        await self._read_back(power_w, valid_until)

    def _check_end(self, valid_until: datetime, now: datetime) -> None:
        if valid_until <= now:
            raise BadInput(f"valid_until of {self.name}: {valid_until.isoformat()} is over; expected a later instant")

    def _gives(self) -> bool:
        """Whether a vehicle is plugged that can give energy back, and can be asked for it."""
        return isinstance(self._machine.version, BothWays) and self._state.discharge_w > 0

    async def _ask_for(self, power_w: int, valid_until: datetime, now: datetime) -> None:
        """Ask the plugged vehicle for a power until `valid_until`, and read back that it is asked for."""
        version, state, ask = self._machine.version, self._state, self._connection.ask
        self._check_end(valid_until, now)
        if power_w < -state.discharge_w:
            raise BadInput(
                f"setpoint of {self.name}: {power_w} W is more than its vehicle can give; "
                f"expected {-state.discharge_w} W or more"
            )
        if not isinstance(version, BothWays) or state.transaction is None:
            raise DeviceFault(
                f"charging station {self._called} has no vehicle that gives energy; expected a transaction"
            )
        await self._connection.keep_station_limit(valid_until)
        how = LimitFor(self._evse, state.transaction.id, stack_level=self._machine.station.wide.stack_level)
        answer = await ask(self._machine.call(version.set_power(power_w, now, valid_until, how)))
        if answer.text("status") != "Accepted":
            raise DeviceFault(
                f"charging station {self._called} answered {answer.text('status')} to a setpoint of {power_w} W; "
                "expected Accepted"
            )
        reading = self._machine.version.read_limit(now, valid_until, self._evse)
        told = version.power_read(await ask(self._machine.call(reading)))
        if told is None or abs(told - power_w) > _SETPOINT_STEP_W:
            read = "no setpoint" if told is None else f"a setpoint of {told:g} W"
            raise DeviceFault(f"charging station {self._called} reads back {read}; expected {power_w} W")

    async def _read_back(self, power_w: int, valid_until: datetime) -> None:
        """Compare the composite schedule, where the station has one: it may leave that out, and the limit counts as set."""
        version = self._machine.version
        try:
            reading = version.read_limit(self._machine.now, valid_until, self._evse)
            applied = version.limit_read(await self._connection.ask(self._machine.call(reading)))
        except DeviceUnreachable:
            raise
        except DeviceFault as fault:
            if not any(code in str(fault) for code in _NOT_THERE):
                raise
            applied = None
        if applied is None:
            if not self._unverified:
                self._unverified = True
                _log.warning(
                    "charging station %s tells no composite schedule: its limits are not verified", self._called
                )
            return
        limit_w, step_w = applied
        if limit_w < 0:
            raise DeviceFault(
                f"charging station {self._called} reads back a limit of {limit_w:g}, and -1 means that no limit is in force; "
                f"expected at most {power_w} W"
            )
        if limit_w > power_w + step_w:
            raise DeviceFault(
                f"charging station {self._called} reads back a limit of {limit_w:g} W; expected at most {power_w} W"
            )

    async def release(self, now: datetime) -> None:
        """Drop our limits, and nobody else's; that there were none is no fault."""
        self._state.clock(now)
        await self._connection.release(self._evse)

    def drain(self) -> tuple[News, ...]:
        """Vehicles that came and went since the last call."""
        return self._state.news.drain()

    async def close(self) -> None:
        """The station is turned away, unless another of its EVSEs is in use."""
        await self._connection.close(self._evse)
