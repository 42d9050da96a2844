"""What a kind of flexible element must answer, and the values it is asked with.

All profiles are [T] kW over the ISPs of one local day, positive for consumption. Nothing here keeps state: what is known
of an element stays with its prosumer and is handed over as `ElementKnowledge`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from agents.planning.dispatch.flexibility import Flexibility
from agents.planning.elements.energy_prices import NO_PRICES, DeviationPrices, EnergyPrices
from agents.planning.elements.store_operation import StoreOperation
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.devices import (
    DeviceKind,
    Mode,
    Nameplate,
    Programme,
    Setpoint,
    ThermalDescription,
    ThermalUsage,
    VehiclePlugged,
    WeatherForecast,
)
from cim.model.intervals import LocalDay
from market.contracts.contract import BaselineKind


@wire("home.ElementCosts")
@dataclass(frozen=True, slots=True)
class ElementCosts:
    """What moving power costs its owner beside the energy itself (`flexibility_costs` of the site).

    Attributes:
        chp_fuel_ct_per_kwh: of a CHP, for each kWh it makes more; what it makes less saves nothing.
        wear_ct_per_kwh: of a battery, for each kWh through it.
        weight_ct_per_kw2: curvature that spreads a deviation evenly, per ISP.
        thermal_weight_ct_per_kw2, vehicle_weight_ct_per_kw2: the same for comfort and for charging later.
        shift_ct_per_h: of an appliance, for each hour that its programme begins earlier or later.
        battery_returned_share: of what an order charges, what its home has back on the same bill.
        battery_own_use_share: of what an order moves, what its home then buys that it would have kept from its surplus.
        heat_lost_share: of what is heated early, what is lost or still in the walls at midnight.
    """

    chp_fuel_ct_per_kwh: float
    wear_ct_per_kwh: float
    weight_ct_per_kw2: float
    thermal_weight_ct_per_kw2: float
    vehicle_weight_ct_per_kw2: float
    shift_ct_per_h: float
    battery_returned_share: float
    battery_own_use_share: float
    heat_lost_share: float


@wire("home.ElementConfig")
@dataclass(frozen=True, slots=True)
class ElementConfig:
    """What a prosumer knows of one of its elements before it ever measured it.

    Attributes:
        element: device name.
        kind: what it is.
        generation_w, consumption_w: ratings, magnitudes.
        capacity_wh: of a battery.
        reserve_wh: of a battery, below which it gives nothing, as it says itself.
        planned_w: net power its operator plans (a CHP), by the sign rule.
        floor_w: net power closest to zero it can run at (a CHP's minimum), by the sign rule.
        history_kw: metered days before the first, oldest first, each [quarter-hours].
        ramp_w_per_min: how fast its power can change; 0 where that is not told.
        refilled_same_day: of a battery, whether what an order takes out of it is put back on the same day; else its owner puts it
            back when the sun does.
        operation: what its owner wants of it beside serving its home; None: nothing.
        leaves_hour: of a station, the local hour at which its vehicles leave; None where nobody knows.
        weather_days: of a PV plant, what the weather service forecast for those days, per unit, each [quarter-hours].
    """

    element: str
    kind: DeviceKind
    generation_w: int = 0
    consumption_w: int = 0
    capacity_wh: int = 0
    planned_w: int = 0
    floor_w: int = 0
    history_kw: tuple[Floats, ...] = ()
    weather_days: tuple[Floats, ...] = ()
    leaves_hour: float | None = None
    ramp_w_per_min: int = 0
    reserve_wh: int = 0
    refilled_same_day: bool = True
    operation: StoreOperation | None = None

    def traded_ct(self, day: LocalDay) -> Floats | None:
        """[T] ct/kWh at which its energy is traded by the hour on a day; None where it is not."""
        return None if self.operation is None else self.operation.price_ct(day)

    @property
    def is_operated(self) -> bool:
        """Whether it is traded by the hour or serves the site, instead of following its own rule."""
        return self.operation is not None and (self.operation.prices is not None or self.operation.serves_site)

    @property
    def rated_w(self) -> int:
        """The most it can take or give, a magnitude; 0 where nobody knows."""
        return max(self.generation_w, self.consumption_w)


@dataclass(frozen=True, slots=True)
class ElementKnowledge:
    """What its prosumer knows of an element when it plans.

    Attributes:
        weather: the newest forecast of the sun, if there is a service.
        session, delivered_wh: the vehicle at a station, and what it took since it was plugged.
        programme: what an appliance told of the programme that it was made ready for last.
        room, usage, temperature_c: what a heated building told of itself, and its last measured temperature.
        available_kw: what a generator could give when it was read last (<= 0), limited or not; None where it does not say.
        clear_kw: [T] the most that a PV plant gives under a clear sky, a magnitude; None where nobody knows.
        stored_kwh: what a store holds at the begin of what is planned.
        metered_kw: [T] mean power in the day's ISPs that are over; NaN elsewhere and where it was not read. None where
            the day has not begun.
        held_kw: [T] what orders hold it to; NaN where it is free. None where nothing is planned yet.
        moved_kw: [T] what orders move of it; 0 where they do not. None where nothing is planned yet.
        prices: of the home's tariff, on the whole day; None where they do not matter, or nobody knows them.
        paid_ct_per_kwh: by contract, for what an order moves it; None where nothing is agreed.
        import_room_kw: [T] what its connection's cap leaves it to draw; None where the connection is not capped.
        planned_kw: [T] what the ILES manager plans of it for the site; None where it plans nothing.
        reserved_kw: [T] what it keeps available for orders that may come (+ = more consumption); None where nothing is reserved.
    """

    config: ElementConfig
    costs: ElementCosts
    weather: WeatherForecast | None = None
    session: VehiclePlugged | None = None
    delivered_wh: float = 0.0
    programme: Programme | None = None
    room: ThermalDescription | None = None
    usage: ThermalUsage | None = None
    temperature_c: float | None = None
    available_kw: float | None = None
    clear_kw: Floats | None = None
    stored_kwh: float = 0.0
    metered_kw: Floats | None = None
    held_kw: Floats | None = None
    moved_kw: Floats | None = None
    prices: EnergyPrices | None = None
    paid_ct_per_kwh: float | None = None
    import_room_kw: Floats | None = None
    reserved_kw: Floats | None = None
    planned_kw: Floats | None = None

    def deviation_prices(self, window: PlanWindow) -> DeviationPrices:
        """What the home's energy costs where the element deviates in a window."""
        return NO_PRICES if self.prices is None else self.prices.within(slice(window.first - 1, window.last))

    def shifting_prices(self, window: PlanWindow) -> DeviationPrices:
        """The same where what it takes less at one time it takes more at another."""
        return NO_PRICES if self.prices is None else self.prices.to_shift(slice(window.first - 1, window.last))


@dataclass(frozen=True, slots=True)
class PlanWindow:
    """The ISPs `first` to `last` (1-based, both included) of a day, looked at from the instant `now`."""

    day: LocalDay
    first: int
    last: int
    now: datetime

    @property
    def hours(self) -> float:
        """The length of an ISP."""
        return self.day.isp_minutes / 60

    @property
    def first_hours(self) -> float:
        """How much of the first ISP is still to come."""
        left = (self.day.isp_start(self.first + 1) - self.now) / timedelta(hours=1)
        return min(max(left, 0.0), self.hours)

    def part(self, profile: Floats) -> Floats:
        """The window's part of a whole day's profile."""
        return profile[self.first - 1 : self.last]


class ElementKind(Protocol):
    """The rules of one kind of flexible element.

    Attributes:
        kind: of device, by which the registry finds it.
        label: what a report calls elements of this kind, plural.
        balance: the name of the kind in the physics' balance by kind.
        agent: the kind of device agent that holds its wire, as a run's summary counts them.
        mode: how its setpoints are meant.
        can_increase, can_decrease: the directions of flexibility it offers in the asset register.
        generates: whether what it loses by an order is generation.
        stores: whether what an order moves comes back at another time.
        turn: when it is forecast. 0: by itself. Else after the elements of earlier turns, by what they and the base load
            leave, and anew after each order.
        held_by_reports: whether, under an order, each of its reports decides what it is held to.
        foresees_orders: whether its forecast is what its orders leave of it, as far as its energy goes.
        balances_home: whether its device answers by itself what else happens at its connection.
        holds_between_moves: whether an order holds it from its first to its last move.
        baseline: against what its delivery is measured.
        noticeable_share: moves smaller than this share of the largest one are not worth making.
        noticeable_of_plan: nor are moves smaller than this share of what it is expected to do there anyway.
    """

    kind: DeviceKind
    label: str
    balance: str
    agent: str
    mode: Mode
    can_increase: bool = True
    can_decrease: bool = True
    generates: bool = False
    stores: bool = False
    turn: int = 0
    held_by_reports: bool = False
    foresees_orders: bool = False
    balances_home: bool = False
    holds_between_moves: bool = False
    baseline: BaselineKind = BaselineKind.RUNNING_PLAN
    noticeable_share: float = 0.0
    noticeable_of_plan: float = 0.0

    def forecast(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """[T] expected power of the whole day, without orders, as far as it can be known from `window.first` on.

        Args:
            rest_kw: [T] what base load and the elements forecast before are expected to draw; nothing at turn 0.
        """
        ...

    def by_weather(self, config: ElementConfig, weather: WeatherForecast, day: LocalDay) -> Floats | None:
        """[T] kW of a day by its weather alone; None where the weather does not say."""
        return None

    def flexibility(self, known: ElementKnowledge, expected_kw: Floats, window: PlanWindow) -> Flexibility | None:
        """What may deviate from `expected_kw` ([T], the whole day) in the window; None when nothing can."""
        ...

    def own_price_ct_per_kwh(self, known: ElementKnowledge, retail: float, feed_in: float) -> float:
        """What a kWh moved costs its owner by and large: the floor of its price in a contract.

        Args:
            retail, feed_in: of its home's tariff, ct/kWh.
        """
        ...

    def owner_kw(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """[T] what its owner holds it to outside its orders, for his own sake or theirs; NaN where its device is free."""
        return np.full(window.day.count, np.nan)

    def steered(self, held_kw: Floats, owner_kw: Floats) -> Floats:
        """[T] what it is held to by orders, and by its owner where none does; NaN where its device is free."""
        return np.where(np.isnan(held_kw), owner_kw, held_kw)

    def expected(self, forecast_kw: Floats, held_kw: Floats, moved_kw: Floats) -> Floats:
        """[T] the power to expect where orders hold it to `held_kw` (NaN: free) and move it by `moved_kw`."""
        return forecast_kw if self.foresees_orders else np.where(np.isnan(held_kw), forecast_kw, held_kw)

    def safe(self, setpoint: Setpoint, nameplate: Nameplate) -> Setpoint:
        """The setpoint cut to what the device is rated for, whatever a plan says."""
        low, high = -nameplate.max_generation_w, nameplate.max_consumption_w
        return Setpoint(setpoint.mode, min(max(setpoint.power_w, low), high))

    def register_wh(self, taken_wh: float | None, given_wh: float | None) -> float | None:
        """The element's net energy register from its two counters; None if one that its kind needs is missing."""
        return None if taken_wh is None or given_wh is None else taken_wh - given_wh

    def activated(self, deviation_kw: Floats, factor: float) -> Floats:
        """[T] the deviation when the share `factor` of it is ordered."""
        return deviation_kw * factor

    def stored_later(self, stored_kwh: float, power_kw: float, hours: float) -> float:
        """What it holds after running at `power_kw` (at its terminals) for `hours`."""
        return stored_kwh


def comfort_ct_per_kwh(known: ElementKnowledge, weight_ct_per_kw2: float) -> float:
    """What the curvature of its cost comes to for each kWh, where an element is moved by half its rating."""
    hours = 0.25  # the site's weights are per quarter-hour
    return weight_ct_per_kw2 / 2 * (known.config.consumption_w / 2000) / hours
