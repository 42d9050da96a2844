"""Whether the connection's meter and its elements' can all be right, and whether an element is metered often enough."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from agents.roles.effects import Effect, Publish
from agents.roles.grid_messages import NobodyMetered
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.energy_metering import EnergyMetering
from agents.roles.prosumer.told import DayMeteringTold, ElementJudged
from cim.codec.codec import wire
from cim.model.intervals import LocalDay
from cim.model.plausibility import disagreeing
from cim.platform.publications.incidents import ElementSuspended, MetersDisagree

MONTH_DAYS = 30
_LATE = timedelta(
    hours=3
)  # who tells a day later than this after its end has stood still: with the whole site, perhaps


@wire("prosumer.MeterChecks")
@dataclass(slots=True)
class MeterChecksState:
    """What was not metered of the last days, and which elements offer nothing because of it.

    Attributes:
        lost: by element, the days of the last 30 with ISPs in which it was not metered though the site was, and these ISPs.
        suspended: elements in order.
    """

    lost: dict[str, tuple[tuple[date, tuple[int, ...]], ...]] = field(default_factory=dict)
    suspended: tuple[str, ...] = ()


class MeterChecks(Part[MeterChecksState]):
    """Judges a day's meters when it is told, and keeps count of a month."""

    def __init__(self, me: AgentIdentity, config: ProsumerConfig, metering: EnergyMetering) -> None:
        super().__init__(me, MeterChecksState())
        self._config, self._metering = config, metering
        self._rest_w = max(config.carries_w - sum(element.rated_w for element in config.elements), 0)

    def is_suspended(self, element: str) -> bool:
        """Whether an element offers nothing because it was not metered often enough."""
        return element in self.state.suspended

    def lost_isps(self, source: str, day: LocalDay) -> tuple[int, ...]:
        """The ISPs of a day that a source does not count as metered in: not read through, or not to be believed."""
        lost = self._metering.lost_isps(source, day)
        if source == self._config.meter or not self._config.carries_w:
            return lost
        return tuple(sorted({*lost, *self._disagreeing(day)}))

    def _disagreeing(self, day: LocalDay) -> tuple[int, ...]:
        meter, *elements = self._metering.sources
        rows = [self._metering.measured_kw(source, day) * 1000 for source in elements]
        wrong = disagreeing(self._metering.measured_kw(meter, day) * 1000, rows, self._rest_w)
        # What one of them did not see says nothing of the others.
        unread = {isp for source in self._metering.sources for isp in self._metering.lost_isps(source, day)}
        return tuple(isp for isp in wrong if isp not in unread)

    @on(DayMeteringTold)
    def told(self, event: DayMeteringTold, now: datetime) -> list[Effect]:
        """A day is told: say what was wrong with its meters, and who is suspended or counts again."""
        day, effects = event.day, list[Effect]()
        wrong = self._disagreeing(day) if self._config.carries_w else ()
        if wrong:
            why = f"between -200 W and {self._rest_w} W of base load are left of its meter by its elements, and class 2"
            effects.append(Publish(MetersDisagree(now, self._config.usage_point, day.day, wrong, f"expected {why}")))
        for element in self._config.elements:
            effects += self._counted(element.element, day, now)
        return effects

    def _counted(self, name: str, day: LocalDay, now: datetime) -> list[Effect]:
        """Count a day's unmetered ISPs of an element."""
        since, isps = day.day - timedelta(days=MONTH_DAYS - 1), self.lost_isps(name, day)
        known = tuple(row for row in self.state.lost.get(name, ()) if since <= row[0] < day.day)
        self.state.lost[name] = (*known, (day.day, isps)) if isps else known
        # After a standstill the DSO may still say that nobody was metered; if it does not, the next day's meters judge.
        return [] if now - day.end > _LATE else self._judged(name, day, now)

    def _judged(self, name: str, day: LocalDay, now: datetime) -> list[Effect]:
        """An effect where an element is suspended from now on, or not any more; a month has so many ISPs as 30 such days."""
        allowed = MONTH_DAYS * day.count * self._config.unmetered_pct // 100
        unmetered = sum(len(isps) for _, isps in self.state.lost.get(name, ()))
        if (unmetered > allowed) is self.is_suspended(name):
            return []
        others = {other for other in self.state.suspended if other != name}
        suspended = unmetered > allowed
        self.state.suspended = tuple(sorted(others | {name} if suspended else others))
        told = Publish(ElementSuspended(now, name, unmetered, allowed, suspended))
        return [told, *self.emit(ElementJudged(name, suspended), now)]

    @on(NobodyMetered)
    def nobody_metered(self, message: NobodyMetered, sender: str, now: datetime) -> list[Effect]:
        """The DSO says that the whole site stood still: that says nothing of an element, and is not counted."""
        if sender != self._config.dso:
            return []
        effects, excused = list[Effect](), frozenset(message.isps)
        for name, rows in self.state.lost.items():
            own = ((period, isps if period != message.period else _without(isps, excused)) for period, isps in rows)
            self.state.lost[name] = tuple(row for row in own if row[1])
            effects += self._judged(name, self.rules.day(message.period), now)
        return effects

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The month's count begins anew."""
        return Recovery(forgotten=("how often its elements were not metered in the last 30 days",))


def _without(isps: tuple[int, ...], excused: frozenset[int]) -> tuple[int, ...]:
    return tuple(isp for isp in isps if isp not in excused)
