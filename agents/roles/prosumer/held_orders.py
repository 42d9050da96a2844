"""The aggregator's orders, and what they hold the elements to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime

import numpy as np

from agents.planning.elements.element import ElementKind
from agents.roles.effects import Effect, Send
from agents.roles.element_messages import OrderReleased
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import KEPT_DAYS, LedgerHistory
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.day_forecast import free_kw
from agents.roles.prosumer.member_session import MemberSession
from agents.roles.prosumer.told import DayMeteringTold, ElementKept, VehicleChanged
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from market.register.providers import aggregator_on
from market.settlement.elements import ElementMove
from market.uftp import FlexOrder, IspPower

_NOTHING_KW = 5e-4


@wire("prosumer.ElementOrder")
@dataclass(frozen=True, slots=True)
class ElementOrder:
    """One element's part of an order: (ISP, baseline when the session opened, ordered), watts; `ahead` of its day or on it."""

    order_reference: str
    period: date
    element: str
    isps: tuple[tuple[int, int, int], ...]
    ahead: bool = False


@wire("prosumer.HeldOrders")
@dataclass(slots=True)
class HeldOrdersState:
    """Orders of days that are not closed.

    Attributes:
        received: by reference.
        parts: how they fall on the elements.
        held_kw: by day and element, [T] kW, NaN where it is free.
    """

    received: dict[str, FlexOrder] = field(default_factory=dict)
    parts: tuple[ElementOrder, ...] = ()
    held_kw: dict[date, dict[str, Floats]] = field(default_factory=dict)


class HeldOrders(Part[HeldOrdersState]):
    """Keeps the orders that are in force, and what each element is held to."""

    def __init__(self, me: AgentIdentity, config: ProsumerConfig) -> None:
        super().__init__(me, HeldOrdersState())
        self._config, self._kinds = config, config.kinds()
        self._moved: tuple[tuple[ElementOrder, ...], dict[tuple[str, date], Floats]] = ((), {})

    def knows(self, reference: str) -> bool:
        """Whether an order is in force already."""
        return reference in self.state.received

    def held_kw(self, element: str, day: LocalDay) -> Floats:
        """[T] kW that orders hold an element to on a day; NaN where it is free. Not to be changed by whoever asks."""
        held = self.state.held_kw.get(day.day, {}).get(element)
        return free_kw(day.count) if held is None else held

    def moved_kw(self, element: str, day: LocalDay) -> Floats:
        """[T] kW that orders move of an element on a day; 0 where they do not. Not to be changed by whoever asks."""
        parts = self.state.parts
        if self._moved[0] is not parts:  # it is a new tuple whenever an order comes, or goes
            self._moved = parts, {}
        moved = self._moved[1].get((element, day.day))
        if moved is None:
            moved = self._moved[1][element, day.day] = _moved_kw(parts, element, day)
        return moved

    def moves(self, element: str, period: date) -> list[ElementMove]:
        """What a day's orders move of an element."""
        return [
            ElementMove(self.state.received[part.order_reference], part.isps)
            for part in self.state.parts
            if part.element == element and part.period == period
        ]

    def parts_of(self, reference: str) -> tuple[ElementOrder, ...]:
        """How an order falls on the elements, with the baselines that it moves them from."""
        return tuple(part for part in self.state.parts if part.order_reference == reference)

    def take(
        self, order: FlexOrder, session: MemberSession, day: LocalDay, *, ahead: bool = False
    ) -> tuple[tuple[str, tuple[IspPower, ...]], ...]:
        """Hold the elements to their shares of a session's split; how the order falls on them."""
        self.state.received[order.order_reference] = order
        split = self.split(order, session, day, ahead=ahead)
        for part, held in split:
            self.state.held_kw.setdefault(day.day, {})[part.element] = held
        self.state.parts = (*self.state.parts, *(part for part, _ in split))
        return tuple((part.element, tuple(IspPower(isp, watts) for isp, _, watts in part.isps)) for part, _ in split)

    def split(
        self, order: FlexOrder, session: MemberSession, day: LocalDay, *, ahead: bool = False
    ) -> tuple[tuple[ElementOrder, Floats], ...]:
        """How an order would fall on the elements, and [T] kW that each would be held to then; NaN where it is free."""
        factor = order.activation_factor_pct / 100
        parts: list[tuple[ElementOrder, Floats]] = []
        for model, baseline, deviation in zip(session.models, session.baselines_kw, session.deviations_kw, strict=True):
            element, kind = model.element, self._kinds[model.element]
            held = self.held_kw(element, day).copy()  # arrays in the state are never changed
            before = held[session.window]
            moved = _worth_making(kind, kind.activated(deviation, factor), baseline, before)
            if not moved.any():
                continue
            held[session.window] = _held(kind, before, baseline, moved)
            parts.append((replace(_part(order, session, element, baseline, moved), ahead=ahead), held))
        return tuple(parts)

    @on(VehicleChanged)
    def vehicle_changed(self, event: VehicleChanged, now: datetime) -> list[Effect]:
        """What an order of the day holds a station to was meant for another vehicle: from now on it is free of it.

        What was ordered before the day stands: it was meant for whoever comes. Of the rest nothing is settled: no level
        was kept, and none was broken.
        """
        day = self.rules.day_of(now)
        effects = self._release(event.element, day, day.isp_of(now))
        if event.element in self.state.held_kw.get(day.day, {}):
            held, running = self.held_kw(event.element, day).copy(), day.isp_of(now)
            held[running - 1 :] = np.nan
            for part in self.state.parts:
                if part.ahead and (part.element, part.period) == (event.element, day.day):
                    for isp, baseline_w, watts in part.isps:
                        if isp >= running:
                            before_w = baseline_w if np.isnan(held[isp - 1]) else held[isp - 1] * 1000
                            held[isp - 1] = (before_w + watts) / 1000
            self.state.held_kw[day.day][event.element] = held
        return effects

    @on(ElementKept)
    def kept(self, event: ElementKept, now: datetime) -> list[Effect]:
        """Its owner keeps an element: orders hold it no more for so long. They stand, and are settled by what is delivered."""
        for period, of_day in self.state.held_kw.items():
            day = self.rules.day(period)
            if event.element in of_day and day.end > now:
                held = of_day[event.element].copy()
                for isp in range(1, day.count + 1):
                    if day.isp_start(isp + 1) > now and day.isp_start(isp) < event.until:
                        held[isp - 1] = np.nan
                self.state.held_kw[period] = {**of_day, event.element: held}
        return []

    def _release(self, element: str, day: LocalDay, running: int) -> list[Effect]:
        """Drop what the day's own orders move of an element from the ISP `running` on, and tell the aggregator."""
        kept: list[ElementOrder] = []
        effects: list[Effect] = []
        for part in self.state.parts:
            mine = (part.element, part.period, part.ahead) == (element, day.day, False)
            released = tuple(isp for isp, _, _ in part.isps if mine and isp >= running)
            left = tuple(row for row in part.isps if row[0] not in released)
            if released:
                message = OrderReleased(part.order_reference, element, released)
                effects.append(Send(aggregator_on(self._config, day.day), message))
            if left:
                kept.append(replace(part, isps=left) if released else part)
        self.state.parts = tuple(kept)
        return effects

    @on(DayMeteringTold)
    def told(self, event: DayMeteringTold, now: datetime) -> list[Effect]:
        """What elements were held to on days that are metered steers nothing any more."""
        for period in event.done:
            self.state.held_kw.pop(period, None)
        return []

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        state = self.state
        state.parts = tuple(part for part in state.parts if part.period >= before)
        state.received = {key: order for key, order in state.received.items() if order.period >= before}
        state.held_kw = {period: held for period, held in state.held_kw.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Orders as recorded, so that none is taken twice; how they fall on the elements is nowhere recorded."""
        today = self.rules.day_of(now)
        self.state.received = {
            key: order
            for key, order in history.of("member-order", FlexOrder).items()
            if order.header.recipient_domain == self.me.domain and order.period >= today.next(-KEPT_DAYS).day
        }
        ahead = sum(order.period >= today.day for order in self.state.received.values())
        if not ahead:
            return Recovery()
        return Recovery(
            forgotten=(f"how {ahead} recorded orders fall on its elements, which are held to none of them",)
        )


def _moved_kw(parts: tuple[ElementOrder, ...], element: str, day: LocalDay) -> Floats:
    moved = np.zeros(day.count)
    for part in parts:
        if part.element == element and part.period == day.day:
            for isp, _, watts in part.isps:
                moved[isp - 1] += watts / 1000
    moved.flags.writeable = False
    return moved


def _worth_making(kind: ElementKind, moved_kw: Floats, baseline_kw: Floats, held_kw: Floats) -> Floats:
    """The moves worth making: some kinds are moved only noticeably out of what they do by themselves.

    Where orders hold an element already, every move is made: it is what others of the same split count on.
    """
    least = max(_NOTHING_KW, kind.noticeable_share * float(np.abs(moved_kw).max()))
    least_kw = np.where(
        np.isnan(held_kw), np.maximum(least, kind.noticeable_of_plan * np.abs(baseline_kw)), _NOTHING_KW
    )
    return np.where(np.abs(moved_kw) >= least_kw, moved_kw, 0.0)


def _held(kind: ElementKind, held_kw: Floats, baseline_kw: Floats, moved_kw: Floats) -> Floats:
    """What an element is held to on a session's ISPs: where it moves; some kinds from their first to their last move."""
    where = np.flatnonzero(moved_kw)
    result = np.where(moved_kw == 0, held_kw, baseline_kw + moved_kw)
    if kind.holds_between_moves:
        span = slice(where[0], where[-1] + 1)
        result[span] = (baseline_kw + moved_kw)[span]
    return result


def _part(
    order: FlexOrder, session: MemberSession, element: str, baseline_kw: Floats, moved_kw: Floats
) -> ElementOrder:
    """An element's part for settlement; in a running ISP only the share still to come counts."""
    shares = [session.first_share, *[1.0] * (len(moved_kw) - 1)]
    rows = tuple(
        (session.first_isp + k, round(float(baseline_kw[k]) * 1000), watts)
        for k, share in enumerate(shares)
        if (watts := round(float(moved_kw[k]) * 1000 * share))
    )
    return ElementOrder(order.order_reference, session.period, element, rows)
