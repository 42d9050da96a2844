"""Promise against meter in every control interval, and against each new prognosis.

A shortfall is split anew among the members that still can, by the same virtual power plant. What was promised is an
average over the ISP, so a late correction must be the larger one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.aggregator.flex_trading import FlexTrading
from agents.roles.aggregator.interval_metering import IntervalMetered, IntervalMetering
from agents.roles.aggregator.prognosis_sums import PrognosesSent, PrognosisSums
from agents.roles.aggregator.promises import Promises
from agents.roles.aggregator.vpp_session import (
    InstantHeard,
    SplitChosen,
    SplitConcluded,
    SplitMoved,
    SplitPurpose,
    SplitWanted,
    VppSession,
)
from agents.roles.aggregator.vpp_sessions import VppSessions
from agents.roles.effects import Arm, Effect
from agents.roles.identity import AgentIdentity
from agents.roles.part import MOMENT, Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from market.uftp import IspPower

TOLERANCE_KW = 0.5
LOOKAHEAD_ISPS = (
    1  # what is corrected by a forecast that proves wrong is paid for nothing: the meter will tell of the rest
)
RELATIVE_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class _Shortfall:
    """What a congestion point misses of its promise from an ISP on.

    Attributes:
        extra_kw: [T] what would have to be added; 0 where nothing is known.
        ordered_kw: [T] the DSO's orders.
        first_share: how much of the first ISP is still to come.
        cause: what showed it.
        last_isp: where the split ends; None: with the day.
    """

    congestion_point: str
    day: LocalDay
    first_isp: int
    extra_kw: Floats
    ordered_kw: Floats
    first_share: float
    cause: str
    last_isp: int | None = None


@wire("aggregator.Correction")
@dataclass(slots=True)
class CorrectionState:
    """By congestion point, the interval still to be held to a promise, also while a session holds its members.

    Everything was lost at `lost_at`: what was metered before is not known.
    """

    due: dict[str, datetime] = field(default_factory=dict)
    lost_at: datetime | None = None


class Correction(Part[CorrectionState]):
    """Keeps baseline + ordered flexibility, ISP by ISP."""

    def __init__(
        self,
        me: AgentIdentity,
        config: AggregatorConfig,
        *,
        metering: IntervalMetering,
        sums: PrognosisSums,
        sessions: VppSessions,
        promises: Promises,
        trading: FlexTrading,
    ) -> None:
        super().__init__(me, CorrectionState())
        self._config, self._metering, self._sums = config, metering, sums
        self._sessions, self._promises, self._trading = sessions, promises, trading

    @on(IntervalMetered)
    def interval_metered(self, event: IntervalMetered, now: datetime) -> list[Effect]:
        """Hold it against the promise once all of the instant is heard; what is over with its ISP is past help."""
        point, day = event.congestion_point, self.rules.day_of(event.end)
        isp = day.isp_of(event.end)
        if isp not in self._promises.baseline_w(point, day.day) or event.end == day.isp_start(isp):
            return []
        self.state.due[point] = event.end
        return [Arm(InstantHeard(point), now + MOMENT)]

    @on(InstantHeard)
    def correct(self, timer: InstantHeard, now: datetime) -> list[Effect]:
        """The portfolio's last interval is known: correct the rest of the running ISP if it falls short."""
        point, metering = timer.congestion_point, self._metering
        if point not in self.state.due or self._sessions.is_busy(point):
            return []  # with the session's end it is looked at again
        interval = self.state.due.pop(point)
        if interval != metering.interval_end(point):
            return []
        day = self.rules.day_of(interval)
        isp = day.isp_of(interval)
        begin, end = day.isp_start(isp), day.isp_start(isp + 1)
        if end - now < self.rules.interval / 2:
            return []  # too late to move anything by a sensible amount
        if self.state.lost_at is not None and begin < self.state.lost_at:
            return []  # what this ISP took before everything was lost is not known
        ordered = self._promises.ordered_kw(point, day)
        rest_h, to_come_h = (end - now) / timedelta(hours=1), (end - interval) / timedelta(hours=1)
        promise = self._promises.promise_kw(point, day, ordered)[isp - 1]
        taken_kwh, coming_kwh = metering.energy_kwh(point), metering.power_kw(point) * to_come_h
        extra = np.zeros(day.count)
        extra[isp - 1] = (promise * self.rules.hours - taken_kwh - coming_kwh) / rest_h
        share = rest_h / self.rules.hours
        return self._split(_Shortfall(point, day, isp, extra, ordered, share, interval.isoformat()), now)

    @on(SplitChosen)
    def chosen(self, event: SplitChosen, now: datetime) -> list[Effect]:
        """What is ordered of the running ISP shows in no interval before: the next one says what is still missing."""
        session = event.session
        due = self.state.due.get(session.congestion_point)
        if due is not None and session.covered:
            day = self.rules.day_of(due)
            if day.day == session.period and session.first_isp <= day.isp_of(due) <= session.last_isp:
                del self.state.due[session.congestion_point]
        return []

    @on(SplitMoved)
    def moved(self, event: SplitMoved, now: datetime) -> list[Effect]:
        """Members may be free again: what waited for them is looked at."""
        return [Arm(InstantHeard(point), now + MOMENT) for point in sorted(self.state.due)]

    @on(PrognosesSent)
    def foresee(self, event: PrognosesSent, now: datetime) -> list[Effect]:
        """A new prognosis is out: where it falls short of promises still to come, correct in good time."""
        day = self.rules.day(event.period)
        effects: list[Effect] = []
        if now >= day.end:
            return effects
        for point in self._config.congestion_points:
            prognosis = self._sums.newest(point, day.day)
            if prognosis is None or not self._promises.baseline_w(point, day.day):
                continue
            first = 1 if now < day.start else day.isp_of(now) + 1
            if first <= day.count:
                ordered = self._promises.ordered_kw(point, day)
                missing = self._promises.promise_kw(point, day, ordered) - np.array(prognosis.power_w) / 1000
                extra, cause = np.where(np.isnan(missing), 0.0, missing), prognosis.header.message_id
                effects += self._split(_Shortfall(point, day, first, extra, ordered, 1.0, cause), now)
        return effects

    def _split(self, shortfall: _Shortfall, now: datetime) -> list[Effect]:
        """Have what is missing in the direction that was ordered split among the members, if it is worth it."""
        extra, ordered, first = shortfall.extra_kw, shortfall.ordered_kw, shortfall.first_isp
        allowed = np.maximum(TOLERANCE_KW, RELATIVE_TOLERANCE * np.abs(ordered))
        missing = np.where(extra * np.sign(ordered) > allowed, extra, 0.0)
        of_isp = missing.copy()  # of a running ISP's mean: the share that is still to come
        of_isp[first - 1] *= shortfall.first_share
        missing[~self._promises.worth_keeping(shortfall.congestion_point, shortfall.day, of_isp)] = 0.0
        missing[: first - 1] = 0.0
        missing[first - 1 + LOOKAHEAD_ISPS :] = 0.0
        if not missing.any():
            return []
        low, high = self._room_kw(shortfall)
        low = np.where(missing > 0, missing, low)
        high = np.where(missing < 0, missing, high)
        # Over-delivery is no harm within the day's room; it never exceeds what is missing by more than the room.
        high = np.where(missing > 0, np.maximum(high, missing), high)
        low = np.where(missing < 0, np.minimum(low, missing), low)
        wanted = SplitWanted(
            SplitPurpose.HOLD,
            shortfall.cause,
            shortfall.congestion_point,
            shortfall.day.day,
            first,
            low[first - 1 : shortfall.last_isp],
            high[first - 1 : shortfall.last_isp],
            shortfall.first_share,
        )
        return self.emit(wanted, now)

    def _room_kw(self, shortfall: _Shortfall) -> tuple[Floats, Floats]:
        """[T] what a correction may do to ISPs that miss nothing: the room the DSO left (rebound only within it)."""
        low, high = self._trading.room_kw(shortfall.congestion_point, shortfall.day)
        free = shortfall.ordered_kw == 0
        return np.minimum(np.where(free, low, 0.0), 0.0), np.maximum(np.where(free, high, 1e6), 0.0)

    @on(SplitConcluded)
    def concluded(self, event: SplitConcluded, now: datetime) -> list[Effect]:
        """The correction's split is found: order the members; the ISPs that missed something are what they are paid for."""
        session = event.session
        if session.purpose is not SplitPurpose.HOLD:
            return []
        rows = []
        for k, (low, high) in enumerate(zip(session.low_kw, session.high_kw, strict=True)):
            if low > 0 or high < 0:
                rows.append(IspPower(session.first_isp + k, 1 if low > 0 else -1))
        again = self._split_again(session, now)
        return again + self.emit(SplitChosen(session, tuple(rows), 100, f"hold-{session.identity}"), now)

    def _split_again(self, session: VppSession, now: datetime) -> list[Effect]:
        """Split what nobody would give without a loss over the ISPs that miss something alone.

        What a store takes now it gives back in later ISPs; there others must make up for it and are paid nothing, as those
        ISPs miss nothing. Within its own ISPs each kWh that moves is paid. This is tried once: then no ISP can be left out.
        """
        missed = [k for k, sign in enumerate(session.wanted) if sign]
        first, last = session.first_isp, session.first_isp + max(missed, default=0)
        if not missed or last == session.last_isp or session.covered == session.taking_part:
            return []
        day = self.rules.day(session.period)
        given = sum((session.profiles_kw[n] for n in session.covered), start=np.zeros(len(session.low_kw)))
        missing = np.where(session.low_kw > 0, session.low_kw, np.where(session.high_kw < 0, session.high_kw, 0.0))
        extra = np.zeros(day.count)
        extra[first - 1 : session.last_isp] = np.where(missing != 0, missing - given, 0.0)
        point, share, cause = session.congestion_point, session.first_share, session.identity
        ordered = self._promises.ordered_kw(point, day)
        return self._split(_Shortfall(point, day, first, extra, ordered, share, cause, last), now)

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The ISP that was running is corrected no more."""
        self.state.lost_at = now
        return Recovery()
