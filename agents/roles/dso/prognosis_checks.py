"""The DSO checks prognoses against its meters; who overstates feed-in gets baselines of the DSO's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import numpy as np

from agents.planning.forecast.prognosis_check import JUDGED_DAYS, JudgedDay, overstates
from agents.roles.dso.config import DsoConfig
from agents.roles.dso.meter_history import MeterHistory
from agents.roles.effects import Effect, Publish, Send
from agents.roles.grid_messages import BaselineReplaced
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.parts.keys import SellerPointDay
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from cim.platform.publications.grid import PrognosisReplaced, SellerJudged
from market.uftp import DPrognosis

_NOTHING_W = 1.0


@dataclass(frozen=True, slots=True)
class DayForetold:
    """Told inside the DSO: what a portfolio foretold shortly before each ISP of a settled day, and what came, [T] watts.

    `counts` is 1 in the ISPs that were metered, and in which nothing was ordered or limited.
    """

    place: SellerPointDay
    foretold_w: Floats
    metered_w: Floats
    counts: Floats


@dataclass(frozen=True, slots=True)
class DayCompared:
    """Told inside the DSO: all portfolios of a settled day are compared."""

    period: date


@wire("dso.PrognosisChecks")
@dataclass(slots=True)
class PrognosisChecksState:
    """By day and seller, what was compared; and the sellers whose prognoses are replaced."""

    days: dict[date, dict[str, JudgedDay]] = field(default_factory=dict)
    suspects: tuple[str, ...] = ()


class PrognosisChecks(Part[PrognosisChecksState]):
    """Judges each seller by its last days, and makes the baselines of those that overstate."""

    def __init__(self, me: AgentIdentity, config: DsoConfig, history: MeterHistory) -> None:
        super().__init__(me, PrognosisChecksState())
        self._config, self._history = config, history

    def suspects(self, seller: str) -> bool:
        """Whether a seller's prognoses are replaced."""
        return seller in self.state.suspects

    @on(DayForetold)
    def foretold(self, event: DayForetold, now: datetime) -> list[Effect]:
        """One portfolio of a settled day."""
        seller, point, period = event.place
        hours = self.rules.hours
        usual_w = self._history.most_w(
            [c.usage_point for c in self._config.of_seller(seller, point, period)], len(event.counts)
        )
        known = self.state.days.setdefault(period, {}).get(seller, JudgedDay(0.0, 0.0, 0.0))
        self.state.days[period][seller] = JudgedDay(
            known.foretold_wh + float(np.maximum(-event.foretold_w, 0.0) @ event.counts) * hours,
            known.metered_wh + float(np.maximum(-event.metered_w, 0.0) @ event.counts) * hours,
            known.usual_wh + float(usual_w @ event.counts) * hours,
        )
        return []

    @on(DayCompared)
    def compared(self, event: DayCompared, now: datetime) -> list[Effect]:
        """Judge every seller by the last days."""
        state = self.state
        last = sorted(state.days)[-JUDGED_DAYS:]
        state.days = {period: state.days[period] for period in last}
        effects: list[Effect] = []
        for seller in self._config.aggregators:
            own = [state.days[period][seller] for period in last if seller in state.days[period]]
            others = [day for period in last for name, day in state.days[period].items() if name != seller]
            suspect = overstates(own, others)
            if suspect != (seller in state.suspects):
                state.suspects = tuple(sorted({*state.suspects, seller} if suspect else {*state.suspects} - {seller}))
                told, came = sum(d.foretold_wh for d in own), sum(d.metered_wh for d in own)
                domain = self.rules.domains[seller]
                effects.append(Publish(SellerJudged(now, domain, event.period, suspect, round(told), round(came))))
        return effects

    def replacement(
        self, told: DPrognosis, seller: str, newest: Mapping[SellerPointDay, DPrognosis], now: datetime
    ) -> tuple[DPrognosis, list[Effect]]:
        """The DSO's own prognosis in place of a suspect's, and the news of it: its usual days, scaled by the weather.

        Of the weather the others' prognoses speak: how their feed-in differs from what it usually is. Nobody is thought to
        feed in more than it says itself.
        """
        day = self.rules.day(told.period)
        usual = self._usual_w(seller, told.congestion_point, day)
        pairs = [
            (name, point) for name, point in self._config.pairs(day.day) if name != seller and not self.suspects(name)
        ]
        places = [place for name, point in pairs if (place := SellerPointDay(name, point, day.day)) in newest]
        others = [np.minimum(np.array(newest[place].power_w, dtype=np.float64), 0.0) for place in places]
        normal = [np.minimum(self._usual_w(place.seller, place.congestion_point, day), 0.0) for place in places]
        expected, normally = np.zeros(day.count) + sum(others), np.zeros(day.count) + sum(normal)
        weather = np.where(normally < -_NOTHING_W, expected / np.minimum(normally, -_NOTHING_W), 1.0)
        own = np.where(usual < 0, usual * weather, usual)
        watts = np.maximum(own, np.array(told.power_w, dtype=np.float64))
        header = self.me.header(seller, now, None, "BaselineReplaced", told.header.message_id)
        power_w = tuple(int(x) for x in np.rint(watts))
        made = replace(told, header=header, power_w=power_w)
        reason = "the prognoses of the last days foretold clearly more feed-in than the meters showed"
        news = PrognosisReplaced(
            now, self.rules.domains[seller], told.congestion_point, day.day, told.revision, power_w
        )
        return made, [Send(seller, BaselineReplaced(told.header.message_id, made, reason)), Publish(news)]

    def _usual_w(self, seller: str, point: str, day: LocalDay) -> Floats:
        """[T] watts of a portfolio on a usual day."""
        members = self._config.of_seller(seller, point, day.day)
        usual: Floats = np.sum([self._history.usual_kw(c.usage_point, day.count) for c in members], axis=0) * 1000
        return usual
