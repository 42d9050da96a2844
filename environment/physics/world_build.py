"""From a site's description to its physical units."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cim.model.arrays import Floats
from environment.physics import (
    Appliance,
    BaseLoad,
    Battery,
    ChargePoint,
    Chp,
    Connection,
    HeatPumpRoom,
    PhysicalUnit,
    PowerCurve,
    PvArray,
    Series,
    WindTurbine,
)
from environment.physics.heat_pump import Room
from environment.physics.shared_supply import SharedSupply
from environment.profiles.library import Profiles
from environment.profiles.mix import mean_profile, mean_reactive
from environment.profiles.programmes import ApplianceUse, ProgrammeSteps, daily_uses, unmoved
from environment.profiles.sessions import Session, sessions_of, uncontrolled
from environment.sites.devices import ApplianceUnit, BatteryUnit, ChpUnit, Gateway, Pv, Station, Wind
from environment.sites.schema import Prosumer, Site
from environment.sites.unit_defaults import BuildingDefaults
from environment.wind_model import wind_speed

Unstored = Pv | Wind | ChpUnit | Station | Gateway | ApplianceUnit  # every device but a battery
_SOC_SPREAD = 0.1  # assumed: how far a battery's first state of charge lies from the site's `initial_soc`, at most


def build_connections(
    site: Site,
    profiles: Profiles,
    now_s: float,
    seed: int,
    *,
    batteries_rest: bool = False,
    members: frozenset[str] | None = None,
) -> dict[str, Connection]:
    """Every prosumer's connection with new units at `now_s`; the seed spreads the batteries' first state of charge.

    With `members` of these prosumers only, each as it is among all.
    """
    return {
        prosumer.name: Connection(
            prosumer.name, _units(site, prosumer, profiles, now_s, seed=seed + number, batteries_rest=batteries_rest)
        )
        for number, prosumer in enumerate(site.prosumers)
        if members is None or prosumer.name in members
    }


def _units(
    site: Site, prosumer: Prosumer, profiles: Profiles, now_s: float, *, seed: int, batteries_rest: bool
) -> tuple[PhysicalUnit, ...]:
    units: list[PhysicalUnit] = []
    load = prosumer.base_load
    if load is not None:
        reactive = mean_reactive(profiles, load.strands)
        units.append(
            BaseLoad(
                f"{prosumer.name}.load",
                now_s,
                active=Series(mean_profile(profiles, load.strands), profiles.first.timestamp()),
                peak_w=load.peak_w.value,
                reactive=None if reactive is None else Series(reactive, profiles.first.timestamp()),
                peak_var=load.peak_var.value,
            )
        )
    supplies = {one.name: SharedSupply(one.limit_w.value) for one in prosumer.charging_stations}
    rng = np.random.default_rng(seed)
    for device in prosumer.devices:
        name = prosumer.device_name(device)
        if isinstance(device, BatteryUnit):
            spread = float(rng.uniform(-_SOC_SPREAD, _SOC_SPREAD))
            units.append(_battery(site, name, device, now_s, spread=spread, rests=batteries_rest))
        elif isinstance(device, Station):
            supply = None if device.evse is None else supplies[device.evse.station]
            units.append(_charge_point(site, name, device, profiles, now_s, supply))
        else:
            units.append(_unit(site, name, device, profiles, now_s))
    return tuple(units)


def _battery(site: Site, name: str, device: BatteryUnit, now_s: float, *, spread: float, rests: bool) -> Battery:
    capacity_wh = device.capacity_wh.value
    return Battery(
        name,
        now_s,
        rated_w=device.rated_w.value,
        capacity_wh=capacity_wh,
        efficiency=site.batteries.one_way_efficiency.value,
        stored_wh=(site.batteries.initial_soc.value + spread) * capacity_wh,
        rests=rests,
    )


def _charge_point(
    site: Site, name: str, device: Station, profiles: Profiles, now_s: float, supply: SharedSupply | None
) -> ChargePoint:
    gives = device.discharge_w
    return ChargePoint(
        name,
        now_s,
        sessions=station_sessions(site, device, profiles),
        rated_w=device.rated_w.value,
        discharge_w=0.0 if gives is None else gives.value,
        least_w=device.least_w,
        supply=supply,
    )


def _unit(
    site: Site, name: str, device: Pv | Wind | ChpUnit | Gateway | ApplianceUnit, profiles: Profiles, now_s: float
) -> PhysicalUnit:
    rated_w = device.rated_w.value
    if isinstance(device, Pv):
        return PvArray(name, now_s, available=_series(profiles, device.column), rated_w=rated_w)
    if isinstance(device, Wind):
        available = Series(_wind_per_unit(device, profiles), profiles.first.timestamp())
        return WindTurbine(name, now_s, available=available, rated_w=rated_w)
    if isinstance(device, ChpUnit):
        return Chp(
            name,
            now_s,
            rated_w=rated_w,
            plan_w=-device.plan.value * rated_w,
            min_w=device.minimum.value * rated_w,
            ramp_w_per_min=device.ramp_per_min.value * rated_w,
        )
    if isinstance(device, ApplianceUnit):
        return Appliance(name, now_s, uses=_uses(site, device, profiles), programme=_programme(device))
    return _room(site.buildings, name, device, profiles, now_s)


def _room(building: BuildingDefaults, name: str, device: Gateway, profiles: Profiles, now_s: float) -> HeatPumpRoom:
    rated_w = device.rated_w.value
    loss_w_per_k = building.cop.value * rated_w / building.design_span_k.value
    room = Room(
        capacity_wh_per_k=loss_w_per_k * building.time_constant_h.value,
        loss_w_per_k=loss_w_per_k,
        cop=building.cop.value,
        set_c=building.set_c.value,
        level_min_c=building.level_min_c.value,
        level_max_c=building.level_max_c.value,
    )
    demand = Series(mean_profile(profiles, device.strands), profiles.first.timestamp())
    return HeatPumpRoom(name, now_s, demand=demand, rated_w=rated_w, room=room, tan_phi=building.tan_phi.value)


def _series(profiles: Profiles, column: str) -> Series:
    return Series(profiles.column(column), profiles.first.timestamp())


def station_sessions(site: Site, station: Station, profiles: Profiles) -> tuple[Session, ...]:
    """The year's charging sessions at a station of the site."""
    return _sessions(profiles, _habit(site, station))


_Habit = tuple[str, int, float, float, str]  # profile, weeks later, rated watts, hour of departure, time zone


def _habit(site: Site, station: Station) -> _Habit:
    return station.column, station.weeks, station.rated_w.value, station.departure_hour.value, site.timezone


@lru_cache(maxsize=256)  # of thousands of stations many follow the same
def _sessions(profiles: Profiles, habit: _Habit) -> tuple[Session, ...]:
    column, weeks, rated_w, departure_hour, timezone = habit
    return sessions_of(mean_profile(profiles, [(column, weeks)]), profiles.first, rated_w, departure_hour, timezone)


@lru_cache(maxsize=256)
def _charging_w(profiles: Profiles, habit: _Habit) -> Floats:
    charging_w: Floats = uncontrolled(_sessions(profiles, habit), profiles.first, profiles.count, habit[2])
    charging_w.flags.writeable = False
    return charging_w


def _uses(site: Site, device: ApplianceUnit, profiles: Profiles) -> tuple[ApplianceUse, ...]:
    hours = device.ready_hour.value, device.latest_end_hour.value
    return daily_uses(profiles.first, profiles.count, site.timezone, *hours)


def _programme(device: ApplianceUnit) -> ProgrammeSteps:
    steps = tuple((60 * step.minutes.value, step.power_w.value) for step in device.programme)
    return ProgrammeSteps(steps, device.interruptible)


def _wind_per_unit(device: Wind, profiles: Profiles) -> Floats:
    """What a turbine could give in each quarter-hour of the profiles, per unit of its rating."""
    curve = PowerCurve(device.cut_in_m_s.value, device.rated_m_s.value, device.cut_out_m_s.value)
    return curve.per_unit(wind_speed(profiles.first, profiles.count, device.mean_wind_m_s.value))


def uncontrolled_w(site: Site, device: Unstored, profiles: Profiles) -> Floats:
    """What a device does over the whole year of the profiles when nobody controls it: mean watts by quarter-hour."""
    rated_w = device.rated_w.value
    zero = np.zeros(profiles.count, dtype=np.float64)
    match device:
        case Pv():
            return -profiles.column(device.column) * rated_w
        case Wind():
            return -_wind_per_unit(device, profiles) * rated_w
        case Gateway():
            return mean_profile(profiles, device.strands) * rated_w
        case ChpUnit():
            return zero - device.plan.value * rated_w
        case Station():
            return _charging_w(profiles, _habit(site, device))
        case ApplianceUnit():
            uses = _uses(site, device, profiles)
            return unmoved(uses, _programme(device), profiles.first, profiles.count)
