"""The feeder's power flow on any small feeder: energy, voltage drop, and what must make no difference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from environment.feeder import Feeder, Line, Network, Node
from environment.feeder.elements import rated_va
from environment.feeder.flow import FlowFailed, FlowResult
from tests.environment.cim_grid.networks import networks

NOMINAL_V = 400.0


@st.composite
def trees(draw: st.DrawFn) -> Network:
    """A low-voltage tree of two to seven nodes; its lines have no capacitance, so only loads draw."""
    count = draw(st.integers(2, 7))
    lines = []
    for index in range(1, count):
        above = draw(st.integers(0, index - 1))
        r_ohm, x_ohm = draw(st.floats(0.005, 0.2)), draw(st.floats(0.005, 0.2))
        lines.append(Line(f"l{index}", f"n{above}", f"n{index}", r_ohm, x_ohm, 0.0, 100.0))
    nodes = tuple(Node(f"n{index}", NOMINAL_V) for index in range(count))
    return Network(nodes, tuple(lines), (), "n0", draw(st.floats(0.95, 1.05)))


def powers(network: Network, seed: int, least_w: float = -1000.0) -> tuple[np.ndarray, np.ndarray]:
    """Active and reactive power at each node, at most a kilowatt: what such a tree carries."""
    draw = np.random.default_rng(seed)
    shape = (1, len(network.nodes))
    return draw.uniform(least_w, 1000.0, shape), draw.uniform(max(least_w, -500.0), 500.0, shape)


def volts(flow: FlowResult) -> dict[str, float]:
    """The voltage of each node, per unit."""
    return dict(zip(flow.node_names, flow.voltage_pu[0], strict=True))


def through(flow: FlowResult) -> dict[str, float]:
    """The power into each branch, watts."""
    return dict(zip(flow.branch_names, flow.branch_p_w[0], strict=True))


SEEDS = st.integers(0, 10**6)


@settings(max_examples=40)
@given(networks(), SEEDS)
def test_energy_is_neither_made_nor_lost(network: Network, seed: int) -> None:
    """What comes from above is what the nodes draw and what branches turn into heat; no branch gives power."""
    p_w, q_var = powers(network, seed)
    try:
        flow = Feeder(network).flow(p_w, q_var)
    except FlowFailed:
        assume(False)  # a tap twenty steps off may leave a grid that carries nothing
    assert flow.slack_p_w[0] == pytest.approx(p_w.sum() + flow.losses_w[0], abs=0.01)
    assert flow.losses_w[0] >= -1e-3


@settings(max_examples=40)
@given(trees(), SEEDS)
def test_every_line_carries_what_is_below_it_and_its_losses(network: Network, seed: int) -> None:
    """At each node what comes in by its line is its own load and what goes on, but for the heat of that line."""
    p_w, q_var = powers(network, seed)
    flow = Feeder(network).flow(p_w, q_var)
    into = through(flow)
    lost = 0.0
    for index, line in enumerate(network.lines, 1):
        further = sum(into[other.name] for other in network.lines if other.from_node == line.to_node)
        heat_w = into[line.name] - p_w[0, index] - further
        assert heat_w >= -1e-3
        lost += heat_w
    assert lost == pytest.approx(flow.losses_w[0], abs=0.01)
    at_source = sum(into[line.name] for line in network.lines if line.from_node == "n0")
    assert flow.slack_p_w[0] == pytest.approx(at_source + p_w[0, 0], abs=0.01)


@settings(max_examples=40)
@given(trees(), SEEDS)
def test_voltage_falls_along_every_line_that_feeds_loads(network: Network, seed: int) -> None:
    """Where all nodes draw, active and inductive, no node has a higher voltage than the one before it."""
    flow = volts(Feeder(network).flow(*powers(network, seed, least_w=1.0)))
    assert flow["n0"] == pytest.approx(network.slack_voltage_pu)
    assert all(flow[line.to_node] < flow[line.from_node] for line in network.lines)


@settings(max_examples=30)
@given(trees(), SEEDS)
def test_voltage_rises_along_every_line_that_takes_generation(network: Network, seed: int) -> None:
    """Where all nodes give active power only, voltages rise away from the source, and power flows up every line."""
    p_w, _ = powers(network, seed, least_w=1.0)
    flow = Feeder(network).flow(-p_w)
    found = volts(flow)
    assert all(found[line.to_node] > found[line.from_node] - 1e-9 for line in network.lines)
    assert (flow.branch_p_w < 0).all()


@settings(max_examples=30)
@given(networks(), SEEDS)
def test_the_order_of_nodes_and_branches_does_not_matter(network: Network, seed: int) -> None:
    """Parts listed in another order have the same voltages, powers and losses, by their names."""
    mix = np.random.default_rng(seed)

    def mixed(count: int) -> list[int]:
        return [int(place) for place in mix.permutation(count)]

    places = mixed(len(network.nodes))
    other = replace(
        network,
        nodes=tuple(network.nodes[place] for place in places),
        lines=tuple(network.lines[place] for place in mixed(len(network.lines))),
        transformers=tuple(network.transformers[place] for place in mixed(len(network.transformers))),
    )
    p_w, q_var = powers(network, seed)
    try:
        before = Feeder(network).flow(p_w, q_var)
    except FlowFailed:
        assume(False)
    after = Feeder(other).flow(p_w[:, places], q_var[:, places])
    assert volts(after) == pytest.approx(volts(before), rel=1e-8)
    assert through(after) == pytest.approx(through(before), rel=1e-6, abs=0.1)
    assert after.losses_w[0] == pytest.approx(before.losses_w[0], rel=1e-6, abs=0.1)


@settings(max_examples=30)
@given(trees(), SEEDS, st.data())
def test_which_end_of_a_line_is_called_its_first_does_not_matter(
    network: Network, seed: int, data: st.DataObject
) -> None:
    """A line turned round has the same voltages and loading; the power into its first end is that out of its other."""
    place = data.draw(st.integers(0, len(network.lines) - 1))
    line = network.lines[place]
    lines = list(network.lines)
    lines[place] = replace(line, from_node=line.to_node, to_node=line.from_node)
    p_w, q_var = powers(network, seed)
    before, after = Feeder(network).flow(p_w, q_var), Feeder(replace(network, lines=tuple(lines))).flow(p_w, q_var)
    assert volts(after) == pytest.approx(volts(before), rel=1e-9)
    np.testing.assert_allclose(after.loading_pct, before.loading_pct, rtol=1e-5, atol=1e-6)
    heat_w = through(before)[line.name] + through(after)[line.name]
    assert -1e-3 <= heat_w <= before.losses_w[0] + 1e-3


@settings(max_examples=20)
@given(trees(), SEEDS)
def test_two_lines_in_parallel_are_one_of_half_the_impedance(network: Network, seed: int) -> None:
    """Each line doubled, with twice its impedance, is the same feeder; each half carries half of the power."""
    halves = tuple(
        replace(line, name=f"{line.name}{half}", r_ohm=2 * line.r_ohm, x_ohm=2 * line.x_ohm)
        for line in network.lines
        for half in "ab"
    )
    p_w, q_var = powers(network, seed)
    one, two = Feeder(network).flow(p_w, q_var), Feeder(replace(network, lines=halves)).flow(p_w, q_var)
    assert volts(two) == pytest.approx(volts(one), rel=1e-9)
    assert two.losses_w[0] == pytest.approx(one.losses_w[0], rel=1e-5, abs=1e-3)
    for name, into_w in through(one).items():
        assert through(two)[f"{name}a"] == pytest.approx(into_w / 2, rel=1e-6, abs=1e-3)


@settings(max_examples=20)
@given(trees(), SEEDS)
def test_twice_the_load_is_more_than_four_times_the_losses(network: Network, seed: int) -> None:
    """Heat grows with the square of the current, and the current more than with the power, as the voltage falls."""
    p_w, q_var = powers(network, seed, least_w=1.0)
    flow = Feeder(network).flow(np.vstack([p_w, 2 * p_w]), np.vstack([q_var, 2 * q_var]))
    assert flow.losses_w[1] >= 4 * flow.losses_w[0] * (1 - 1e-6)
    assert (flow.voltage_pu[1, 1:] < flow.voltage_pu[0, 1:]).all()


@given(trees())
@settings(max_examples=15)
def test_without_load_every_node_has_the_sources_voltage(network: Network) -> None:
    """Nothing flows and nothing is lost: all voltages are that of the source."""
    flow = Feeder(network).flow(np.zeros((1, len(network.nodes))))
    np.testing.assert_allclose(flow.voltage_pu, network.slack_voltage_pu, rtol=1e-9)
    np.testing.assert_allclose([flow.losses_w[0], flow.slack_p_w[0]], 0.0, atol=1e-3)


@given(trees(), SEEDS)
@settings(max_examples=15)
def test_loading_is_current_against_rating(network: Network, seed: int) -> None:
    """A line of half the rating is twice as loaded by the same current; the flow itself knows no rating."""
    p_w, q_var = powers(network, seed)
    weaker = replace(network, lines=tuple(replace(line, rated_a=line.rated_a / 2) for line in network.lines))
    one, other = Feeder(network).flow(p_w, q_var), Feeder(weaker).flow(p_w, q_var)
    np.testing.assert_allclose(other.loading_pct, 2 * one.loading_pct, rtol=1e-9)
    np.testing.assert_array_equal(other.voltage_pu, one.voltage_pu)


@given(networks())
@settings(max_examples=15)
def test_a_branch_may_carry_its_rating_at_its_nominal_voltage(network: Network) -> None:
    """A line's rating is sqrt(3) U I at its own nominal voltage, a transformer's is its own; each branch has one."""
    found = rated_va(network)
    assert tuple(found) == network.branch_names
    level = {node.name: node.nominal_v for node in network.nodes}
    for line in network.lines:
        assert found[line.name] == pytest.approx(3**0.5 * level[line.to_node] * line.rated_a)
    assert all(found[item.name] == item.rated_va for item in network.transformers)
