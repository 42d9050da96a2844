"""When each operated day comes near: a site may run for years, so a day's timers are set shortly before it begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from agents.roles.effects import Arm, Effect, Timer
from agents.roles.events import Started
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.filing import NoState
from agents.roles.parts.recovery import KEPT_DAYS, LedgerHistory
from cim.codec.codec import wire
from cim.model.intervals import LocalDay

_DAYS_BEFORE = 2  # a day's first timer is due on the day before it


@dataclass(frozen=True, slots=True)
class DayNear:
    """Told inside a role: a day comes near (or is open, at the start); set what is due on, before and after it."""

    day: LocalDay


@wire("part.timer.day")
@dataclass(frozen=True, slots=True)
class LookAhead(Timer):
    """A day comes near."""

    period: date


class OperatedDays(Part[NoState]):
    """Tells the other parts of each day in time.

    Args:
        resumes: the first day that is told of after a loss of everything; the first open one, where it is not said.
    """

    def __init__(self, me: AgentIdentity, resumes: Callable[[LedgerHistory, datetime], LocalDay] | None = None) -> None:
        super().__init__(me, NoState())
        self._resumes = resumes

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """All days that are open or near, and when to look again."""
        still_open = self.rules.day_of(now).next(-KEPT_DAYS).day
        return self.days_on(self.rules.day(max(self.rules.first_day, still_open)), now)

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """As at the start."""
        if self._resumes is None:
            return Recovery(self.started(Started(), now))
        return Recovery(self.days_on(self._resumes(history, now), now))

    def days_on(self, day: LocalDay, now: datetime) -> list[Effect]:
        """Tell of the days from `day` on, as far as they are near, and when to look again."""
        effects: list[Effect] = []
        last = self.rules.periods[-1].day
        while day.day <= last:
            near = day.next(-_DAYS_BEFORE).start
            if near > now:
                return [*effects, Arm(LookAhead(day.day), near)]
            effects += self.emit(DayNear(day), now)
            day = day.next()
        return effects

    @on(LookAhead)
    def look_ahead(self, timer: LookAhead, now: datetime) -> list[Effect]:
        """A day comes near."""
        return self.days_on(self.rules.day(timer.period), now)
