"""Offers that stand without a request (UFTP's unsolicited FlexOffers): made between the DSO's rounds, taken back for anything else.

They hold the members of their congestion point like any offer. So whatever else needs these members comes first: a request of
the DSO is answered, and a promise is kept, by what a standing offer sets free again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from agents.roles.aggregator.config import AggregatorConfig, StandingTerms
from agents.roles.aggregator.flex_trading import FlexTrading, OfferTakenBack, WishDropped, WishMade
from agents.roles.aggregator.prognosis_sums import PrognosesSent, PrognosisSums
from agents.roles.aggregator.vpp_session import SplitWanted
from agents.roles.aggregator.vpp_sessions import VppSessions
from agents.roles.effects import Arm, Effect, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.filing import NoState
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.model.intervals import LocalDay
from market.uftp import Disposition, FlexRequest, RequestIsp

_AFTER_INTERVALS = 4  # after its prognoses: the DSO's round, which ends two intervals after it began, is over


@wire("aggregator.timer.standing")
@dataclass(frozen=True, slots=True)
class OfferStanding(Timer):
    """A day's prognoses are out and the DSO's round is over: offer what nobody asked for."""

    period: date


class UnsolicitedOffers(Part[NoState]):
    """Makes them, as the site's terms say; where there are none, nothing is offered but what is asked for."""

    def __init__(
        self,
        me: AgentIdentity,
        config: AggregatorConfig,
        *,
        sums: PrognosisSums,
        sessions: VppSessions,
        trading: FlexTrading,
    ) -> None:
        super().__init__(me, NoState())
        self._config, self._sums, self._sessions, self._trading = config, sums, sessions, trading

    @on(PrognosesSent)
    def prognoses_sent(self, event: PrognosesSent, now: datetime) -> list[Effect]:
        """New prognoses: what is offered against older ones is renewed after the DSO's round, which may still order it."""
        if self._config.standing is None or not self.rules.flexibility or now >= self.rules.day(event.period).end:
            return []
        return [Arm(OfferStanding(event.period), now + _AFTER_INTERVALS * self.rules.interval)]

    @on(OfferStanding)
    def offer(self, timer: OfferStanding, now: datetime) -> list[Effect]:
        """At each congestion point whose members nothing else holds."""
        effects, terms, day = list[Effect](), self._config.standing, self.rules.day(timer.period)
        for point in self._config.congestion_points if terms is not None else ():
            effects += self._take_back(point, "a newer prognosis is out", now)
            prognosis = self._sums.newest(point, timer.period)
            if terms is None or prognosis is None or self._sessions.is_busy(point):
                continue
            wish = self._wish(terms, point, day, now)
            if wish is not None:
                room_kw = self._trading.room_kw(point, day)
                effects += self.emit(WishMade(wish, room_kw), now)
        return effects

    def _wish(self, terms: StandingTerms, point: str, day: LocalDay, now: datetime) -> FlexRequest | None:
        """What is offered, in the form of a request of one's own; None where no ISP of the day is left for it."""
        first = day.isp_of(day.at(terms.from_hour)) if terms.from_hour else 1
        last = day.count if terms.to_hour >= 24 else day.isp_of(day.at(terms.to_hour)) - 1
        until = min(now + timedelta(minutes=terms.valid_min), day.end)
        if until >= day.start:
            first = max(first, min(day.isp_of(until) if until < day.end else day.count, day.count) + terms.gate_isps)
        if first > last or terms.moved_w == 0:
            return None
        rows = tuple(
            RequestIsp(isp, Disposition.REQUESTED, terms.moved_w, terms.moved_w) for isp in range(first, last + 1)
        )
        header = self.me.header(self._config.dso, now, None, "StandingOffer", day.key, point)
        return FlexRequest(header, day.day, point, 0, until, rows, self.rules.timezone, self.rules.isp_minutes)

    @on(SplitWanted)
    def needed_elsewhere(self, event: SplitWanted, now: datetime) -> list[Effect]:
        """The DSO asks, or a promise has to be kept: the members are free for it again."""
        if self._trading.is_wish(event.reference):
            return []
        return self._take_back(event.congestion_point, "its members are needed for what was asked or promised", now)

    def _take_back(self, point: str, why: str, now: datetime) -> list[Effect]:
        effects = self.emit(WishDropped(point), now)
        for offer in self._trading.standing_at(point):
            effects += self.emit(OfferTakenBack(offer, why), now)
        return effects

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """They come again with the next prognoses."""
        return Recovery()
