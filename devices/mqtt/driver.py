"""The driver of a building without S2: `Port`, `Measures` and `Limits` over MQTT (see `devices.port`).

Such a building has no timer for a limit. So what stood before is remembered; it is put back at `valid_until` by the driver, and
by the broker, as the will of our connection (MQTT 5, 3.1.2.5), once the driver is gone: a limit is written only over a
connection that was made with this will. A broker and a driver that die together leave a limit standing; the nameplate says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from cim.model.devices import DeviceKind, Mode, Nameplate, Setpoint
from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality, Reading
from devices.mqtt.address import broker_address
from devices.mqtt.building import Building
from devices.mqtt.discovery import Entity
from devices.mqtt.limiting import Limiter
from devices.mqtt.link import BrokerLink, Link, Said
from devices.port.errors import DeviceError, DeviceFault, DeviceUnreachable

_REST_S = 0.5  # announcements come one after the other: after so long without one they are all there
_STATE_GRACE_S = 2.0
_AGAIN_S = 5.0  # a limit that could not be put back is tried again
_KINDS = (Kind.POWER, Kind.ENERGY_IMPORT, Kind.TEMPERATURE, Kind.HUMIDITY, Kind.OCCUPANCY)
_log = logging.getLogger("iles.devices.mqtt")


def _wall_clock() -> datetime:
    return datetime.now(UTC)


MakeLink = Callable[[Building, Callable[[], datetime], float], Link]


class BuildingPort:
    """One building behind a broker.

    A LIMIT of consumption is what it can be asked for. A TARGET is kept from above only: its own rule says how much less it
    draws. It tells no thermal description, so no flexibility is planned of it.

    Args:
        name: the device's name.
        url: see `devices.mqtt.address`.
        timeout_s: how long the broker, and the building behind it, may take to answer.
        clock: what time it is.
        link: how the broker is reached.
    """

    def __init__(
        self,
        name: str,
        url: str,
        timeout_s: float = 10.0,
        clock: Callable[[], datetime] = _wall_clock,
        link: MakeLink = BrokerLink,
    ) -> None:
        self.name, self._timeout_s, self._clock = name, timeout_s, clock
        self._building = Building(name, broker_address(url))
        self._link = link(self._building, clock, timeout_s)
        self._before: tuple[Limiter, str] | None = None  # what takes the limit, and its value before ours
        self._ours = ""  # the value that was written last, while it may stand
        self._ending: asyncio.Task[None] | None = None
        self._opened = False

    async def open(self, now: datetime) -> Nameplate:  # noqa: ARG002 - Port gives every call its instant
        """Wait for what it announces; its rating is the largest limit that it knows, or what the address says."""
        building = self._building
        if not self._opened:
            await self._link.open(None)
            self._opened = True
        if not await self._link.until(lambda: self._link.connected, self._timeout_s):
            raise DeviceUnreachable(
                f"building {self.name}: {building.address.where} does not let us in within {self._timeout_s:g} s "
                f"({self._link.trouble or 'no answer'}); expected a broker that speaks MQTT 5"
            )
        await self._link.until(lambda: building.announced, self._timeout_s)
        await self._rested()
        maker = building.maker()
        power = building.sensor(
            Kind.POWER
        )  # where several could be meant, that is to be said before anything is believed
        await self._link.until(lambda: power is None or building.state(power) is not None, _STATE_GRACE_S)
        for kind in _KINDS:
            self._sensor(kind, tell=True)
        most_w = building.address.rated_w
        with contextlib.suppress(DeviceFault):
            most_w = most_w or round(building.limiter().most_w)
        return Nameplate(
            DeviceKind.GATEWAY,
            maker.manufacturer,
            maker.model,
            maker.serial or maker.names[0],
            max_consumption_w=most_w,
            reverts_by_itself=False,
        )

    async def _rested(self) -> None:
        heard = -1
        while heard != self._building.heard:
            heard = self._building.heard
            await self._link.until(partial(self._more_than, heard), _REST_S)

    def _more_than(self, heard: int) -> bool:
        return self._building.heard > heard

    def _sensor(self, kind: Kind, tell: bool = False) -> Entity | None:
        try:
            return self._building.sensor(kind)
        except DeviceFault as fault:
            if tell:
                _log.warning("%s; it is not read", fault)
            return None

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """What its sensors told last; all ABSENT while the broker is away, power always among them."""
        if not self._opened:
            await self.open(now)
        sensors = {kind: self._sensor(kind) for kind in _KINDS}
        there = {kind: entity for kind, entity in sensors.items() if entity is not None or kind is Kind.POWER}
        if not self._link.connected:
            return tuple(Reading(self.name, kind, 0.0, now, Quality.ABSENT) for kind in there)
        return tuple(self._building.reading(kind, entity, now) for kind, entity in there.items())

    async def command(self, setpoint: Setpoint, valid_until: datetime, now: datetime) -> None:
        """Limit what it draws until `valid_until`, and read that back; see the module for what ends it."""
        if valid_until <= now:
            raise BadInput(f"valid_until of {self.name}: {valid_until.isoformat()} is over; expected a later instant")
        if setpoint.mode is Mode.START or setpoint.power_w < 0:
            raise BadInput(
                f"setpoint of {self.name}: {setpoint.mode} {setpoint.power_w} W does not fit; expected a limit, >= 0 W"
            )
        limiter = self._building.limiter()
        try:
            value = limiter.value(setpoint.power_w)
        except DeviceFault as fault:
            raise DeviceFault(f"building {self.name}: {fault}") from fault
        self._must_be_there(limiter)
        before = self._stood(limiter)
        alike = before[0].entity.command_topic == limiter.entity.command_topic
        if alike and before[0].watts(before[1]) < limiter.watts(value):
            _log.info("building %s is held to %s by somebody else, which is not loosened", self.name, before[1])
            value = before[1]
        will = (limiter.entity.command_topic, before[0].payload(before[1]))
        if self._link.will != will:
            await self._renewed(will, limiter)
        self._before = before
        self._end_at(
            valid_until
        )  # before anything is written: a link that breaks in between leaves no limit without an end
        self._ours = ""  # until it is read back, nobody can say whose the value is
        await self._written(limiter, value)
        self._ours = value

    async def release(self, now: datetime) -> None:  # noqa: ARG002 - as above
        """Put back what stood before the first limit of ours; nothing where there was none.

        Where that fails it is tried again until it is done, or until another limit is commanded.
        """
        self._stop_ending()
        if self._before is None:
            return
        limiter, value = self._before
        try:
            self._must_be_there(limiter)
            await self._written(limiter, value, take_back=False)
            self._before, self._ours = None, ""
        finally:
            if self._before is not None:  # it failed, or whoever asked for it gave up
                self._end_at(self._clock())

    async def close(self) -> None:
        """Put back what stood before, and leave; safe to call twice."""
        self._stop_ending()
        if self._before is not None:
            limiter, value = self._before
            try:
                await self._link.publish((limiter.entity.command_topic, limiter.payload(value)))
                self._before, self._ours = None, ""
            except DeviceError as error:
                _log.warning("building %s: its limit is left to the broker to take back: %s", self.name, error)
        # What was not confirmed may never have come: then the broker has to say it, which a tidy leave would forbid it.
        await self._link.close(by_will=self._before is not None)
        self._opened = False

    def _must_be_there(self, limiter: Limiter) -> None:
        if not self._link.connected or not self._building.available(limiter.entity):
            why = self._link.trouble or "it says that it is offline" if self._link.connected else "the broker is away"
            raise DeviceUnreachable(f"building {self.name} cannot be limited now ({why}); expected it to be there")

    def _stood(self, limiter: Limiter) -> tuple[Limiter, str]:
        """What somebody else has set: before the first limit of ours, or since, where that is less than ours."""
        before, told = self._before, self._building.state(limiter.entity)
        if before is None:
            return limiter, self._found(limiter)
        now = None if told is None else limiter.told(told)
        if now is None or not self._ours or limiter.same(now, self._ours):
            return before
        return (limiter, now) if limiter.watts(now) < limiter.watts(self._ours) else before

    def _found(self, limiter: Limiter) -> str:
        """The value before ours: what it tells, else the widest."""
        told = self._building.state(limiter.entity)
        found = limiter.widest if told is None else limiter.told(told)
        if found is None:
            raise DeviceFault(
                f"building {self.name}: {limiter.entity.object_id} does not tell how it stands ({(told or '')[:40]!r}), so nobody "
                "could put it back; expected its state before it is limited"
            )
        return found

    async def _renewed(self, will: Said, limiter: Limiter) -> None:
        """Connect anew with the will that puts things right when we are gone."""
        await self._link.open(will)
        known = self._building
        if not await self._link.until(
            lambda: self._link.connected and known.available(limiter.entity), self._timeout_s
        ):
            raise DeviceUnreachable(
                f"building {self.name}: {known.address.where} does not take what is to end a limit when ILES is gone "
                f"({self._link.trouble or 'no answer'}); expected a connection with a will"
            )

    async def _written(self, limiter: Limiter, value: str, take_back: bool = True) -> None:
        """Publish, and wait until its state says the same."""
        topic, building = limiter.entity.command_topic, self._building
        await self._link.publish((topic, limiter.payload(value)))

        def obeys() -> bool:
            told = building.state(limiter.entity)
            return told is not None and limiter.same(limiter.told(told), value)

        if await self._link.until(obeys, self._timeout_s):
            return
        told = building.state(limiter.entity)
        fault = f"building {self.name}: {limiter.entity.object_id} reads back as {(told or 'nothing')[:40]!r}; expected {value}"
        if take_back and self._before is not None:
            await self._link.publish((topic, limiter.payload(self._before[1])))
            fault += "; what stood before is written again"
        raise DeviceFault(fault)

    def _end_at(self, at: datetime) -> None:
        self._stop_ending()
        self._ending = asyncio.create_task(self._end(at))

    def _stop_ending(self) -> None:
        ending, self._ending = self._ending, None
        if ending is not None and ending is not asyncio.current_task():
            ending.cancel()

    async def _end(self, at: datetime) -> None:
        await asyncio.sleep(max(0.0, (at - self._clock()).total_seconds()))
        while self._before is not None:
            limiter, value = self._before
            try:
                self._must_be_there(limiter)
                await self._written(limiter, value, take_back=False)
                self._before, self._ours = None, ""
            except DeviceError as error:
                _log.warning("building %s: its limit is over and not yet taken back: %s", self.name, error)
                await asyncio.sleep(_AGAIN_S)
