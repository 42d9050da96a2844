"""A prosumer's forecast, plan and flexibility, element by element: pure functions of what it knows.

All profiles are [T] kW over the ISPs of one local day, by the one sign rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np

from agents.planning.dispatch.flexibility import Curtailable, Flexibility, Storable
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind, ThermalDescription, ThermalUsage, VehiclePlugged, WeatherForecast
from cim.model.intervals import LocalDay

EFFICIENCY = 0.95  # one way; what an agent assumes of a battery whose nameplate does not tell
_HISTORY_DAYS = 10  # that a like day is the mean of


@wire("home.ElementCosts")
@dataclass(frozen=True, slots=True)
class ElementCosts:
    """What moving power costs its owner, ct/kWh (`flexibility_costs` of the site).

    Attributes:
        feed_in_ct_per_kwh: revenue lost for each kWh of PV curtailed.
        chp_ct_per_kwh: margin lost for each kWh the CHP makes less (its gas can be kept).
        wear_ct_per_kwh: of a battery, for each kWh through it.
        weight_ct_per_kw2: curvature that spreads a deviation evenly, per ISP.
        thermal_weight_ct_per_kw2, vehicle_weight_ct_per_kw2: the same for comfort and for charging later.
    """

    feed_in_ct_per_kwh: float
    chp_ct_per_kwh: float
    wear_ct_per_kwh: float
    weight_ct_per_kw2: float
    thermal_weight_ct_per_kw2: float
    vehicle_weight_ct_per_kw2: float


@wire("home.ElementConfig")
@dataclass(frozen=True, slots=True)
class ElementConfig:
    """What a prosumer knows of one of its elements before it ever measured it.

    Attributes:
        element: device name.
        kind: what it is.
        generation_w, consumption_w: ratings, magnitudes.
        capacity_wh: of a battery.
        planned_w: net power its operator plans (a CHP), by the sign rule.
        floor_w: net power closest to zero it can run at (a CHP's minimum), by the sign rule.
        history_kw: metered days before the first, oldest first, each [quarter-hours].
    """

    element: str
    kind: DeviceKind
    generation_w: int = 0
    consumption_w: int = 0
    capacity_wh: int = 0
    planned_w: int = 0
    floor_w: int = 0
    history_kw: tuple[Floats, ...] = ()


def like_day(history: tuple[Floats, ...], count: int) -> Floats:
    """The mean of the last metered days, fitted to a day of `count` ISPs (clock changes stretch or cut it)."""
    if not history:
        return np.zeros(count)
    if len(history) == 1:
        return fit(history[0], count).copy()
    mean: Floats = np.mean([fit(day, count) for day in history[-_HISTORY_DAYS:]], axis=0)
    return mean


def with_day(history: tuple[Floats, ...], day: Floats) -> tuple[Floats, ...]:
    """The last metered days and one more, as many as `like_day` looks at."""
    return (*history, day)[-_HISTORY_DAYS:]


def fit(profile: Floats, count: int) -> Floats:
    """A day's profile over `count` intervals: the same where the lengths agree, else interpolated by time of day."""
    if len(profile) == count:
        return profile
    return np.interp((np.arange(count) + 0.5) / count, (np.arange(len(profile)) + 0.5) / len(profile), profile)


def corrected(forecast_kw: Floats, measured_kw: float, isp: int) -> Floats:
    """`forecast_kw` from ISP `isp` (1-based) on, pulled towards the last measurement; the pull fades over two hours."""
    result = forecast_kw.copy()
    if isp < 2:
        return result
    ahead = np.arange(len(result) - (isp - 1))
    result[isp - 1 :] += (measured_kw - forecast_kw[isp - 2]) * np.exp(-ahead / 8)
    return result


def solar(config: ElementConfig, weather: WeatherForecast | None, day: LocalDay) -> Floats:
    """Expected PV power (<= 0): the weather service's forecast at this plant's rating, or its last days without one."""
    if weather is None:
        return np.minimum(like_day(config.history_kw, day.count), 0.0)
    return -_sun(weather, day) * config.generation_w / 1000


@lru_cache(maxsize=64)  # the plants of a host ask for the same few days of the same forecast
def _sun(weather: WeatherForecast, day: LocalDay) -> Floats:
    values = np.asarray(weather.pv_per_unit)
    microsecond = timedelta(microseconds=1)
    begin, isp = (day.start - weather.start) // microsecond, day.isp // microsecond
    offsets = (begin + np.arange(day.count) * isp) // (weather.step_s * 1_000_000)
    known = (offsets >= 0) & (offsets < len(values))
    per_unit = np.zeros(day.count)
    per_unit[known] = values[offsets[known]]
    per_unit.flags.writeable = False
    return per_unit


def self_consumption(net_kw: Floats, config: ElementConfig, stored_kwh: float, first: int, hours: float) -> Floats:
    """A battery's plan from ISP `first` (1-based) on: take the home's surplus, give it back when there is need."""
    plan = np.zeros(len(net_kw))
    capacity = config.capacity_wh / 1000
    for k in range(first - 1, len(net_kw)):
        if net_kw[k] < 0:
            room = (capacity - stored_kwh) / (EFFICIENCY * hours)
            plan[k] = min(-net_kw[k], config.consumption_w / 1000, max(room, 0.0))
            stored_kwh += plan[k] * EFFICIENCY * hours
        else:
            rest = stored_kwh * EFFICIENCY / hours
            plan[k] = -min(net_kw[k], config.generation_w / 1000, max(rest, 0.0))
            stored_kwh += plan[k] / EFFICIENCY * hours
    return plan


def charging(
    session: VehiclePlugged, delivered_wh: float, config: ElementConfig, day: LocalDay, first: int, now: datetime
) -> Floats:
    """A plugged vehicle's plan from ISP `first` on: charge at once, as fast as it may, until it has what it asked for.

    What it takes between `now` and the start of `first` is gone by then.
    """
    plan = np.zeros(day.count)
    hours = day.isp_minutes / 60
    top = min(session.max_power_w, config.consumption_w) / 1000
    before = max((day.isp_start(first) - now) / timedelta(hours=1), 0.0)
    need = max(session.energy_wh - delivered_wh, 0.0) / 1000 - top * before
    for k in range(first - 1, day.count):
        if day.isp_start(k + 2) > session.departure or need <= 0:
            break
        plan[k] = min(top, need / hours)
        need -= plan[k] * hours
    return plan


def heating(usage: ThermalUsage | None, description: ThermalDescription | None, day: LocalDay) -> Floats:
    """A heat pump's power that keeps its room's temperature: what drains the store over what a watt puts in."""
    if usage is None or description is None or not usage.rates:
        return np.zeros(day.count)
    plan = np.zeros(day.count)
    step = timedelta(seconds=usage.step_s)
    for k in range(day.count):
        index = (day.isp_start(k + 1) - usage.start) // step
        # Outside the resource manager's horizon the same time of another day is the best there is.
        rate = (
            usage.rates[index % len(usage.rates)]
            if len(usage.rates) * usage.step_s >= 86400
            else (usage.rates[min(max(index, 0), len(usage.rates) - 1)])
        )
        plan[k] = min(max(rate / description.fill_rate_per_w, description.power_min_w), description.power_max_w)
    return plan / 1000


# ---- flexibility: what may deviate from the expected profile from ISP `first` on ------------------------------------


def generator_flexibility(
    config: ElementConfig, expected_kw: Floats, first: int, last: int, preferences: ElementCosts, hours: float
) -> Flexibility:
    """PV can be curtailed down to nothing; a CHP moves between its minimum and its rating."""
    part = expected_kw[first - 1 : last]
    if config.kind is DeviceKind.PV:
        zero = np.zeros(len(part))
        return Curtailable(
            config.element,
            zero,
            np.maximum(-part, 0.0),
            preferences.feed_in_ct_per_kwh,
            0.0,
            preferences.weight_ct_per_kw2,
            hours,
        )
    up = np.maximum(config.floor_w / 1000 - part, 0.0)
    down = np.minimum(-config.generation_w / 1000 - part, 0.0)
    return Curtailable(
        config.element,
        down,
        up,
        preferences.chp_ct_per_kwh,
        preferences.chp_ct_per_kwh,
        preferences.weight_ct_per_kw2,
        hours,
    )


def battery_flexibility(
    config: ElementConfig,
    expected_kw: Floats,
    stored_kwh: float,
    first: int,
    last: int,
    preferences: ElementCosts,
    hours: float,
) -> Flexibility:
    """A battery may follow any path within its energy that ends where its plan ends."""
    plan = expected_kw[first - 1 : last]
    capacity = config.capacity_wh / 1000
    steps = np.where(plan > 0, plan * EFFICIENCY, plan / EFFICIENCY) * hours
    stored_kwh = min(max(stored_kwh, 0.0), capacity)
    size = len(plan)
    return Storable(
        config.element,
        plan,
        np.full(size, -config.generation_w / 1000),
        np.full(size, config.consumption_w / 1000),
        np.zeros(size),
        np.full(size, capacity),
        stored_kwh,
        min(max(float(steps.sum()), -stored_kwh), capacity - stored_kwh),
        EFFICIENCY,
        EFFICIENCY,
        preferences.weight_ct_per_kw2,
        preferences.wear_ct_per_kwh * hours,
        hours,
    )


def vehicle_flexibility(
    session: VehiclePlugged,
    config: ElementConfig,
    expected_kw: Floats,
    day: LocalDay,
    first: int,
    last: int,
    preferences: ElementCosts,
) -> Flexibility | None:
    """A plugged vehicle may take its energy at any time before it leaves; None when there is nothing to move."""
    plan = expected_kw[first - 1 : last]
    hours = day.isp_minutes / 60
    top = min(session.max_power_w, config.consumption_w) / 1000
    # What is expected after it leaves is other vehicles': it cannot be moved.
    present = np.array([day.isp_start(k + 1) <= session.departure for k in range(first, last + 1)])
    if float(plan[present].sum()) * hours <= 0.1:
        return None
    energy = float(plan.sum()) * hours
    size = len(plan)
    return Storable(
        config.element,
        plan,
        np.where(present, 0.0, plan),
        np.where(present, np.maximum(top, plan), plan),
        np.zeros(size),
        np.full(size, energy),
        0.0,
        energy,
        1.0,
        1.0,
        preferences.vehicle_weight_ct_per_kw2,
        0.0,
        hours,
    )


def thermal_flexibility(
    description: ThermalDescription,
    temperature_c: float,
    config: ElementConfig,
    expected_kw: Floats,
    first: int,
    last: int,
    preferences: ElementCosts,
    hours: float,
) -> Flexibility | None:
    """A room is a store of electric energy between its comfort bounds; None outside them."""
    if not description.level_min_c < temperature_c < description.level_max_c:
        return None
    plan = expected_kw[first - 1 : last]
    per_kelvin = 1 / description.fill_rate_per_w / 3.6e6  # kWh of electricity for one kelvin
    used = np.cumsum(plan) * hours
    size = len(plan)
    return Storable(
        config.element,
        plan,
        np.full(size, description.power_min_w / 1000),
        np.full(size, description.power_max_w / 1000),
        used + (description.level_min_c - temperature_c) * per_kelvin,
        used + (description.level_max_c - temperature_c) * per_kelvin,
        0.0,
        float(used[-1]),
        1.0,
        1.0,
        preferences.thermal_weight_ct_per_kw2,
        0.0,
        hours,
    )
