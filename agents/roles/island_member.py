"""The agent of one unit of an island: shows the manager what it measures, and has the unit do what it is told, for a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.roles.effects import Arm, Command, Effect, Poll, Publish, Release, Send, Timer
from agents.roles.events import Commanded, Connected, Measured
from agents.roles.identity import AgentIdentity
from agents.roles.island_messages import Duty, UnitOrder, UnitReport
from agents.roles.part import Part, on
from agents.roles.role import Role
from cim.codec.codec import wire
from cim.model.devices import Setpoint
from cim.platform.publications.measured import CommandRefused, DeviceBack, DeviceLost, ReadingsTaken
from market.rules import MarketRules


@wire("island.MemberConfig")
@dataclass(frozen=True, slots=True)
class IslandMemberConfig:
    """Whose unit it is.

    Attributes:
        manager: who leads the island, an agent.
        control_s: how often the unit is read.
    """

    manager: str
    duty: Duty
    control_s: int


@wire("island.timer.read")
@dataclass(frozen=True, slots=True)
class ReadUnit(Timer):
    """A control interval begins."""


@wire("island.MemberState")
@dataclass(slots=True)
class IslandDutyState:
    """The last order, and whether the unit is lost."""

    ordered: Setpoint | None = None
    lost: bool = False


class IslandDuty(Part[IslandDutyState]):
    """Reads its unit each control interval, and writes orders of the manager with their expiry; nobody else's."""

    def __init__(self, me: AgentIdentity, config: IslandMemberConfig) -> None:
        super().__init__(me, IslandDutyState())
        self._config = config

    @on(Connected)
    def connected(self, event: Connected, now: datetime) -> list[Effect]:
        """Read at once, then each control interval."""
        return self.read(ReadUnit(), now)

    @on(ReadUnit)
    def read(self, timer: ReadUnit, now: datetime) -> list[Effect]:
        """Read, and again in a control interval."""
        return [Poll(self.me.name), Arm(ReadUnit(), now + timedelta(seconds=self._config.control_s))]

    @on(Measured)
    def measured(self, event: Measured, now: datetime) -> list[Effect]:
        """Show it to the manager and the platform."""
        state, me = self.state, self.me.name
        effects: list[Effect] = [
            Send(self._config.manager, UnitReport(self._config.duty, now, event.readings)),
            Publish(ReadingsTaken(now, event.readings)),
        ]
        if (event.fault is not None) != state.lost:
            state.lost = event.fault is not None
            effects.append(Publish(DeviceBack(now, me) if event.fault is None else DeviceLost(now, me, event.fault)))
        return effects

    @on(UnitOrder)
    def ordered(self, message: UnitOrder, sender: str, now: datetime) -> list[Effect]:
        """Have the unit do it; one that has ended already, or another's, changes nothing."""
        if sender != self._config.manager or message.valid_until <= now:
            return [
                self.me.lapse("UnitOrder", message.valid_until.isoformat(), sender, "not its manager's, or over", now)
            ]
        before, self.state.ordered = self.state.ordered, message.setpoint
        if message.setpoint is not None:
            return [Command(self.me.name, message.setpoint, message.valid_until)]
        return [] if before is None else [Release(self.me.name)]

    @on(Commanded)
    def commanded(self, event: Commanded, now: datetime) -> list[Effect]:
        """A refusal is told; the manager orders anew in the next control interval."""
        if event.fault is None:
            return []
        self.state.ordered = None
        return [Publish(CommandRefused(now, self.me.name, event.fault))]


class IslandMemberRole(Role):
    """One per unit of the island; its agent bears the unit's name."""

    def __init__(self, name: str, rules: MarketRules, key: bytes, config: IslandMemberConfig) -> None:
        me = AgentIdentity(name, rules, key)
        super().__init__(me, IslandDuty(me, config))
