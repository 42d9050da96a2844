"""Inverters' Q(V): the standards' points, a power flow in which everybody follows its curve, and what that does to voltage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.codec.codec import decode, encode
from cim.model.errors import BadInput
from environment.feeder import CURVES, Feeder, Line, Network, Node, qv_inverter, settled_flow
from environment.feeder.flow import FlowFailed

NETWORK = Network(
    (Node("n0", 400.0), Node("n1", 400.0), Node("n2", 400.0)),
    (Line("l1", "n0", "n1", 0.10, 0.05, 0.0, 200.0), Line("l2", "n1", "n2", 0.10, 0.05, 0.0, 200.0)),
    (), "n0", 1.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("voltage", "var"),
    [
        (0.90, -4400),
        (0.92, -4400),
        (0.95, -2200),
        (0.98, 0),
        (1.0, 0),
        (1.02, 0),
        (1.05, 2200),
        (1.08, 4400),
        (1.2, 4400),
    ],
)
def test_the_curve_of_ieee_1547_category_b(voltage: float, var: float) -> None:
    """Table 8's defaults on 10 kVA: 44 % at 0.92 and 1.08 of nominal, nothing within 2 %, straight lines between."""
    inverter = qv_inverter("n1", 10_000 / 1.2, 1.2, "ieee-1547-2018-b")
    assert inverter.rated_va == pytest.approx(10_000)
    assert inverter.reactive_var(np.array([voltage]))[0] == pytest.approx(var, abs=1e-6)


@pytest.mark.parametrize(("voltage", "share"), [(0.93, -0.436), (0.97, 0.0), (1.03, 0.0), (1.05, 0.218), (1.07, 0.436)])
def test_the_curve_of_vde_ar_n_4105(voltage: float, share: float) -> None:
    """Nothing within 3 %, all that a displacement factor of 0.9 leaves at 7 %."""
    inverter = qv_inverter("n1", 10_000 / 1.2, 1.2, "vde-ar-n-4105")
    assert inverter.reactive_var(np.array([voltage]))[0] == pytest.approx(10_000 * share, abs=1e-6)
    assert pytest.approx(math.sin(math.acos(0.9)), abs=1e-3) == CURVES["vde-ar-n-4105"].share[3]


def test_active_power_never_gives_way() -> None:
    """An inverter no larger than its plant has no reactive power left; one a little larger has what is left at full power."""
    assert qv_inverter("n1", 5_000, 1.0, "vde-ar-n-4105").reactive_var(np.array([1.2]))[0] == 0
    small = qv_inverter("n1", 5_000, 1.05, "vde-ar-n-4105")
    assert small.reactive_var(np.array([1.2]))[0] == pytest.approx(math.sqrt(5_250**2 - 5_000**2))


@settings(max_examples=25, deadline=None)
@given(
    power=st.lists(st.tuples(st.floats(-20e3, 15e3), st.floats(-20e3, 15e3)), min_size=1, max_size=4),
    curve=st.sampled_from(sorted(CURVES)),
)
def test_everybody_follows_its_curve_where_it_settles(power: list[tuple[float, float]], curve: str) -> None:
    """The reactive power is the curve's at the voltage it leads to, and the flow is that of these powers."""
    feeder = Feeder(NETWORK)
    p_w = np.array([[0.0, near, far] for near, far in power])
    inverters = tuple(qv_inverter(node, 15_000, 1.1, curve) for node in ("n1", "n2", "n2"))
    result, given_var = settled_flow(feeder, p_w, np.zeros_like(p_w), inverters)
    for inverter, column, taken in zip(inverters, (1, 2, 2), given_var.T, strict=True):
        np.testing.assert_allclose(taken, inverter.reactive_var(result.voltage_pu[:, column]), atol=2.0)
    q_var = np.column_stack([np.zeros(len(p_w)), given_var[:, 0], given_var[:, 1] + given_var[:, 2]])
    np.testing.assert_allclose(feeder.flow(p_w, q_var).voltage_pu, result.voltage_pu, atol=1e-9)
    plain = feeder.flow(p_w).voltage_pu
    assert (np.abs(result.voltage_pu - 1) <= np.abs(plain - 1) + 1e-6).all(), "nobody is worse off"


def test_a_voltage_that_is_too_high_comes_down() -> None:
    """Feed-in of 2 × 35 kW: 1.06 pu at the end becomes less, and it takes inductive power to do it."""
    feeder, p_w = Feeder(NETWORK), np.array([[0.0, -35e3, -35e3]])
    inverters = tuple(qv_inverter(node, 35_000, 1.1, "ieee-1547-2018-b") for node in ("n1", "n2"))
    before = feeder.flow(p_w).voltage_pu.max()
    result, given_var = settled_flow(feeder, p_w, np.zeros_like(p_w), inverters)
    assert before > 1.055
    assert result.voltage_pu.max() < before - 0.004
    assert (given_var > 1_000).all()


def test_without_inverters_it_is_the_plain_flow() -> None:
    """Nothing is added."""
    feeder, p_w = Feeder(NETWORK), np.array([[0.0, 1e3, -2e3]])
    result, given_var = settled_flow(feeder, p_w, np.zeros_like(p_w), ())
    np.testing.assert_array_equal(result.voltage_pu, feeder.flow(p_w).voltage_pu)
    assert given_var.shape == (1, 0)


def test_wrong_inverters_are_told() -> None:
    """Which curve, which size, which node."""
    with pytest.raises(BadInput, match=r"curve: 'mine' is unknown; expected one of ieee-1547-2018-b, vde-ar-n-4105"):
        qv_inverter("n1", 1e3, 1.1, "mine")
    with pytest.raises(BadInput, match=r"oversize: 0\.9; expected at least 1"):
        qv_inverter("n1", 1e3, 0.9, "vde-ar-n-4105")
    with pytest.raises(BadInput, match="inverter: 'n9' is no node"):
        settled_flow(
            Feeder(NETWORK), np.zeros((1, 3)), np.zeros((1, 3)), (qv_inverter("n9", 1e3, 1.1, "vde-ar-n-4105"),)
        )


def test_curves_that_chase_each_other_are_told() -> None:
    """Far more inverters than the line's reactance carries: no voltage is made up."""
    weak = Network(NETWORK.nodes, (Line("l1", "n0", "n1", 0.02, 2.0, 0.0, 200.0), NETWORK.lines[1]), (), "n0", 1.05)
    many = tuple(qv_inverter("n1", 30_000, 1.4, "vde-ar-n-4105") for _ in range(2))
    with pytest.raises(FlowFailed):
        settled_flow(Feeder(weak), np.array([[0.0, -5e3, 0.0]]), np.zeros((1, 3)), many)


def test_an_inverter_travels() -> None:
    """It is told to the DSO as part of its config."""
    inverter = qv_inverter("n1", 5_000, 1.1, "vde-ar-n-4105")
    assert decode(encode(inverter)) == inverter
