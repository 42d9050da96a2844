"""Heat: a building with a heat pump keeps its temperature, and is a store between its comfort bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from agents.planning.dispatch.flexibility import Storable
from agents.planning.elements.element import ElementKind, ElementKnowledge, PlanWindow, comfort_ct_per_kwh
from agents.planning.elements.energy_prices import DeviationPrices
from agents.planning.elements.heat_trading import HeatStore, cheapest_heat_kw
from agents.planning.forecast.like_day import like_day
from agents.planning.remembered import Remembered
from agents.planning.thermostat import J_PER_KWH, SPREAD, TIME_CONSTANT_H
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind, Mode, ThermalDescription, ThermalUsage
from cim.model.errors import ProgrammingFault
from cim.model.intervals import LocalDay
from market.contracts.contract import BaselineKind

_DAY_S = 86400
_MICROSECOND = timedelta(microseconds=1)
_TOLD_H, _MOST = 2.0, 1.5  # assumed: hours of the own forecast beside the hours seen; the largest correction


class Heat(ElementKind):
    """A building behind an S2 gateway: its heat pump's target power; the building itself guards its comfort."""

    kind = DeviceKind.GATEWAY
    label = "heat pumps"
    balance = "heat_pump"
    agent = "building"
    mode = Mode.TARGET
    baseline = BaselineKind.LIKE_DAYS
    stores = True
    turn = 1
    noticeable_share = 0.02  # what saves the heat again is spread thinly over the rest of the day
    noticeable_of_plan = 0.15  # and what is small beside its plan would hold it to a forecast of the weather

    def forecast(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """What its thermostat does with the warmth that it has, by what the building told, else as on its last days."""
        if known.usage is None:
            return like_day(known.config.history_kw, window.day.count)
        if (price_ct := known.config.traded_ct(window.day)) is not None and known.room is not None:
            return _traded_kw(known, window, price_ct)
        return course(known, window).power_kw

    def owner_kw(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """Where its energy is traded by the hour, what is cheapest then; else its thermostat is free."""
        free = np.full(window.day.count, np.nan)
        price_ct = known.config.traded_ct(window.day)
        if price_ct is None or known.usage is None or known.room is None or not _comfortable(known.room, known):
            return free
        free[window.first - 1 :] = _traded_kw(known, window, price_ct)[window.first - 1 :]
        return free

    def flexibility(self, known: ElementKnowledge, expected_kw: Floats, window: PlanWindow) -> Storable | None:
        """Electric energy between the comfort bounds; None outside them, or where the room is not known.

        Warmth is lost: what is heated earlier than planned saves less later, by its share of the time constant. So more
        costs the more the earlier it is. To heat later instead saves nothing: a colder house is no gain that an order
        could be filled with.
        """
        room, temperature_c = known.room, known.temperature_c
        if room is None or temperature_c is None or not room.level_min_c < temperature_c < room.level_max_c:
            return None
        plan, prices = window.part(expected_kw), _prices(known, window)
        per_kelvin = 1 / room.fill_rate_per_w / J_PER_KWH  # kWh of electricity for one kelvin
        used, size = np.cumsum(plan) * window.hours, len(plan)
        warm_c = _middle_c(room) + window.part(course(known, _from_now(window), along_kw=expected_kw).warmth_k)
        return Storable(
            element=known.config.element,
            plan_kw=plan,
            low_kw=np.full(size, room.power_min_w / 1000),
            high_kw=np.full(size, room.power_max_w / 1000),
            floor_kwh=used + np.minimum(room.level_min_c - warm_c, 0.0) * per_kelvin,
            ceiling_kwh=used + np.maximum(room.level_max_c - warm_c, 0.0) * per_kelvin,
            energy_kwh=0.0,
            total_kwh=float(used[-1]),
            eta_in=1.0,
            eta_out=1.0,
            weight=known.costs.thermal_weight_ct_per_kw2,
            wear=0.0,
            hours=window.hours,
            price_up=prices.up,
            price_down=prices.down,
            turn_kw=prices.turn_kw,
        )

    def own_price_ct_per_kwh(self, known: ElementKnowledge, retail: float, feed_in: float) -> float:
        """What is not saved later of what a warmer house took, and the comfort."""
        return known.costs.heat_lost_share * retail + comfort_ct_per_kwh(known, known.costs.thermal_weight_ct_per_kw2)


def _comfortable(room: ThermalDescription, known: ElementKnowledge) -> bool:
    """Whether it is within its comfort bounds: outside them its thermostat leads."""
    return known.temperature_c is not None and room.level_min_c < known.temperature_c < room.level_max_c


def _traded_kw(known: ElementKnowledge, window: PlanWindow, price_ct: Floats) -> Floats:
    """[T] what is cheapest from the window's first ISP on; before the day nobody knows how warm it will be."""
    room, day, first = known.room, window.day, window.first - 1
    if room is None or known.usage is None:
        raise ProgrammingFault("heat traded for a building that told nothing; expected its room and its usage")
    needed = _heating(known.usage, room, day).copy()
    begun = window.now >= day.start and known.temperature_c is not None
    if begun:
        needed[first:] *= _as_it_went(known, needed, window)
    hours = np.full(day.count - first, window.hours)
    hours[:1] = window.first_hours
    held = np.full(day.count, np.nan) if known.held_kw is None else known.held_kw
    half_k = (room.level_max_c - room.level_min_c) / 2
    store = HeatStore(
        low_k=-half_k,
        high_k=half_k,
        least_kw=room.power_min_w / 1000,
        most_kw=room.power_max_w / 1000,
        k_per_kwh=room.fill_rate_per_w * J_PER_KWH,
        time_constant_h=TIME_CONSTANT_H,
    )
    warm_k = known.temperature_c - _middle_c(room) if begun and known.temperature_c is not None else 0.0
    power = needed.copy()
    power[first:] = cheapest_heat_kw(
        store,
        needed[first:],
        price_ct[first:],
        hours,
        warm_k,
        held[first:],
        next_kw=_heating(known.usage, room, day.next()),
        next_hours=window.hours,
        end_ct_per_kwh=float(price_ct.mean()),
    )
    return power


@dataclass(frozen=True, slots=True)
class Course:
    """How a heated building goes on through a day.

    Attributes:
        power_kw: [T] what its heat pump draws.
        warmth_k: [T] how far it is above the middle of its comfort band at the end of each ISP.
    """

    power_kw: Floats
    warmth_k: Floats


def course(known: ElementKnowledge, window: PlanWindow, along_kw: Floats | None = None) -> Course:
    """From the window's first ISP on: the thermostat brings it back to the middle of its band, where no order holds it.

    So what an order has heated shows as the heating that it saves afterwards. Before the day nobody knows how warm it will
    be: then, and before the window, it keeps its temperature.

    Args:
        along_kw: [T] what it draws instead, wherever that is not NaN.
    """
    room, day = known.room, window.day
    demand = np.zeros(day.count) if known.usage is None else _heating(known.usage, room, day).copy()
    power, warmth = demand.copy(), np.zeros(day.count)
    if room is None or known.temperature_c is None or window.now < day.start:
        return Course(power, warmth)
    along = known.held_kw if along_kw is None else along_kw
    demand[window.first - 1 :] *= _as_it_went(known, demand, window)
    # Lists of floats: a home plans in every interval, and one number of an array costs ten times one of a list.
    needed: list[float] = demand.tolist()
    held_kw: list[float] = [math.nan] * day.count if along is None else along.tolist()
    runs_kw, warm = needed.copy(), [0.0] * day.count
    low_kw, high_kw = room.power_min_w / 1000, room.power_max_w / 1000
    gain_kw_per_k = SPREAD * high_kw / (room.level_max_c - room.level_min_c)
    k_per_kwh = room.fill_rate_per_w * J_PER_KWH
    warm_k, hours = known.temperature_c - _middle_c(room), window.first_hours
    for k in range(window.first - 1, day.count):
        wanted = needed[k] - gain_kw_per_k * warm_k if math.isnan(held_kw[k]) else held_kw[k]
        runs_kw[k] = min(max(wanted, low_kw), high_kw)
        warm_k = (warm_k + (runs_kw[k] - needed[k]) * hours * k_per_kwh) * math.exp(-hours / TIME_CONSTANT_H)
        warm[k], hours = warm_k, window.hours
    return Course(np.array(runs_kw), np.array(warm))


def _as_it_went(known: ElementKnowledge, demand_kw: Floats, window: PlanWindow) -> float:
    """What it took so far today over what it told that it would, where no order held it: a warm day needs no heat later."""
    if known.metered_kw is None:
        return 1.0
    over = slice(0, window.first - 1)
    seen = ~np.isnan(known.metered_kw[over])
    if known.held_kw is not None:
        seen &= np.isnan(known.held_kw[over])
    told = float(demand_kw.mean()) * _TOLD_H / window.hours  # so much of what it told counts as seen
    expected = float(demand_kw[over][seen].sum()) + told
    took = max(float(known.metered_kw[over][seen].sum()), 0.0) + told
    return min(took / expected, _MOST) if expected > 0 else 1.0


def _from_now(window: PlanWindow) -> PlanWindow:
    """The rest of the window's day from the running ISP on."""
    day = window.day
    first = day.isp_of(window.now) if day.start <= window.now < day.end else 1
    return PlanWindow(day, first, day.count, window.now)


def _middle_c(room: ThermalDescription) -> float:
    return (room.level_min_c + room.level_max_c) / 2


def _prices(known: ElementKnowledge, window: PlanWindow) -> DeviationPrices:
    """What heating more or less costs: energy, and for what is heated more its loss until the window's end.

    Of a surplus less is worth as much as more costs; elsewhere less saves the energy alone.
    """
    prices, hold_ct = known.shifting_prices(window), _ct_of_holding(known, window)
    saved = np.where(prices.turn_kw < 0, -prices.up, prices.down)  # nothing but the grid on either side of the plan
    down = np.where(prices.turn_kw > 0, saved - hold_ct, saved)
    return DeviationPrices(prices.up + hold_ct, down, np.maximum(prices.turn_kw, 0.0))


def _ct_of_holding(known: ElementKnowledge, window: PlanWindow) -> Floats:
    """[T] ct/kWh that heat is dearer in an ISP than at the window's end, for what is lost until then is bought again."""
    if known.prices is None:
        return np.zeros(window.last - window.first + 1)
    until_end_h = (window.last - np.arange(window.first, window.last + 1)) * window.hours
    retail = float(window.part(known.prices.retail_ct_per_kwh).mean())
    return np.asarray(until_end_h * retail / TIME_CONSTANT_H, dtype=np.float64)


def heating(usage: ThermalUsage, room: ThermalDescription | None, day: LocalDay) -> Floats:
    """A heat pump's power that keeps its room's temperature: what drains the store over what a watt puts in."""
    if room is None or not usage.rates:
        return np.zeros(day.count)
    count, since_us = len(usage.rates), (day.start - usage.start) // _MICROSECOND
    index = (since_us + np.arange(day.count) * (day.isp // _MICROSECOND)) // (usage.step_s * 1_000_000)
    # Outside the resource manager's horizon the same time of another day is the best there is.
    known = index % count if count * usage.step_s >= _DAY_S else np.clip(index, 0, count - 1)
    power_w = np.array(usage.rates)[known] / room.fill_rate_per_w
    plan: Floats = np.minimum(np.maximum(power_w, room.power_min_w), room.power_max_w) / 1000
    return plan


_heating = Remembered(heating, most=1_000)  # a building tells it anew every hour, and is planned far more often
