"""Rounds of trading: safety analysis, requests, offers, the choice; congestion point by congestion point, from below.

One round per period at a time; a newer prognosis after it starts the next. The mathematics of analysis and choice is in
`agents.planning.grid_safety`; who may say what when, in `market.trading.conversation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import numpy as np

from agents.planning.grid_safety.assessment import Assessment
from agents.roles.dso.config import DsoConfig
from agents.roles.dso.expected_power import ExpectedPower
from agents.roles.dso.non_firm_capacity import NonFirmCapacity
from agents.roles.dso.ordering import OffersChosen, OrdersPlaced
from agents.roles.dso.outside_options import OutsideOptions
from agents.roles.dso.outside_requests import OutsideRequests, PointRoundWanted
from agents.roles.dso.planned_works import PlannedWorks
from agents.roles.dso.prognoses import PrognosesHeard
from agents.roles.dso.requesting import needed_w
from agents.roles.dso.requests import Requests, SellerAnswered
from agents.roles.dso.revocations import Revocations
from agents.roles.dso.standing_offers import StandingOffers
from agents.roles.dso.trading_round import (
    ChooseNow,
    PointAnalysed,
    PricedSelectionOf,
    SafetyOf,
    SelectionOf,
    TradingRound,
    offered_options,
)
from agents.roles.effects import Arm, Compute, Effect
from agents.roles.events import JobFailed
from agents.roles.identity import AgentIdentity
from agents.roles.part import MOMENT, Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.settlement_as_buyer import DaySettled
from agents.roles.publications import safety_analysed
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from market.mechanisms.pay_as_bid import PayAsBid
from market.uftp import FlexOffer


@wire("dso.TradingRounds")
@dataclass(slots=True)
class TradingRoundsState:
    """The running round of each period."""

    rounds: dict[date, TradingRound] = field(default_factory=dict)


class TradingRounds(Part[TradingRoundsState]):
    """Asks for flexibility where the prognoses break a limit, and chooses among the offers."""

    def __init__(self, me: AgentIdentity, config: DsoConfig, requests: Requests, expected: ExpectedPower,
                 revocations: Revocations, non_firm: NonFirmCapacity, by_hand: OutsideRequests,
                 standing: StandingOffers, works: PlannedWorks) -> None:  # fmt: skip
        super().__init__(me, TradingRoundsState())
        self._works = works
        self._revocations, self._non_firm, self._by_hand, self._standing = revocations, non_firm, by_hand, standing
        self.config, self._requests, self._expected = config, requests, expected
        self._outside = OutsideOptions(config, self.rules.hours)
        self._points = {point.identity: point for point in config.points}

    @on(PrognosesHeard)
    def begin(self, event: PrognosesHeard, now: datetime) -> list[Effect]:
        """A period's prognoses are renewed: begin a round, unless one is under way."""
        period = event.period
        if not self.rules.flexibility or period in self.state.rounds or now >= self.rules.day(period).end:
            return []
        return self._analyse(period, tuple(point.identity for point in self.config.points), now)

    @on(PointRoundWanted)
    def begin_by_hand(self, event: PointRoundWanted, now: datetime) -> list[Effect]:
        """Somebody wants flexibility at a point: look at it now, or once more at the end of the running round."""
        current = self.state.rounds.get(event.period)
        if current is None:
            return self._analyse(event.period, (event.point,), now)
        self.state.rounds[event.period] = replace(current, todo=(*current.todo, event.point))
        return []

    @on(OrdersPlaced)
    def go_on(self, event: OrdersPlaced, now: datetime) -> list[Effect]:
        """A point is dealt with: look at the next one."""
        current = self.state.rounds.get(event.period)
        if event.by_hand or current is None or current.point != event.point:
            return []
        return self._analyse(event.period, current.todo, now)

    def _analyse(self, period: date, points: tuple[str, ...], now: datetime) -> list[Effect]:
        """Look at the next congestion point, or end the round."""
        if not points:
            self.state.rounds.pop(period, None)
            return []
        self.state.rounds[period] = TradingRound(points[0], points[1:], None, (), {})
        day, config = self.rules.day(period), self.config
        found = self._expected.of_nodes(day, now, self._chances(day, now), config.pairs_near(points[0], day.day))
        grid = config.part_of(points[0]), config.limits, config.margin_pct, self._points[points[0]]
        below = set(self._points[points[0]].below)
        above = tuple(point for point in self.config.points if set(point.below) > below)
        arguments = (*grid, found.nodes, found.p_w, found.q_var, found.sure_w, above, found.most_w)
        carries, inverters = self._works.carries(day), config.inverters_near(points[0])
        more: tuple[object, ...] = (carries, inverters) if inverters else (carries,) if carries else ()
        return [Compute(SafetyOf(period), "safety", (*arguments, *more))]

    def _chances(self, day: LocalDay, now: datetime) -> Floats:
        """[T] how surely something must be needed to be bought now: less surely where the next round comes too late for it.

        Between two rounds of revised prognoses there may be others, for example when a vehicle comes: what the next one
        can still buy waits for it.
        """
        rules, chances = self.config.buying_rules, np.full(day.count, self.config.buying_rules.sure_pct / 100)
        if now >= day.start:
            every, gate = timedelta(hours=self.rules.revision_hours), self.config.gate_isps
            next_round = day.start + ((now - day.start) // every + 1) * every
            last = day.isp_of(next_round) - 1 + gate if next_round < day.end else day.count
            chances[day.isp_of(now) + gate - 1 : last] = rules.last_pct / 100
        return chances

    @on(SafetyOf)
    def analysed(self, reference: SafetyOf, result: Assessment, now: datetime) -> list[Effect]:
        """The analysis is done: ask for what is needed and can still be ordered."""
        period, current = reference.period, self.state.rounds.get(reference.period)
        day = self.rules.day(period)
        if current is None or now >= day.end:
            self.state.rounds.pop(period, None)
            return [self.me.lapse("safety analysis", period.isoformat(), self.me.name, "its day is over", now)]
        first = 1 if now < day.start else day.isp_of(now) + self.config.gate_isps
        last = day.count if now < day.start else first + self.config.lookahead_isps - 1
        rules = self.config.buying_rules
        need_w = needed_w(
            result, first, last, minimum_w=rules.minimum_w, minimum_wh=rules.minimum_wh, hours=self.rules.hours
        )
        figures = safety_analysed(current.point, period, need_w, result.loading_pct, now)
        rows = result.need_w, result.loading_pct, result.room_down_w, result.room_up_w
        told = PointAnalysed(period, current.point, *(tuple(row.tolist()) for row in rows))
        heard = self.emit(told, now)
        if need_w.any():
            need_w, withdrawn = self._non_firm.use_first(current.point, day, need_w, now)
            heard += withdrawn
        until = self._by_hand.choose_until(current.point, day, now)
        need_w = self._by_hand.wanted_w(current.point, day, need_w, now)
        need_w = np.where(self._works.interrupted(current.point, day) > 0, 0.0, need_w)  # nobody there can deliver
        if not need_w.any():
            return [figures, *heard, *self._analyse(period, current.todo, now)]
        assessment = replace(result, need_w=need_w)
        if until is not None:  # the round goes on; what is offered is people's to order
            for seller in self.config.sellers(current.point, period):
                heard += self._requests.ask(
                    seller,
                    current.point,
                    day,
                    assessment=assessment,
                    first=first,
                    expires=until,
                    now=now,
                    for_people=True,
                )
            return [figures, *heard, *self._analyse(period, current.todo, now)]
        offers = self._standing_for(current.point, period, need_w, now)
        sellers = tuple(seller for seller in self.config.sellers(current.point, period) if seller not in offers)
        expires = now + 2 * self.rules.interval
        current = replace(current, assessment=assessment, asked=sellers, offers=offers)
        self.state.rounds[period] = current
        effects: list[Effect] = [figures, *heard]
        if not sellers:
            return [*effects, *self._choose(period, current)]
        for seller in sellers:
            effects += self._requests.ask(
                seller, current.point, day, assessment=assessment, first=first, expires=expires, now=now
            )
        # Not on the grid, where meters are read and elements report: whoever is ordered something has heard those then.
        return [*effects, Arm(ChooseNow(period), expires - self.rules.interval + MOMENT)]

    def still_asked(self, period: date, point: str) -> tuple[str, ...]:
        """The sellers whose offers for a congestion point are still out, in order; none where another point's turn is."""
        current = self.state.rounds.get(period)
        return () if current is None or current.point != point else current.asked

    def _standing_for(self, point: str, period: date, need_w: Floats, now: datetime) -> dict[str, FlexOffer]:
        """By seller, offers that stand and give all that is needed: these sellers need not be asked."""
        found = {}
        for seller in self.config.sellers(point, period):
            offer = self._standing.covering(seller, point, period, need_w, now)
            if offer is not None:
                self._requests.note_offer(seller, offer)
                found[seller] = offer
        return found

    @on(JobFailed)
    def job_failed(self, event: JobFailed, now: datetime) -> list[Effect]:
        """The analysis or the choice at a congestion point came to nothing: say so, and look at the next point."""
        if not isinstance(event.reference, SafetyOf | SelectionOf | PricedSelectionOf):
            return []
        period, current = event.reference.period, self.state.rounds.get(event.reference.period)
        what = "safety analysis" if isinstance(event.reference, SafetyOf) else "choice of offers"
        point = "" if current is None else f"{current.point} "
        told = self.me.failed(what, f"{point}{period.isoformat()}", event.fault, now)
        return [told, *(self._analyse(period, current.todo, now) if current is not None else ())]

    @on(SellerAnswered)
    def seller_answered(self, event: SellerAnswered, now: datetime) -> list[Effect]:
        """A seller has answered; with the last one's answer the choice is made."""
        current, seller, offer = self.state.rounds.get(event.period), event.seller, event.offer
        if current is None or seller not in current.asked or event.point != current.point:
            if offer is None or (current is not None and current.offers.get(seller) == offer):
                return []
            return [self.me.lapse("FlexOffer", event.message_id, seller, "the choice has been made", now)]
        offers = current.offers if offer is None else {**current.offers, seller: offer}
        current = replace(current, asked=tuple(name for name in current.asked if name != seller), offers=offers)
        self.state.rounds[event.period] = current
        if offer is not None:
            self._requests.note_offer(seller, offer)
        return self._choose(event.period, current) if not current.asked else []

    @on(ChooseNow)
    def choose_now(self, timer: ChooseNow, now: datetime) -> list[Effect]:
        """Time is up: choose among what came."""
        current = self.state.rounds.get(timer.period)
        if current is None or not current.asked:
            return []
        self.state.rounds[timer.period] = current = replace(current, asked=())
        return self._choose(timer.period, current)

    def _choose(self, period: date, current: TradingRound) -> list[Effect]:
        assessment = current.assessment
        if assessment is None:  # sellers are asked only after the analysis
            return []
        count, offers = self.rules.day(period).count, self._revocations.standing(current.offers)
        self.state.rounds[period] = replace(current, offers=offers)  # what the choice is of
        found = offered_options(offers)
        profiles = []
        for _, _, option in found:
            profile = np.zeros(count)
            for row in option.isps:
                profile[row.start - 1 : row.start - 1 + row.duration] = row.power_w / 1000
            profiles.append(profile)
        need_kw = assessment.need_w / 1000
        arguments = (
            need_kw,
            tuple(profiles),
            tuple(option.price for _, _, option in found),
            tuple(option.min_activation_factor_pct for _, _, option in found),
            tuple(sorted(offers).index(seller) for seller, _, _ in found),
            self._outside.e4_per_kw(current.point, self.rules.day(period), need_kw),
        )
        rules = self.rules
        if rules.mechanism == PayAsBid.name:
            return [Compute(SelectionOf(period), "selection", arguments)]
        posted = self.config.buying.aspiration.volume_price_e4_per_kwh  # known before anybody offers
        return [
            Compute(PricedSelectionOf(period), "priced-selection", (rules.mechanism, posted, rules.hours, *arguments))
        ]

    @on(SelectionOf)
    def selected(self, reference: SelectionOf, factors_pct: tuple[int, ...], now: datetime) -> list[Effect]:
        """The choice is made: have it ordered, or go on to the next congestion point."""
        return self._chosen(reference.period, tuple((factor, None) for factor in factors_pct), now)

    @on(PricedSelectionOf)
    def priced(self, reference: PricedSelectionOf, priced: tuple[tuple[int, int], ...], now: datetime) -> list[Effect]:
        """The same with what the market's mechanism pays for each."""
        return self._chosen(reference.period, priced, now)

    def _chosen(self, period: date, priced: Sequence[tuple[int, int | None]], now: datetime) -> list[Effect]:
        current = self.state.rounds.get(period)
        if current is None or now >= self.rules.day(period).end:
            self.state.rounds.pop(period, None)
            return [self.me.lapse("selection", period.isoformat(), self.me.name, "its day is over", now)]
        found = zip(offered_options(current.offers), priced, strict=True)
        # Of an offer only the option that is chosen goes on.
        chosen = tuple(
            (seller, replace(offer, options=(option,)), factor, price)
            for (seller, offer, option), (factor, price) in found
            if factor
            and not self._revocations.is_revoked(seller, offer.header.message_id)
            and self.config.buying_rules.worth_ordering(option, factor, self.rules.hours)
        )
        if not chosen:
            return self._analyse(period, current.todo, now)
        return self.emit(OffersChosen(period, current.point, chosen), now)

    @on(DaySettled)
    def day_settled(self, event: DaySettled, now: datetime) -> list[Effect]:
        """No round goes on about a settled day."""
        self.state.rounds.pop(event.period, None)
        return []

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.rounds = {period: value for period, value in self.state.rounds.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What was not ordered yet is asked for anew."""
        lost = "requests, offers and choices of the running round: what was not ordered yet is asked for anew"
        return Recovery(forgotten=(lost,))
