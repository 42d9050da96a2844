"""What each kind answers to a price round is the best of all it could do: against a search over a grid of powers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import numpy as np
import pytest

from agents.planning.dispatch.flexibility import Curtailable, Flexibility
from agents.planning.elements.element import ElementConfig, ElementKnowledge
from agents.planning.elements.registry import element_kind
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind, ThermalDescription, VehiclePlugged
from tests.worlds.elements import DAY, unknown, window

SIZE = 3  # ISPs; more would make the grid too large
STEPS = 41
PLANS = {
    DeviceKind.PV: (-6.0, -8.0, -3.0),
    DeviceKind.WIND: (-4.0, -4.0, -9.0),
    DeviceKind.CHP: (-7.0, -7.0, -7.0),
    DeviceKind.BATTERY: (2.0, 0.0, -1.0),
    DeviceKind.STATION: (8.0, 4.0, 0.0),
    DeviceKind.GATEWAY: (1.0, 1.0, 2.0),
}


def knowledge(kind: DeviceKind) -> ElementKnowledge:
    """An element of the kind that can move, of about ten kilowatts."""
    config = ElementConfig("e", kind, 10_000, 10_000, 6_000, -7_000, -3_000)
    stay = VehiclePlugged(5_000, 10_000, DAY.start + timedelta(hours=3), DAY.start)
    room = ThermalDescription(20.9, 21.15, 0, 4_000, 1e-7, datetime(2026, 5, 20, tzinfo=UTC))
    return replace(unknown(config), session=stay, room=room, temperature_c=21.0, stored_kwh=1.5)


def model_of(kind: DeviceKind) -> tuple[Flexibility, Floats]:
    """The kind's model over three ISPs, and the plan it deviates from."""
    plan = np.array([*PLANS[kind], *[0.0] * (96 - SIZE)])
    model = element_kind(kind).flexibility(knowledge(kind), plan, window(1, SIZE))
    assert model is not None
    return model, plan[:SIZE]


def bounds(model: Flexibility) -> tuple[Floats, Floats]:
    """The bounds of a deviation in each ISP."""
    if isinstance(model, Curtailable):
        return model.down_kw, model.up_kw
    return model.low_kw - model.plan_kw, model.high_kw - model.plan_kw


def feasible(model: Flexibility, deviation: Floats, slack: float = 1e-6) -> bool:
    """Whether a store keeps its bounds and ends where its plan ends."""
    if isinstance(model, Curtailable):
        return True
    power = model.plan_kw + deviation
    energy = model.energy_kwh + np.cumsum(
        np.where(power > 0, power * model.eta_in, power / model.eta_out) * model.hours
    )
    inside = (energy >= model.floor_kwh - slack).all() and (energy <= model.ceiling_kwh + slack).all()
    return bool(inside and abs(energy[-1] - model.energy_kwh - model.total_kwh) <= slack)


def candidates(model: Flexibility) -> list[Floats]:
    """All deviations on the grid; of a store the last ISP is what the others leave to be done."""
    low, high = bounds(model)
    axes = [np.linspace(a, b, STEPS) for a, b in zip(low, high, strict=True)]
    if isinstance(model, Curtailable):
        return [np.array(point) for point in product(*(axis[::2] for axis in axes))]
    found = []
    for head in product(*axes[:-1]):
        power = model.plan_kw[:-1] + np.array(head)
        spent = float((np.where(power > 0, power * model.eta_in, power / model.eta_out) * model.hours).sum())
        rest = (model.total_kwh - spent) / model.hours
        last = rest / model.eta_in if rest > 0 else rest * model.eta_out
        deviation = np.array([*head, last - model.plan_kw[-1]])
        if low[-1] - 1e-9 <= deviation[-1] <= high[-1] + 1e-9 and feasible(model, deviation):
            found.append(deviation)
    return found


@pytest.mark.parametrize("rho", [0.05, 0.5])
@pytest.mark.parametrize("kind", sorted(PLANS))
def test_no_other_profile_is_better_than_the_answer(kind: DeviceKind, rho: float) -> None:
    """The answer keeps the kind's bounds, and its cost plus proximal term is below that of every point of the grid."""
    model, _ = model_of(kind)
    low, high = bounds(model)
    others = candidates(model)
    assert len(others) > 20
    rng = np.random.default_rng(7)
    for target in (rng.normal(size=SIZE) * 6 for _ in range(6)):

        def value(deviation: Floats, target: Floats = target) -> float:
            return model.cost(deviation) + rho / 2 * float(((deviation - target) ** 2).sum())

        answer = model.respond(target, rho)
        assert (answer >= low - 1e-9).all()
        assert (answer <= high + 1e-9).all()
        assert feasible(model, answer)
        assert value(answer) <= min(value(other) for other in others) + 1e-6


@pytest.mark.parametrize("kind", sorted(PLANS))
def test_left_alone_it_keeps_to_its_plan(kind: DeviceKind) -> None:
    """Asked for nothing, it does not move: its plan is the cheapest it can do."""
    model, _ = model_of(kind)
    np.testing.assert_allclose(model.respond(np.zeros(SIZE), 0.3), 0.0, atol=1e-6)
    assert model.cost(np.zeros(SIZE)) == 0.0
