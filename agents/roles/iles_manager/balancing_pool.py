"""The community as one provider of balancing energy: aggregators' offers become the pool's bids, a call becomes theirs.

It adds nothing and keeps nothing: what the TSO pays and fines goes on to those who were called, pro rata to what each was called
for. The pool is metered as a whole, so members of it share each other's failures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import ceil

from agents.roles.balancing_messages import (
    CALLED,
    ORDERED,
    POOLED,
    BalancingBids,
    BalancingCalled,
    BalancingOrdered,
    PoolCalled,
    PoolOffer,
)
from agents.roles.effects import Arm, Effect, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.iles_manager.limit_keeping import LimitKeeping
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.direct_settling import DirectSettling
from agents.roles.parts.exchange_metering import ExchangeMetering
from agents.roles.parts.filing import LedgerFiling
from agents.roles.parts.operated_days import DayNear
from agents.roles.parts.recovery import KEPT_DAYS, LedgerHistory
from agents.roles.parts.settlement import SellerAccount, response_effects
from cim.codec.codec import wire
from cim.model.errors import BadInput
from market.balancing.clearing import BalancingBid
from market.balancing.pool import PoolPlace, PoolStep, bid_curve, called, risk_e4_per_kwh, shared
from market.balancing.settling import settle_balancing
from market.uftp import AcceptedDisputed, FlexOrderSettlement, FlexSettlement

_LEARNS_ISPS = 4  # that were nominated and metered, before anything is bid


@wire("iles.PoolConfig")
@dataclass(frozen=True, slots=True)
class PoolConfig:
    """How the pool bids.

    Attributes:
        tso: the agent that buys.
        meter: the agent of the meter at the point of common coupling.
        places: whose offers are its expected power: (aggregator, congestion point) of all portfolios.
        gate_min: before a quarter-hour, when the TSO closes its bids.
        activation_s: the full activation time that is bid.
        smallest_w: no bid is smaller, and no less of it may be called; nor less than the nomination is off on average.
        penalty_e4_per_kwh: what is asked for what the nomination's error is expected to cost (`risk_e4_per_kwh`).
    """

    tso: str
    meter: str
    places: tuple[PoolPlace, ...]
    gate_min: int
    activation_s: int
    smallest_w: int
    penalty_e4_per_kwh: int = 0


@wire("iles.timer.pool")
@dataclass(frozen=True, slots=True)
class PoolBids(Timer):
    """Aggregators have offered for a quarter-hour: bid."""

    period: date
    isp: int


@wire("iles.BalancingPool")
@dataclass(slots=True)
class BalancingPoolState:
    """What was offered, and who was called.

    Attributes:
        offers: by the beginning of the quarter-hour, each place's.
        nominated_w: by day, ISP (from 1) -> what was nominated.
        ordered: by reference, the TSO's calls.
        shares_w: by reference, who was called for them, watts (magnitudes).
    """

    offers: dict[datetime, dict[PoolPlace, PoolOffer]] = field(default_factory=dict)
    nominated_w: dict[date, dict[int, int]] = field(default_factory=dict)
    ordered: dict[str, BalancingOrdered] = field(default_factory=dict)
    shares_w: dict[str, dict[PoolPlace, int]] = field(default_factory=dict)


class BalancingPool(Part[BalancingPoolState]):
    """Bids for all portfolios together, calls them, and passes on what comes of it."""

    def __init__(
        self,
        me: AgentIdentity,
        config: PoolConfig,
        *,
        limits: LimitKeeping,
        contracts: Contracts,
        metering: ExchangeMetering,
        settling: DirectSettling,
        filing: LedgerFiling,
    ) -> None:
        super().__init__(me, BalancingPoolState())
        self._config, self._limits, self._contracts = config, limits, contracts
        self._metering, self._settling, self._filing = metering, settling, filing
        self._before = timedelta(minutes=config.gate_min) + POOLED

    @on(DayNear)
    def day_near(self, event: DayNear, now: datetime) -> list[Effect]:
        """Wait for the day's next quarter-hour that can be bid for."""
        return self._next(event.day.day, 1, now)

    def _next(self, period: date, first: int, now: datetime) -> list[Effect]:
        day = self.rules.day(period)
        for isp in range(first, day.count + 1):
            at = day.isp_start(isp) - self._before
            if at > now:
                return [Arm(PoolBids(period, isp), at)]
        return []

    # ---- offers become bids ----------------------------------------------------------------------------------------------

    @on(PoolOffer)
    def offered(self, message: PoolOffer, sender: str, now: datetime) -> list[Effect]:
        """Keep it; the last that comes counts."""
        place, day = PoolPlace(sender, message.congestion_point), self.rules.day(message.period)
        about = f"{message.congestion_point} {message.period.isoformat()} ISP {message.isp}"
        if place not in self._config.places:
            return [self.me.lapse("PoolOffer", about, sender, "it has no portfolio there", now)]
        if not 1 <= message.isp <= day.count or day.isp_start(message.isp) - self._before < now:
            return [self.me.lapse("PoolOffer", about, sender, "its quarter-hour is bid for already", now)]
        self.state.offers.setdefault(day.isp_start(message.isp), {})[place] = message
        return []

    @on(PoolBids)
    def bid(self, timer: PoolBids, now: datetime) -> list[Effect]:
        """Bid what all have offered; nothing where somebody's expected power is not known, for nothing could be metered."""
        period, isp = timer.period, timer.isp
        following = self._next(period, isp + 1, now)
        begin = self.rules.day(period).isp_start(isp)
        self.state.offers = {at: known for at, known in self.state.offers.items() if at > now}
        offers = self.state.offers.get(begin, {})
        missing = [place for place in self._config.places if place not in offers]
        if missing:
            about = f"{period.isoformat()} ISP {isp}"
            why = f"{len(missing)} of {len(self._config.places)} portfolios have told nothing"
            return [self.me.lapse("BalancingBids", about, missing[0].seller, why, now), *following]
        nomination_w = sum(offer.expected_w for offer in offers.values())
        self.state.nominated_w.setdefault(period, {})[isp] = nomination_w
        error_w = self.error_w(now)
        smallest_w = self._config.smallest_w if error_w is None else max(self._config.smallest_w, ceil(error_w))
        bids = [
            BalancingBid(
                f"{period.isoformat()}/{isp}/{'more' if more else 'less'}/{number}",
                more,
                power_w,
                premium + risk_e4_per_kwh(error_w, power_w, self._config.penalty_e4_per_kwh),
                self._config.activation_s,
                least_w=smallest_w,
            )
            for more in (True, False)
            if error_w is not None
            for number, (power_w, premium) in enumerate(bid_curve(self._steps(begin, more), smallest_w), start=1)
        ]
        return [Send(self._config.tso, BalancingBids(period, isp, nomination_w, tuple(bids))), *following]

    def error_w(self, now: datetime) -> float | None:
        """By how much the nominations of today and yesterday were off where nothing was called, on average; None: not known yet."""
        today, called_isps = self.rules.day_of(now), set[tuple[date, int]]()
        for one in self.state.ordered.values():
            called_isps.add((one.order.period, one.order.isps[0].start))
        errors = [
            abs(metered_w - nominated[isp])
            for day in (today, today.next(-1))
            for nominated in (self.state.nominated_w.get(day.day, {}),)
            for isp, metered_w in self._metering.of_day(day.day).items()
            if isp in nominated and (day.day, isp) not in called_isps
        ]
        return sum(errors) / len(errors) if len(errors) >= _LEARNS_ISPS else None

    def _steps(self, begin: datetime, more: bool) -> list[PoolStep]:
        """What the pool can give in a direction; no more consumption while the DSO limits the microgrid's import."""
        if more and self._limits.state.on_call.import_w is not None:
            return []
        return [
            PoolStep(place, step.power_w, step.premium_e4_per_kwh)
            for place, offer in sorted(self.state.offers.get(begin, {}).items())
            for step in offer.steps
            if step.more is more
        ]

    # ---- a call ----------------------------------------------------------------------------------------------------------

    @on(BalancingOrdered)
    def ordered(self, message: BalancingOrdered, sender: str, now: datetime) -> list[Effect]:
        """The TSO calls: the cheapest of what was offered, at one premium for all."""
        order = message.order
        reference, (row,) = order.order_reference, order.isps
        if sender != self._config.tso:
            return [self.me.lapse("BalancingOrdered", reference, sender, "only the TSO calls balancing energy", now)]
        if reference in self.state.ordered:
            return []
        begin = self.rules.day(order.period).isp_start(row.start)
        try:
            shares = called(self._steps(begin, row.power_w > 0), abs(row.power_w))
        except BadInput as fault:
            shares, why = {}, str(fault)
            lapsed = [self.me.lapse("BalancingOrdered", reference, sender, why, now)]
        else:
            lapsed = []
        self.state.ordered[reference], self.state.shares_w[reference] = message, shares
        if not shares:
            return list(lapsed)
        sign = 1 if row.power_w > 0 else -1
        body = PoolCalled(reference, tuple(sorted(shares.items())))
        effects: list[Effect] = [self._filing.file(CALLED, reference, self.me.record(CALLED, reference, body, now))]
        for place, watts in sorted(shares.items()):
            told = BalancingCalled(
                reference, place.congestion_point, order.period, row.start, sign * watts, message.premium_e4_per_kwh
            )
            effects.append(Send(place.seller, told))
        return [*lapsed, *effects]

    # ---- after the day ---------------------------------------------------------------------------------------------------

    @on(FlexSettlement)
    def settled(self, message: FlexSettlement, sender: str, now: datetime) -> list[Effect]:
        """The TSO settles: the same sums by the own reading of the meter; what both find alike goes on to who was called."""
        if sender != self._config.tso:
            return []
        period = message.period_start
        response, effects = response_effects(
            self.me,
            self._config.tso,
            self._filing.ledger,
            message,
            self._account(period),
            now,
            fines_at_most=False,
            salted=False,
        )
        said = {status.order_reference: status.disposition for status in response.statuses}
        accepted = [o for o in message.order_settlements if said[o.order_reference] is AcceptedDisputed.ACCEPTED]
        return [*effects, *self._pass_on(period, accepted, now)]

    def _account(self, period: date) -> tuple[FlexOrderSettlement, ...]:
        calls = [one for one in self.state.ordered.values() if one.order.period == period]
        calls.sort(key=lambda one: one.order.isps[0].start)
        contract = self._contracts.contract_on(self._config.tso, period)
        if contract is None or not calls:
            return ()
        nominated_w = {one.order.isps[0].start: one.nomination_w for one in calls}
        count, metered_w = self.rules.day(period).count, self._metering.of_day(period)
        return settle_balancing([one.order for one in calls], nominated_w, metered_w, contract, count)

    def _pass_on(self, period: date, rows: list[FlexOrderSettlement], now: datetime) -> list[Effect]:
        by_seller: dict[str, list[FlexOrderSettlement]] = {}
        for row in rows:
            shares = self.state.shares_w.get(row.order_reference, {})
            for place, part in shared(row, shares).items() if shares else ():
                by_seller.setdefault(place.seller, []).append(part)
        return [
            effect
            for seller, parts in sorted(by_seller.items())
            for effect in self._settling.tell(seller, period, SellerAccount(tuple(parts), ()), now)
        ]

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        state = self.state
        state.ordered = {k: one for k, one in state.ordered.items() if one.order.period >= before}
        state.nominated_w = {period: row for period, row in state.nominated_w.items() if period >= before}
        state.shares_w = {k: one for k, one in state.shares_w.items() if k in state.ordered}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Calls and shares are recorded; offers come again for the next quarter-hours."""
        first = self.rules.day_of(now).next(-KEPT_DAYS).day
        for reference, one in history.of(ORDERED, BalancingOrdered).items():
            if one.order.period >= first and one.order.header.recipient_domain == self.me.domain:
                self.state.ordered[reference] = one
        for reference, shares in history.of(CALLED, PoolCalled).items():
            if reference in self.state.ordered:
                self.state.shares_w[reference] = dict(shares.shares_w)
        lost = "offers of balancing energy, and how far nominations were off: it bids again after an hour of them"
        return Recovery(forgotten=(lost,))
