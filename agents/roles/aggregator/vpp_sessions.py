"""The aggregator's virtual power plant desk: forms it, runs the ADMM rounds with its members, hands the result on.

One session runs per congestion point at a time; others wait. None begins before everything that was said at an instant
has been heard, so the order in which it was heard decides nothing. The mathematics is in `agents.planning.dispatch.admm`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import numpy as np

from agents.planning.dispatch.admm import Band, absorb, open_coordination
from agents.roles.aggregator.prognosis_sums import PortfolioDesk
from agents.roles.aggregator.state import VppSession
from agents.roles.effects import Arm, Disarm, Effect, Publish, Send
from agents.roles.messages import NetProfile, PriceRound, SessionClosed, VppInvitation
from agents.roles.part import MOMENT, on
from cim.model.arrays import Floats
from cim.platform.publications import Residuals, SessionConcluded

_COARSE = 10.0  # a correction in real time is followed by the next one


class CoordinatingDesk(PortfolioDesk):
    """Price out, net profile back, some rounds."""

    def open_session(
        self,
        purpose: str,
        reference: str,
        congestion_point: str,
        period: date,
        first_isp: int,
        low_kw: Floats,
        high_kw: Floats,
        now: datetime,
        first_share: float = 1.0,
    ) -> list[Effect]:
        """Queue the split of a band [low, high] kW over the ISPs from `first_isp` on."""
        members = tuple(name for name in self.config.at(congestion_point) if self.contract_on(name, period) is not None)
        session = VppSession(
            self.identifier(
                "session", now.isoformat(), purpose, reference, congestion_point, period.isoformat(), str(first_isp)
            ),
            now,
            purpose,
            reference,
            congestion_point,
            period,
            first_isp,
            first_isp + len(low_kw) - 1,
            first_share,
            low_kw,
            high_kw,
            members,
            {},
            {},
            {},
        )
        self.state.queue = (*self.state.queue, session)
        return self.next_session(congestion_point, now)

    def is_busy(self, congestion_point: str) -> bool:
        """Whether a session, an offer not yet decided or orders not yet recorded hold this congestion point's members."""
        state = self.state
        running = any(s.congestion_point == congestion_point for s in state.sessions.values())
        offered = any(s.congestion_point == congestion_point for _, s in state.offers.values())
        return (
            running
            or offered
            or any(
                state.order_sessions[order.order_reference].congestion_point == congestion_point
                for orders in state.filed.values()
                for order in orders
            )
        )

    def _invite(self, session: VppSession, now: datetime) -> list[Effect]:
        if not session.waiting:
            return self.concluded(session, now)
        self.state.sessions[session.identity] = session
        invitation = VppInvitation(
            session.identity, session.period, session.first_isp, session.last_isp, session.first_share
        )
        return [*(Send(name, invitation) for name in session.waiting), self._guard(session, now)]

    def _guard(self, session: VppSession, now: datetime) -> Effect:
        return Arm(f"session {session.identity}", self.rules.patience(now))

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
            return [self.lapse("NetProfile", message.session, sender, "nobody waits for this answer", now)]
        session = replace(
            session,
            waiting=tuple(name for name in session.waiting if name != sender),
            profiles_kw={**session.profiles_kw, sender: message.deviation_kw},
        )
        if message.round == 0:
            told = {part.element: part.power_w for part in message.baselines}
            session = replace(
                session,
                elements={**session.elements, sender: tuple(told)},
                baselines={**session.baselines, **told},
            )
        self.state.sessions[session.identity] = session
        return [] if session.waiting else self._round(session, now)

    def timer_session(self, identity: str, now: datetime) -> list[Effect]:
        """Members that do not answer are left out, so that one dead agent cannot stop a virtual power plant."""
        session = self.state.sessions.get(identity)
        if session is None or not session.waiting:
            return []
        gone = session.waiting
        keep = {k: v for k, v in session.profiles_kw.items() if k not in gone}
        elements = {k: v for k, v in session.elements.items() if k not in gone}
        session = replace(session, waiting=(), profiles_kw=keep, elements=elements)
        self.state.sessions[identity] = session
        return [*(Send(name, SessionClosed(identity)) for name in gone), *self._round(session, now)]

    def _round(self, session: VppSession, now: datetime) -> list[Effect]:
        """All answers are in: update price and shared profile; ask again, or conclude."""
        taking = tuple(name for name in sorted(session.elements) if session.elements[name])
        count = sum(len(session.elements[name]) for name in taking)
        size = len(session.low_kw)
        total = np.sum([session.profiles_kw[name] for name in taking], axis=0) if taking else np.zeros(size)
        coordination = session.coordination
        if coordination is None:
            band = Band(session.low_kw, session.high_kw, self.config.shortage_ct_per_kwh, self.rules.hours)
            coarseness = _COARSE if session.purpose == "hold" else 1.0
            coordination = open_coordination(band, count, self.config.penalty_ct_per_kw2, coarseness)
        else:
            coordination = absorb(coordination, total)
        session = replace(session, coordination=coordination)
        if coordination.done or not taking:
            self.state.sessions.pop(session.identity, None)
            guard = Disarm(f"session {session.identity}")
            return [_told(self.name, session, total, now), guard, *self.concluded(session, now)]
        self.state.sessions[session.identity] = replace(session, waiting=taking)
        signal = PriceRound(session.identity, coordination.rounds + 1, coordination.rho, coordination.signal_kw)
        return [*(Send(name, signal) for name in taking), self._guard(session, now)]

    def concluded(self, session: VppSession, now: datetime) -> list[Effect]:
        """A split is found (or nobody takes part): the trading and holding desks take it from here."""
        return self.next_session(session.congestion_point, now)

    def next_session(self, congestion_point: str, now: datetime) -> list[Effect]:
        """Start the next waiting session of a congestion point in a moment, when its members are free."""
        waiting = any(s.congestion_point == congestion_point for s in self.state.queue)
        return [Arm(f"work {congestion_point}", now + MOMENT)] if waiting and not self.is_busy(congestion_point) else []

    def timer_work(self, congestion_point: str, now: datetime) -> list[Effect]:
        """Everything said so far has been heard: hold the promise, then begin the session that comes first."""
        effects = self.correct(congestion_point, now)
        if self.is_busy(congestion_point):
            return effects
        waiting = sorted((s for s in self.state.queue if s.congestion_point == congestion_point), key=lambda s: s.rank)
        for session in waiting:
            self.state.queue = tuple(s for s in self.state.queue if s.identity != session.identity)
            if now < self.rules.day(session.period).isp_start(session.first_isp + 1):
                return [*effects, *self._invite(session, now)]
            effects.append(self.lapse(session.purpose, session.identity, self.name, "its time is over", now))
        return effects

    def correct(self, congestion_point: str, now: datetime) -> list[Effect]:
        """Queue a session for what the last interval misses of the promise; the holding desk answers."""
        return []

    def watts(self, session: VppSession, name: str, factor_pct: int = 100) -> list[int]:
        """A member's deviation of a session in watts, [ISPs of the session]; the running ISP's by its share to come."""
        moved = [round(x * 10 * factor_pct) for x in session.profiles_kw[name].tolist()]
        if moved:
            moved[0] = round(moved[0] * session.first_share)
        return moved


def _told(aggregator: str, session: VppSession, total_kw: Floats, now: datetime) -> Publish:
    """What everybody may know of a session that has ended."""
    coordination = session.coordination
    residuals = () if coordination is None else coordination.residuals
    return Publish(
        SessionConcluded(
            now,
            session=session.identity,
            aggregator=aggregator,
            purpose=session.purpose,
            congestion_point=session.congestion_point,
            period=session.period,
            first_isp=session.first_isp,
            members=tuple(name for name in sorted(session.elements) if session.elements[name]),
            rounds=0 if coordination is None else coordination.rounds,
            residuals=tuple(Residuals(float(primal), float(dual)) for primal, dual in residuals),
            low_kw=tuple(session.low_kw.tolist()),
            high_kw=tuple(session.high_kw.tolist()),
            total_kw=tuple(total_kw.tolist()),
        )
    )
