"""The microgrid that is planned: 20 scenarios, 96 ISPs, 40 resources (made up, the same for one seed on every machine)."""

from __future__ import annotations

import numpy as np

from agents.planning.microgrid.exchange import Exchange
from agents.planning.microgrid.problem import Microgrid
from agents.planning.microgrid.resource import FlexResource
from cim.model.arrays import Floats

ISPS, SCENARIOS, HOURS = 96, 20, 0.25
BATTERIES, CHPS, AGGREGATORS = 14, 4, 22


def microgrid(seed: int) -> Microgrid:
    """A district of about Strem's size: 2 MW of sun, 0.9 MW of load, 14 batteries, 4 CHP plants and 22 aggregators."""
    rng = np.random.default_rng([seed, 1])
    slots = np.arange(ISPS)
    buy = 20 + 8 * np.sin((slots - 60) / ISPS * 4 * np.pi) + rng.uniform(0, 1, ISPS)
    limit = np.full(ISPS, 1500.0)
    exchange = Exchange(buy, buy - 9, limit, limit, 100.0)
    resources = (
        *(_battery(rng, number) for number in range(BATTERIES)),
        *(_chp(rng, number) for number in range(CHPS)),
        *(_aggregator(rng, number) for number in range(AGGREGATORS)),
    )
    return Microgrid(resources, exchange, scenarios(seed), HOURS)


def scenarios(seed: int) -> tuple[Floats, ...]:
    """Load and sun of a day, each scenario with its own level, its own sky and errors that wander."""
    rng = np.random.default_rng([seed, 2])
    slots = np.arange(ISPS)
    load = 900 + 300 * np.sin((slots - 30) / ISPS * 2 * np.pi)
    sun = 2000 * np.clip(np.sin((slots - 24) / 48 * np.pi), 0, None)
    found = []
    for _ in range(SCENARIOS):
        wander = 15 * np.cumsum(rng.standard_normal(ISPS))
        sky = np.clip(0.7 + 0.2 * rng.standard_normal(), 0.1, 1.0)
        found.append(load * (1 + 0.08 * rng.standard_normal()) + wander - sky * sun)
    return tuple(found)


def later(told: tuple[Floats, ...], seed: int, since: int) -> tuple[Floats, ...]:
    """The same scenarios a quarter-hour later: from `since` on they have moved together, and each a little by itself."""
    rng = np.random.default_rng([seed, 3, since])
    together = 20 * rng.standard_normal() * np.exp(-np.arange(ISPS - since) / 8)
    moved = []
    for row in told:
        new = row.copy()
        new[since:] += together + 3 * np.cumsum(rng.standard_normal(ISPS - since)) / np.sqrt(
            1 + np.arange(ISPS - since)
        )
        moved.append(new)
    return tuple(moved)


def _battery(rng: np.random.Generator, number: int) -> FlexResource:
    rated, hours = rng.uniform(20, 250), rng.uniform(1.5, 3)
    capacity, rows = rated * hours, np.ones(ISPS)
    floor = np.where(np.arange(ISPS) == ISPS - 1, capacity / 2, 0.0)
    wear = rng.uniform(0.5, 1.5)
    return FlexResource(
        f"battery-{number}",
        0 * rows,
        -rated * rows,
        rated * rows,
        floor,
        capacity * rows,
        capacity / 2,
        wear,
        wear,
        0.95,
    )


def _chp(rng: np.random.Generator, number: int) -> FlexResource:
    """What it makes less than planned it keeps as gas, up to six hours of it; nothing is owed at the day's end."""
    rated, rows = rng.uniform(50, 500), np.ones(ISPS)
    store = 6 * rated
    fuel = rng.uniform(5, 12)
    return FlexResource(
        f"chp-{number}", -0.8 * rated * rows, -rated * rows, -0.4 * rated * rows, 0 * rows, store * rows, store / 2, -fuel, fuel,
        ramp_kw=0.3 * rated,
    )  # fmt: skip


def _aggregator(rng: np.random.Generator, number: int) -> FlexResource:
    """Members who move what they draw within some hours, and have it back by the day's end."""
    rated, hours = rng.uniform(10, 150), rng.uniform(1, 2.5)
    energy, slots = rated * hours, np.arange(ISPS)
    base = rated * (0.35 + 0.15 * np.sin((slots - rng.uniform(0, ISPS)) / ISPS * 2 * np.pi))
    floor = np.where(slots == ISPS - 1, 0.0, -energy)
    dear = rng.uniform(0.5, 2)
    return FlexResource(
        f"aggregator-{number}",
        base,
        np.zeros(ISPS),
        np.full(ISPS, rated),
        floor,
        np.full(ISPS, energy),
        0.0,
        dear,
        dear,
    )
