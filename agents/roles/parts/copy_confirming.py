"""After each day a party tells the meter-data company by which copies it sums up; where none reads meters, nobody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from agents.roles.effects import Arm, Effect, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.meter_messages import CopiesHeld
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.filing import NoState
from agents.roles.parts.operated_days import DayNear
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from market.settlement.meter_copies import copy_digest
from market.uftp import Metering

CONFIRMING = timedelta(minutes=90)  # after the day's end: metered after an hour, settled at once


@wire("part.timer.confirm")
@dataclass(frozen=True, slots=True)
class ConfirmCopies(Timer):
    """A day is metered and settled: tell by which copies."""

    period: date


class CopyConfirming(Part[NoState]):
    """Tells once a day, whether anything was ordered or not.

    Args:
        held: the own copies of a day's meter data.
    """

    def __init__(self, me: AgentIdentity, held: Callable[[date], Iterable[Metering]]) -> None:
        super().__init__(me, NoState())
        self._held = held

    @on(DayNear)
    def day_near(self, event: DayNear, now: datetime) -> list[Effect]:
        """Half an hour after its metering."""
        return [Arm(ConfirmCopies(event.day.day), event.day.end + CONFIRMING)] if self.rules.meter_company else []

    @on(ConfirmCopies)
    def confirm(self, timer: ConfirmCopies, now: datetime) -> list[Effect]:
        """What is held by now."""
        copies = tuple(sorted(copy_digest(metering) for metering in self._held(timer.period)))
        return [Send(self.rules.meter_company, CopiesHeld(timer.period, copies))] if copies else []

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Of days that are open it is told again."""
        return Recovery([effect for day in history.open_days(now) for effect in self.day_near(DayNear(day), now)])
