"""Which elements cannot be reached: told to the aggregator of today and of tomorrow, so that it sells nothing of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from agents.roles.effects import Effect, Send
from agents.roles.element_messages import ElementLost
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.told import ElementJudged, ElementReported
from cim.codec.codec import wire
from cim.model.readings import Quality
from market.register.providers import aggregators_between

MISSED = 3  # reports in a row without any reading: one may be a disturbance


@wire("prosumer.LostElements")
@dataclass(slots=True)
class LostElementsState:
    """How many reports in a row of an element had no reading; those of elements that answer are not in it."""

    missed: dict[str, int] = field(default_factory=dict)


class LostElements(Part[LostElementsState]):
    """Tells the aggregator once when an element is lost, and again only after it has answered in between."""

    def __init__(self, me: AgentIdentity, config: ProsumerConfig) -> None:
        super().__init__(me, LostElementsState())
        self._config = config

    @on(ElementReported)
    def reported(self, event: ElementReported, now: datetime) -> list[Effect]:
        """Count what did not answer."""
        element, missed = event.report.element, self.state.missed
        if any(reading.quality is not Quality.ABSENT for reading in event.report.readings):
            missed.pop(element, None)
            return []
        missed[element] = min(missed.get(element, 0) + 1, MISSED + 1)
        if missed[element] != MISSED or not self.rules.flexibility:
            return []
        return self._told(ElementLost(element, f"{MISSED} reports in a row without a reading"), now)

    @on(ElementJudged)
    def judged(self, event: ElementJudged, now: datetime) -> list[Effect]:
        """What is suspended offers nothing either."""
        if not event.suspended or not self.rules.flexibility:
            return []
        return self._told(ElementLost(event.element, "it was not metered often enough"), now)

    def _told(self, message: ElementLost, now: datetime) -> list[Effect]:
        """To who sells of it today, and of tomorrow."""
        today = self.rules.day_of(now)
        return [Send(name, message) for name in aggregators_between(self._config, today.day, today.next().day)]
