"""Batteries at prices far below zero: what is answered can be done, costs what is said, and the bound holds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.dispatch.packed import kernels, sums
from agents.planning.dispatch.packed.central import burned_kw, dispatch_few, profiles, programme, solve
from agents.planning.dispatch.packed.coupling import Coupling
from agents.planning.dispatch.packed.members import Members, PackedHost, Rating
from agents.planning.dispatch.packed.messages import PriceAsked
from cim.model.arrays import Floats
from cim.model.errors import BadInput

HOURS, CURVATURE, WEAR, RATED_KW, ETA, ENERGY, CAPACITY = 0.25, 0.02, 0.05, 5.0, 0.95, 20.0, 40.0  # kW-intervals


def answer(pull: Floats) -> tuple[Floats, float]:
    """The battery's power, and what it misses at most."""
    length = len(pull)
    power, worth = np.empty(length), np.empty(length)
    rated = (CURVATURE, WEAR, RATED_KW, RATED_KW, ETA, ETA, ENERGY, CAPACITY)
    room, work = np.zeros((1, 1)), kernels.working_room(length)
    return power, kernels.battery(pull, *rated, power, room, False, worth, work)


def cost(pull: Floats, power: Floats) -> float:
    """Own cost and price, ct."""
    return float(CURVATURE / 2 * power @ power + WEAR * np.abs(power).sum() + pull @ power)


def energy(power: Floats) -> Floats:
    """[T] what is stored after each interval."""
    return ENERGY + np.cumsum(np.where(power > 0, power * ETA, power / ETA))


def least(pull: Floats) -> float:
    """The cost of the best that a battery can do: every way to say when it charges, each solved as it stands."""
    length, best = len(pull), np.inf
    member = Members(_ratings(), np.zeros((1, length)), np.zeros((1, length)), HOURS)
    free = programme(member, Coupling(pull / HOURS, 1e-9, np.full(length, 1e3), np.full(length, 1e3), HOURS))
    for charges in product((False, True), repeat=length):
        high = free.high.copy()
        parts = high[: 5 * length].reshape(5, length)
        parts[0, ~np.array(charges)] = parts[1, np.array(charges)] = 0.0
        try:
            x, _, _ = solve(type(free)(free.quadratic, free.linear, free.equal, free.value, free.low, high, 0.0),
                            "clarabel", 1e-9)  # fmt: skip
        except BadInput:  # no way to end as it began
            continue
        best = min(best, cost(pull, profiles(member, x)[0, 0]))
    return best


def _ratings(number: int = 1) -> Floats:
    ratings = np.zeros((number, len(Rating)))
    for rating, value in (
        (Rating.BATTERY_CURVATURE, CURVATURE), (Rating.BATTERY_WEAR, WEAR), (Rating.CHARGE_KW, RATED_KW),
        (Rating.DISCHARGE_KW, RATED_KW), (Rating.CAPACITY, CAPACITY * HOURS), (Rating.ENERGY, ENERGY * HOURS),
        (Rating.ETA_IN, ETA), (Rating.ETA_OUT, ETA),
    ):  # fmt: skip
        ratings[:, rating] = value
    return ratings


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-60, 40), min_size=2, max_size=24), st.sampled_from([-10.0, -50.0, 0.0]))
def test_the_profile_can_be_executed(prices: list[float], shift: float) -> None:
    """Driven by its net power alone, the battery never leaves its bounds and ends the day as it began it."""
    power, missed = answer((np.array(prices) + shift) * HOURS)
    stored = energy(power)
    assert stored.min() >= -1e-6
    assert stored.max() <= CAPACITY + 1e-6
    assert stored[-1] == pytest.approx(ENERGY, abs=1e-6)
    assert np.abs(power).max() <= RATED_KW + 1e-9
    assert missed >= 0


@pytest.mark.parametrize("price", [-10.0, -50.0])
def test_what_it_misses_is_bounded_by_what_it_says(price: float) -> None:
    """A day of seven intervals at -10 and -50 ct a kWh, one by one solved for every way to charge: the bound holds."""
    pull = HOURS * (price + np.array([0.0, 3.0, -4.0, 6.0, 1.0, -2.0, 5.0]))
    power, missed = answer(pull)
    best, found = least(pull), cost(pull, power)
    assert best <= found + 1e-6
    assert found - missed <= best + 1e-6


@given(st.lists(st.floats(5, 60), min_size=2, max_size=24))
def test_nothing_is_missed_where_burning_does_not_pay(prices: list[float]) -> None:
    """At ordinary prices the answer is the optimum, and says so."""
    assert answer(np.array(prices) * HOURS)[1] == 0.0


@pytest.mark.parametrize("price", [-10.0, -50.0])
def test_a_few_members_are_dispatched_by_what_they_can_do(price: float) -> None:
    """In one piece as well: no battery does both at once, each ends as it began, and the bound lies below the cost."""
    length = 12
    members = Members(_ratings(3), np.zeros((3, length)), np.full((3, length), 1.0), HOURS)
    prices = price + 5 * np.sin(np.arange(length))
    coupling = Coupling(prices, 0.01, np.full(length, 100.0), np.full(length, 100.0), HOURS)
    x, _, _ = solve(programme(members, coupling), "clarabel", 1e-9)
    assert burned_kw(members, x).max() > 0.1  # what the plain programme would have
    dispatch, found = dispatch_few(members, coupling)
    for battery in found[:, 0]:
        assert energy(battery)[-1] == pytest.approx(ENERGY, abs=1e-5)
        assert -1e-5 <= energy(battery).min() <= energy(battery).max() <= CAPACITY + 1e-5
    own = sum(CURVATURE / 2 * b @ b + WEAR * np.abs(b).sum() for b in found[:, 0])
    assert dispatch.cost_ct == pytest.approx(own + coupling.cost_ct(dispatch.total_kw), abs=1e-6)
    assert dispatch.bound_ct <= dispatch.cost_ct


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-80, 20), min_size=6, max_size=6), st.lists(st.floats(-80, 20), min_size=6, max_size=6))
def test_lost_answers_never_lift_the_bound(first: list[float], second: list[float]) -> None:
    """A member that goes silent at prices below zero counts for no more than its least at the new price."""
    members = Members(_ratings(), np.zeros((1, 6)), np.zeros((1, 6)), HOURS)
    told = PackedHost(members, lost=lambda number: np.array([number > 0]))
    told.ask(PriceAsked(0, np.array(first)))()
    silent = told.ask(PriceAsked(1, np.array(second)))()
    heard = PackedHost(members).ask(PriceAsked(0, np.array(second)))()
    assert silent.least_ct <= heard.cost_ct + HOURS * float(np.array(second) @ heard.total_kw) + 1e-6


def test_the_sum_says_the_bound() -> None:
    """What members miss at most is taken off the least that they tell, and off nothing else."""
    pull = np.full(8, -50.0 * HOURS)
    power, missed = answer(pull)
    assert missed > 0
    members = Members(_ratings(), np.zeros((1, 8)), np.zeros((1, 8)), HOURS)
    total = np.zeros(8)
    own, best = sums.respond(members.kernel_form(), np.array([0]), pull, False, np.zeros((1, 1)), total)
    assert total.tolist() == power.tolist()
    assert best == pytest.approx(own + pull @ total - missed)
