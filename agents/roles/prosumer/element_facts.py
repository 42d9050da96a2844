"""What the parts of a prosumer know of one of its elements, put together for planning it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from agents.planning.elements.element import ElementKnowledge
from agents.roles.prosumer.building_flexibility import BuildingFlexibilityManager
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.element_reports import ElementReports
from agents.roles.prosumer.energy_metering import EnergyMetering
from agents.roles.prosumer.ev_flexibility import EvFlexibilityManager
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.prosumer.plant_days import PlantDays
from cim.model.arrays import Floats
from cim.model.devices import WeatherForecast
from cim.model.intervals import LocalDay
from cim.model.readings import Kind
from market.rules import MarketRules

Expected = Callable[[str, LocalDay], Floats]
_HOUR = timedelta(hours=1)


class ElementFacts:
    """Asks the parts; keeps nothing itself."""

    def __init__(
        self,
        config: ProsumerConfig,
        *,
        reports: ElementReports,
        buildings: BuildingFlexibilityManager,
        vehicles: EvFlexibilityManager,
        metering: EnergyMetering,
        held: HeldOrders,
        plants: PlantDays,
    ) -> None:
        self._costs, self._elements, self._kinds = config.preferences, config.by_name(), config.kinds()
        self._reports, self._buildings, self._vehicles = reports, buildings, vehicles
        self._metering, self._held, self._plants = metering, held, plants

    def of(self, element: str, day: LocalDay, weather: WeatherForecast | None, stored_kwh: float) -> ElementKnowledge:
        """What is known of an element for planning a day on which it begins with `stored_kwh`."""
        available_w = self._reports.last_value(element, Kind.AVAILABLE_POWER)
        return ElementKnowledge(
            config=self._reports.config(element),
            costs=self._costs,
            weather=weather,
            session=self._vehicles.vehicle(element),
            delivered_wh=self._vehicles.delivered_wh(element),
            programme=self._buildings.programme(element),
            room=self._buildings.room(element),
            usage=self._buildings.usage(element),
            temperature_c=self._reports.last_value(element, Kind.TEMPERATURE),
            available_kw=None if available_w is None else available_w / 1000,
            clear_kw=self._plants.clear_kw(element, day),
            stored_kwh=stored_kwh,
            metered_kw=self._metering.metered_so_far_kw(element, day),
            held_kw=self._held.held_kw(element, day),
            moved_kw=self._held.moved_kw(element, day),
        )

    def stored_kwh(self, element: str, at: datetime, rules: MarketRules, expected: Expected) -> float:
        """The energy an element will hold at an instant: as measured, carried forward by what is expected of it."""
        capacity_kwh = self._elements[element].capacity_wh / 1000
        if not capacity_kwh:
            return 0.0
        stored_wh = self._reports.last_value(element, Kind.STORED_ENERGY)
        energy = 0.0 if stored_wh is None else stored_wh / 1000
        when = self._reports.last_at(element) or at
        while when < at:
            day = rules.day_of(when)
            until = min(day.isp_start(day.isp_of(when) + 1), at)
            power = float(expected(element, day)[day.isp_of(when) - 1])
            energy = self._kinds[element].stored_later(energy, power, (until - when) / _HOUR)
            when = until
        return min(max(energy, 0.0), capacity_kwh)
