"""What the members could give, added up at each congestion point and told to the ILES manager beside each prognosis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from agents.planning.instance.bands import BothWays, merged
from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.aggregator.prognosis_sums import PrognosesSent, PrognosisSums
from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.instance_messages import HomeFlexibility, PortfolioFlexibility
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire


@wire("aggregator.FlexibilitySums")
@dataclass(slots=True)
class FlexibilitySumsState:
    """By day, the newest of each member."""

    told: dict[date, dict[str, HomeFlexibility]] = field(default_factory=dict)


class FlexibilitySums(Part[FlexibilitySumsState]):
    """Adds up what the members could give.

    Args:
        delivered_pct: of what was ordered of a member (its domain), lately; None: nothing was.
    """

    def __init__(
        self,
        me: AgentIdentity,
        config: AggregatorConfig,
        sums: PrognosisSums,
        delivered_pct: Callable[[str], int | None],
    ) -> None:
        super().__init__(me, FlexibilitySumsState())
        self._config, self._members, self._sums, self._delivered_pct = config, config.by_name(), sums, delivered_pct

    def gives(self, congestion_point: str, period: date) -> BothWays:
        """What the members at a congestion point could give, by what each told last."""
        told = self.state.told.get(period, {})
        return merged(told[name].gives for name in self._config.at(congestion_point, period) if name in told)

    @on(HomeFlexibility)
    def told(self, message: HomeFlexibility, sender: str, now: datetime) -> list[Effect]:
        """Keep it until the sums go out."""
        member, day = self._members.get(sender), self.rules.day(message.period)
        rows = [message.rest_w, *(b.power_w for b in (*message.gives.up, *message.gives.down))]
        if (
            member is None
            or not member.is_on(message.period)
            or member.usage_point != message.usage_point
            or now >= day.end
            or any(len(row) != day.count for row in rows)
        ):
            return [self.me.lapse("HomeFlexibility", message.usage_point, sender, "no member of that day's rows", now)]
        self.state.told.setdefault(message.period, {})[sender] = message
        return []

    @on(PrognosesSent)
    def sent(self, event: PrognosesSent, now: datetime) -> list[Effect]:
        """A day's prognoses are out: what could be given beside them."""
        if not self.rules.flexibility:
            return []
        told, effects = self.state.told.get(event.period, {}), list[Effect]()
        for point in self._config.congestion_points:
            prognosis = self._sums.newest(point, event.period)
            if prognosis is None:
                continue
            rest = np.zeros(len(prognosis.power_w), dtype=np.int64)
            names = self._config.at(point, event.period)
            for name in names:
                row = told[name].rest_w if name in told else self._sums.final_w(name, event.period)
                rest += np.array(row or 0, dtype=np.int64)
            gives = merged(told[name].gives for name in names if name in told)
            message = PortfolioFlexibility(
                point, event.period, prognosis.revision, gives, tuple(rest.tolist()), self._mean_pct(names)
            )
            effects.append(Send(self._config.market, message))
        return effects

    def _mean_pct(self, names: tuple[str, ...]) -> int | None:
        known = [pct for name in names if (pct := self._delivered_pct(self.rules.domains[name])) is not None]
        return round(sum(known) / len(known)) if known else None

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.told = {period: one for period, one in self.state.told.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Members tell it again with their next prognoses."""
        return Recovery(forgotten=("what members could give, until their next prognoses",))
