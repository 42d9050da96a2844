"""The prognoses the DSO was sent: the newest of each portfolio, and all that an offer may stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from agents.roles.dso.config import DsoConfig
from agents.roles.dso.prognosis_checks import PrognosisChecks
from agents.roles.effects import Arm, Disarm, Effect, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.keys import SellerPointDay
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.settlement_as_buyer import DaySettled
from agents.roles.publications import prognosis_taken
from cim.codec.codec import wire
from cim.model.plausibility import beyond
from market.settlement.baseline_checks import FinalForecast, final_forecast
from market.uftp import DPrognosis, DPrognosisResponse, header_faults


@dataclass(frozen=True, slots=True)
class PrognosesHeard:
    """Told inside the DSO: the prognoses of a period have been renewed, by all that owe one or by those in time."""

    period: date


@wire("dso.timer.begin")
@dataclass(frozen=True, slots=True)
class BeginWithout(Timer):
    """Somebody's prognosis is late: go on with what is known."""

    period: date


@wire("dso.Prognoses")
@dataclass(slots=True)
class PrognosesState:
    """What was sent of days that are not settled.

    Attributes:
        newest: the last prognosis of each portfolio.
        by_id: all prognoses by message id.
        replaced: by message id of a suspect's prognosis, that of the DSO's own.
        final: of settled days, what each portfolio finally foretold.
        fresh: by day, (seller, congestion point) heard in this cycle.
    """

    newest: dict[SellerPointDay, DPrognosis] = field(default_factory=dict)
    by_id: dict[str, DPrognosis] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)
    final: dict[SellerPointDay, FinalForecast] = field(default_factory=dict)
    fresh: dict[date, tuple[tuple[str, str], ...]] = field(default_factory=dict)


class Prognoses(Part[PrognosesState]):
    """Takes D-Prognoses, and says when a period's are complete."""

    def __init__(self, me: AgentIdentity, config: DsoConfig, checks: PrognosisChecks) -> None:
        super().__init__(me, PrognosesState())
        self.config, self._checks = config, checks

    def newest(self, place: SellerPointDay) -> DPrognosis | None:
        """The last prognosis of a portfolio, or None."""
        return self.state.newest.get(place)

    def all_of(self, place: SellerPointDay) -> list[DPrognosis]:
        """All prognoses of a portfolio that are remembered."""
        domain = self.rules.domains[place.seller]
        about = place.congestion_point, place.period
        told = self.state.by_id.values()
        return [p for p in told if (p.congestion_point, p.period) == about and p.header.sender_domain == domain]

    def final(self, place: SellerPointDay) -> FinalForecast | None:
        """What a portfolio foretold last before each ISP began; None where it did not for all."""
        known = self.state.final.get(place)
        return final_forecast(self.all_of(place), self.rules.day(place.period)) if known is None else known

    def by_id(self, message_id: str | None) -> DPrognosis | None:
        """A prognosis by its message id, or None."""
        return self.state.by_id.get(message_id or "")

    @on(DPrognosis)
    def received(self, message: DPrognosis, sender: str, now: datetime) -> list[Effect]:
        """A seller's prognosis; with the last one of a cycle the trading begins (or an interval later without it)."""
        place = SellerPointDay(sender, message.congestion_point, message.period)
        fault = self._fault(message, place, now)
        answer = Send(sender, DPrognosisResponse(*self.me.reply(sender, now, message, fault)))
        if fault is not None:
            return [answer, self.me.lapse("DPrognosis", message.header.message_id, sender, fault, now)]
        state, period, taken = self.state, message.period, prognosis_taken(message)
        state.newest[place] = message
        state.by_id[message.header.message_id] = message
        replaced = self._replace(place, message, now) if self._checks.suspects(sender) else []
        fresh = {*state.fresh.get(period, ()), (sender, message.congestion_point)}
        state.fresh[period] = tuple(sorted(fresh))
        if len(fresh) == len(self.config.pairs(period)):
            return [answer, taken, *replaced, Disarm(BeginWithout(period)), *self._heard(period, now)]
        return [answer, taken, *replaced, Arm(BeginWithout(period), self.rules.patience(now))]

    def _replace(self, place: SellerPointDay, told: DPrognosis, now: datetime) -> list[Effect]:
        """In place of a suspect's prognosis the DSO's own counts, from the analysis to the settlement."""
        own, effects = self._checks.replacement(told, place.seller, self.state.newest, now)
        self.state.newest[place] = own
        self.state.by_id[own.header.message_id] = own
        self.state.replaced[told.header.message_id] = own.header.message_id
        return effects

    def standing(self, message_id: str | None) -> str | None:
        """The id of the prognosis that counts for an offer that stands on this one: its own, or the DSO's in its place."""
        return self.state.replaced.get(message_id or "", message_id)

    def _fault(self, message: DPrognosis, place: SellerPointDay, now: datetime) -> str | None:
        """Why a prognosis is refused, or None."""
        day = self.rules.day(message.period)
        fault = header_faults(message, timezone=self.rules.timezone, isp_minutes=self.rules.isp_minutes)
        if fault is not None:
            return fault
        if (place.seller, place.congestion_point) not in self.config.pairs(message.period):
            return f"CongestionPoint: {place.congestion_point} has no connection of {place.seller} on {message.period}"
        if len(message.power_w) != day.count:
            return f"ISP: {len(message.power_w)} values; expected {day.count} on {day.day}"
        if now >= day.end:
            return f"Period: {message.period} is over"
        carries_w = self.config.carries_w(place.seller, place.congestion_point, place.period)
        absurd = beyond(message.power_w, carries_w)
        if absurd is not None:
            return f"Power: {absurd} W; its connections there carry at most {carries_w} W"
        capped = self.config.usage_fault(
            place.seller, place.congestion_point, place.period, dict(enumerate(message.power_w, start=1))
        )
        if capped is not None:
            return capped
        known = self.state.newest.get(place)
        if known is not None and known.revision >= message.revision:
            return f"Revision: {message.revision} is not above {known.revision}"
        return None

    @on(BeginWithout)
    def begin_without(self, timer: BeginWithout, now: datetime) -> list[Effect]:
        """Somebody is late: go on with what is known."""
        return self._heard(timer.period, now) if self.state.fresh.get(timer.period) else []

    def _heard(self, period: date, now: datetime) -> list[Effect]:
        self.state.fresh[period] = ()
        return self.emit(PrognosesHeard(period), now)

    def recall(self, place: SellerPointDay, prognosis: DPrognosis) -> None:
        """A prognosis under which something was ordered, from the ledger."""
        self.state.by_id[prognosis.header.message_id] = prognosis
        known = self.state.newest.get(place)
        if known is None or known.revision < prognosis.revision:
            self.state.newest[place] = prognosis

    @on(DaySettled)
    def day_settled(self, event: DaySettled, now: datetime) -> list[Effect]:
        """Nothing is asked about a settled day any more but what was foretold last: a revision needs it."""
        for seller, point in self.config.pairs(event.period):
            place = SellerPointDay(seller, point, event.period)
            final = self.final(place)
            if final is not None:
                self.state.final[place] = final
        self._drop(lambda period: period == event.period)
        return []

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self._drop(lambda period: period < before)
        self.state.final = {k: v for k, v in self.state.final.items() if k.period >= before}

    def _drop(self, over: Callable[[date], bool]) -> None:
        state = self.state
        state.newest = {k: v for k, v in state.newest.items() if not over(v.period)}
        state.by_id = {k: v for k, v in state.by_id.items() if not over(v.period)}
        state.replaced = {k: v for k, v in state.replaced.items() if v in state.by_id}
        state.fresh = {k: v for k, v in state.fresh.items() if not over(k)}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Those under which something was ordered come with the orders (`recall`); the others come again."""
        lost = "prognoses under which nothing was ordered, and meterings that were told but not recorded"
        return Recovery(forgotten=(lost,))
