"""Members packed into a host: units, sums, samples and silence, mostly on members small enough for paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.planning.dispatch.packed.members import Members, PackedHost, Rating
from agents.planning.dispatch.packed.messages import PriceAsked
from cim.model.errors import BadInput
from experiments.bench.dispatch import problem

PRICE = np.array([2.0, 4.0, 8.0])  # times half an hour: pulls of 1, 2 and 4


def _members(number: int = 1, **rated: float) -> Members:
    ratings = np.zeros((number, len(Rating)))
    ratings[:, [Rating.ETA_IN, Rating.ETA_OUT]] = 1.0
    for name, value in rated.items():
        ratings[:, Rating[name.upper()]] = value
    return Members(ratings, np.tile([0.0, 5.0, 1.0], (number, 1)), np.tile([1.0, 2.0, 3.0], (number, 1)), 0.5)


def _car(number: int = 1, departure: float = 3, energy: float = 1.5) -> Members:
    return _members(number, vehicle_curvature=1, departure=departure, vehicle_kw=10, vehicle_energy=energy)


def test_a_car_is_asked_in_kwh_and_answers_in_kw() -> None:
    """1.5 kWh in half hours are 3 kW-intervals: 2 and 1 kW on top of load less sun, its costs and its slope per ct/kWh."""
    answer = PackedHost(_car()).ask(PriceAsked(0, PRICE))()
    assert answer.total_kw == pytest.approx([3.0, -2.0, 2.0])
    assert answer.expected_kw.tolist() == answer.total_kw.tolist()
    assert answer.cost_ct == pytest.approx(2.5)
    assert answer.least_ct == pytest.approx(2.5 + 3 * 1 - 2 * 2 + 2 * 4)
    assert answer.slope.reshape(3, 3) == pytest.approx(np.array([[0.25, -0.25, 0], [-0.25, 0.25, 0], [0, 0, 0]]))


def test_members_without_devices_are_load_less_sun() -> None:
    """Nobody can move: the sum is what it is at any price, costs nothing and has no slope."""
    host = PackedHost(_members(4))
    for price in (PRICE, -1e3 * PRICE):
        answer = host.ask(PriceAsked(0, price))()
        assert answer.total_kw.tolist() == [4.0, -12.0, 8.0]
        assert answer.cost_ct == 0
        assert not answer.slope.any()


@pytest.mark.parametrize(("sample", "asked"), [(0, 40), (1, 1), (13, 13), (39, 39), (40, 40), (99, 40), (-1, 40)])
def test_a_sample_is_as_large_as_asked_or_everybody(sample: int, asked: int) -> None:
    """Between one and all but one it is so many different members; anything else is all of them."""
    members = problem.members(6, 0, 40)
    members = replace(members, ratings=0 * members.ratings, available_kw=0 * members.available_kw)
    members.load_kw[:] = 2.0 ** np.arange(40)[:, None]
    answer = PackedHost(members).ask(PriceAsked(0, np.zeros(problem.T), sample, sensitive=False))()
    assert answer.members == asked
    assert int(answer.total_kw[0]).bit_count() == asked
    assert len(answer.slope) == 0


def test_when_all_fall_silent_the_last_promise_stands_and_the_bound_holds() -> None:
    """Round 0 is always answered; at another price the silent's sum stays, and the least is below what they would reach."""
    host, true = PackedHost(_car(5), lost=lambda _: np.ones(5, dtype=np.bool_)), PackedHost(_car(5))
    first = host.ask(PriceAsked(0, PRICE))()
    assert first.total_kw.tolist() == true.ask(PriceAsked(0, PRICE))().total_kw.tolist()
    held, moved = host.ask(PriceAsked(1, PRICE[::-1].copy()))(), true.ask(PriceAsked(1, PRICE[::-1].copy()))()
    assert held.total_kw.tolist() == first.total_kw.tolist()
    assert held.cost_ct == pytest.approx(first.cost_ct)
    worth = held.cost_ct + PRICE[::-1] * 0.5 @ held.total_kw
    assert held.least_ct == pytest.approx(worth - 5 * 0.5 * (3**2 + 0 + 3**2))
    assert held.least_ct < moved.least_ct < worth


@pytest.mark.parametrize(
    ("leaves", "energy", "missing"), [(3, 15, 0), (3, 15.5, 0.5), (3, 1, 0), (0, 2, 2), (1, 12, 7)]
)
def test_what_a_car_cannot_get_is_told_in_kwh(leaves: float, energy: float, missing: float) -> None:
    """10 kW for each half hour of its stay; exactly enough time is enough, and no time misses all of it."""
    members = _car(2, leaves, energy)
    assert members.unserved_kwh() == pytest.approx([missing] * 2)
    charged = PackedHost(members).profiles(PRICE)[:, 1].sum(axis=1) * members.hours
    assert charged + members.unserved_kwh() == pytest.approx([energy] * 2)


@pytest.mark.parametrize(
    ("rated", "name"), [("capacity", "BATTERY_CURVATURE"), ("vehicle_energy", "VEHICLE_CURVATURE")]
)
@pytest.mark.parametrize("curvature", [0.0, -1.0, np.nan])
def test_a_device_without_curvature_is_refused_by_name(rated: str, name: str, curvature: float) -> None:
    """Its answer would jump with the price: rating and member are named; a device that is none needs no curvature."""
    members = _members(3, **{name: curvature})
    members.ratings[2, Rating[rated.upper()]] = 1.0
    with pytest.raises(BadInput, match=f"{name} of member 2 is not above 0"):
        replace(members)


@pytest.mark.parametrize(("arrival", "departure"), [(2, 1), (0, 4), (-1, 2)])
def test_a_vehicle_that_cannot_be_there_is_refused(arrival: float, departure: float) -> None:
    """Gone before it came, gone after the day, come before it: one sentence with what was expected."""
    with pytest.raises(BadInput, match=r"vehicle of member 0 is there from .* expected 0 <= arrival <= departure <= 3"):
        _members(vehicle_curvature=1, arrival=arrival, departure=departure, vehicle_kw=10, vehicle_energy=1)


def test_a_host_of_nobody_answers_nothing_even_where_answers_are_lost() -> None:
    """Zero, and no NaN."""
    answer = PackedHost(_members(0), lost=lambda _: np.zeros(0, dtype=bool)).ask(PriceAsked(0, PRICE))()
    assert answer.expected_kw.tolist() == answer.total_kw.tolist() == [0.0, 0.0, 0.0]
