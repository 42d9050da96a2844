"""Batteries that serve the site: no plan imports less, orders stay, and nothing is stored that nobody will need."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from agents.planning.microgrid.own_use import SharedStore, serving_kw
from cim.model.arrays import Floats
from cim.model.errors import BadInput

HOURS = 0.25
STORE = SharedStore("b", 20.0, 2.0, 5.0, 4.0, 0.95, 10.0, np.full(96, np.nan))


def day(seed: int) -> Floats:
    """A surplus at noon, need in the morning and in the evening, each rough."""
    hour = np.arange(96) / 4
    sun = np.clip(np.sin((hour - 6) / 12 * np.pi), 0, None) * 8
    return np.asarray(4 - sun + np.random.default_rng(seed).normal(0, 1.5, 96))


def stored(store: SharedStore, power: Floats) -> Floats:
    """What it holds at the end of each interval."""
    inside = np.where(power > 0, power * store.efficiency, power / store.efficiency) * HOURS
    return store.stored_kwh + np.cumsum(inside)


def least_import_kwh(store: SharedStore, rest_kw: Floats, end_kwh: float) -> float:
    """As a linear programme that knows the day: charging, discharging, import."""
    n = len(rest_kw)
    gain = np.hstack([np.eye(n) * store.efficiency, -np.eye(n) / store.efficiency, np.zeros((n, n))]) * HOURS
    path = np.tril(np.ones((n, n))) @ gain
    floor = np.full(n, store.floor_kwh - store.stored_kwh)
    floor[-1] = end_kwh - store.stored_kwh
    balance = np.hstack([np.eye(n), -np.eye(n), -np.eye(n)])  # charging - discharging - import <= -rest
    found = linprog(
        np.concatenate([np.zeros(2 * n), np.full(n, HOURS)]),
        A_ub=np.vstack([path, -path, balance]),
        b_ub=np.concatenate([np.full(n, store.capacity_kwh - store.stored_kwh), -floor, -rest_kw]),
        bounds=[(0, store.in_kw)] * n + [(0, store.out_kw)] * n + [(0, None)] * n,
    )
    return float(found.fun)


@pytest.mark.parametrize("seed", range(6))
def test_no_plan_imports_less(seed: int) -> None:
    """A programme that knows the day, and leaves as much in the battery, needs as much from the mains."""
    rest = day(seed)
    (power,) = serving_kw(rest, [STORE], 1, HOURS, HOURS)
    path = stored(STORE, power)
    assert path.min() > STORE.floor_kwh - 1e-6
    assert path.max() < STORE.capacity_kwh + 1e-6
    imported = float(np.maximum(rest + power, 0).sum()) * HOURS
    assert imported == pytest.approx(least_import_kwh(STORE, rest, float(path[-1])), abs=1e-6)
    assert imported < float(np.maximum(rest, 0).sum()) * HOURS - 10  # and the battery is of use


def test_it_never_feeds_the_mains_nor_draws_from_them() -> None:
    """Of a surplus it takes no more than there is, of a need it gives no more."""
    rest = day(7)
    power = serving_kw(rest, [STORE, replace(STORE, element="c", in_kw=2.0)], 1, HOURS, HOURS).sum(axis=0)
    net = rest + power
    assert (net[rest < 0] < 1e-9).all()
    assert (net[rest > 0] > -1e-9).all()


def test_each_takes_its_share_of_what_all_could() -> None:
    """Of 3 kW of surplus the battery with 5 kW takes two and a half times what that with 2 kW takes."""
    rest = np.where(np.arange(96) < 48, -3.0, 3.0)
    two = [STORE, replace(STORE, element="c", in_kw=2.0)]
    power = serving_kw(rest, two, 1, HOURS, HOURS)
    assert power[:, 0] == pytest.approx([3 * 5 / 7, 3 * 2 / 7])


def test_an_order_stays_and_the_others_make_up_for_it() -> None:
    """What an order discharges into a surplus is taken by the other battery."""
    held = np.full(96, np.nan)
    held[10] = -2.0
    rest = np.where(np.arange(96) < 48, -1.0, 3.0)
    power = serving_kw(rest, [replace(STORE, held_kw=held), replace(STORE, element="c")], 1, HOURS, HOURS)
    assert power[0, 10] == -2.0
    assert power[1, 10] == pytest.approx(3.0)


def test_what_nobody_will_need_is_not_stored() -> None:
    """A site that gives all day is left alone; one that will need 4 kWh keeps no more than these and the losses for them."""
    assert not serving_kw(np.full(96, -3.0), [STORE], 1, HOURS, HOURS).any()
    rest = np.where(np.arange(96) < 92, -3.0, 4.0)
    empty = replace(STORE, stored_kwh=2.0)
    (power,) = serving_kw(rest, [empty], 1, HOURS, HOURS)
    assert stored(empty, power).max() == pytest.approx(2.0 + 4.0 / 0.95, abs=1e-6)
    assert np.maximum(rest + power, 0).sum() == pytest.approx(0.0, abs=1e-6)


def test_what_is_over_is_not_planned_and_a_part_of_an_isp_is_a_part() -> None:
    """From ISP 41 on; in the minute that is left of it the last kilowatt-hour may go at full power."""
    rest = np.full(96, 4.0)
    (power,) = serving_kw(rest, [replace(STORE, stored_kwh=3.0)], 41, 1 / 60, HOURS)
    assert not power[:40].any()
    assert power[40] == pytest.approx(-4.0)
    assert power[41:].sum() * HOURS == pytest.approx(-(1.0 - 4.0 / 60 / 0.95) * 0.95)


def test_rows_of_another_length_are_refused() -> None:
    """An order's row must be of the same day."""
    with pytest.raises(BadInput, match="held_kw: 95 values of b; expected 96"):
        serving_kw(np.zeros(96), [replace(STORE, held_kw=np.full(95, np.nan))], 1, HOURS, HOURS)
