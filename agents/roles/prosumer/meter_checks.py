"""Whether the connection's meter and its elements' can all be right, and whether an element is metered often enough."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from agents.roles.effects import Effect, Publish
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


@wire("prosumer.MeterChecks")
@dataclass(slots=True)
class MeterChecksState:
    """What was not metered of the last days, and which elements offer nothing because of it.

    Attributes:
        unmetered: by element, the days of the last 30 with ISPs in which it was not metered, and how many they were.
        suspended: elements in order.
    """

    unmetered: dict[str, tuple[tuple[date, int], ...]] = field(default_factory=dict)
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
        allowed = MONTH_DAYS * day.count * self._config.unmetered_pct // 100
        for element in self._config.elements:
            effects += self._counted(element.element, day, allowed, now)
        return effects

    def _counted(self, name: str, day: LocalDay, allowed: int, now: datetime) -> list[Effect]:
        """Count a day's unmetered ISPs of an element; an effect where it is suspended from now on, or not any more."""
        since, isps = day.day - timedelta(days=MONTH_DAYS - 1), len(self.lost_isps(name, day))
        known = tuple(row for row in self.state.unmetered.get(name, ()) if since <= row[0] < day.day)
        self.state.unmetered[name] = known = (*known, (day.day, isps)) if isps else known
        unmetered = sum(count for _, count in known)
        if (unmetered > allowed) is self.is_suspended(name):
            return []
        others = {other for other in self.state.suspended if other != name}
        suspended = unmetered > allowed
        self.state.suspended = tuple(sorted(others | {name} if suspended else others))
        told = Publish(ElementSuspended(now, name, unmetered, allowed, suspended))
        return [told, *self.emit(ElementJudged(name, suspended), now)]

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The month's count begins anew."""
        return Recovery(forgotten=("how often its elements were not metered in the last 30 days",))
