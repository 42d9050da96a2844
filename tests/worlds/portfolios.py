"""Mixed portfolios and request shapes for the tests of the virtual power plant."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from agents.planning.dispatch.admm import Band, Coordination, absorb, open_coordination
from agents.planning.dispatch.flexibility import Curtailable, Flexibility, Shiftable, Storable
from cim.model.arrays import Floats

HOURS = 0.25
SIZE = 96
SHORTAGE_PRICE = 50.0


def sun(size: int = SIZE) -> Floats:
    """A clear day per unit of its noon, [size] quarter-hours from midnight."""
    times = np.arange(size) * 96 / size
    return np.where((times > 24) & (times < 72), np.sin((times - 24) / 48 * np.pi), 0.0)


def portfolio(seed: int, count: int, size: int = SIZE) -> list[Flexibility]:
    """`count` elements: a third PV, then batteries, vehicles, heat pumps and a CHP, of mixed size and price."""
    rng = np.random.default_rng(seed)
    makers = (_pv, _battery, _pv, _vehicle, _heat_pump, _pv, _battery, _heat_pump, _vehicle, _chp)
    return [makers[k % len(makers)](rng, f"e{k}", size) for k in range(count)]


def _pv(rng: np.random.Generator, name: str, size: int) -> Flexibility:
    rating = rng.uniform(5, 110)
    up, price = rating * sun(size), np.full(size, rng.uniform(5, 9))
    return Curtailable(name, np.zeros(size), up, price, np.zeros(size), 0.002, HOURS)


def _chp(rng: np.random.Generator, name: str, size: int) -> Flexibility:
    rating = rng.uniform(50, 300)
    down, up, price = np.full(size, -0.2 * rating), np.full(size, 0.5 * rating), np.full(size, 5.0)
    return Curtailable(name, down, up, price, price, 0.002, HOURS)


def _battery(rng: np.random.Generator, name: str, size: int) -> Flexibility:
    power = rng.uniform(3, 75)
    capacity = power * rng.uniform(1, 3)
    plan = np.zeros(size)
    first, last = 28 * size // 96, 78 * size // 96
    plan[first : first + 8] = 0.7 * capacity / 8 / HOURS / 0.95
    plan = np.clip(plan, -power, power)
    plan[last : last + 12] = -plan.sum() / 12 * 0.9
    energy = 0.1 * capacity
    total = float(np.where(plan > 0, plan * 0.95, plan / 0.95).sum()) * HOURS
    full = np.full(size, power)
    bounds = (np.zeros(size), np.full(size, capacity))
    return Storable(name, plan, -full, full, *bounds, energy, total, 0.95, 0.95, 0.002, 2.0 * HOURS, HOURS)


def _vehicle(rng: np.random.Generator, name: str, size: int) -> Flexibility:
    top, start = rng.uniform(3.7, 22), int(rng.integers(0, size // 2))
    present = (np.arange(size) >= start) & (np.arange(size) < start + size // 3)
    steps = int(rng.integers(4, max(size // 6, 5)))
    plan = np.where((np.arange(size) >= start) & (np.arange(size) < start + steps), top, 0.0)
    need = float(plan.sum()) * HOURS
    bounds = (np.zeros(size), np.full(size, need))
    high = np.where(present, top, 0.0)
    return Storable(name, plan, np.zeros(size), high, *bounds, 0.0, need, 1.0, 1.0, 0.02, 0.0, HOURS)


def _heat_pump(rng: np.random.Generator, name: str, size: int) -> Flexibility:
    plan = np.full(size, rng.uniform(0.5, 2))
    used = np.cumsum(plan) * HOURS
    width = rng.uniform(1, 4)
    low, high = np.zeros(size), np.full(size, 4.0)
    return Storable(name, plan, low, high, used - width, used + width, 0.0, float(used[-1]), 1.0, 1.0, 0.05, 0.0, HOURS)


def appliance(rng: np.random.Generator, name: str, size: int) -> Shiftable:
    """A programme of two hours with a heating peak, planned for the evening, ready since the morning."""
    run = np.array([1.4, 1.6, 0.13, 0.13, 0.13, 0.13, 0.13, 0.35])[: size // 4] * rng.uniform(0.7, 1.4)
    planned, first = 70 * size // 96, int(rng.integers(24, 48)) * size // 96
    plan = np.zeros(size)
    plan[planned : planned + len(run)] = run
    return Shiftable(name, plan, run, tuple(range(first, planned + 1)), float(planned), 0.5 * HOURS, HOURS)


def under_tariff(seed: int, models: list[Flexibility]) -> list[Flexibility]:
    """The same elements in homes that buy dear and sell cheap, by the hour, each with a surplus or a need of its own."""
    rng = np.random.default_rng(seed)
    priced: list[Flexibility] = []
    for model in models:
        size = len(model.up_kw if isinstance(model, Curtailable) else model.plan_kw)
        buy, sell = rng.uniform(18, 30, size), np.full(size, 7.0)
        priced.append(replace(model, price_up=buy, price_down=-sell, turn_kw=rng.uniform(-3, 8) * sun(size) - 1.0))
    return priced


def capability(models: list[Flexibility]) -> tuple[Floats, Floats]:
    """[T] (most downwards <= 0, most upwards >= 0) by power alone, kW."""
    moving = [m for m in models if not isinstance(m, Shiftable)]
    down = sum(m.down_kw if isinstance(m, Curtailable) else m.low_kw - m.plan_kw for m in moving)
    up = sum(m.up_kw if isinstance(m, Curtailable) else m.high_kw - m.plan_kw for m in moving)
    return np.asarray(down), np.asarray(up)


def band(shape: str, models: list[Flexibility], size: int = SIZE) -> Band:
    """A request: `noon` (consume more), `evening` (consume less), `single` (one ISP), `impossible` (beyond all)."""
    down, up = capability(models)
    times = np.arange(size) * 96 / size
    ask = np.zeros(size)
    if shape == "noon":
        ask = np.where(sun(size) > 0.6, 0.5 * (sun(size) - 0.6) / 0.4 * up, 0.0)
    elif shape == "evening":
        ask = np.where((times >= 72) & (times < 84), 0.12 * down, 0.0)
    elif shape == "single":
        ask[size // 2] = 0.4 * up[size // 2]
    elif shape == "impossible":
        ask = np.where((times >= 44) & (times < 52), 1.3 * up, 0.0)
    room = 0.3 * float(up.max())
    low = np.where(ask > 0, ask, np.where(ask < 0, ask - room, -room))
    high = np.where(ask < 0, ask, np.where(ask > 0, ask + room, room))
    return Band(low, high, SHORTAGE_PRICE, HOURS)


SHAPES = ("noon", "evening", "single", "impossible")


def negotiate(models: list[Flexibility], asked: Band, rho: float = 0.3) -> tuple[Coordination, list[Floats]]:
    """The rounds between the coordinator and its elements, until it is done."""
    state = open_coordination(asked, sum(m.by_degrees for m in models), rho)
    deviations = [np.zeros(len(asked.low_kw)) for _ in models]
    while not state.done:
        signal, share = state.signal_kw, state.share
        deviations = [m.respond(share * d - signal, state.rho) for m, d in zip(models, deviations, strict=True)]
        models = [m.after(d) for m, d in zip(models, deviations, strict=True)]
        state = absorb(state, np.sum(deviations, axis=0))
    return state, deviations
