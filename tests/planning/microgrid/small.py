"""A small microgrid: a battery, a CHP plant and an aggregator over eight hours, against a few scenarios."""

from __future__ import annotations

import numpy as np

from agents.planning.microgrid.exchange import Exchange
from agents.planning.microgrid.problem import Microgrid
from agents.planning.microgrid.resource import FlexResource
from cim.model.arrays import Floats

T = 8
ROWS = np.ones(T)


def exchange(buy: float = 20.0, sell: float = 5.0) -> Exchange:
    """One price all day."""
    return Exchange(buy * ROWS, sell * ROWS, 100 * ROWS, 100 * ROWS, 50.0)


def two_prices(early: float, late: float, limit_kw: float = 999.0) -> Exchange:
    """One price in the first four hours, another one later; what is sold earns the same."""
    price = np.where(np.arange(T) < 4, early, late)
    return Exchange(price, price, limit_kw * ROWS, limit_kw * ROWS, 500.0)


def battery(efficiency: float = 1.0, wear: float = 1.0, energy_kwh: float = 0.0) -> FlexResource:
    """10 kW, 20 kWh, and free to end as it likes."""
    return FlexResource("b", 0 * ROWS, -10 * ROWS, 10 * ROWS, 0 * ROWS, 20 * ROWS, energy_kwh, wear, wear, efficiency)


def chp(ramp_kw: float = 5.0) -> FlexResource:
    """Makes 20 kW as planned, 8 to 25 kW; a kWh costs 6 ct; what it makes less it keeps as gas."""
    return FlexResource("c", -20 * ROWS, -25 * ROWS, -8 * ROWS, 0 * ROWS, 200 * ROWS, 100.0, -6.0, 6.0, ramp_kw=ramp_kw)


def aggregator() -> FlexResource:
    """Draws 8 kW, 0 to 15 kW, and has back by the end what it gave."""
    floor = np.where(np.arange(T) == T - 1, 0.0, -12.0)
    return FlexResource("a", 8 * ROWS, 0 * ROWS, 15 * ROWS, floor, 12 * ROWS, 0.0, 0.5, 0.5)


def microgrid(seed: int = 1, count: int = 3) -> Microgrid:
    """All three under prices and scenarios drawn from a seed."""
    rng = np.random.default_rng(seed)
    buy = rng.uniform(10, 30, T)
    prices = Exchange(buy, buy - rng.uniform(2, 8, T), 40 * ROWS, 40 * ROWS, 50.0)
    paths = tuple(rng.normal(0, 25, T) for _ in range(count))
    return Microgrid((battery(0.9, energy_kwh=5.0), chp(), aggregator()), prices, paths, 1.0)


def alone(resource: FlexResource, prices: Exchange, *paths: Floats) -> Microgrid:
    """One resource against scenarios."""
    return Microgrid((resource,), prices, paths, 1.0)
