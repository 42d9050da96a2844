"""The agent that holds the wire to one device; what its kind may be asked for comes from `agents.planning.elements`.

It reads its device every control interval, tells its prosumer, and writes the setpoint of its schedule with an
expiry, again at half its life. When the device is lost it says so and writes nothing: the device holds its own
fail-safe. On readings that are not good it never raises power.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from agents.planning.elements.registry import element_kind
from agents.roles.desk_role import DeskRole
from agents.roles.effects import Arm, Command, Effect, Poll, Publish, Release, Send
from agents.roles.events import Commanded, Connected, Measured, Recalled
from agents.roles.messages import DeviceJoined, DeviceReport, DeviceSchedule
from agents.roles.part import on
from cim.codec.codec import wire
from cim.model.devices import Mode, Nameplate, Setpoint
from cim.model.readings import Kind, Quality
from cim.platform.publications import CommandRefused, DeviceBack, DeviceLost, MemoryLost, ReadingsTaken
from market.rules import MarketRules

LIFE_IN_INTERVALS = 3  # a setpoint outlives its writer by at most this many control intervals


@wire("asset.State")
@dataclass(slots=True)
class DeviceAgentState:
    """What a device agent must remember."""

    nameplate: Nameplate | None = None
    schedules: dict[str, DeviceSchedule] = field(default_factory=dict)
    written: Setpoint | None = None
    written_at: datetime | None = None
    lost: bool = False
    forgotten: tuple[str, ...] = ()  # what a loss of everything left nothing of


class DeviceAgent(DeskRole[DeviceAgentState]):
    """One device's agent, owned by a prosumer."""

    def __init__(self, name: str, rules: MarketRules, key: bytes, owner: str) -> None:
        super().__init__(name, rules, key, DeviceAgentState())
        self.owner = owner

    @property
    def waits(self) -> bool:
        """Nobody has said yet what the device is."""
        return self.state.nameplate is None

    @on(Recalled)
    def recalled(self, event: Recalled, now: datetime) -> list[Effect]:
        """Nothing of a device is in the ledger; what it holds ends by itself, its owner hears that it is here anew."""
        what = f"its schedule: {self.name} runs by its own rule until {self.owner} sends one"
        self.state.forgotten = (what,)
        return [Publish(MemoryLost(now, self.name, self.state.forgotten))]

    @on(Connected)
    def connected(self, event: Connected, now: datetime) -> list[Effect]:
        """Say what it is, take a first reading, and start to control with the first operated day."""
        self.state.nameplate = event.nameplate
        begin = max(self.rules.periods[0].start, now)
        return [Send(self.owner, DeviceJoined(self.name, event.nameplate)), Poll(self.name), Arm("control", begin)]

    def timer_control(self, _: str, now: datetime) -> list[Effect]:
        """Read; what to write is decided on the reading."""
        following = self.rules.boundary(now)
        last = self.rules.periods[-1].end
        return [Poll(self.name), *([Arm("control", following)] if following <= last else [])]

    @on(Measured)
    def measured(self, event: Measured, now: datetime) -> list[Effect]:
        """Tell the prosumer and the platform; then steer."""
        effects: list[Effect] = [Send(self.owner, DeviceReport(self.name, now, event.readings, event.news))]
        effects.append(Publish(ReadingsTaken(now, event.readings)))
        if (event.fault is not None) != self.state.lost:
            self.state.lost = event.fault is not None
            back = DeviceBack(now, self.name) if event.fault is None else DeviceLost(now, self.name, event.fault)
            effects.append(Publish(back))
        if event.fault is not None:
            self.state.written = None  # what it holds now is its own affair; write afresh once it is back
            return effects
        return effects + self._steer(now, _steady(event))

    @on(DeviceSchedule)
    def scheduled(self, message: DeviceSchedule, sender: str, now: datetime) -> list[Effect]:
        """A new plan from the owner; when it changes this very ISP, act at once."""
        if sender != self.owner:
            return []
        self.state.schedules[message.period.isoformat()] = message
        self._forget(now)
        return [] if self.state.lost else self._steer(now)

    @on(Commanded)
    def commanded(self, event: Commanded, now: datetime) -> list[Effect]:
        """A refusal is told, and tried again at the next interval."""
        if event.fault is None:
            return []
        self.state.written = None
        return [Publish(CommandRefused(now, self.name, event.fault))]

    def _steer(self, now: datetime, steady: bool = True) -> list[Effect]:
        wanted = self._wanted(now)
        if not steady and self._raises(wanted):
            return []  # blind: what was written ends by itself, and the device keeps its own fail-safe
        if wanted is None:
            if self.state.written is None:
                return []
            self.state.written = None
            return [Release(self.name)]
        life = self.rules.interval * LIFE_IN_INTERVALS
        at = self.state.written_at
        if wanted == self.state.written and at is not None and now - at < life / 2:
            return []
        self.state.written, self.state.written_at = wanted, now
        return [Command(self.name, wanted, now + life)]

    def _raises(self, wanted: Setpoint | None) -> bool:
        """Whether this lets the device take or give more power than what was written last."""
        held = self.state.written
        if wanted is None:
            return held is not None
        if held is None:
            return wanted.mode is Mode.TARGET and wanted.power_w != 0
        if wanted.power_w * held.power_w < 0:
            return True
        return abs(wanted.power_w) > abs(held.power_w)

    def _wanted(self, now: datetime) -> Setpoint | None:
        day = self.rules.day_of(now)
        schedule = self.state.schedules.get(day.key)
        if schedule is None:
            return None
        setpoint, plate = schedule.setpoints[day.isp_of(now) - 1], self.state.nameplate
        if setpoint is None or plate is None:
            return setpoint
        return element_kind(plate.kind).safe(setpoint, plate)

    def _forget(self, now: datetime) -> None:
        today = self.rules.day_of(now).key
        for period in [p for p in self.state.schedules if p < today]:
            del self.state.schedules[period]


def _steady(event: Measured) -> bool:
    return any(r.kind is Kind.POWER and r.quality is Quality.GOOD for r in event.readings)
