"""The aggregator's portfolio desk: members' forecasts in, D-Prognoses out, to the DSO and one level up to the ILES."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np

from agents.roles.aggregator.state import AggregatorBase
from agents.roles.effects import Arm, Disarm, Effect, Send
from agents.roles.part import on
from market.uftp import DPrognosis, DPrognosisResponse, Result, header_faults


class PortfolioDesk(AggregatorBase):
    """Adds up what its members expect."""

    @on(DPrognosis)
    def forecast(self, message: DPrognosis, sender: str, now: datetime) -> list[Effect]:
        """A member's forecast; with the last one of a cycle the sums go out (or at the latest an interval later)."""
        member = self.members.get(sender)
        fault = header_faults(message, timezone=self.rules.timezone, isp_minutes=self.rules.isp_minutes)
        if member is None or member.usage_point != message.congestion_point or fault is not None:
            return []
        day = self.rules.day(message.period)
        if now >= day.end or len(message.power_w) != day.count:
            why = f"{len(message.power_w)} values; expected {day.count}" if now < day.end else "its day is over"
            return [self.lapse("DPrognosis", message.header.message_id, sender, why, now)]
        period = message.period.isoformat()
        held = self.state.forecasts.setdefault(period, {})
        if sender in held and held[sender].revision >= message.revision:
            return [self.lapse("DPrognosis", message.header.message_id, sender, "a newer revision is known", now)]
        held[sender] = message
        known = self.state.fresh.get(period, ())
        self.state.fresh[period] = tuple(sorted({*known, sender}))
        if len(self.state.fresh[period]) == len(self.members):
            late: list[Effect] = [Disarm(f"prognose {period}")] if known else []
            return [*self._prognose(period, now), *late]
        return [] if known else [Arm(f"prognose {period}", self.rules.patience(now))]

    def timer_prognose(self, period: str, now: datetime) -> list[Effect]:
        """Somebody is late: go on with what is known."""
        return self._prognose(period, now) if self.state.fresh.get(period) else []

    def _prognose(self, period: str, now: datetime) -> list[Effect]:
        self.state.fresh[period] = ()
        effects: list[Effect] = []
        for point in self.config.congestion_points:
            known = [self.state.forecasts[period].get(name) for name in self.config.at(point)]
            rows = [forecast.power_w for forecast in known if forecast is not None]
            if not rows:
                continue
            key = f"{point}|{period}"
            revision = self.state.revisions[key] = self.state.revisions.get(key, 0) + 1
            sums = tuple(np.sum(np.array(rows, dtype=np.int64), axis=0).tolist())
            header = self.header(self.config.dso, now, None, "DPrognosis", period, point, str(revision))
            prognosis = DPrognosis(
                header, date.fromisoformat(period), point, revision, sums, self.rules.timezone, self.rules.isp_minutes
            )
            self.state.prognoses[key] = prognosis
            if revision == 1:  # a new day: those before yesterday can be nobody's baseline any more
                yesterday = self.rules.day_of(now).day - timedelta(days=1)
                self.state.sent = {k: v for k, v in self.state.sent.items() if v.period >= yesterday}
            self.state.sent[header.message_id] = prognosis
            effects += [Send(self.config.dso, prognosis), Send(self.config.market, prognosis)]
        return effects + self.foresee(period, now)

    @on(DPrognosisResponse)
    def answered(self, message: DPrognosisResponse, sender: str, now: datetime) -> list[Effect]:
        """The DSO did not take a prognosis: it cannot serve as a baseline."""
        if message.result is Result.REJECTED:
            self.state.sent.pop(message.d_prognosis_message_id, None)
        return []

    def foresee(self, period: str, now: datetime) -> list[Effect]:
        """What the new prognosis means for promises already made; the holding desk answers."""
        return []
