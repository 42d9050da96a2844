"""The aggregator's part in the pool's balancing energy: what it offers for each quarter-hour, and what it does when called.

The DSO comes first: where it has ordered anything of a congestion point, or leaves no room, nothing is offered there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from agents.planning.balancing.offers import BalancingStep, BalancingTerms, steps
from agents.planning.instance.bands import BothWays
from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.aggregator.prognosis_sums import PrognosesSent, PrognosisSums
from agents.roles.aggregator.promises import Promises
from agents.roles.aggregator.vpp_session import PointDay, SplitChosen, SplitConcluded, SplitPurpose, SplitWanted
from agents.roles.balancing_messages import OFFERED, BalancingCalled, PointRoom, PoolOffer
from agents.roles.effects import Arm, Effect, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.operated_days import DayNear
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.settlement import response_effects
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from market.billing.tariff import E4_PER_MWH_OF_CT_PER_KWH
from market.settlement.orders import rounded
from market.uftp import FlexOrderSettlement, FlexSettlement, IspPower

_NOT_BACK_ISPS = 2  # after a call: their offers stand on what was expected before it, so nothing may come back in them

_WITHHELD = timedelta(hours=2)  # after a call of which members' contracts cover less than half
_COVERED = 0.5

Gives = Callable[[str, date], BothWays]


@wire("aggregator.PointWay")
class PointWay(NamedTuple):
    """A congestion point and a direction: towards more consumption or less."""

    congestion_point: str
    more: bool


@wire("aggregator.timer.balancing")
@dataclass(frozen=True, slots=True)
class OfferBalancing(Timer):
    """A quarter-hour can be offered to the pool."""

    period: date
    isp: int


@wire("aggregator.BalancingSales")
@dataclass(slots=True)
class BalancingSalesState:
    """What bounds the offers, and what was called.

    Attributes:
        rooms: the newest of the DSO's, by congestion point and day.
        moved_kw: by congestion point and day, [T] kW each, what sessions have moved since members told what they could give.
        calls: by order of the TSO and congestion point.
        withheld: until when nothing is offered at a congestion point in a direction: what was called there last was not covered.
    """

    rooms: dict[PointDay, PointRoom] = field(default_factory=dict)
    moved_kw: dict[PointDay, tuple[Floats, ...]] = field(default_factory=dict)
    calls: dict[str, BalancingCalled] = field(default_factory=dict)
    withheld: dict[PointWay, datetime] = field(default_factory=dict)


class BalancingSales(Part[BalancingSalesState]):
    """Offers to the pool, and moves the members when it is called.

    Args:
        gives: what the members at a congestion point told that they could give on a day.
    """

    def __init__(
        self,
        me: AgentIdentity,
        config: AggregatorConfig,
        terms: BalancingTerms,
        *,
        sums: PrognosisSums,
        promises: Promises,
        gives: Gives,
    ) -> None:
        super().__init__(me, BalancingSalesState())
        self._config, self._terms, self._sums, self._promises, self._gives = config, terms, sums, promises, gives
        self._before = timedelta(minutes=terms.gate_min) + OFFERED

    # ---- what is offered -------------------------------------------------------------------------------------------------

    @on(DayNear)
    def day_near(self, event: DayNear, now: datetime) -> list[Effect]:
        """Wait for the day's next quarter-hour that can be offered."""
        return self._next(event.day.day, 1, now) if self.rules.flexibility else []

    def _next(self, period: date, first: int, now: datetime) -> list[Effect]:
        day = self.rules.day(period)
        for isp in range(first, day.count + 1):
            at = day.isp_start(isp) - self._before
            if at > now:
                return [Arm(OfferBalancing(period, isp), at)]
        return []

    @on(PointRoom)
    def room_told(self, message: PointRoom, sender: str, now: datetime) -> list[Effect]:
        """What the DSO leaves free, until it says otherwise."""
        if sender == self._config.dso:
            self.state.rooms[PointDay(message.congestion_point, message.period)] = message
        return []

    @on(PrognosesSent)
    def told_anew(self, event: PrognosesSent, now: datetime) -> list[Effect]:
        """Members have told what they could give with all orders so far in it."""
        kept = {place: rows for place, rows in self.state.moved_kw.items() if place.period != event.period}
        self.state.moved_kw = kept
        return []

    @on(SplitChosen)
    def chosen(self, event: SplitChosen, now: datetime) -> list[Effect]:
        """Whatever a session moves is not there to be moved once more."""
        session = event.session
        place, day = PointDay(session.congestion_point, session.period), self.rules.day(session.period)
        row = np.zeros(day.count)
        row[session.first_isp - 1 : session.last_isp] = session.total_kw * event.factor_pct / 100
        self.state.moved_kw[place] = (*self.state.moved_kw.get(place, ()), row)
        return []

    @on(OfferBalancing)
    def offer(self, timer: OfferBalancing, now: datetime) -> list[Effect]:
        """What each portfolio is expected to draw, and could be moved by."""
        period, isp, effects = timer.period, timer.isp, self._next(timer.period, timer.isp + 1, now)
        day = self.rules.day(period)
        for point in self._config.congestion_points:
            expected = self._sums.expected_w(point, period)
            if expected is None and self._config.at(point, period):
                continue  # nobody has told what is to be expected
            expected_w = 0 if expected is None else expected[isp - 1]
            offer = PoolOffer(point, period, isp, expected_w, self._steps(point, day, isp, now))
            effects.append(Send(self._config.market, offer))
        return effects

    def _steps(self, point: str, day: LocalDay, isp: int, now: datetime) -> tuple[BalancingStep, ...]:
        room = self.state.rooms.get(PointDay(point, day.day))
        if room is None or isp in self._promises.baseline_w(point, day.day):
            return ()
        price_ct = self._terms.prices.of_day(day) / E4_PER_MWH_OF_CT_PER_KWH
        gives = self._gives(point, day.day)
        up, down = (
            () if now < self.state.withheld.get(PointWay(point, more), now) else bands
            for more, bands in ((True, gives.up), (False, gives.down))
        )
        return steps(
            BothWays(up, down),
            isp,
            moved_kw=self.state.moved_kw.get(PointDay(point, day.day), ()),
            room_w=(room.down_w[isp - 1], room.up_w[isp - 1]),
            price_ct=np.asarray(price_ct, dtype=np.float64),
            terms=self._terms,
            hours=self.rules.hours,
        )

    # ---- a call ----------------------------------------------------------------------------------------------------------

    @on(BalancingCalled)
    def called(self, message: BalancingCalled, sender: str, now: datetime) -> list[Effect]:
        """Have it split among the members; what comes back of it comes where the DSO leaves room and nobody has bid yet."""
        key = f"{message.order_reference}/{message.congestion_point}"
        if sender != self._config.market:
            return [self.me.lapse("BalancingCalled", key, sender, "only the pool calls balancing energy", now)]
        if key in self.state.calls or message.congestion_point not in self._config.congestion_points:
            return []
        self.state.calls[key] = message
        point, day = message.congestion_point, self.rules.day(message.period)
        low, high = self._band_kw(point, day, message.isp)
        low[message.isp - 1] = high[message.isp - 1] = message.power_w / 1000
        wanted = SplitWanted(
            SplitPurpose.BALANCE,
            key,
            point,
            day.day,
            message.isp,
            low[message.isp - 1 :],
            high[message.isp - 1 :],
        )
        return self.emit(wanted, now)

    def _band_kw(self, point: str, day: LocalDay, isp: int) -> tuple[Floats, Floats]:
        """[T] how far what comes back may move each ISP, down and up."""
        room = self.state.rooms.get(PointDay(point, day.day))
        low, high = np.zeros(day.count), np.zeros(day.count)
        if room is not None:
            low, high = np.array(room.down_w) / 1000, np.array(room.up_w) / 1000
        held = [number - 1 for number in self._promises.baseline_w(point, day.day)]
        for row in (low, high):
            row[: isp + _NOT_BACK_ISPS] = 0.0
            row[held] = 0.0
        return low, high

    @on(SplitConcluded)
    def concluded(self, event: SplitConcluded, now: datetime) -> list[Effect]:
        """The split is found: order the members; they are paid for the quarter-hour that was called.

        What members told that they could give at their contracts' prices some of them will not do, where by their own plans it
        costs them more. Where that is most of a call, others like it would fail, too.
        """
        session = event.session
        if session.purpose is not SplitPurpose.BALANCE:
            return []
        sign = next((way for way in session.wanted if way), 0)
        called_kw = abs(float(session.low_kw[0]))
        covered_kw = abs(sum(float(session.profiles_kw[name][0]) for name in session.covered))
        if covered_kw < _COVERED * called_kw:
            self.state.withheld[PointWay(session.congestion_point, sign > 0)] = now + _WITHHELD
        rows = (IspPower(session.first_isp, sign),) if sign else ()
        return self.emit(SplitChosen(session, rows, 100, f"balance-{session.identity}"), now)

    # ---- after the day ---------------------------------------------------------------------------------------------------

    @on(FlexSettlement)
    def settled(self, message: FlexSettlement, sender: str, now: datetime) -> list[Effect]:
        """The pool passes on what it was paid and fined: accept what fits what one was called for."""
        if sender != self._config.market:
            return []
        fits = tuple(row for row in message.order_settlements if self._fits(row))
        _, effects = response_effects(
            self.me, sender, self._config.ledger, message, fits, now, fines_at_most=False, salted=False
        )
        return effects

    def _fits(self, row: FlexOrderSettlement) -> bool:
        """Whether a part is of a call, no more was fined than called, and delivery was paid at the premium that was told.

        The pool's sums are rounded and divided in whole units, so by one unit it may differ.
        """
        reference = row.order_reference.removesuffix(f"/{self.me.name}/{row.congestion_point}")
        call = self.state.calls.get(f"{reference}/{row.congestion_point}")
        if call is None or len(row.isps) != 1:
            return False
        (isp,) = row.isps
        paid = Fraction(abs(isp.delivered_flex_power_w) * call.premium_e4_per_kwh * self.rules.isp_minutes, 60_000)
        return (
            (isp.start, isp.ordered_flex_power_w) == (call.isp, call.power_w)
            and isp.power_deficiency_w <= abs(call.power_w)
            and abs(row.price - rounded(paid)) <= 1 + call.premium_e4_per_kwh * self.rules.isp_minutes / 60_000
        )

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        state = self.state
        state.rooms = {place: one for place, one in state.rooms.items() if place.period >= before}
        state.moved_kw = {place: rows for place, rows in state.moved_kw.items() if place.period >= before}
        state.calls = {key: one for key, one in state.calls.items() if one.period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The DSO tells its room again with its next analysis; what the pool called is in its own records alone."""
        return Recovery(
            forgotten=("calls of balancing energy: what the pool settles of them is disputed, and is for people",)
        )
