"""What the connection will draw: the base's and each element's forecast of a day, and what its stores keep for orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from typing import TypeVar

import numpy as np

from agents.planning.dispatch.flexibility import Flexibility
from agents.planning.dispatch.import_room import import_room_kw
from agents.planning.elements.element import ElementKnowledge, PlanWindow
from agents.planning.elements.energy_prices import EnergyPrices
from agents.planning.forecast.like_day import corrected, fit
from agents.planning.remembered import Remembered
from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.messages import WeatherBulletin
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.prosumer.base_load import BaseLoad
from agents.roles.prosumer.building_flexibility import BuildingFlexibilityManager
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.connection_limits import ConnectionLimits
from agents.roles.prosumer.day_forecast import DayForecast, as_told, free_kw, renewed
from agents.roles.prosumer.element_facts import ElementFacts
from agents.roles.prosumer.element_reports import ElementReports
from agents.roles.prosumer.energy_metering import EnergyMetering
from agents.roles.prosumer.ev_flexibility import EvFlexibilityManager
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.prosumer.ordered_moves import OrderedMoves
from agents.roles.prosumer.plant_days import PlantDays
from agents.roles.prosumer.reserved_capacity import ReservedCapacity
from agents.roles.prosumer.site_plans import SitePlans
from agents.roles.prosumer.station_sharing import StationSharing
from agents.roles.prosumer.supply_limits import SupplyLimits
from agents.roles.prosumer.told import (
    DayMeteringTold,
    ElementReported,
    PlanChanged,
    SitePlanTaken,
    SupplyChanged,
    VehicleChanged,
)
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.devices import WeatherForecast
from cim.model.intervals import LocalDay
from market.billing.tariff import Tariff

T = TypeVar("T")


def _both_rates(tariff: Tariff, day: LocalDay) -> tuple[Floats, Floats]:
    """[T] what one more kWh from the grid costs on a day, and to the grid earns, ct/kWh."""
    rates = tariff.rates(day)
    return rates.retail_ct_per_kwh, rates.feed_in_ct_per_kwh


_rates = Remembered(_both_rates, most=1_000)  # a home plans a day hundreds of times by the same tariff


@wire("prosumer.DayPlanning")
@dataclass(slots=True)
class DayPlanningState:
    """What days are planned with.

    Attributes:
        forecasts: by day.
        weather: the newest.
        failing: by element, why its rules failed when it was last looked at; until that is told.
    """

    forecasts: dict[date, DayForecast] = field(default_factory=dict)
    weather: WeatherForecast | None = None
    failing: dict[str, str] = field(default_factory=dict)


class DayPlanning(Part[DayPlanningState]):
    """Forecasts and plans each day."""

    def __init__(
        self,
        me: AgentIdentity,
        config: ProsumerConfig,
        *,
        base: BaseLoad,
        reports: ElementReports,
        buildings: BuildingFlexibilityManager,
        vehicles: EvFlexibilityManager,
        metering: EnergyMetering,
        held: HeldOrders,
        plants: PlantDays,
        agreed: ConnectionLimits,
        reserved: ReservedCapacity,
        supply: SupplyLimits,
        plans: SitePlans,
    ) -> None:
        super().__init__(me, DayPlanningState())
        self._config, self._elements, self._kinds = config, config.by_name(), config.kinds()
        self._metering, self._held, self._agreed, self._reserved = metering, held, agreed, reserved
        self._supply, self._base, self._plans = supply, base, plans
        self._sharing = StationSharing(config, vehicles, held)
        self._moves = OrderedMoves(self._kinds, held, reports)
        self._facts = ElementFacts(
            config, reports=reports, buildings=buildings, vehicles=vehicles, metering=metering, held=held, plants=plants
        )

    @on(WeatherBulletin)
    def weather(self, message: WeatherBulletin, sender: str, now: datetime) -> list[Effect]:
        """Keep the newest forecast of the sun."""
        held = self.state.weather
        if sender == self._config.market and (held is None or message.forecast.issued >= held.issued):
            self.state.weather = message.forecast
        return []

    def expected_kw(self, element: str, day: LocalDay) -> Floats:
        """[T] kW of an element as things stand: held where an order holds it, the forecast elsewhere.

        A plant's forecast is never beyond what the connection's agreements let it feed in.
        """
        forecast = np.fmax(self._forecast(day).elements_kw[element], self._agreed.limit_kw(element, day))
        held = self._held
        expected = self._kinds[element].expected(forecast, held.held_kw(element, day), held.moved_kw(element, day))
        return np.fmin(expected, self._supply.most_kw(element, day))

    def steered_kw(self, element: str, day: LocalDay) -> Floats:
        """[T] kW that an element is held to, by orders or by its owner; NaN where its device runs by its own rule."""
        owner = self._forecast(day).owner_kw.get(element, free_kw(day.count))
        return self._kinds[element].steered(self._held.held_kw(element, day), owner)

    def connection_kw(self, day: LocalDay) -> Floats:
        """[T] kW of the whole connection as things stand."""
        return self._with_elements(self._forecast(day).base_kw, list(self._elements), day)

    def energy_prices(self, day: LocalDay) -> EnergyPrices | None:
        """What energy at the connection is worth on a day, by its tariff and as things stand; None without a tariff."""
        tariff = self._config.tariff
        if tariff is None:
            return None
        return EnergyPrices(*_rates(tariff, day), self.connection_kw(day))

    def _with_elements(self, base_kw: Floats, elements: list[str], day: LocalDay) -> Floats:
        return base_kw + sum((self.expected_kw(name, day) for name in elements), start=np.zeros(day.count))

    def _forecast(self, day: LocalDay) -> DayForecast:
        """The forecast of a day; of one that was never forecast, nothing is expected."""
        return self.state.forecasts.get(day.day) or DayForecast.empty(self._elements, day.count)

    def forecast(self, day: LocalDay, first: int, now: datetime) -> None:
        """Renew the forecast of the base and of each element from ISP `first` on; what orders hold stays held."""
        if first > day.count:
            return
        today = self.rules.day_of(now)
        if today.day < day.day and today.day not in self.state.forecasts:
            self.forecast(today, today.isp_of(now) + 1, now)  # what a store will hold when the day begins
        forecast = self.state.forecasts[day.day] = self._forecast(day)
        keep = slice(0, first - 1)
        base = self._base.usual_kw(day)
        running = first - 1  # of it some have been read already and others not: what is known is of the ISP before it
        seen = float(base[running - 1]) + self._base_error_kw(day, running - 1, base) if running else 0.0
        forecast.base_kw = renewed(forecast.base_kw, corrected(base, seen, first), keep)
        window = PlanWindow(day, first, day.count, now)
        for name in self._leading():
            kind, known, before = self._kinds[name], self.knowledge(name, day, now), forecast.elements_kw[name]
            expected = self.attempt(name, partial(kind.forecast, known, window, forecast.base_kw), before)
            forecast.elements_kw[name] = renewed(before, expected, keep)
            if known.config.operation is not None:
                free = forecast.owner_kw.get(name, free_kw(day.count))
                owner = self.attempt(name, partial(kind.owner_kw, known, window, forecast.base_kw), free)
                forecast.owner_kw[name] = renewed(free, owner, keep)
        self.follow(day, now)

    def attempt(self, element: str, rule: Callable[[], T], otherwise: T) -> T:
        """What an element's rule gives; `otherwise` where it fails, so that one element never silences a home."""
        try:
            return rule()
        except Exception as error:  # whatever it is, the connection's other elements go on
            self.state.failing[element] = f"{type(error).__name__}: {error}"
            return otherwise

    def failures(self, now: datetime) -> list[Effect]:
        """Tell, once, whose rules failed."""
        failing, self.state.failing = self.state.failing, {}
        return [self.me.failed("planning", name, why, now) for name, why in sorted(failing.items())]

    def follow(self, day: LocalDay, now: datetime, *, ordered: bool = False) -> None:
        """Forecast anew, from now on, what follows the rest of the connection, and what orders need of it.

        Args:
            ordered: an order has just come, and may hold elements in the running ISP to something else.
        """
        if now >= day.end:
            return
        forecast = self.state.forecasts[day.day] = self._forecast(day)
        if ordered and now >= day.start:  # not first at its next report: of the running ISP little may be left then
            for name in (one for one in self._leading() if self._kinds[one].held_by_reports):
                self._hold_by_report(name, day, now)
        first = 1 if now < day.start else day.isp_of(now)
        window, over, before_it = PlanWindow(day, first, day.count, now), slice(0, first - 1), list(self._leading())
        for name in sorted(self._following(), key=lambda name: self._kinds[name].turn):
            kind, known = self._kinds[name], self._following_knowledge(name, day, max(day.start, now))
            before, held = forecast.elements_kw[name], self._held.held_kw(name, day)
            balances = kind.balances_home and self._moves.touched(before_it, day).any()
            rest = self._unmoved_kw(before_it, day, now) if balances else self._rest_kw(before_it, day)
            expected = self.attempt(name, partial(kind.forecast, known, window, rest), before)
            told = as_told(held, first, runs=now > day.start, ordered=ordered)
            forecast.elements_kw[name] = renewed(before, expected, told)
            free = forecast.owner_kw.get(name, free_kw(day.count))
            owner = self.attempt(name, partial(kind.owner_kw, known, window, rest), free)
            if balances:  # else its device would answer what orders move, and the connection draw what it drew before
                owner = np.where(np.isnan(owner) & self._moves.touched(before_it, day), expected, owner)
            forecast.owner_kw[name] = renewed(free, owner, over)
            before_it.append(name)

    def _rest_kw(self, elements: list[str], day: LocalDay) -> Floats:
        return self._with_elements(self._forecast(day).base_kw, elements, day)

    def _unmoved_kw(self, elements: list[str], day: LocalDay, now: datetime) -> Floats:
        """[T] kW of base and elements without what orders move of them; of a running ISP in which they do, by last reports."""
        forecast, rest = self._forecast(day), self._rest_kw(elements, day)
        for name in elements:
            rest = rest - self._moves.expected_kw(name, day, forecast.elements_kw[name], self.expected_kw(name, day))
        running = day.isp_of(now) if now >= day.start else 0
        if running and self._moves.touched(elements, day)[running - 1]:
            k = running - 1
            rest[k] = forecast.base_kw[k] + sum(
                self._moves.unmoved_now_kw(name, day, running, float(self.expected_kw(name, day)[k]))
                for name in elements
            )
        return rest

    def _hold_by_report(self, name: str, day: LocalDay, now: datetime) -> None:
        """What an element that is forecast by itself is held to in the running ISP, by what it told last and its orders."""
        window, forecast = PlanWindow(day, day.isp_of(now), day.count, now), self._forecast(day)
        owner = self._kinds[name].owner_kw(self.knowledge(name, day, now), window, np.zeros(day.count))
        forecast.owner_kw[name] = owner

    def _following_knowledge(self, element: str, day: LocalDay, at: datetime) -> ElementKnowledge:
        room_kw = self._sharing.room_kw(element, day, self.import_room_kw(day, beside=element), at)
        return replace(
            self.knowledge(element, day, at),
            prices=self.energy_prices(day),
            import_room_kw=self._supply.room_kw(element, day, room_kw),
            reserved_kw=self._reserved.kept_kw(element, day),
            planned_kw=self._plans.planned_kw(element, day),
        )

    def import_room_kw(self, day: LocalDay, *, beside: str | None = None) -> Floats | None:
        """[T] kW that the connection may still draw beside all elements but `beside`; None where it is not capped.

        The base counts as the most of what is forecast and what it was at that time on any of its last days.
        """
        cap_w, base_kw = self._config.terms.import_w, self._forecast(day).base_kw
        if cap_w is None:
            return None
        for known_kw in self._base.history_kw():
            base_kw = np.maximum(base_kw, fit(known_kw, day.count))
        others = (self.expected_kw(name, day) for name in self._elements if name != beside)
        return import_room_kw(cap_w / 1000, base_kw, others)

    def within_stations(self, models: Iterable[Flexibility], window: PlanWindow) -> tuple[Flexibility, ...]:
        """The models, the EVSEs of one charging station together drawing at most what its connection carries."""
        return self._sharing.within(models, window, self.expected_kw)

    @on(SupplyChanged, SitePlanTaken)
    def day_changed(self, event: SupplyChanged | SitePlanTaken, now: datetime) -> list[Effect]:
        """What a limit holds back, or frees again, and what the manager plans for the site, is planned for at once."""
        self.follow(event.day, now)
        return self.emit(PlanChanged(event.day), now)

    @on(VehicleChanged)
    def vehicle_changed(self, event: VehicleChanged, now: datetime) -> list[Effect]:
        """Who came or left is planned for at once."""
        day = self.rules.day_of(now)
        self.follow(day, now)
        return self.emit(PlanChanged(day), now)

    @on(ElementReported)
    def reported(self, event: ElementReported, now: datetime) -> list[Effect]:
        """While it is under an order, what it stores or could give decides in every interval what it is held to."""
        name, day = event.report.element, self.rules.day_of(now)
        kind, running = self._kinds[name], day.isp_of(now)
        free = np.isnan(self._held.held_kw(name, day)[running - 1 :]).all()
        others = [other for other in self._elements if other != name]
        balances = kind.balances_home and bool(self._moves.touched(others, day)[running - 1])
        if not kind.held_by_reports or (free and not balances):
            return []
        if kind.turn:
            self.follow(day, now)
        else:
            self._hold_by_report(name, day, now)
        return self.emit(PlanChanged(day), now)

    def _base_error_kw(self, day: LocalDay, isp: int, base_kw: Floats) -> float:
        """How far the base of an ISP was from what was expected; 0 where that is not known."""
        seen = self._metering.base_kw(day, isp)
        return 0.0 if seen is None else seen - float(base_kw[isp - 1])

    def _leading(self) -> list[str]:
        """The elements that are forecast by themselves, in order."""
        return [name for name, kind in self._kinds.items() if not kind.turn]

    def _following(self) -> list[str]:
        """The elements that are forecast by what others leave, in order."""
        return [name for name, kind in self._kinds.items() if kind.turn]

    def knowledge(self, element: str, day: LocalDay, at: datetime) -> ElementKnowledge:
        """What is known of an element for planning a day; what it stores, as it will be at the instant `at`."""
        stored_kwh = self._facts.stored_kwh(element, at, self.rules, self.expected_kw)
        return self._facts.of(element, day, self.state.weather, stored_kwh)

    @on(DayMeteringTold)
    def told(self, event: DayMeteringTold, now: datetime) -> list[Effect]:
        """What a day was planned with is not needed when later ones are told."""
        for period in event.done:
            self.state.forecasts.pop(period, None)
        return []

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.forecasts = {period: one for period, one in self.state.forecasts.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Forecasts are made anew."""
        return Recovery(forgotten=("the weather, until its service tells it again",))
