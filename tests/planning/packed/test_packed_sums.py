"""Sums of compiled answers: exact by an independent solver, bounded truly where answers are lost, nothing but sums told."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, minimize

from agents.planning.dispatch.packed import sums
from agents.planning.dispatch.packed.members import Members, PackedHost
from agents.planning.dispatch.packed.messages import ApproachAnswer, ApproachAsked, PriceAsked, SumAnswer
from cim.codec.codec import decode, encode
from cim.model.arrays import Floats

T = 6
BATTERY = [0.4, 0.1, 2.0, 1.5, 4.0, 0.9, 0.9, 1.0]
PULL = np.array([4.0, -1.0, 3.0, -2.5, 5.0, 1.0])
ALL_OF = [*BATTERY, 0.3, 1, 5, 2.0, 5.0, 0.5]
ONLY_PLANT = [0.0] * 13 + [0.5]
NOTHING = [0.0] * 14


def _members(rows: list[list[float]], sun: float = 3.0, load: float = 0.5, hours: float = 1.0) -> Members:
    shape = len(rows), T
    return Members(np.array(rows), np.full(shape, sun), load * np.arange(1, len(rows) + 1)[:, None] * np.ones(T), hours)


def _respond(members: Members, pull: Floats, which: list[int] | None = None) -> tuple[float, float, Floats, Floats]:
    """Own costs, least, total and the whole slope."""
    total, slope = np.zeros(T), np.zeros((T, T))
    chosen = np.arange(len(members)) if which is None else np.array(which, dtype=np.int64)
    cost, least = sums.respond(members.kernel_form(), chosen, pull, True, slope, total)
    return cost, least, total, slope + np.tril(slope, -1).T


def test_what_a_device_costs_its_owner_by_hand() -> None:
    """Half the curvature times 4 + 9, and wear on 2 + 3 kW moved either way."""
    assert sums.own_cost(0.4, 0.1, np.array([2.0, -3.0, 0.0])) == pytest.approx(0.2 * 13 + 0.1 * 5)


def test_a_member_of_all_devices_does_what_scipy_finds() -> None:
    """Battery, vehicle and plant of one member: least, own costs and net power as by SLSQP on the written-out problem."""
    eye, none = np.eye(T), np.zeros((T, T))
    path = np.tril(np.ones((T, T))) @ np.hstack([0.9 * eye, -eye / 0.9, none, none])
    charge = np.concatenate([np.zeros(2 * T), np.ones(T), np.zeros(T)])
    rules = [
        LinearConstraint(path[:-1], -1.0, 3.0),
        LinearConstraint(np.vstack([path[-1], charge]), [0.0, 5.0], [0.0, 5.0]),
    ]
    half = np.repeat([0.4, 0.4, 0.3, 0.5], T) / 2
    linear = np.concatenate([0.1 + PULL, 0.1 - PULL, PULL, PULL])
    there = [(0.0, 2.0 if 1 <= t < 5 else 0.0) for t in range(T)]
    bounds = [(0.0, 2.0)] * T + [(0.0, 1.5)] * T + there + [(0.0, 3.0)] * T
    found = minimize(
        lambda x: half @ x**2 + linear @ x,
        np.zeros(4 * T),
        jac=lambda x: 2 * half * x + linear,
        bounds=bounds,
        constraints=rules,
        method="SLSQP",
        options={"ftol": 1e-13, "maxiter": 500},
    )
    assert found.success
    cost, least, total, _ = _respond(_members([ALL_OF]), PULL)
    into, out_of, vehicle, plant = found.x.reshape(4, T)
    net = into - out_of + vehicle + plant + 0.5 - 3.0
    assert least == pytest.approx(found.fun - 2.5 * PULL.sum(), abs=1e-7)
    assert total == pytest.approx(net, abs=1e-4)
    assert cost == pytest.approx(least - float(PULL @ total), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(0, 4))
def test_blocks_add_up_and_the_least_lies_under_its_tangents(seed: int, cut: int) -> None:
    """However members are cut in two the sums are the same; at any other price the least is under total's tangent."""
    members, draw = _members([ALL_OF, NOTHING, ONLY_PLANT, ALL_OF]), np.random.default_rng(seed)
    pull, other = draw.normal(1, 4, (2, T))
    whole = _respond(members, pull)
    first, second = _respond(members, pull, list(range(cut))), _respond(members, pull, list(range(cut, 4)))
    for k in range(4):
        assert np.asarray(first[k]) + np.asarray(second[k]) == pytest.approx(np.asarray(whole[k]), abs=1e-9)
    assert _respond(members, other)[1] <= whole[1] + float(whole[2] @ (other - pull)) + 1e-9


@pytest.mark.parametrize("row", [NOTHING, [*[0.0] * 8, 0.3, 3, 3, 2.0, 5.0, 0.0]], ids=["nothing", "never there"])
def test_a_member_that_cannot_move_is_its_load_at_any_price(row: list[float]) -> None:
    """No device, or a vehicle whose window is empty: load less sun, no costs, no sensitivity."""
    cost, least, total, slope = _respond(_members([row]), PULL)
    assert (cost, total.tolist()) == (0.0, [-2.5] * T)
    assert least == pytest.approx(-2.5 * PULL.sum())
    assert not slope.any()


@pytest.mark.parametrize(
    ("row", "pattern", "held_kw"),
    [
        ([0.5, 0.0, 5.0, 5.0, 20.0, 1.0, 1.0, 10.0, *[0.0] * 6], [1, -1] * 3, 0.0),
        ([*[0.0] * 8, 0.5, 0, T, 10.0, 18.0, 0.0], [1, -1] * 3, 3.0),
        (ONLY_PLANT, [-1] * T, 0.0),
    ],
    ids=["battery", "vehicle", "plant"],
)
def test_the_bound_of_a_promise_is_exact_where_no_limit_is_met(
    row: list[float], pattern: list[int], held_kw: float
) -> None:
    """By hand with c = 0.5: the least told for the silent is the true one, c/2 T held^2 - T p^2 / 2c, for any old price."""
    host = PackedHost(_members([row], sun=3.0, load=3.0), lost=lambda number: np.ones(1, dtype=bool))
    for number, price in enumerate((0.5, 1.0, 1.25)):
        told = host.ask(PriceAsked(number, price * np.array(pattern)))()
        assert told.total_kw == pytest.approx(held_kw - np.array(pattern)), "the first answer is held: 0.5 / c"
        assert told.cost_ct == pytest.approx(T * 0.25 * (held_kw**2 + 1))
        assert told.least_ct == pytest.approx(T * (0.25 * held_kw**2 - price**2))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), silent=st.floats(0.0, 1.0))
def test_lost_answers_never_lift_the_bound_above_the_true_least(seed: int, silent: float) -> None:
    """Whoever is silent for however long: the told least is at most the true one, the sum is theirs of when last heard."""
    members, draw = _members([ALL_OF, NOTHING, ONLY_PLANT, ALL_OF]), np.random.default_rng(seed)
    lost, pulls, heard = draw.random((4, 4)) < silent, draw.normal(1, 3, (4, T)), np.zeros(4, dtype=np.int64)
    host = PackedHost(members, lost=lambda number: lost[number])
    for now in range(4):
        told = host.ask(PriceAsked(now, pulls[now]))()
        heard = np.where(lost[now] & (now > 0), heard, now)
        held = [_respond(members, pulls[heard[i]], [i]) for i in range(4)]
        assert told.total_kw == pytest.approx(np.sum([h[2] for h in held], axis=0), abs=1e-9)
        assert told.cost_ct == pytest.approx(sum(h[0] for h in held), abs=1e-9)
        true = _respond(members, pulls[now])[1]
        assert told.least_ct <= true + 1e-9
        if not lost[now].any():
            assert told.least_ct == pytest.approx(true, abs=1e-9)


def test_a_host_whose_members_are_all_silent_repeats_itself_and_expects_nothing_else() -> None:
    """From the second round on nobody answers: the sum stays, and no sensitivity is made up."""
    host = PackedHost(_members([ALL_OF, ONLY_PLANT]), lost=lambda number: np.ones(2, dtype=bool))
    first, second = (host.ask(PriceAsked(n, PULL + n))() for n in (0, 1))
    assert np.array_equal(second.total_kw, first.total_kw)
    assert np.array_equal(second.expected_kw, second.total_kw)
    assert np.abs(first.slope).max() > 0
    assert not second.slope.any()
    assert (second.members, second.cost_ct) == (2, first.cost_ct)


def test_one_admm_round_of_a_plant_by_hand() -> None:
    """Share 1.5 * 1 - 0.5 * 2 - 0.1 = 0.4; power rho (0.4 + 0.6) / (c + rho) = 0.8; the load is not in the total."""
    answers, shared, total = np.ones((1, 3, T)), np.full((1, 3, T), 2.0), np.full(T, 10.0)
    signal = np.full(T, 0.1), np.full(T, -0.6)
    arrays = _members([ONLY_PLANT]).kernel_form()
    cost = sums.approach(arrays, np.arange(1), signal, (2.0, 1.5), answers, shared, total)
    assert shared[0, 2] == pytest.approx(np.full(T, 0.4))
    assert answers[0, 2] == pytest.approx(np.full(T, 0.8))
    assert total == pytest.approx(np.full(T, 10.8))
    assert cost == pytest.approx(T * 0.25 * 0.64)
    assert (answers[0, :2] == 1.0).all(), "devices that are none stay as they were"


@pytest.mark.parametrize("n", [1, 3, 40])
def test_answers_are_as_large_for_one_member_as_for_forty_and_cross_the_wire(n: int) -> None:
    """Every field told is a number, [T] or [T * T] whatever N is, and both answers survive encoding."""
    host = PackedHost(_members([ALL_OF] * n))
    told = host.ask(PriceAsked(7, PULL))()
    near = host.approach(ApproachAsked(0, np.zeros(T), np.zeros(T), 1.0, 1.5, PULL))()
    for answer, sizes in ((told, [1, 1, T, T, 1, 1, T * T]), (near, [1, 1, 1, T, T, 1, 1])):
        back = decode(encode(answer))
        assert isinstance(back, SumAnswer | ApproachAnswer)
        assert [np.size(getattr(back, f.name)) for f in fields(back)] == sizes
        assert back.total_kw.tolist() == answer.total_kw.tolist()
    assert (told.number, told.members, near.devices) == (7, n, 3 * n)
    assert near.least_ct == pytest.approx(told.least_ct)
    assert near.total_kw == pytest.approx(told.total_kw, abs=1e-6), "round 0 answers the price"
    assert host.ask(PriceAsked(8, PULL, sensitive=False))().slope.size == 0
