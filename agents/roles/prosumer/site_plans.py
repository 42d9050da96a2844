"""What the ILES manager plans of the home's batteries that serve the site."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.told import SitePlanTaken
from agents.roles.site_use_messages import StorePlan
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay


def serving(config: ProsumerConfig) -> tuple[str, ...]:
    """The elements that serve the site."""
    return tuple(one.element for one in config.elements if one.operation is not None and one.operation.serves_site)


@wire("prosumer.SitePlans")
@dataclass(slots=True)
class SitePlansState:
    """[T] kW that the manager wants, by day and element."""

    plans: dict[date, dict[str, Floats]] = field(default_factory=dict)


class SitePlans(Part[SitePlansState]):
    """Keeps the newest plan of each day. Within its bounds and beside its orders a battery does what stands there."""

    def __init__(self, me: AgentIdentity, config: ProsumerConfig) -> None:
        super().__init__(me, SitePlansState())
        self._market, self._serving = config.market, serving(config)

    def planned_kw(self, element: str, day: LocalDay) -> Floats | None:
        """[T] what is planned of an element; None where nothing is."""
        return self.state.plans.get(day.day, {}).get(element)

    @on(StorePlan)
    def planned(self, message: StorePlan, sender: str, now: datetime) -> list[Effect]:
        """A plan; only the manager's counts, and only for an element that serves the site."""
        day = self.rules.day(message.period)
        if sender != self._market or message.element not in self._serving or now >= day.end:
            return [
                self.me.lapse("StorePlan", message.element, sender, "it does not serve this site by that plan", now)
            ]
        if len(message.power_kw) != day.count:
            why = f"{len(message.power_kw)} values; expected {day.count}"
            return [self.me.lapse("StorePlan", message.element, sender, why, now)]
        self.state.plans.setdefault(day.day, {})[message.element] = message.power_kw
        return self.emit(SitePlanTaken(day, message.foretold), now)

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.plans = {period: plans for period, plans in self.state.plans.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """They come anew with the next interval."""
        return Recovery(forgotten=("what batteries do for the site, until they are planned anew",))
