"""The safety analysis asks for enough and no more, with the right sign, and gives room only within the limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.grid_safety.assessment import Assessment, PointGrid, assess
from agents.planning.jobs import run
from cim.model.arrays import Floats
from cim.model.errors import ProgrammingFault
from environment.feeder import Feeder, Limits, Line, Network, Node, Transformer, qv_inverter

NETWORK = Network(
    nodes=(Node("mv", 20_000), Node("lv", 400), Node("near", 400), Node("far", 400)),
    lines=(
        Line("l1", "lv", "near", 0.02, 0.008, 0, 350),
        Line("l2", "near", "far", 0.03, 0.012, 0, 350),
    ),
    transformers=(Transformer("t", "mv", "lv", 160_000, 20_000, 400, 4, 2_350, 460, 0.3, 5),),
    slack_node="mv",
    slack_voltage_pu=1.0,
)
POINT = PointGrid("cp", "t", ("lv", "near", "far"), ("lv", "near", "far"), ("t", "l1", "l2"))
NODES = ("near", "far")
MARGIN = 5.0


def analyse(near: Floats, far: Floats, limits: Limits, network: Network = NETWORK) -> Assessment:
    """The analysis of two connections' expected power."""
    found: Assessment = assess(network, limits, MARGIN, POINT, NODES, (near, far))
    return found


def after(near: Floats, far: Floats, found: Assessment) -> tuple[Floats, Floats]:
    """(worst loading %, voltages) when the need is met in proportion to what each connection moves."""
    feeder = Feeder(NETWORK)
    total = np.abs(near) + np.abs(far) + 2.0
    base = np.zeros((len(near), 4))
    base[:, 2] = near + found.need_w * (np.abs(near) + 1) / total
    base[:, 3] = far + found.need_w * (np.abs(far) + 1) / total
    result = feeder.flow(base)
    return result.loading_pct.max(axis=1), result.voltage_pu


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_meeting_the_need_brings_the_feeder_within_its_limits(sign: float) -> None:
    """Too much export asks for more consumption, too much import for less; afterwards limit less margin holds."""
    near, far = sign * np.array([20e3, 150e3, 200e3]), sign * np.array([10e3, 60e3, 40e3])
    limits = Limits(0.80, 1.20, 100.0)
    found = analyse(near, far, limits)
    assert found.need_w[0] == 0
    assert (sign * found.need_w[1:] < 0).all()
    assert (found.loading_pct[1:] > 100).all()
    loading, _ = after(near, far, found)
    assert (loading <= 100 - MARGIN + 0.2).all()
    assert (loading[1:] >= 100 - MARGIN - 2).all()  # and no more was asked for than that takes


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), sign=st.sampled_from([-1.0, 1.0]))
def test_voltage_and_loading_are_mended_together(seed: int, sign: float) -> None:
    """Whatever breaks, on whichever element: within limits afterwards, and the need has the mending sign."""
    rng = np.random.default_rng(seed)
    near, far = sign * rng.uniform(0, 120e3, 4), sign * rng.uniform(0, 110e3, 4)
    limits = Limits(0.95, 1.05, 100.0)
    found = analyse(near, far, limits)
    assert (sign * found.need_w <= 0).all()
    loading, voltage = after(near, far, found)
    assert (loading <= 100 - MARGIN + 0.5).all()
    assert (voltage <= 1.05 + 5e-4).all()
    assert (voltage >= 0.95 - 5e-4).all()


def test_a_safe_point_needs_nothing() -> None:
    """Within limits less margin: no need at all, not even a watt."""
    quiet = np.array([-30e3, 0.0, 40e3])
    found = analyse(quiet, quiet, Limits(0.9, 1.1, 100.0))
    np.testing.assert_array_equal(found.need_w, 0.0)


@settings(max_examples=20, deadline=None)
@given(near=st.floats(-120e3, 120e3), far=st.floats(-90e3, 90e3))
def test_room_never_lets_the_branch_exceed_its_limit(near: float, far: float) -> None:
    """Using all of the room either way leaves the branch's net power within rating less margin; signs are right."""
    found = analyse(np.array([near]), np.array([far]), Limits(0.8, 1.2, 100.0))
    allowed = 160e3 * (100 - MARGIN) / 100
    assert found.room_down_w[0] <= 0 <= found.room_up_w[0]
    if abs(near + far) <= allowed:
        assert near + far + found.room_down_w[0] == pytest.approx(-allowed)
        assert near + far + found.room_up_w[0] == pytest.approx(allowed)


def test_a_line_can_be_the_branch() -> None:
    """A congestion point behind a line: its rating is sqrt(3) V I."""
    point = replace(POINT, branch="l2", below=("far",), nodes=("far",), branches=("l2",))
    found = assess(NETWORK, Limits(0.5, 1.5, 80.0), 0.0, point, NODES, (np.zeros(1), np.array([-230e3])))
    assert found.need_w[0] > 0
    assert found.room_up_w[0] == pytest.approx(0.8 * np.sqrt(3) * 400 * 350 + 230e3)
    assert found.room_down_w[0] == 0


def test_an_analysis_is_a_named_job() -> None:
    """Roles reach it by name only; a name that is no job is our own fault."""
    one = np.array([1e3])
    found = run("safety", (NETWORK, Limits(), MARGIN, POINT, NODES, (one, one)))
    assert found.identity == "cp"
    with pytest.raises(ProgrammingFault, match="'surprise' is unknown"):
        run("surprise", ())


def test_reactive_power_takes_its_part_of_the_limit() -> None:
    """The same feed-in with 60 kvar through a 160 kVA transformer needs more, and leaves less room."""
    near, far = np.array([-150e3, -50e3]), np.zeros(2)
    limits, q = Limits(0.80, 1.20, 100.0), (np.full(2, 60e3), np.zeros(2))
    plain: Assessment = assess(NETWORK, limits, MARGIN, POINT, NODES, (near, far))
    found: Assessment = assess(NETWORK, limits, MARGIN, POINT, NODES, (near, far), q)
    assert plain.need_w[0] == 0
    assert found.need_w[0] > 5e3
    allowed_va = 160e3 * (1 - MARGIN / 100)
    assert found.room_down_w[1] == pytest.approx(-np.sqrt(allowed_va**2 - 60e3**2) + 50e3)


def test_what_is_needed_almost_surely_is_less_than_what_is_expected_to_be() -> None:
    """Need is of what is sure, room and loading of what is expected."""
    expected, sure = (np.array([-200e3]), np.zeros(1)), (np.array([-170e3]), np.zeros(1))
    limits = Limits(0.80, 1.20, 100.0)
    plain: Assessment = assess(NETWORK, limits, MARGIN, POINT, NODES, expected)
    found: Assessment = assess(NETWORK, limits, MARGIN, POINT, NODES, expected, None, sure)
    only: Assessment = assess(NETWORK, limits, MARGIN, POINT, NODES, sure)
    assert found.need_w[0] == only.need_w[0] < plain.need_w[0]
    assert (found.loading_pct[0], found.room_down_w[0]) == (plain.loading_pct[0], plain.room_down_w[0])


@given(st.floats(-300e3, 300e3), st.floats(-150e3, 150e3))
def test_room_below_is_no_more_than_what_is_left_above(near: float, far: float) -> None:
    """What a point's room lets rebound goes through the branches above as well: it ends where the tighter one is full."""
    limits, expected = Limits(0.5, 1.5, 100.0), (np.array([near]), np.array([far]))
    point = replace(POINT, branch="l2", below=("far",), nodes=("far",), branches=("l2",))
    alone: Assessment = assess(NETWORK, limits, MARGIN, point, NODES, expected)
    found: Assessment = assess(NETWORK, limits, MARGIN, point, NODES, expected, None, None, (POINT,))
    upper: Assessment = assess(NETWORK, limits, MARGIN, POINT, NODES, expected)
    assert found.room_down_w[0] == pytest.approx(max(alone.room_down_w[0], upper.room_down_w[0]))
    assert found.room_up_w[0] == pytest.approx(min(alone.room_up_w[0], upper.room_up_w[0]))
    assert (found.need_w == alone.need_w).all()


def test_where_a_need_may_well_come_there_is_no_room() -> None:
    """100 kW of export expected leave room for more; if 155 kW may well come, none is left, and the need stays as it was."""
    near, far, most = np.full(3, -60e3), np.full(3, -40e3), np.array([-60e3, -90e3, -115e3])
    limits = Limits(0.80, 1.20, 100.0)
    before = analyse(near, far, limits)
    found: Assessment = assess(NETWORK, limits, MARGIN, POINT, NODES, (near, far), most_w=(most, far))
    assert found.need_w.tolist() == before.need_w.tolist() == [0.0] * 3
    assert found.room_down_w[0] == before.room_down_w[0] < -40e3
    assert found.room_down_w[1] == pytest.approx(before.room_down_w[1] + 30e3)
    assert found.room_down_w[2] == 0
    assert found.room_up_w == pytest.approx(before.room_up_w), "upwards what is expected counts: it lies nearer to zero"


def test_a_feeder_without_connections_of_its_own_is_mended_by_those_below() -> None:
    """A point whose own nodes have no connections asks for a change where its power comes from: below."""
    network = replace(
        NETWORK,
        nodes=(Node("source", 20_000), *NETWORK.nodes),
        lines=(*NETWORK.lines, Line("head", "source", "mv", 0.5, 0.3, 0, 3.0)),
        slack_node="source",
    )
    head = PointGrid("feeder", "head", ("mv", *POINT.below), ("mv",), ("head",))
    power = np.array([-60e3, -10e3]), np.array([-60e3, 0.0])
    found: Assessment = assess(network, Limits(0.5, 1.5, 100.0), 0.0, head, NODES, power)
    assert found.need_w[0] > 5_000
    assert found.need_w[1] == 0
    left = Feeder(network).flow(np.array([[0, 0, 0, *(np.array([-60e3, -60e3]) + found.need_w[0] / 2)]]))
    assert left.loading_pct[0, left.branch_names.index("head")] <= 100.2


def test_instants_are_mended_each_for_itself() -> None:
    """What is asked for in one instant does not hang on which others are looked at with it."""
    near = np.array([-20e3, -150e3, -90e3, 40e3, -200e3])
    far = np.array([-10e3, -60e3, -80e3, 10e3, -40e3])
    limits = Limits(0.80, 1.20, 100.0)
    together = analyse(near, far, limits).need_w
    alone = [float(analyse(near[k : k + 1], far[k : k + 1], limits).need_w[0]) for k in range(len(near))]
    # Passes end when all instants are good enough, so one alone may stop a pass, 100 W, earlier.
    assert together == pytest.approx(alone, abs=150.0)


def test_voltage_that_inverters_mend_is_not_bought() -> None:
    """By Q(V) the same feed-in needs less power moved, or none; and no inverter makes anything be bought that was not."""
    near, far = np.array([0.0, -50e3, -60e3]), np.array([0.0, -60e3, -65e3])
    limits = Limits(0.95, 1.03, 500.0)
    plain = analyse(near, far, limits)
    inverters = tuple(qv_inverter(node, 60_000, 1.1, "ieee-1547-2018-b") for node in NODES)
    helped = assess(NETWORK, limits, MARGIN, POINT, NODES, (near, far), inverters=inverters)
    assert (plain.need_w[1:] > 0).all(), "voltage is the problem"
    assert (helped.need_w[1:] < plain.need_w[1:] - 500).all()
    assert helped.need_w[0] == plain.need_w[0] == 0
    np.testing.assert_array_equal(
        assess(NETWORK, limits, MARGIN, POINT, NODES, (near, far), inverters=()).need_w, plain.need_w
    )
