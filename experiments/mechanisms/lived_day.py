"""A day of a district as it goes by its devices' own rules: what offers and needs are measured against."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np

from agents.assembly.tariffs_of_site import tariff_of
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from environment.physics import Battery, ChargePoint, HeatPumpRoom, PhysicalUnit
from environment.physics.world import World
from environment.profiles.library import Profiles, load
from environment.profiles.sessions import Session
from environment.sites.schema import Site
from environment.weather_model import WeatherFeed
from experiments.run.grid import Truth
from experiments.run.run import OPENING_HOUR
from market.mechanisms.lots import drawn

SPREAD = 0.2  # assumed: owners' costs differ by so much from what the site file says of a kind, evenly
_GATE = timedelta(hours=1)  # the market of an hour closes so long before it: `gate_closure_isps` at Strem


@dataclass(frozen=True)
class LivedDay:
    """What happened, and what was expected of it when the market closed; energies are watt-hours of an ISP.

    Attributes:
        truth: prosumer -> (active, reactive power) of each ISP.
        energy_wh: unit -> [T], + = consumption.
        available_wh: sun and wind -> [T] what they could really give, >= 0.
        expected_generation_wh: the same as it was foretold.
        expected_net_wh: prosumer -> [T] net energy as it was foretold.
        at_start: units at the day's beginning, for their ratings.
        stored_wh, temperature_c: battery, heated room -> [T] at each ISP's beginning.
        visits: charge point -> for each vehicle, [T] whether it is plugged in all through the ISP.
        rates: prosumer -> (what a kWh costs, what it earns), [T] ct/kWh.
        own_factor: element -> what its owner's cost is of what the site file says.
    """

    day: LocalDay
    hours: float
    truth: Truth
    energy_wh: dict[str, Floats]
    available_wh: dict[str, Floats]
    expected_generation_wh: dict[str, Floats]
    expected_net_wh: dict[str, Floats]
    at_start: dict[str, PhysicalUnit]
    stored_wh: dict[str, Floats]
    temperature_c: dict[str, Floats]
    visits: dict[str, tuple[np.ndarray[tuple[int, ...], np.dtype[np.bool_]], ...]]
    rates: dict[str, tuple[Floats, Floats]]
    own_factor: dict[str, float]


def live(site: Site, day: date, seed: int) -> LivedDay:
    """The local day `day` with a seed: of batteries' first charge, of the weather service's error, of owners' costs."""
    profiles = load(site.profiles)
    local = LocalDay(day, site.timezone, site.isp_minutes)
    world = World(site, profiles, local.next(-1).at(OPENING_HOUR), seed)
    world.advance(local.start)
    stored, warm, present = _while_living(world, local)
    devices = world.device_truth(local.start, local.end)
    truth, hours = world.truth(local.start, local.end), site.isp_minutes / 60
    error = _sun_error(profiles, seed, local)
    available = {name: -row * hours for name, row in devices.available_w.items()}
    expected = {
        f"{p.name}.{device.name}": _foretold(available[f"{p.name}.{device.name}"], error, device.rated_w.value * hours)
        for p in site.prosumers
        for device in p.devices
        if f"{p.name}.{device.name}" in available
    }
    net: dict[str, Floats] = {name: active.astype(np.float64) * hours for name, (active, _) in truth.items()}
    for name, row in expected.items():
        owner = name.partition(".")[0]
        net[owner] = net[owner] + available[name] - row
    rates = {p.name: tariff_of(site, p.name).rates(local) for p in site.prosumers}
    names = tuple(world.devices)
    lots = drawn(seed, "owner's cost", names) / 2**62
    return LivedDay(
        day=local,
        hours=hours,
        truth=truth,
        energy_wh={name: row * hours for name, row in devices.power_w.items()},
        available_wh=available,
        expected_generation_wh=expected,
        expected_net_wh=net,
        at_start=dict(world.devices),
        stored_wh=stored,
        temperature_c=warm,
        visits={name: _visits(rows) for name, rows in present.items()},
        rates={name: (day_rates.retail_ct_per_kwh, day_rates.feed_in_ct_per_kwh) for name, day_rates in rates.items()},
        own_factor=dict(zip(names, (1 + SPREAD * (2 * lots - 1)).tolist(), strict=True)),
    )


def _while_living(
    world: World, local: LocalDay
) -> tuple[dict[str, Floats], dict[str, Floats], dict[str, list[Session | None]]]:
    """Go through the day, and note at each ISP's beginning what is stored, how warm it is and which vehicle is there.

    A vehicle that comes or leaves within an ISP is not there in it.
    """
    stored = {name: np.zeros(local.count) for name, unit in world.devices.items() if isinstance(unit, Battery)}
    warm = {name: np.zeros(local.count) for name, unit in world.devices.items() if isinstance(unit, HeatPumpRoom)}
    there = {name: list[Session | None]() for name, unit in world.devices.items() if isinstance(unit, ChargePoint)}
    for isp in range(local.count):
        for name, unit in world.devices.items():
            match unit:
                case Battery():
                    stored[name][isp] = unit.stored_wh
                case HeatPumpRoom():
                    warm[name][isp] = unit.temperature_c
                case ChargePoint():
                    there[name].append(unit.session)
        world.advance(local.isp_start(isp + 2))
        for name, rows in there.items():
            unit = world.devices[name]
            if isinstance(unit, ChargePoint) and unit.session is not rows[-1]:
                rows[-1] = None
    return stored, warm, there


def _visits(rows: list[Session | None]) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.bool_]], ...]:
    sessions = dict.fromkeys(session for session in rows if session is not None)
    return tuple(np.array([row == session for row in rows]) for session in sessions)


@lru_cache(maxsize=8)
def _feed(profiles: str, seed: int, timezone: str) -> WeatherFeed:
    return WeatherFeed(load(profiles), seed, timezone)


def _sun_error(profiles: Profiles, seed: int, local: LocalDay) -> Floats:
    """[T] by how much the weather service is wrong at the market's gate, per unit of rating."""
    feed = _feed(profiles.name, seed, local.timezone)
    parts = []
    start = local.start
    while start < local.end:
        end = min(start + timedelta(hours=1), local.end)
        parts.append(feed.forecast(start - _GATE, start, end) - feed.truth(start, end))
        start = end
    quarters = local.isp // timedelta(minutes=15)
    error: Floats = np.concatenate(parts).reshape(-1, quarters).mean(axis=1)
    return error


def _foretold(available_wh: Floats, error: Floats, rated_wh: float) -> Floats:
    """[T] what a plant is expected to give: by day the truth and the service's error, within its rating."""
    found: Floats = np.where(available_wh > 0, np.clip(available_wh + error * rated_wh, 0.0, rated_wh), 0.0)
    return found
