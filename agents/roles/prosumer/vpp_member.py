"""The prosumer's dispatching desk: its part in a virtual power plant, and what orders hold its elements to."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np

from agents.planning.dispatch.flexibility import Flexibility
from agents.planning.elements.element import PlanWindow
from agents.roles.effects import Effect, Send
from agents.roles.messages import (
    ElementBaseline,
    NetProfile,
    OrderSplit,
    PriceRound,
    SessionClosed,
    VppInvitation,
)
from agents.roles.part import on
from agents.roles.prosumer.forecasting import ForecastingDesk
from agents.roles.prosumer.metering import value
from agents.roles.prosumer.state import ElementOrder, MemberSession
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from cim.model.readings import Kind
from market.uftp import FlexOrder, FlexOrderResponse, IspPower

_NOTHING_KW = 5e-4


class DispatchingDesk(ForecastingDesk):
    """Answers price rounds with its elements' exact best responses, and turns orders into schedules."""

    @on(VppInvitation)
    def invited(self, message: VppInvitation, sender: str, now: datetime) -> list[Effect]:
        """Which elements take part, with their baselines; the models behind them stay here."""
        size = message.last_isp - message.first_isp + 1
        zero = np.zeros(size)
        if sender != self.config.aggregator or self.contract_on(sender, message.period) is None:
            return [Send(sender, NetProfile(message.session, 0, zero))]
        day = self.rules.day(message.period)
        if now >= day.isp_start(message.last_isp + 1):
            late = self.lapse("VppInvitation", message.session, sender, "its ISPs are over", now)
            return [Send(sender, NetProfile(message.session, 0, zero)), late]
        plan = self.plan(day)
        models = self._models(day, message.first_isp, message.last_isp, now)
        part = slice(message.first_isp - 1, message.last_isp)
        baselines = tuple(self.expected(plan, model.element)[part] for model in models)
        self.state.sessions[message.session] = MemberSession(
            message.period.isoformat(),
            message.first_isp,
            message.last_isp,
            message.first_share,
            models,
            baselines,
            tuple(zero for _ in models),
        )
        told = tuple(
            ElementBaseline(model.element, tuple(round(float(x) * 1000) for x in baseline))
            for model, baseline in zip(models, baselines, strict=True)
        )
        return [Send(sender, NetProfile(message.session, 0, zero, told))]

    @on(PriceRound)
    def priced(self, message: PriceRound, sender: str, now: datetime) -> list[Effect]:
        """One round of the split: every element's exact best response, of which only the sum is told."""
        session = self.state.sessions.get(message.session)
        if sender != self.config.aggregator:
            return []
        if session is None or len(message.signal_kw) != session.last_isp - session.first_isp + 1:
            return [self.lapse("PriceRound", message.session, sender, "no such session is open", now)]
        answers = tuple(
            model.respond(deviation - message.signal_kw, message.rho)
            for model, deviation in zip(session.models, session.deviations_kw, strict=True)
        )
        self.state.sessions[message.session] = replace(session, deviations_kw=answers)
        total = np.sum(answers, axis=0) if answers else np.zeros(len(message.signal_kw))
        return [Send(sender, NetProfile(message.session, message.round, total))]

    @on(SessionClosed)
    def closed(self, message: SessionClosed, sender: str, now: datetime) -> list[Effect]:
        """A session led to nothing: nothing is held."""
        self._shelve(message.session)
        return []

    def _shelve(self, identity: str) -> MemberSession | None:
        """Take a session out of the running ones; it is kept for its day so that its owner can see what was decided."""
        session = self.state.sessions.pop(identity, None)
        if session is not None:
            latest = max(s.period for s in (session, *self.state.past_sessions.values()))
            kept = {k: s for k, s in self.state.past_sessions.items() if s.period >= latest}
            self.state.past_sessions = {**kept, identity: session}
        return session

    @on(FlexOrder)
    def ordered(self, message: FlexOrder, sender: str, now: datetime) -> list[Effect]:
        """The aggregator orders this session's profile, wholly or by a factor: hold the elements to it."""
        if sender != self.config.aggregator:
            return []
        if message.order_reference in self.state.received:
            return [self.lapse("FlexOrder", message.order_reference, sender, "the order is in force already", now)]
        session = self._shelve(message.option_reference or "")
        if session is None:
            return self._refuse(message, f"OptionReference: {message.option_reference} is no open session", now)
        day = self.rules.day(message.period)
        if now >= day.isp_start(session.last_isp + 1):
            return self._refuse(message, f"ISP: all up to {session.last_isp} of {message.period} are over", now)
        self.state.received[message.order_reference] = message
        plan = self.plan(day)
        factor = message.activation_factor_pct / 100
        parts: list[tuple[str, tuple[IspPower, ...]]] = []
        for model, baseline, deviation in zip(session.models, session.baselines_kw, session.deviations_kw, strict=True):
            moved = self._moves(session, model, deviation * factor)
            if not moved.any():
                continue
            held = plan.held[model.element].copy()
            held[session.first_isp - 1 : session.last_isp] = np.where(
                moved == 0, held[session.first_isp - 1 : session.last_isp], baseline + moved
            )
            plan.held[model.element] = self._span(held, session, model, baseline, moved)
            parts.append((model.element, self._book(message, session, model.element, baseline, moved)))
        return [
            Send(sender, self._response(message, now, None)),
            Send(sender, OrderSplit(message.order_reference, tuple(parts))),
            *self.schedules(day),
        ]

    def _moves(self, session: MemberSession, model: Flexibility, moved: Floats) -> Floats:
        """The moves worth making: some kinds are moved only noticeably."""
        least = max(_NOTHING_KW, self.kinds[model.element].noticeable_share * float(np.abs(moved).max()))
        return np.where(np.abs(moved) >= least, moved, 0.0)

    def _span(
        self, held: Floats, session: MemberSession, model: Flexibility, baseline: Floats, moved: Floats
    ) -> Floats:
        """A battery or vehicle is held from its first to its last move, so that its energy works out."""
        if not self.kinds[model.element].holds_between_moves:
            return held
        where = np.flatnonzero(moved)
        window = held[session.first_isp - 1 : session.last_isp]
        span = slice(where[0], where[-1] + 1)
        window[span] = (baseline + moved)[span]
        return held

    def _book(
        self, order: FlexOrder, session: MemberSession, element: str, baseline: Floats, moved: Floats
    ) -> tuple[IspPower, ...]:
        """Remember an element's part for settlement; in a running ISP only the share still to come counts."""
        shares = [session.first_share, *[1.0] * (len(moved) - 1)]
        rows = tuple(
            (session.first_isp + k, round(float(baseline[k]) * 1000), watts)
            for k, share in enumerate(shares)
            if (watts := round(float(moved[k]) * 1000 * share))
        )
        self.state.orders = (
            *self.state.orders,
            ElementOrder(order.order_reference, session.period, element, rows),
        )
        return tuple(IspPower(isp, watts) for isp, _, watts in rows)

    def _refuse(self, order: FlexOrder, fault: str, now: datetime) -> list[Effect]:
        to = self.config.aggregator
        told = self.lapse("FlexOrder", order.order_reference, to, fault, now)
        return [Send(to, self._response(order, now, fault)), told]

    def _response(self, order: FlexOrder, now: datetime, fault: str | None) -> FlexOrderResponse:
        return FlexOrderResponse(*self.reply(self.config.aggregator, now, order, fault))

    def _models(self, day: LocalDay, first: int, last: int, now: datetime) -> tuple[Flexibility, ...]:
        """The elements under contract that can move on these ISPs; a lost one takes no part."""
        plan, window = self.plan(day), PlanWindow(day, first, last, now)
        at = max(day.isp_start(first), now)
        contract = self.contract_on(self.config.aggregator, day.day)
        covered = {element.name for element in contract.flex_elements} if contract else set()
        models: list[Flexibility | None] = []
        for name, kind in self.kinds.items():
            report = self.state.reports.get(name)
            if name in covered and report is not None and value(report, Kind.POWER) is not None:
                models.append(kind.flexibility(self.knowledge(name, day, at), self.expected(plan, name), window))
        return tuple(model for model in models if model is not None)
