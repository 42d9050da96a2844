"""What the DSO limits by hand of what the connection's devices draw, and when the connection has no supply."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from agents.planning.dispatch.flexibility import Flexibility
from agents.planning.dispatch.restricted import restricted
from agents.planning.elements.element import PlanWindow
from agents.roles.effects import Arm, Disarm, Effect, Publish, Timer
from agents.roles.grid_messages import SupplyLimited
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.day_forecast import free_kw
from agents.roles.prosumer.energy_metering import EnergyMetering
from agents.roles.prosumer.held_back import EmergencyHeld, days_after, held_profiles, inside_share, until
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.prosumer.told import CapacityChanged, SupplyChanged
from cim.codec.codec import wire
from cim.model.arrays import Floats, Mask
from cim.model.devices import Mode
from cim.model.intervals import LocalDay
from cim.platform.publications.grid import ConsumptionHeldBack
from market.contracts.envelope import ElementCall
from market.uftp import MeteringProfile


@wire("prosumer.timer.supply_limit_ends")
@dataclass(frozen=True, slots=True)
class SupplyLimitEnds(Timer):
    """A limit is over by itself."""

    number: str


@wire("prosumer.SupplyLimits")
@dataclass(slots=True)
class SupplyLimitsState:
    """What the DSO limits, and limited.

    Attributes:
        limits: by the number under which they were told, those that are not over.
        held: limits of consumption of days that are not closed, whether over or not.
    """

    limits: dict[str, SupplyLimited] = field(default_factory=dict)
    held: tuple[EmergencyHeld, ...] = ()


class SupplyLimits(Part[SupplyLimitsState]):
    """Holds vehicles, heat pumps and batteries to an emergency's limit, and plans and offers nothing where there is no supply.

    Appliances are left alone: a programme runs as a whole; so is what the household uses beside.

    Args:
        expected_kw: [T] of an element on a day, as things stand.
    """

    def __init__(
        self,
        me: AgentIdentity,
        config: ProsumerConfig,
        held: HeldOrders,
        metering: EnergyMetering,
        expected_kw: Callable[[str, LocalDay], Floats],
    ) -> None:
        super().__init__(me, SupplyLimitsState())
        self._config, self._held, self._metering, self._expected_kw = config, held, metering, expected_kw
        self._kinds, elements = config.kinds(), config.by_name()
        self._rated_kw = {
            name: elements[name].consumption_w / 1000
            for name, kind in self._kinds.items()
            if kind.mode is not Mode.START and elements[name].consumption_w > 0
        }

    @property
    def limitable(self) -> tuple[str, ...]:
        """The elements that a limit of consumption holds."""
        return tuple(self._rated_kw)

    # ---- what others ask -------------------------------------------------------------------------------------------------

    def most_kw(self, element: str, day: LocalDay) -> Floats:
        """[T] kW (>= 0) that an element may draw in an emergency; NaN where nothing limits it."""
        if not self.state.limits:
            return free_kw(day.count)
        most, rated_kw = np.full(day.count, np.nan), self._rated_kw.get(element)
        if rated_kw is not None:
            for one in self._emergencies():
                where = _inside(one, day)
                most[where] = np.fmin(most[where], self._left_kw(rated_kw, one))
        return most

    def _left_kw(self, rated_kw: float, limit: SupplyLimited) -> float:
        """What a limit leaves to a device: its share, and never less than the market's rules state."""
        return max(rated_kw * (limit.consumption_pct or 0) / 100, min(rated_kw, self.rules.least_device_w / 1000))

    def held_profiles(self, element: str, day: LocalDay) -> tuple[MeteringProfile, ...]:
        """What limits of consumption held back of an element on a day that is over, and since when; none: nothing."""
        return held_profiles(self.state.held, element, day, self._metering.measured_kw(element, day))

    def room_kw(self, element: str, day: LocalDay, room_kw: Floats | None) -> Floats | None:
        """[T] kW that an element is planned to draw at most, within what the connection's cap leaves it; None: anything."""
        if not self.state.limits:
            return room_kw
        most = self.most_kw(element, day)
        most[self._interrupted(day)] = 0.0
        if np.isnan(most).all():
            return room_kw
        most = np.where(np.isnan(most), np.inf, most)
        return most if room_kw is None else np.minimum(room_kw, most)

    def steered_kw(self, element: str, day: LocalDay, steered_kw: Floats) -> Floats:
        """[T] kW that an element is held to, the emergency's limit included; NaN where its device is free.

        A device that takes a target and is free is held to what is expected of it, so that its own rule goes no further.
        """
        most = self.most_kw(element, day)
        if not self.state.limits or np.isnan(most).all():
            return steered_kw
        own_kw = most if self._kinds[element].mode is Mode.LIMIT else self._expected_kw(element, day)
        held = np.where(np.isnan(steered_kw), own_kw, steered_kw)
        return np.where(np.isnan(most), steered_kw, np.fmin(held, most))

    def offered(self, model: Flexibility, window: PlanWindow) -> Flexibility | None:
        """What an element can give: in an emergency no more consumption, without supply nothing; None: nothing at all."""
        day, part = window.day, slice(window.first - 1, window.last)
        limited = np.logical_or.reduce(
            [_inside(one, day) for one in self._emergencies()] or [np.zeros(day.count, bool)]
        )
        less = restricted(model, limited[part], 0.0, -np.inf)
        return None if less is None else restricted(less, self._interrupted(day)[part], 0.0, 0.0)

    def fault(self, element: str, calls: Iterable[ElementCall], day: LocalDay) -> str | None:
        """Why an order cannot move an element so, in words, or None."""
        for call in calls:
            for one in self.state.limits.values():
                inside = bool(_inside(one, day)[call.isp - 1])
                if inside and (one.interrupted or call.moved_w > 0):
                    what = "has no supply" if one.interrupted else "draws no more, in an emergency,"
                    return (
                        f"limited: {element} in ISP {call.isp}; the connection {what} by the DSO's word ({one.number})"
                    )
        return None

    def _emergencies(self) -> list[SupplyLimited]:
        return [one for one in self.state.limits.values() if not one.interrupted]

    def _interrupted(self, day: LocalDay) -> Mask:
        found = np.zeros(day.count, dtype=np.bool_)
        for one in self.state.limits.values():
            if one.interrupted:
                found |= _inside(one, day)
        return found

    # ---- what the DSO tells ----------------------------------------------------------------------------------------------

    @on(SupplyLimited)
    def limited(self, message: SupplyLimited, sender: str, now: datetime) -> list[Effect]:
        """A limit, or an interruption of supply, that begins or is foretold; or that it is over.

        The ILES manager tells the share that a limit of the whole microgrid leaves.
        """
        if sender not in (self._config.dso, self._config.market) or message.usage_point != self._config.usage_point:
            return []
        if message.consumption_pct is None:
            known = self.state.limits.pop(message.number, None)
            self.state.held = tuple(until(o, now) if o.number == message.number else o for o in self.state.held)
            return [] if known is None else [Disarm(SupplyLimitEnds(message.number)), *self._changed(now)]
        if message.end is not None and message.end <= now:
            why = f"end: {message.end.isoformat()} is over"
            return [self.me.lapse("SupplyLimited", message.number, sender, why, now)]
        effects: list[Effect] = [] if message.interrupted else [Publish(self._hold(message, now))]
        self.state.limits[message.number] = message
        if message.end is not None:
            effects.append(Arm(SupplyLimitEnds(message.number), message.end))
        return effects + self._changed(now)

    @on(SupplyLimitEnds)
    def ends(self, timer: SupplyLimitEnds, now: datetime) -> list[Effect]:
        """By itself."""
        return [] if self.state.limits.pop(timer.number, None) is None else self._changed(now)

    def _changed(self, now: datetime) -> list[Effect]:
        day = self.rules.day_of(now)
        return [*self.emit(SupplyChanged(day), now), *self.emit(CapacityChanged(day), now)]

    def _hold(self, message: SupplyLimited, now: datetime) -> ConsumptionHeldBack:
        """Note what is expected just before a limit holds; what it holds back by that."""
        end, day = message.end or now, self.rules.day_of(now)
        expected_kw: dict[date, dict[str, Floats]] = {}
        most_kw = {name: self._left_kw(rated_kw, message) for name, rated_kw in self._rated_kw.items()}
        planned_kwh, ordered_kwh = 0.0, 0.0
        while day.start < end:
            expected_kw[day.day] = {name: self._expected_kw(name, day) for name in most_kw}
            held = EmergencyHeld(message.number, now, end, expected_kw, most_kw)
            for name in most_kw:
                beyond_kw, moved_kw = held.beyond_kw(name, day), np.maximum(self._held.moved_kw(name, day), 0.0)
                planned_kwh += float(beyond_kw.sum()) * self.rules.hours
                ordered_kw = np.minimum(beyond_kw, moved_kw * inside_share(now, end, day))
                ordered_kwh += float(ordered_kw.sum()) * self.rules.hours
            day = day.next()
        if expected_kw:
            before = tuple(one for one in self.state.held if one.number != message.number)
            self.state.held = (*before, EmergencyHeld(message.number, now, end, expected_kw, most_kw))
        planned_wh, ordered_wh = round(1000 * planned_kwh), round(1000 * ordered_kwh)
        return ConsumptionHeldBack(now, message.number, self._config.usage_point, len(most_kw), planned_wh, ordered_wh)

    # ---- forgetting ------------------------------------------------------------------------------------------------------

    def prune(self, before: date) -> None:
        """What is over, and days that are closed for good."""
        self.state.held = days_after(self.state.held, before)
        start = self.rules.day(before).start
        self.state.limits = {
            number: one for number, one in self.state.limits.items() if one.end is None or one.end > start
        }

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Only the DSO knows; it tells of what is asked for or declared from now on."""
        what = (
            "the DSO's limits by hand of its consumption and what they held back, and works that interrupt its supply"
        )
        return Recovery(forgotten=(what,))


def _isps(day: LocalDay) -> range:
    return range(1, day.count + 1)


def _inside(one: SupplyLimited, day: LocalDay) -> Mask:
    """[T] the ISPs of a day in which it holds for some time."""
    return np.array(
        [one.begin < day.isp_start(k + 1) and (one.end is None or day.isp_start(k) < one.end) for k in _isps(day)],
        dtype=np.bool_,
    )
