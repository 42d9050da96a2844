"""The timers of each operated day, set shortly before it begins: a site may run for years."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import date, datetime
from typing import Any, TypeVar

from agents.roles.desk_role import DeskRole
from agents.roles.effects import Arm, Effect
from agents.roles.parts.recovery import KEPT_DAYS
from cim.model.intervals import LocalDay

S = TypeVar("S", bound=Any)

_DAYS_BEFORE = 2  # a day's first timer is due on the day before it


class DailyDesk(DeskRole[S], ABC):
    """Has something to do about each operated day."""

    @abstractmethod
    def day_timers(self, day: LocalDay, now: datetime) -> list[Effect]:
        """What is due on, before and after a day."""

    def begin_days(self, now: datetime) -> list[Effect]:
        """At the start: the timers of all days that are open or near, and when to look again."""
        still_open = self.rules.day_of(now).next(-KEPT_DAYS).day
        return self.days_on(self.rules.day(max(self.rules.first_day, still_open)), now)

    def days_on(self, day: LocalDay, now: datetime) -> list[Effect]:
        """The timers from a day on, as far as days are near, and when to look again."""
        effects: list[Effect] = []
        last = self.rules.periods[-1].day
        while day.day <= last:
            near = day.next(-_DAYS_BEFORE).start
            if near > now:
                return [*effects, Arm(f"day {day.key}", near)]
            effects += self.day_timers(day, now)
            day = day.next()
        return effects

    def timer_day(self, period: str, now: datetime) -> list[Effect]:
        """A day comes near."""
        return self.days_on(self.rules.day(date.fromisoformat(period)), now)
