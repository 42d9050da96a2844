"""The prosumer's part in its aggregator's virtual power plant: sessions, price rounds, and the orders that come of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial

import numpy as np

from agents.planning.dispatch.flexibility import Flexibility
from agents.planning.dispatch.import_room import within_room
from agents.planning.dispatch.sellers import above_best_ct
from agents.planning.elements.element import PlanWindow
from agents.roles.coordination_messages import PriceCheck, PriceChecked
from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.messages import (
    ElementBaseline,
    NetProfile,
    OrderSplit,
    PriceRound,
    SessionClosed,
    VppInvitation,
)
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contract_use import CallTaken, ContractUse
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.filing import LedgerFiling
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.prosumer.asset_publishing import AssetPublishing
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.day_planning import DayPlanning
from agents.roles.prosumer.element_reports import ElementReports
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.prosumer.member_session import MemberSession
from agents.roles.prosumer.meter_checks import MeterChecks
from agents.roles.prosumer.told import DayMeteringTold, PlanChanged
from agents.roles.prosumer.unit_restrictions import UnitRestrictions
from cim.codec.codec import wire
from cim.model.intervals import LocalDay
from cim.model.readings import Kind
from market.contracts.contract import FlexContract
from market.contracts.envelope import ElementCall
from market.register.providers import aggregator_on, aggregators_of
from market.uftp import FlexOrder, FlexOrderResponse

ORDER_SPLIT = "order-split"  # the kind of its record

_E4_PER_CT = 100


@wire("prosumer.VppMember")
@dataclass(slots=True)
class VppMemberState:
    """Sessions that are open, and those that came to an end about a day that is not over, by their id."""

    sessions: dict[str, MemberSession] = field(default_factory=dict)
    past_sessions: dict[str, MemberSession] = field(default_factory=dict)


class VppMember(Part[VppMemberState]):
    """Answers price rounds with its elements' exact best responses; the models behind them stay here."""

    def __init__(
        self,
        me: AgentIdentity,
        config: ProsumerConfig,
        *,
        contracts: Contracts,
        use: ContractUse,
        reports: ElementReports,
        planning: DayPlanning,
        held: HeldOrders,
        checks: MeterChecks,
        filing: LedgerFiling,
        publishing: AssetPublishing,
        restrictions: UnitRestrictions,
    ) -> None:
        super().__init__(me, VppMemberState())
        self._config, self._kinds = config, config.kinds()
        self._contracts, self._reports, self._planning, self._held = contracts, reports, planning, held
        self._use, self._checks, self._filing, self._publishing = use, checks, filing, publishing
        self._restrictions = restrictions

    @on(VppInvitation)
    def invited(self, message: VppInvitation, sender: str, now: datetime) -> list[Effect]:
        """Which elements take part, with their baselines."""
        zero = np.zeros(message.last_isp - message.first_isp + 1)
        contract = self._contracts.contract_on(sender, message.period)
        if sender != aggregator_on(self._config, message.period) or contract is None:
            return [Send(sender, NetProfile(message.session, 0, zero))]
        day = self.rules.day(message.period)
        if now >= day.isp_start(message.last_isp + 1):
            late = self.me.lapse("VppInvitation", message.session, sender, "its ISPs are over", now)
            return [Send(sender, NetProfile(message.session, 0, zero)), late]
        self._planning.follow(day, now)
        window = PlanWindow(day, message.first_isp, message.last_isp, now)
        models = self.models(window, contract)
        baselines = tuple(window.part(self._planning.expected_kw(model.element, day)) for model in models)
        self.state.sessions[message.session] = MemberSession(
            message.period,
            message.first_isp,
            message.last_isp,
            message.first_share,
            models,
            baselines,
            tuple(zero for _ in models),
            wanted=message.wanted or (0,) * len(zero),
            prices_e4_per_kwh=tuple(contract.price_e4_per_kwh(model.element) for model in models),
        )
        told = tuple(
            ElementBaseline(model.element, tuple(round(float(x) * 1000) for x in baseline), model.by_degrees)
            for model, baseline in zip(models, baselines, strict=True)
        )
        return [Send(sender, NetProfile(message.session, 0, zero, told))]

    def models(self, window: PlanWindow, contract: FlexContract) -> tuple[Flexibility, ...]:
        """The elements under contract that can move on these ISPs; one that is lost or suspended takes no part."""
        day, at = window.day, max(window.day.isp_start(window.first), window.now)
        covered = {element.name for element in contract.flex_elements}
        models: list[Flexibility | None] = []
        prices = self._planning.energy_prices(day)
        for name, kind in self._kinds.items():
            absent = self._reports.last_value(name, Kind.POWER) is None or self._checks.is_suspended(name)
            if name in covered and not absent:
                expected = self._planning.expected_kw(name, day)
                paid = contract.price_e4_per_kwh(name) / _E4_PER_CT
                known = replace(self._planning.knowledge(name, day, at), prices=prices, paid_ct_per_kwh=paid)
                rule = partial(kind.flexibility, known, expected, window)
                models.append(self._planning.attempt(name, rule, None))
        held = (self._restrictions.held(model, window) for model in models if model is not None)
        free = self._planning.within_stations((model for model in held if model is not None), window)
        room_kw = self._planning.import_room_kw(day)
        return free if room_kw is None else within_room(free, window.part(room_kw))

    @on(PriceRound)
    def priced(self, message: PriceRound, sender: str, now: datetime) -> list[Effect]:
        """One round of the split: every element's exact best response, of which only the sum is told."""
        session = self.state.sessions.get(message.session)
        known = aggregators_of(self._config) if session is None else (aggregator_on(self._config, session.period),)
        if sender not in known:
            return []
        if session is None or len(message.signal_kw) != session.last_isp - session.first_isp + 1:
            return [self.me.lapse("PriceRound", message.session, sender, "no such session is open", now)]
        answers = tuple(
            model.respond(message.share * deviation - message.signal_kw, message.rho)
            for model, deviation in zip(session.models, session.deviations_kw, strict=True)
        )
        models = tuple(model.after(answer) for model, answer in zip(session.models, answers, strict=True))
        session = self.state.sessions[message.session] = replace(session, models=models, deviations_kw=answers)
        total = np.sum(answers, axis=0) if answers else np.zeros(len(message.signal_kw))
        answer = NetProfile(message.session, message.round, total, asked_e4_per_kwh=session.asked_e4_per_kwh())
        return [Send(sender, answer)]

    @on(PriceCheck)
    def checked(self, message: PriceCheck, sender: str, now: datetime) -> list[Effect]:
        """Where several sellers were coordinated: how far the last answers are above the best ones at the price, told once."""
        kept = self.state.sessions if message.session in self.state.sessions else self.state.past_sessions
        session = kept.get(message.session)
        known = aggregators_of(self._config) if session is None else (aggregator_on(self._config, session.period),)
        if sender not in known:
            return []
        length = 0 if session is None else session.last_isp - session.first_isp + 1
        if session is None or session.checked or len(message.price_ct_per_kwh) != length:
            return [self.me.lapse("PriceCheck", message.session, sender, "no such session is to be checked", now)]
        kept[message.session] = replace(session, checked=True)
        above = above_best_ct(session.models, session.deviations_kw, message.price_ct_per_kwh)
        return [Send(sender, PriceChecked(message.session, above))]

    @on(SessionClosed)
    def closed(self, message: SessionClosed, sender: str, now: datetime) -> list[Effect]:
        """A session led to nothing: nothing is held."""
        self._end(message.session, now)
        return []

    def _end(self, identity: str, now: datetime) -> MemberSession | None:
        """A session is not open any more; it is kept for its day so that its owner can see what was decided."""
        session = self.state.sessions.pop(identity, None)
        if session is not None:
            today = self.rules.day_of(now).day
            kept = {k: s for k, s in self.state.past_sessions.items() if s.period >= today}
            self.state.past_sessions = {**kept, identity: session}
        return session

    @on(FlexOrder)
    def ordered(self, message: FlexOrder, sender: str, now: datetime) -> list[Effect]:
        """The aggregator orders a session's profile, wholly or by a factor: hold the elements to it."""
        if sender != aggregator_on(self._config, message.period):
            return []
        if self._held.knows(message.order_reference):
            why = "the order is in force already"
            return [self.me.lapse("FlexOrder", message.order_reference, sender, why, now)]
        session = self._end(message.option_reference or "", now)
        if session is None:
            return self._refuse(message, f"OptionReference: {message.option_reference} is no open session", now)
        day = self.rules.day(message.period)
        if now >= day.isp_start(session.last_isp + 1):
            return self._refuse(message, f"ISP: all up to {session.last_isp} of {message.period} are over", now)
        fault = self._use.fault(message) or self._beyond(message, session, day)
        if fault is not None:
            return self._refuse(message, fault, now)
        parts = self._held.take(message, session, day, ahead=now < day.start)
        self._planning.follow(day, now, ordered=True)
        reference = message.order_reference
        split = self.me.record(ORDER_SPLIT, reference, self._held.parts_of(reference), now, salted=True)
        return [
            *self.emit(CallTaken(message), now),
            Send(sender, self._response(message, now, None)),
            Send(sender, OrderSplit(reference, parts)),
            self._filing.file(ORDER_SPLIT, reference, split),
            *self.emit(PlanChanged(day), now),
        ]

    def _beyond(self, order: FlexOrder, session: MemberSession, day: LocalDay) -> str | None:
        """Which element an order would move beyond its envelope, or beyond what the DSO lets it, in words, or None."""
        for part, _ in self._held.split(order, session, day):
            calls = tuple(ElementCall(*row) for row in part.isps)
            fault = self._publishing.beyond_envelope(part.element, calls, day)
            fault = fault or self._restrictions.fault(part.element, calls, day)
            if fault is not None:
                return fault
        return None

    def _refuse(self, order: FlexOrder, fault: str, now: datetime) -> list[Effect]:
        to = aggregator_on(self._config, order.period)
        told = self.me.lapse("FlexOrder", order.order_reference, to, fault, now)
        return [Send(to, self._response(order, now, fault)), told]

    def _response(self, order: FlexOrder, now: datetime, fault: str | None) -> FlexOrderResponse:
        return FlexOrderResponse(*self.me.reply(aggregator_on(self._config, order.period), now, order, fault))

    @on(DayMeteringTold)
    def told(self, event: DayMeteringTold, now: datetime) -> list[Effect]:
        """Sessions of earlier days come to nothing any more."""
        self.prune(event.day.day)
        return []

    def prune(self, before: date) -> None:
        """Open sessions of days that are over; those that ended are kept until others of a later day have."""
        self.state.sessions = {key: one for key, one in self.state.sessions.items() if one.period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What was being negotiated is begun anew by the aggregator."""
        forgotten = ["splits of the virtual power plant that were running"]
        if self._contracts.wanted_from(aggregator_on(self._config, self.rules.day_of(now).day), now) is not None:
            forgotten.append("a negotiation that was running")
        return Recovery(forgotten=forgotten)
