"""The safety analysis of many cases at once: each as it would be alone, its worst element named, and topology changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.grid_safety.assessment import PointGrid
from agents.planning.grid_safety.cases import CaseFound, SafetyCase, analyse_cases, reconnected, restores
from agents.planning.jobs import run
from cim.codec.codec import decode, encode
from cim.model.errors import BadInput
from environment.feeder import Feeder, Limits, Line, Network, Node, Transformer
from environment.feeder.flow import FlowFailed

NETWORK = Network(
    nodes=(Node("mv", 20_000), Node("lv", 400), Node("near", 400), Node("far", 400)),
    lines=(Line("l1", "lv", "near", 0.02, 0.008, 0, 350), Line("l2", "near", "far", 0.03, 0.012, 0, 150)),
    transformers=(Transformer("t", "mv", "lv", 160_000, 20_000, 400, 4, 2_350, 460, 0.3, 5),),
    slack_node="mv",
    slack_voltage_pu=1.0,
)
POINT = PointGrid("cp", "t", ("lv", "near", "far"), ("lv", "near", "far"), ("t", "l1", "l2"))
NODES = ("near", "far")
TIE = Line("tie", "lv", "far", 0.05, 0.02, 0, 100)
LIMITS = Limits(0.95, 1.05, 100.0)


def case(name: str, near_w: list[float], far_w: list[float]) -> SafetyCase:
    """Powers of the two nodes, without reactive power."""
    rows = np.array(near_w), np.array(far_w)
    return SafetyCase(name, rows, (np.zeros(len(near_w)),) * 2)


def analyse(*cases: SafetyCase, network: Network = NETWORK, limits: Limits = LIMITS) -> tuple[CaseFound, ...]:
    """By the one point."""
    return analyse_cases(network, limits, (POINT,), NODES, cases)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_cases_together_are_what_each_is_alone(seed: int) -> None:
    """Whatever the cases: batched in one power flow, each has the branch, loading, node and voltage that it has alone."""
    rng = np.random.default_rng(seed)
    cases = [case(f"{k}", *(rng.uniform(-60e3, 60e3, 5).tolist() for _ in NODES)) for k in range(3)]
    cases.append(replace(cases[0], name="over", without="l2", over=TIE))
    for together, alone in zip(analyse(*cases), (analyse(one)[0] for one in cases), strict=True):
        assert (together.case, together.branch, together.node) == (alone.case, alone.branch, alone.node)
        np.testing.assert_allclose(together.loading_pct, alone.loading_pct, atol=1e-9)
        np.testing.assert_allclose(together.voltage_pu, alone.voltage_pu, atol=1e-12)
        assert together.broken.tolist() == alone.broken.tolist()


def test_the_worst_elements_are_those_of_the_power_flow() -> None:
    """The branch with the highest loading, the node nearest to a limit; broken where either is beyond, and only there."""
    found = analyse(case("a", [0.0, -30e3, 20e3, 0.0], [5e3, -60e3, 20e3, 100e3]))[0]
    power = np.zeros((4, 4))
    power[:, 2], power[:, 3] = [0.0, -30e3, 20e3, 0.0], [5e3, -60e3, 20e3, 100e3]
    result = Feeder(NETWORK).flow(power)
    np.testing.assert_allclose(found.loading_pct, result.loading_pct.max(axis=1))
    names = [result.branch_names[k] for k in result.loading_pct.argmax(axis=1)]
    assert list(found.branch) == names
    room = np.minimum(1.05 - result.voltage_pu[:, 1:], result.voltage_pu[:, 1:] - 0.95)
    assert list(found.node) == [result.node_names[1 + k] for k in room.argmin(axis=1)]
    beyond = (result.loading_pct > 100).any(axis=1) | (room < 0).any(axis=1)
    assert found.broken.tolist() == beyond.astype(float).tolist()
    assert 0 < beyond.sum() < 4
    assert found.worst == int(np.argmax(np.where(beyond, result.loading_pct.max(axis=1), 0.0)))


def test_a_tie_line_takes_over() -> None:
    """With l2 out and the tie closed `far` is fed from `lv`: the loading is the tie's own, the line that is out is in no row."""
    found = analyse(replace(case("over", [10e3], [50e3]), without="l2", over=TIE))[0]
    assert found.branch == ("tie",)
    lines = (NETWORK.lines[0], TIE)
    power = np.array([[0.0, 0.0, 10e3, 50e3]])
    expected = Feeder(replace(NETWORK, lines=lines)).flow(power)
    assert found.loading_pct[0] == pytest.approx(expected.loading_pct[0, 1])
    assert found.voltage_pu[0] == pytest.approx(expected.voltage_pu[0, 3])


def test_a_tie_line_that_leaves_somebody_dark_is_none() -> None:
    """With l1 out the tie feeds `far` and through l2 `near`; with the transformer out nothing does."""
    assert restores(NETWORK, "l1", TIE)
    assert restores(NETWORK, "l2", TIE)
    assert not restores(NETWORK, "t", TIE)
    with pytest.raises(BadInput, match="with tie closed and t out far has no supply"):
        reconnected(NETWORK, "t", TIE)
    with pytest.raises(BadInput, match="without: 'l9' is no branch"):
        reconnected(NETWORK, "l9", TIE)


def test_a_case_of_another_shape_is_refused() -> None:
    """One sentence: which case, how many rows."""
    wrong = replace(case("short", [0.0], [0.0]), p_w=(np.zeros(1),))
    with pytest.raises(BadInput, match=r"case 'short': 1 and 2 rows; expected 2 of 2 ISPs each"):
        analyse(case("whole", [0.0, 0.0], [0.0, 0.0]), wrong)
    with pytest.raises(BadInput, match="case 'later'"):
        analyse(case("whole", [0.0, 0.0], [0.0, 0.0]), case("later", [0.0], [0.0]))


def test_what_the_grid_cannot_carry_is_no_answer() -> None:
    """No voltage is made up for an injection without a solution."""
    with pytest.raises(FlowFailed):
        analyse(case("far too much", [1e9], [1e9]))


def test_nothing_of_a_point_is_left() -> None:
    """A point whose branches are not in the grid is told, not passed over."""
    strange = PointGrid("cp", "x", ("far",), ("far",), ("x",))
    with pytest.raises(BadInput, match="nothing of cp is left"):
        analyse_cases(NETWORK, LIMITS, (strange,), NODES, (case("a", [0.0], [0.0]),))
    assert analyse_cases(NETWORK, LIMITS, (POINT,), NODES, ()) == ()


def test_it_runs_as_a_job_with_values_that_travel() -> None:
    """Arguments and result survive the wire."""
    arguments = (NETWORK, LIMITS, (POINT,), NODES, (replace(case("over", [1e3], [2e3]), without="l2", over=TIE),))
    found = run("safety-cases", decode(encode(arguments)))
    assert [one.case for one in decode(encode(found))] == ["over"]
