"""What the site is expected to draw at its point of common coupling: the sum of all prognoses."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.keys import SellerPointDay
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.publications import exchange_forecast
from cim.codec.codec import wire
from market.uftp import DPrognosis


@wire("iles.ExchangeForecast")
@dataclass(slots=True)
class ExchangeForecastState:
    """The newest prognosis of each portfolio."""

    prognoses: dict[SellerPointDay, DPrognosis] = field(default_factory=dict)


class ExchangeForecasting(Part[ExchangeForecastState]):
    """What the site is expected to draw at its point of common coupling (PCC): the sum of all prognoses."""

    def __init__(self, me: AgentIdentity) -> None:
        super().__init__(me, ExchangeForecastState())

    @on(DPrognosis)
    def prognosed(self, message: DPrognosis, sender: str, now: datetime) -> list[Effect]:
        """An aggregator's prognosis; the sum over all of them is what the site will draw at its PCC."""
        key = SellerPointDay(sender, message.congestion_point, message.period)
        known = self.state.prognoses.get(key)
        if known is not None and known.revision >= message.revision:
            return [self.me.lapse("DPrognosis", message.header.message_id, sender, "a newer revision is known", now)]
        self.state.prognoses[key] = message
        yesterday = self.rules.day_of(now).next(-1).day
        for old in [k for k in self.state.prognoses if k[2] < yesterday]:
            del self.state.prognoses[old]
        rows = [m.power_w for k, m in sorted(self.state.prognoses.items()) if k[2] == message.period]
        if len({len(row) for row in rows}) > 1:
            return []
        total = np.sum(np.array(rows, dtype=np.int64), axis=0)
        return [exchange_forecast(message.period, total.tolist(), now)]

    def of_day(self, period: date) -> dict[SellerPointDay, DPrognosis]:
        """The newest prognosis of each portfolio of a day, in order; none where they do not fit each other."""
        found = {place: one for place, one in sorted(self.state.prognoses.items()) if place.period == period}
        return found if len({len(one.power_w) for one in found.values()}) == 1 else {}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Prognoses come again with their next revisions."""
        return Recovery(forgotten=("prognoses at the point of common coupling, until their next revisions",))
