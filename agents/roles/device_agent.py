"""The agent that holds the wire to one device; what its kind may be asked for comes from `agents.planning.elements`.

It reads its device every control interval, tells its prosumer, and writes the setpoint of its schedule with an
expiry, again at half its life. When the device is lost it says so and writes nothing: the device holds its own
fail-safe. On readings that are not good it never raises power.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from agents.planning.elements.registry import element_kind
from agents.roles.effects import Command, Effect, Publish, Release, Send, Timer
from agents.roles.events import Commanded, Connected, Measured
from agents.roles.identity import AgentIdentity
from agents.roles.messages import DeviceJoined, DeviceReport, DeviceSchedule
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.polling import begin_polling, poll_on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.role import Role
from cim.codec.codec import wire
from cim.model.devices import Mode, Nameplate, Setpoint
from cim.model.readings import Kind, Quality
from cim.platform.publications.measured import CommandRefused, DeviceBack, DeviceLost, ReadingsTaken
from market.rules import MarketRules

LIFE_IN_INTERVALS = 3  # a setpoint outlives its writer by at most this many control intervals


@wire("asset.timer.control")
@dataclass(frozen=True, slots=True)
class ReadDevice(Timer):
    """A control interval begins."""


@wire("asset.DeviceReports")
@dataclass(slots=True)
class DeviceReportsState:
    """What the device says it is, whether it is lost, and whether its last reading told its power."""

    nameplate: Nameplate | None = None
    lost: bool = False
    blind: bool = False


@wire("asset.SetpointWriting")
@dataclass(slots=True)
class SetpointWritingState:
    """The owner's schedules by day, and the setpoint that was written last, with its instant."""

    schedules: dict[date, DeviceSchedule] = field(default_factory=dict)
    written: Setpoint | None = None
    written_at: datetime | None = None


class DeviceReports(Part[DeviceReportsState]):
    """Reads the device each control interval and tells its owner, who else listens and the platform what it shows."""

    def __init__(self, me: AgentIdentity, owner: str, listeners: tuple[str, ...] = ()) -> None:
        super().__init__(me, DeviceReportsState())
        self._owner, self._listeners = owner, listeners

    @property
    def waits(self) -> bool:
        """Nobody has said yet what the device is."""
        return self.state.nameplate is None

    @on(Connected)
    def connected(self, event: Connected, now: datetime) -> list[Effect]:
        """Join the owner, take a first reading, and start to control with the first operated day."""
        self.state.nameplate = event.nameplate
        joined = Send(self._owner, DeviceJoined(self.me.name, event.nameplate))
        return [joined, *begin_polling(self.rules, self.me.name, ReadDevice(), now)]

    @on(ReadDevice)
    def read(self, timer: ReadDevice, now: datetime) -> list[Effect]:
        """Read; what to write is decided on the reading."""
        return poll_on(self.rules, self.me.name, timer, now)

    @on(Measured)
    def measured(self, event: Measured, now: datetime) -> list[Effect]:
        """Tell the prosumer and the platform."""
        me = self.me.name
        self.state.blind = not _steady(event)
        effects: list[Effect] = [
            *(Send(to, DeviceReport(me, now, event.readings, event.news)) for to in (self._owner, *self._listeners)),
            Publish(ReadingsTaken(now, event.readings)),
        ]
        if (event.fault is not None) != self.state.lost:
            self.state.lost = event.fault is not None
            back = DeviceBack(now, me) if event.fault is None else DeviceLost(now, me, event.fault)
            effects.append(Publish(back))
        return effects


class SetpointWriting(Part[SetpointWritingState]):
    """Writes what the owner's schedule wants, never for longer than a setpoint may live.

    Args:
        device: what it is, and whether it answers.
    """

    def __init__(self, me: AgentIdentity, owner: str, device: DeviceReports) -> None:
        super().__init__(me, SetpointWritingState())
        self._owner, self._device = owner, device

    @on(Measured)
    def measured(self, event: Measured, now: datetime) -> list[Effect]:
        """Steer by the schedule, more carefully on a reading that is not good, not at all without one."""
        if event.fault is not None:
            self.state.written = None  # what it holds now is its own affair; write afresh once it is back
            return []
        return self._steer(now)

    @on(DeviceSchedule)
    def scheduled(self, message: DeviceSchedule, sender: str, now: datetime) -> list[Effect]:
        """A new plan from the owner; when it changes this very ISP, act at once."""
        if sender != self._owner:
            return []
        today = self.rules.day_of(now).day
        schedules = {**self.state.schedules, message.period: message}
        self.state.schedules = {period: schedule for period, schedule in schedules.items() if period >= today}
        return [] if self._device.state.lost else self._steer(now)

    @on(Commanded)
    def commanded(self, event: Commanded, now: datetime) -> list[Effect]:
        """A refusal is told, and tried again at the next interval."""
        if event.fault is None:
            return []
        self.state.written = None
        return [Publish(CommandRefused(now, self.me.name, event.fault))]

    def _steer(self, now: datetime) -> list[Effect]:
        state, wanted = self.state, self._wanted(now)
        if self._device.state.blind and self._raises(wanted, now):
            return []  # blind: what was written ends by itself, and the device keeps its own fail-safe
        if wanted is None:
            if state.written is None:
                return []
            state.written = None
            return [Release(self.me.name)]
        life = self.rules.interval * LIFE_IN_INTERVALS
        if wanted == state.written and state.written_at is not None and now - state.written_at < life / 2:
            return []
        state.written, state.written_at = wanted, now
        return [Command(self.me.name, wanted, now + life)]

    def _raises(self, wanted: Setpoint | None, now: datetime) -> bool:
        """Whether this lets the device take or give more power than what it was told and still holds."""
        state, life = self.state, self.rules.interval * LIFE_IN_INTERVALS
        held = state.written if state.written_at is not None and now < state.written_at + life else None
        if wanted is None:
            return held is not None
        if held is None:
            return wanted.mode is not Mode.LIMIT and wanted.power_w != 0
        if wanted.power_w * held.power_w < 0:
            return True
        return abs(wanted.power_w) > abs(held.power_w)

    def _wanted(self, now: datetime) -> Setpoint | None:
        day = self.rules.day_of(now)
        schedule = self.state.schedules.get(day.day)
        if schedule is None:
            return None
        setpoint, plate = schedule.setpoints[day.isp_of(now) - 1], self._device.state.nameplate
        if setpoint is None or plate is None:
            return setpoint
        return element_kind(plate.kind).safe(setpoint, plate)

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Nothing of a device is in the ledger; what it holds ends by itself, its owner hears that it is here anew."""
        what = f"its schedule: {self.me.name} runs by its own rule until {self._owner} sends one"
        return Recovery(forgotten=(what,))


def _steady(event: Measured) -> bool:
    return event.fault is None and any(r.kind is Kind.POWER and r.quality is Quality.GOOD for r in event.readings)


class DeviceAgent(Role):
    """One device's agent, owned by a prosumer."""

    def __init__(self, name: str, rules: MarketRules, key: bytes, owner: str) -> None:
        me = AgentIdentity(name, rules, key)
        reports = DeviceReports(me, owner)
        super().__init__(me, reports, SetpointWriting(me, owner, reports))


class MeterAgent(Role):
    """The agent of a meter that nobody steers, for example at a substation.

    It tells what it reads to its owner, the first of those who hear it, and to the others.
    """

    def __init__(self, name: str, rules: MarketRules, key: bytes, hear: tuple[str, ...]) -> None:
        me = AgentIdentity(name, rules, key)
        super().__init__(me, DeviceReports(me, hear[0], hear[1:]))
