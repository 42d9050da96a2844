"""The virtual power plant: price out, net profile back, some rounds, until a band of power is split among the members.

One session holds a congestion point's members at a time; others wait. None begins before everything that was said at an
instant has been heard, so the order in which it was heard decides nothing. The mathematics is in
`agents.planning.dispatch.admm`, the states of a session in `agents.planning.dispatch.session`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from agents.planning.dispatch.admm import Band, Coordination, Outcome, absorb, open_coordination
from agents.planning.dispatch.session import SPLIT, SplitEvent, SplitParty
from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.aggregator.vpp_session import (
    InstantHeard,
    PointPriced,
    RoundAnswered,
    SplitConcluded,
    SplitMoved,
    SplitWanted,
    VppSession,
)
from agents.roles.effects import Arm, Disarm, Effect, Publish, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.messages import NetProfile, PriceRound, SessionClosed, VppInvitation
from agents.roles.part import MOMENT, Part, Recovery, on
from agents.roles.parts.contract_use import ContractUse
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.platform.publications.sessions import Residuals, SessionConcluded
from market.uftp import IspPower

_END = {
    None: SplitEvent.NOBODY,
    Outcome.CONVERGED: SplitEvent.CONVERGED,
    Outcome.POLISHED: SplitEvent.POLISHED,
    Outcome.FAILED: SplitEvent.FAILED,
}


@wire("aggregator.timer.session")
@dataclass(frozen=True, slots=True)
class AnswersDue(Timer):
    """Members that have not answered a session's round by now are left out."""

    session: str


@wire("aggregator.VppSessions")
@dataclass(slots=True)
class VppSessionsState:
    """Sessions that hold their members, from the invitation to their end, and those that wait."""

    sessions: dict[str, VppSession] = field(default_factory=dict)
    queue: tuple[VppSession, ...] = ()


class VppSessions(Part[VppSessionsState]):
    """Runs the sessions and says what they found."""

    def __init__(self, me: AgentIdentity, config: AggregatorConfig, contracts: Contracts, use: ContractUse) -> None:
        super().__init__(me, VppSessionsState())
        self._config, self._contracts, self._use = config, contracts, use

    def session(self, identity: str) -> VppSession:
        """A session that holds its members."""
        return self.state.sessions[identity]

    def is_busy(self, congestion_point: str) -> bool:
        """Whether a session, an offer not yet decided or orders not yet recorded hold this congestion point's members."""
        return any(session.congestion_point == congestion_point for session in self.state.sessions.values())

    @on(SplitWanted)
    def wanted(self, event: SplitWanted, now: datetime) -> list[Effect]:
        """Queue the split among the members that are contracted on its day."""
        point, period, first = event.congestion_point, event.period, event.first_isp
        about = ("session", now.isoformat(), event.purpose, event.reference, point, period.isoformat(), str(first))
        session = VppSession(
            identity=self.me.identifier(*about),
            opened_at=now,
            purpose=event.purpose,
            reference=event.reference,
            congestion_point=point,
            period=period,
            first_isp=first,
            last_isp=first + len(event.low_kw) - 1,
            first_share=event.first_share,
            low_kw=event.low_kw,
            high_kw=event.high_kw,
            waiting=tuple(n for n in self._config.at(point, period) if self._contracts.contract_on(n, period)),
            profiles_kw={},
            elements={},
            baselines_w={},
            by_point=event.by_point,
        )
        self.state.queue = (*self.state.queue, session)
        return self._next_session(point, now)

    def _next_session(self, congestion_point: str, now: datetime) -> list[Effect]:
        """Start the next waiting session of a congestion point in a moment, when its members are free."""
        waiting = any(s.congestion_point == congestion_point for s in self.state.queue)
        free = waiting and not self.is_busy(congestion_point)
        return [Arm(InstantHeard(congestion_point), now + MOMENT)] if free else []

    @on(InstantHeard)
    def instant_heard(self, timer: InstantHeard, now: datetime) -> list[Effect]:
        """Begin the session that comes first; those whose first ISP is over lapse."""
        point, effects = timer.congestion_point, list[Effect]()
        if self.is_busy(point):
            return effects
        for session in sorted((s for s in self.state.queue if s.congestion_point == point), key=lambda s: s.rank):
            self.state.queue = tuple(s for s in self.state.queue if s.identity != session.identity)
            if now < self.rules.day(session.period).isp_start(session.first_isp + 1):
                return [*effects, *self._invite(session, now)]
            over = "its time is over"
            effects.append(self.me.lapse(str(session.purpose), session.identity, self.me.name, over, now))
        return effects

    def _moved(self, session: VppSession, by: SplitParty, event: SplitEvent) -> VppSession:
        """The session in the state that the table gives; kept while it holds its members."""
        session = replace(session, state=SPLIT.next_state(session.state, by, event, ours=True))
        if SPLIT.rows[session.state]:
            self.state.sessions[session.identity] = session
        else:
            self.state.sessions.pop(session.identity, None)
        return session

    @on(SplitMoved)
    def moved(self, event: SplitMoved, now: datetime) -> list[Effect]:
        """Offered, ordered, closed: with its end the next session may begin."""
        session = self._moved(self.state.sessions[event.session], event.by, event.event)
        return self._next_session(session.congestion_point, now)

    def _invite(self, session: VppSession, now: datetime) -> list[Effect]:
        if not session.waiting:
            session = self._moved(session, SplitParty.AGGREGATOR, SplitEvent.NOBODY)
            return self.emit(SplitConcluded(session), now)
        session = self._moved(session, SplitParty.AGGREGATOR, SplitEvent.INVITED)
        isps = session.first_isp, session.last_isp
        invitation = VppInvitation(session.identity, session.period, *isps, session.first_share, session.wanted)
        return [*(Send(name, invitation) for name in session.waiting), self._guard(session, now)]

    def _guard(self, session: VppSession, now: datetime) -> Effect:
        return Arm(AnswersDue(session.identity), self.rules.patience(now))

    @on(NetProfile)
    def answered_round(self, message: NetProfile, sender: str, now: datetime) -> list[Effect]:
        """A member's answer; with the last one the round is worked off."""
        session = self.state.sessions.get(message.session)
        rounds = 0 if session is None or session.coordination is None else session.coordination.rounds + 1
        if (
            session is None
            or sender not in session.waiting
            or message.round != rounds
            or len(message.deviation_kw) != len(session.low_kw)
        ):
            return [self.me.lapse("NetProfile", message.session, sender, "nobody waits for this answer", now)]
        session = replace(
            session,
            waiting=tuple(name for name in session.waiting if name != sender),
            profiles_kw={**session.profiles_kw, sender: message.deviation_kw},
            asked_e4_per_kwh={**session.asked_e4_per_kwh, sender: message.asked_e4_per_kwh},
        )
        if message.round == 0:
            told = {part.element: part.power_w for part in message.baselines}
            elements, baselines_w = {**session.elements, sender: tuple(told)}, {**session.baselines_w, **told}
            whole = tuple(part.element for part in message.baselines if not part.by_degrees)
            whole = (*session.whole_elements, *whole)
            session = replace(session, elements=elements, baselines_w=baselines_w, whole_elements=whole)
        self.state.sessions[session.identity] = session
        return [] if session.waiting else self._round(session, SplitParty.MEMBERS, now)

    @on(AnswersDue)
    def answers_due(self, timer: AnswersDue, now: datetime) -> list[Effect]:
        """Members that do not answer are left out, so that one dead agent cannot stop a virtual power plant."""
        session = self.state.sessions.get(timer.session)
        if session is None or not session.waiting:
            return []
        closed = [Send(name, SessionClosed(session.identity)) for name in session.waiting]
        session = replace(_without(session, session.waiting), waiting=())
        return [*closed, *self._round(session, SplitParty.TIME, now)]

    def _round(self, session: VppSession, ended_by: SplitParty, now: datetime) -> list[Effect]:
        """All answers are in: update price and shared profile, or have the DSO do it; ask again, or conclude."""
        coordination = session.coordination
        if coordination is None:
            band = Band(session.low_kw, session.high_kw, self._config.shortage_ct_per_kwh, self.rules.hours)
            coordination = open_coordination(band, session.moving, self._config.penalty_ct_per_kw2)
        elif not session.by_point:
            coordination = absorb(coordination, session.total_kw)
        session = replace(session, coordination=coordination)
        if session.by_point and session.taking_part:
            self.state.sessions[session.identity] = session
            return [Disarm(AnswersDue(session.identity)), *self.emit(RoundAnswered(session), now)]
        return self._go_on(session, coordination, coordination.signal_kw, ended_by, now)

    @on(PointPriced)
    def point_priced(self, event: PointPriced, now: datetime) -> list[Effect]:
        """The DSO's next round goes on to the members; at the end of its rounds the session ends as they did."""
        told, effects = event.told, list[Effect]()
        session = self.state.sessions.get(event.session)
        coordination = None if session is None else session.coordination
        if session is None or coordination is None:  # its members have all left it since
            return effects
        if told.alone:
            alone = replace(session, by_point=False)
            return self._go_on(alone, coordination, coordination.signal_kw, SplitParty.DSO, now)
        if told.leave_out:
            effects += [Send(name, SessionClosed(session.identity)) for name in session.losing]
            session = _without(session, session.losing)
            following = replace(coordination, rounds=told.round)
            return [*effects, *self._round(replace(session, coordination=following), SplitParty.DSO, now)]
        rounds = told.round if told.outcome is not None else told.round - 1
        following = replace(
            coordination, rounds=rounds, rho=told.rho, share=told.share, total_kw=session.total_kw, outcome=told.outcome
        )
        return self._go_on(replace(session, coordination=following), following, told.signal_kw, SplitParty.DSO, now)

    def _go_on(
        self, session: VppSession, coordination: Coordination, signal_kw: Floats, ended_by: SplitParty, now: datetime
    ) -> list[Effect]:
        """Ask the members again, or conclude.

        Args:
            coordination: the session's.
            signal_kw: [T] of the next round.
        """
        taking = session.taking_part
        if coordination.done or not taking:
            session, forbidden = self._allowed(_offered(session), now)
            session = self._moved(session, ended_by, _END[coordination.outcome if taking else None])
            told, guard = _told(self.me.name, session, now), Disarm(AnswersDue(session.identity))
            return [told, guard, *forbidden, *self.emit(SplitConcluded(session), now)]
        self._moved(replace(session, waiting=taking), ended_by, SplitEvent.NEXT_ROUND)
        number, rho, share = coordination.rounds + 1, coordination.rho, coordination.share
        signal = PriceRound(session.identity, number, rho, signal_kw, share)
        return [*(Send(name, signal) for name in taking), self._guard(session, now)]

    def _allowed(self, session: VppSession, now: datetime) -> tuple[VppSession, list[Effect]]:
        """The session without the shares that a member's contract does not allow: they can be neither offered nor ordered."""
        asked, effects = dict(session.asked_e4_per_kwh), list[Effect]()
        rows = tuple(IspPower(session.first_isp + k, sign) for k, sign in enumerate(session.wanted) if sign)
        for name in session.covered:
            contract, isps = self._contracts.contract_on(name, session.period), session.member_isps(name, rows)
            if contract is not None and isps:
                call = self._use.call(contract, session.period, name, isps)
                fault = self._use.call_fault(contract, call)
                if fault is not None:
                    asked[name] = None
                    effects.append(self.me.lapse("share", session.identity, name, fault, now))
        return replace(session, asked_e4_per_kwh=asked), effects

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The ledger knows no session."""
        return Recovery(forgotten=("running splits among the members",))


def _without(session: VppSession, gone: tuple[str, ...]) -> VppSession:
    """The session without some members."""
    keep = {k: v for k, v in session.profiles_kw.items() if k not in gone}
    return replace(session, profiles_kw=keep, elements={k: v for k, v in session.elements.items() if k not in gone})


def _offered(session: VppSession) -> VppSession:
    """The session with what may be offered of it: nothing at all of a split that failed."""
    coordination = session.coordination
    if coordination is None or coordination.outcome is not Outcome.FAILED:
        return session
    return replace(session, profiles_kw={name: np.zeros_like(kw) for name, kw in session.profiles_kw.items()})


def _told(aggregator: str, session: VppSession, now: datetime) -> Publish:
    """What everybody may know of a session that has ended."""
    coordination = session.coordination
    residuals = () if coordination is None else coordination.residuals
    return Publish(
        SessionConcluded(
            now,
            session=session.identity,
            aggregator=aggregator,
            purpose=str(session.purpose),
            congestion_point=session.congestion_point,
            period=session.period,
            first_isp=session.first_isp,
            members=session.taking_part,
            status=None if coordination is None or coordination.outcome is None else str(coordination.outcome),
            rounds=0 if coordination is None else coordination.rounds,
            residuals=tuple(Residuals(float(primal), float(dual)) for primal, dual in residuals),
            low_kw=tuple(session.low_kw.tolist()),
            high_kw=tuple(session.high_kw.tolist()),
            total_kw=tuple(session.total_kw.tolist()),
            coordinated=session.by_point,
        )
    )
