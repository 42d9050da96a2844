"""What the DSO limits the connection's plants to, and the account of what that took."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np

from agents.planning.elements.generation import ordered_limit_kw
from agents.roles.effects import Effect, Send
from agents.roles.events import Measured
from agents.roles.grid_messages import FeedInLimit, LimitedFeedIn, PlantStateAsked, PlantStateTold
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.connection_limits import ConnectionLimits
from agents.roles.prosumer.element_reports import ElementReports, value
from agents.roles.prosumer.energy_metering import EnergyMetering
from agents.roles.prosumer.ev_flexibility import EvFlexibilityManager
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.prosumer.told import DayMeteringTold, ElementReported, FeedInLimited, PlanChanged
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from cim.model.readings import Kind, Quality


@wire("prosumer.GridLimits")
@dataclass(slots=True)
class GridLimitsState:
    """Limits of the DSO, and what they took.

    Attributes:
        limits_w: by day, ISP -> the plants together stay at or above it; None: lifted.
        silent_w: by day, ISP -> the same of the ISPs after a limit, where the DSO should fall silent.
        connection_w: what the meter showed last.
        accounted: by day, what the DSO was told of the ISPs that it limited: (ISP, what the plants could have given, gave).
        available_w: by day and plant, ISP -> the sum of what it could give at each reading, and how many there were.
    """

    limits_w: dict[date, dict[int, int | None]] = field(default_factory=dict)
    silent_w: dict[date, dict[int, int]] = field(default_factory=dict)
    connection_w: int | None = None
    accounted: dict[date, tuple[tuple[int, int, int], ...]] = field(default_factory=dict)
    available_w: dict[date, dict[str, dict[int, tuple[float, int]]]] = field(default_factory=dict)


class GridLimits(Part[GridLimitsState]):
    """Keeps the DSO's limits; a plant obeys the stricter of its order and its share of the limit."""

    def __init__(
        self,
        me: AgentIdentity,
        config: ProsumerConfig,
        *,
        reports: ElementReports,
        vehicles: EvFlexibilityManager,
        metering: EnergyMetering,
        held: HeldOrders,
        agreed: ConnectionLimits,
    ) -> None:
        super().__init__(me, GridLimitsState())
        self._config, self._reports, self._metering, self._held = config, reports, metering, held
        self._vehicles, self._elements = vehicles, config.by_name()
        self._agreed, self._shares = agreed, agreed.shares

    def limit_kw(self, element: str, day: LocalDay) -> Floats:
        """[T] kW (<= 0) that a plant stays at or above for the grid's sake; NaN where nothing is limited."""
        limit = self._agreed.limit_kw(element, day)
        share = self._shares.get(element)
        told = self.state.limits_w.get(day.day, {})
        for isp, limit_w in {**self.state.silent_w.get(day.day, {}), **told}.items():
            if share is not None and limit_w is not None:
                limit[isp - 1] = np.fmax(limit[isp - 1], share * limit_w / 1000)  # both <= 0: the stricter
        return limit

    def accounted(self, period: date) -> tuple[tuple[int, int, int], ...]:
        """What the DSO was told of a day's ISPs that it limited: (ISP, what the plants could have given, gave), watts."""
        return self.state.accounted.get(period, ())

    @on(FeedInLimit)
    def limited(self, message: FeedInLimit, sender: str, now: datetime) -> list[Effect]:
        """The DSO limits the plants, or lifts its limit: from now on, to the end of the ISP."""
        mine = sender == self._config.dso and message.usage_point == self._config.usage_point
        day = self.rules.day(message.period)
        if not mine or not self._shares or not 1 <= message.isp <= day.count:
            return []
        if now >= min(message.valid_until, day.isp_start(message.isp + 1)):
            return [self.me.lapse("FeedInLimit", message.reason, sender, "its ISP is over", now)]
        of_day = self.state.limits_w.setdefault(message.period, {})
        told, least_w = list[Effect](), self._config.terms.least_export_w
        if message.limit_w is not None and message.limit_w > -least_w:
            fault = f"limit_w: {message.limit_w} W; {least_w} W of feed-in are its stated minimum"
            told.append(self.me.lapse("FeedInLimit", message.usage_point, sender, fault, now))
        of_day[message.isp] = None if message.limit_w is None else min(message.limit_w, -least_w)
        self._if_silent(now)
        return [*told, *self.emit(FeedInLimited(message.valid_until), now), *self.emit(PlanChanged(day), now)]

    def _if_silent(self, now: datetime) -> bool:
        """The DSO has spoken: where it then falls silent under a limit, the fail-safe holds until that has expired.

        Gives whether that is another than before.
        """
        on_call, day, before = self._config.terms.on_call, self.rules.day_of(now), self.state.silent_w
        running = day.isp_of(now)
        self.state.silent_w = {}
        if on_call is not None and self.state.limits_w.get(day.day, {}).get(running) is not None:
            over = now + timedelta(minutes=on_call.expires_min)
            later = [isp for isp in range(running + 1, day.count + 1) if day.isp_start(isp) < over]
            self.state.silent_w = {day.day: dict.fromkeys(later, -on_call.fail_safe_export_w)}
        return self.state.silent_w != before

    @on(Measured)
    def measured(self, event: Measured, now: datetime) -> list[Effect]:
        """What the meter shows."""
        power = [r.value for r in event.readings if r.kind is Kind.POWER and r.quality is Quality.GOOD]
        self.state.connection_w = round(power[0]) if power else None
        return []

    @on(PlantStateAsked)
    def asked(self, message: PlantStateAsked, sender: str, now: datetime) -> list[Effect]:
        """What the plants give and could give, as they told last."""
        if sender != self._config.dso or message.usage_point != self._config.usage_point or not self._shares:
            return []
        given, available = self._sum_w(Kind.POWER), self._sum_w(Kind.AVAILABLE_POWER)
        told = PlantStateTold(
            message.usage_point, message.at, self.state.connection_w, given, available, self._filling_w(now)
        )
        day = self.rules.day_of(now)
        return [Send(sender, told), *(self.emit(PlanChanged(day), now) if self._if_silent(now) else [])]

    def _filling_w(self, now: datetime) -> int:
        """What stores and vehicles take now and will take less on average in the rest of the running ISP, once full."""
        day = self.rules.day_of(now)
        rest_h = (day.isp_start(day.isp_of(now) + 1) - now) / timedelta(hours=1)
        less_w = 0.0
        for name in self._elements:
            room_wh, power_w = self._room_wh(name), self._reports.last_value(name, Kind.POWER)
            if room_wh is not None and power_w is not None:
                less_w += max(power_w - room_wh / rest_h, 0.0)
        return round(less_w)

    def _room_wh(self, element: str) -> float | None:
        """What a store or the vehicle at a station still takes; None of what is neither, or where nobody knows."""
        capacity_wh, vehicle = self._elements[element].capacity_wh, self._vehicles.vehicle(element)
        if vehicle is not None:
            return max(vehicle.energy_wh - self._vehicles.delivered_wh(element), 0.0)
        stored_wh = self._reports.last_value(element, Kind.STORED_ENERGY)
        return max(capacity_wh - stored_wh, 0.0) if capacity_wh and stored_wh is not None else None

    def _sum_w(self, kind: Kind) -> int | None:
        values = [self._reports.last_value(name, kind) for name in self._shares]
        known = [v for v in values if v is not None]
        return round(sum(known)) if len(known) == len(values) else None

    @on(ElementReported)
    def reported(self, event: ElementReported, now: datetime) -> list[Effect]:
        """Note what a plant could give, at each reading of an ISP."""
        report = event.report
        available = value(report, Kind.AVAILABLE_POWER)
        if report.element not in self._shares or available is None:
            return []
        day = self.rules.day_of(report.at)
        isp, limited = day.isp_of(report.at), self.state.limits_w.get(day.day, {})
        of_day = self.state.available_w.setdefault(day.day, {})
        noted = of_day.get(report.element, {})
        total, count = noted.get(isp, (0.0, 0))
        kept = {k: v for k, v in noted.items() if k in limited}
        of_day[report.element] = {**kept, isp: (total + available, count + 1)}
        return []

    @on(DayMeteringTold)
    def told(self, event: DayMeteringTold, now: datetime) -> list[Effect]:
        """The day is metered: account to the DSO for the ISPs that it limited."""
        day = event.day
        rows = self._rows(day)
        self.state.limits_w.pop(day.day, None)
        self.state.available_w.pop(day.day, None)
        if not rows:
            return []
        self.state.accounted[day.day] = rows
        return [Send(self._config.dso, LimitedFeedIn(self._config.usage_point, day.day, rows))]

    def taken_w(self, day: LocalDay) -> tuple[int, ...] | None:
        """[T] watts that the DSO's limits took of the feed-in of a day that is over, >= 0; None where they took nothing."""
        taken = [0] * day.count
        for isp, could_w, given_w in self._rows(day):
            taken[isp - 1] = max(given_w - could_w, 0)
        return tuple(taken) if any(taken) else None

    def _rows(self, day: LocalDay) -> tuple[tuple[int, int, int], ...]:
        """(ISP, what the plants could have given, gave), watts, of the ISPs that the DSO limited and whose plants told."""
        limited, noted = self.state.limits_w.get(day.day, {}), self.state.available_w.get(day.day, {})
        rows = []
        for isp in sorted(limited):
            parts = [noted.get(name, {}).get(isp) for name in self._shares]
            given = sum(float(self._metering.measured_kw(name, day)[isp - 1]) for name in self._shares) * 1000
            could = [
                self._could_w(name, day, isp, part[0] / part[1])
                for name, part in zip(self._shares, parts, strict=True)
                if part is not None
            ]
            if len(could) == len(parts):  # what a plant could have given is never guessed
                rows.append((isp, round(sum(could)), round(given)))
        return tuple(rows)

    def _could_w(self, plant: str, day: LocalDay, isp: int, available_w: float) -> float:
        """What a plant would have given without the DSO: what an order held back anyway is paid as ordered, not once more."""
        here = slice(isp - 1, isp)
        held_kw, moved_kw = self._held.held_kw(plant, day)[here], self._held.moved_kw(plant, day)[here]
        agreed_kw = float(self._agreed.limit_kw(plant, day)[isp - 1])
        available_kw = np.fmax(np.array([available_w / 1000]), agreed_kw)  # what its agreements hold back is not paid
        left_kw = float(ordered_limit_kw(available_kw, moved_kw, held_kw)[0])
        return 1000 * (float(available_kw[0]) if np.isnan(left_kw) else left_kw)

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        state = self.state
        state.accounted = {period: isps for period, isps in state.accounted.items() if period >= before}
        state.limits_w = {period: of_day for period, of_day in state.limits_w.items() if period >= before}
        state.silent_w = {period: of_day for period, of_day in state.silent_w.items() if period >= before}
        state.available_w = {period: of_day for period, of_day in state.available_w.items() if period >= before}
