"""What the meter shows of reactive power, ISP by ISP; the DSO's analysis of its grid needs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from agents.roles.effects import Effect
from agents.roles.events import Measured
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.prosumer.told import DayMeteringTold
from cim.codec.codec import wire
from cim.model.intervals import LocalDay
from cim.model.readings import Kind, Quality


@wire("prosumer.ReactiveMetering")
@dataclass(slots=True)
class ReactiveMeteringState:
    """By day, ISP -> the sum of the good readings in it, vars, and how many there were."""

    seen_var: dict[date, dict[int, tuple[float, int]]] = field(default_factory=dict)


class ReactiveMetering(Part[ReactiveMeteringState]):
    """Means of what is read each control interval; a meter without such a reading tells nothing."""

    def __init__(self, me: AgentIdentity) -> None:
        super().__init__(me, ReactiveMeteringState())

    def mean_var(self, day: LocalDay) -> tuple[int, ...] | None:
        """[T] mean vars of a day; None if an ISP of it was not read."""
        seen = self.state.seen_var.get(day.day, {})
        if len(seen) < day.count:
            return None
        return tuple(round(total / count) for _, (total, count) in sorted(seen.items()))

    @on(Measured)
    def measured(self, event: Measured, now: datetime) -> list[Effect]:
        """A reading of the meter."""
        shown = [r.value for r in event.readings if r.kind is Kind.REACTIVE_POWER and r.quality is Quality.GOOD]
        if shown:
            day = self.rules.day_of(now)
            of_day, isp = self.state.seen_var.setdefault(day.day, {}), day.isp_of(now)
            total, count = of_day.get(isp, (0.0, 0))
            of_day[isp] = (total + shown[0], count + 1)
        return []

    @on(DayMeteringTold)
    def told(self, event: DayMeteringTold, now: datetime) -> list[Effect]:
        """Days that were told are not counted any more."""
        self.prune(event.day.next().day)
        return []

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.seen_var = {period: seen for period, seen in self.state.seen_var.items() if period >= before}
