"""The sellers at a congestion point brought to one price, before they offer: the DSO leads rounds over all their members.

It hears sums only, one a seller and round, and keeps the state of one sharing ADMM (`agents.planning.dispatch.admm`) over all
of them: what is needed is asked for once, and what it leaves undone costs what the DSO's other means do. A seller that falls
silent holds its last sum; one that comes when the rounds have begun, or is alone at the point, goes by rounds of its own. When
they are over each offers what its members answered last, as it would without, and the DSO chooses as ever. Then it hears how
far all answers are above the best ones at the last price, and publishes what that certifies (`agents.planning.dispatch.sellers`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime

import numpy as np

from agents.planning.dispatch.admm import PENALTY, Band, Coordination, Outcome, absorb, open_coordination
from agents.planning.dispatch.sellers import certify, final_price, shared_band, with_fewer
from agents.roles.coordination_messages import PointChecked, PointProfile, PointRound
from agents.roles.dso.config import DsoConfig
from agents.roles.dso.outside_options import OutsideOptions
from agents.roles.dso.requests import Requests, SellerAnswered
from agents.roles.dso.trading_rounds import TradingRounds
from agents.roles.effects import Arm, Disarm, Effect, Publish, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.platform.publications.sessions import PointCoordinated
from market.uftp import FlexRequest

LEFT_OUT_TIMES = 2  # how often members that lose by their answers are left out and the rounds go on
_E4_PER_CT = 100


@wire("dso.timer.sums")
@dataclass(frozen=True, slots=True)
class SumsDue(Timer):
    """Sellers that have not told a period's round by now hold what they told last."""

    period: date


@wire("dso.timer.checks")
@dataclass(frozen=True, slots=True)
class ChecksDue(Timer):
    """What has not been told of the answers to a request (the first seller's) by now is not."""

    request: str


@wire("dso.PointRun")
@dataclass(frozen=True, slots=True)
class PointRun:
    """The rounds at a congestion point.

    Attributes:
        requests: by seller, the message id of what it is asked.
        number: of the round whose sums are out; 0: who is there.
        awaited: sellers whose sum of it is still out.
        silent: sellers that did not tell theirs in time once.
        sums_kw, elements, losing: by seller, as told last.
        left_out: how often members that lost by their answers were left out.
        coordination: None until all are there.
        above_ct: by seller, how far its members' answers are above their best ones.
    """

    period: date
    point: str
    requests: dict[str, str]
    number: int
    awaited: tuple[str, ...]
    silent: tuple[str, ...] = ()
    sums_kw: dict[str, Floats] = field(default_factory=dict)
    elements: dict[str, int] = field(default_factory=dict)
    losing: dict[str, int] = field(default_factory=dict)
    left_out: int = 0
    coordination: Coordination | None = None
    above_ct: dict[str, float | None] = field(default_factory=dict)

    @property
    def total_kw(self) -> Floats:
        """[T] all sellers' sums."""
        total: Floats = np.sum([self.sums_kw[seller] for seller in sorted(self.sums_kw)], axis=0)
        return total

    def without(self, seller: str) -> PointRun:
        """The run without a seller that has given its answer already."""
        return replace(
            self,
            awaited=tuple(name for name in self.awaited if name != seller),
            requests={name: one for name, one in self.requests.items() if name != seller},
            sums_kw={name: one for name, one in self.sums_kw.items() if name != seller},
            elements={name: one for name, one in self.elements.items() if name != seller},
            losing={name: one for name, one in self.losing.items() if name != seller},
        )


@wire("dso.PointCoordination")
@dataclass(slots=True)
class PointCoordinationState:
    """What is under way.

    Attributes:
        runs: by period; there is one congestion point's round of trading at a time.
        ended: by the first seller's request, those whose checks are still out.
    """

    runs: dict[date, PointRun] = field(default_factory=dict)
    ended: dict[str, PointRun] = field(default_factory=dict)


class PointCoordination(Part[PointCoordinationState]):
    """Leads the rounds where the site's terms say so and several sellers are asked; else nobody hears of it."""

    def __init__(self, me: AgentIdentity, config: DsoConfig, requests: Requests, trading: TradingRounds) -> None:
        super().__init__(me, PointCoordinationState())
        self._coordinates, self._requests, self._trading = config.coordinates, requests, trading
        self._outside = OutsideOptions(config, self.rules.hours)

    @on(PointProfile)
    def told(self, message: PointProfile, sender: str, now: datetime) -> list[Effect]:
        """A seller's sum; with the last one the round is worked off."""
        request = self._requests.open_request(message.request)
        if message.round == 0 and (request is None or not self._joins(message, request, sender)):
            return [Send(sender, _alone(message))]
        run = None if request is None else self.state.runs.get(request.period)
        if (
            run is None
            or run.requests.get(sender) != message.request
            or sender not in run.awaited
            or message.round != run.number
            or any(len(kw) != len(message.total_kw) for kw in run.sums_kw.values())
        ):
            return [self.me.lapse("PointProfile", message.request, sender, "no rounds wait for it", now)]
        run = replace(
            run,
            awaited=tuple(name for name in run.awaited if name != sender),
            sums_kw={**run.sums_kw, sender: message.total_kw},
            elements={**run.elements, sender: message.elements},
            losing={**run.losing, sender: message.losing},
        )
        return self._worked_off(run, now)

    def _joins(self, message: PointProfile, request: FlexRequest, sender: str) -> bool:
        """Whether a seller that is there takes part in rounds; with the first one they are opened."""
        period, point = request.period, request.congestion_point
        run = self.state.runs.get(period)
        asked = self._trading.still_asked(period, point)
        mine = request.header.recipient_domain == self.rules.domains[sender]
        if not self._coordinates or not mine or sender not in asked:
            return False
        if run is None or run.point != point or run.requests.get(sender, message.request) != message.request:
            if len(asked) < 2:
                return False
            run = self.state.runs[period] = PointRun(period, point, {}, 0, asked)
        if run.coordination is not None:
            return False
        self.state.runs[period] = replace(run, requests={**run.requests, sender: message.request})
        return True

    @on(SellerAnswered)
    def answered(self, event: SellerAnswered, now: datetime) -> list[Effect]:
        """A seller that offers, or has nothing to, takes no part in rounds that are not over."""
        run = self.state.runs.get(event.period)
        if run is None or run.point != event.point or event.seller not in (*run.awaited, *run.requests):
            return []
        return self._worked_off(run.without(event.seller), now)

    @on(SumsDue)
    def sums_due(self, timer: SumsDue, now: datetime) -> list[Effect]:
        """Time is up: who is not there yet is left out; whoever has fallen silent holds what it told last."""
        run = self.state.runs.get(timer.period)
        if run is None or not run.awaited:
            return []
        late = tuple(
            self.me.lapse("PointProfile", run.point, name, "it is not there in time", now) for name in run.awaited
        )
        silent = () if run.coordination is None else run.awaited
        return [*late, *self._worked_off(replace(run, awaited=(), silent=(*run.silent, *silent)), now)]

    def _worked_off(self, run: PointRun, now: datetime) -> list[Effect]:
        """The next round, if all that are awaited have told theirs; else wait."""
        self.state.runs[run.period] = run
        if run.awaited:
            return [] if run.number or len(run.sums_kw) > 1 else [Arm(SumsDue(run.period), self.rules.patience(now))]
        guard = Disarm(SumsDue(run.period))
        if not run.sums_kw or (len(run.sums_kw) < 2 and run.coordination is None):
            del self.state.runs[run.period]
            return [guard, *(Send(name, _alone_for(number)) for name, number in run.requests.items())]
        coordination = run.coordination
        if coordination is None:
            coordination = open_coordination(self._band(run), sum(run.elements.values()), PENALTY)
        elif coordination.outcome is not None:  # members that lost by their answers have left
            coordination = with_fewer(coordination, sum(run.elements.values()), run.total_kw)
        else:
            coordination = absorb(coordination, run.total_kw)
        run = replace(run, coordination=coordination)
        losing = tuple(sorted(name for name, count in run.losing.items() if count and name not in run.silent))
        if coordination.outcome not in (None, Outcome.FAILED) and losing and run.left_out < LEFT_OUT_TIMES:
            run = replace(run, left_out=run.left_out + 1)
            return [guard, *self._ask(run, coordination, losing, now, leave_out=True)]
        if coordination.outcome is not None:
            return [guard, *self._over(run, coordination, coordination.outcome, now)]
        going_on = tuple(sorted(name for name in run.sums_kw if name not in run.silent))
        if not going_on:  # nobody hears another price
            failed = replace(coordination, outcome=Outcome.FAILED)
            return [guard, *self._over(run, failed, Outcome.FAILED, now)]
        return [guard, *self._ask(run, coordination, going_on, now)]

    def _ask(
        self, run: PointRun, state: Coordination, sellers: tuple[str, ...], now: datetime, *, leave_out: bool = False
    ) -> list[Effect]:
        number = run.number + 1
        self.state.runs[run.period] = replace(run, number=number, awaited=sellers)
        sent: list[Effect] = []
        for name in sellers:
            signal = PointRound(
                run.requests[name], number, state.rho, state.signal_kw, state.share, leave_out=leave_out
            )
            sent.append(Send(name, signal))
        return [*sent, Arm(SumsDue(run.period), self.rules.patience(now))]

    def _band(self, run: PointRun) -> Band:
        """What all sellers together are asked, from the first ISP of their requests on."""
        asked = [self._requests.open_request(number) for number in run.requests.values()]
        requests = [request for request in asked if request is not None]
        day, first = self.rules.day(run.period), _first_isp(requests[0])
        need_kw = np.zeros(day.count)
        bands = []
        for request in requests:
            low, high = np.zeros(day.count), np.zeros(day.count)
            for row in request.isps:
                part = slice(row.start - 1, row.start - 1 + row.duration)
                low[part], high[part] = row.min_power_w / 1000, row.max_power_w / 1000
            need_kw = np.where(low > 0, low, np.where(high < 0, high, 0.0))
            bands.append((low[first - 1 :], high[first - 1 :]))
        outside = self._outside.e4_per_kw(run.point, day, need_kw) / _E4_PER_CT / self.rules.hours
        weights = np.abs(need_kw)
        price = float(outside @ weights / weights.sum()) if weights.any() else float(outside.max())
        return shared_band([Band(low, high, price, self.rules.hours) for low, high in bands])

    def _over(self, run: PointRun, state: Coordination, outcome: Outcome, now: datetime) -> list[Effect]:
        """Each seller ends its session as the rounds ended, and offers; what they are worth is told when it is known."""
        del self.state.runs[run.period]
        price = None if outcome is Outcome.FAILED else final_price(state)
        sellers = sorted(run.sums_kw)
        sent: list[Effect] = [
            Send(
                name,
                PointRound(
                    run.requests[name], run.number, state.rho, state.signal_kw, outcome=outcome, price_ct_per_kwh=price
                ),
            )
            for name in sellers
        ]
        if price is None or any(name in run.silent for name in sellers):
            return [*sent, self._published(run, None, now)]
        first = run.requests[sellers[0]]
        self.state.ended[first] = run
        return [*sent, Arm(ChecksDue(first), self.rules.patience(now))]

    @on(PointChecked)
    def checked(self, message: PointChecked, sender: str, now: datetime) -> list[Effect]:
        """How far a seller's members are above their best answers; with the last one it is published what that certifies."""
        found = ((first, run) for first, run in self.state.ended.items() if run.requests.get(sender) == message.request)
        first, run = next(found, ("", None))
        if run is None or sender in run.above_ct:
            return [self.me.lapse("PointChecked", message.request, sender, "nothing is to be certified", now)]
        run = replace(run, above_ct={**run.above_ct, sender: message.above_best_ct})
        self.state.ended[first] = run
        if set(run.above_ct) != set(run.sums_kw):
            return []
        del self.state.ended[first]
        known = [above for above in run.above_ct.values() if above is not None]
        above_ct = sum(known) if len(known) == len(run.above_ct) else None
        return [Disarm(ChecksDue(first)), self._published(run, above_ct, now)]

    @on(ChecksDue)
    def checks_due(self, timer: ChecksDue, now: datetime) -> list[Effect]:
        """Time is up: nothing is certified."""
        run = self.state.ended.pop(timer.request, None)
        return [] if run is None else [self._published(run, None, now)]

    def _published(self, run: PointRun, above_ct: float | None, now: datetime) -> Effect:
        state, sellers = run.coordination, sorted(run.sums_kw)
        assert state is not None  # noqa: S101 - rounds that are over have begun
        found = certify(state.band, final_price(state), run.total_kw, above_ct or 0.0)
        request = self._requests.open_request(run.requests[sellers[0]])
        return Publish(
            PointCoordinated(
                now,
                congestion_point=run.point,
                period=run.period,
                first_isp=0 if request is None else _first_isp(request),
                sellers=tuple(sellers),
                requests=tuple(run.requests[name] for name in sellers),
                status=str(state.outcome or Outcome.FAILED),
                rounds=run.number,
                low_kw=tuple(state.band.low_kw.tolist()),
                high_kw=tuple(state.band.high_kw.tolist()),
                total_kw=tuple(run.total_kw.tolist()),
                worth_ct=found.worth_ct,
                gap_ct=None if above_ct is None else found.gap_ct,
            )
        )

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.runs = {period: run for period, run in self.state.runs.items() if period >= before}
        self.state.ended = {first: run for first, run in self.state.ended.items() if run.period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The rounds of trading behind them are forgotten too, and said to be so by `TradingRounds`."""
        return Recovery()


def _first_isp(request: FlexRequest) -> int:
    return min(row.start for row in request.isps)


def _alone(message: PointProfile) -> PointRound:
    return _alone_for(message.request)


def _alone_for(request: str) -> PointRound:
    return PointRound(request, 0, 0.0, np.zeros(0), alone=True)
