"""The feeder's power flow against known facts of SimBench rural1, its errors, and the limits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from cim.codec.codec import decode, encode
from cim.model.errors import BadInput
from environment.feeder import Feeder, Limits, Line, Network, Node, Violation, violations
from environment.feeder.flow import FlowFailed
from environment.profiles.grid import load_grid
from environment.profiles.library import load

PACK = "simbench-rural1"


def rural1() -> Network:
    """SimBench rural1 alone, with its own external grid."""
    return load_grid(PACK).network


def injections(feeder: Feeder, start: datetime, end: datetime) -> tuple[np.ndarray, np.ndarray]:
    """What SimBench's loads and sgens do at each node, storages left out."""
    grid, profiles = load_grid(PACK), load(PACK)
    count = profiles.index(end) - profiles.index(start)
    p_w, q_var = np.zeros((count, len(feeder.node_names))), np.zeros((count, len(feeder.node_names)))
    for sign, units in ((1, grid.loads), (-1, grid.sgens)):
        for unit in units:
            column = feeder.node_index[unit.node]
            p_w[:, column] += sign * unit.p_w * profiles.series(unit.profile, start, end)
            if f"{unit.profile}.q" in profiles.columns:
                q_var[:, column] += unit.q_var * profiles.series(f"{unit.profile}.q", start, end)
    return p_w, q_var


def test_worst_day_of_rural1() -> None:
    """On 2016-05-20 the transformer carries 147 % at most, lines at most 42 %, as SimBench's own year says."""
    feeder = Feeder(rural1())
    start = datetime(2016, 5, 19, 22, tzinfo=UTC)
    result = feeder.flow(*injections(feeder, start, start + timedelta(days=1)))
    trafo = result.loading_pct[:, -1]
    assert trafo.max() == pytest.approx(146.92, abs=0.05)
    assert start + int(trafo.argmax()) * timedelta(minutes=15) == datetime(2016, 5, 20, 11, tzinfo=UTC)
    assert result.loading_pct[:, :-1].max() < 42
    assert result.voltage_pu.max() < 1.0358
    assert result.voltage_pu.min() > 0.9775


def test_whole_year_of_rural1() -> None:
    """1,259 quarter-hours above 100 %, voltages 0.978 to 1.036, and power that adds up in each of them."""
    feeder = Feeder(rural1())
    profiles = load(PACK)
    p_w, q_var = injections(feeder, profiles.first, profiles.last)
    result = feeder.flow(p_w, q_var)
    assert (result.loading_pct[:, -1] > 100).sum() == 1259
    assert (round(result.voltage_pu.min(), 3), round(result.voltage_pu.max(), 3)) == (0.978, 1.036)
    np.testing.assert_allclose(result.slack_p_w, p_w.sum(axis=1) + result.losses_w, atol=1e-3)


def test_two_node_flow_agrees_with_the_formula() -> None:
    """One line with one load: the receiving voltage solves the textbook's quadratic."""
    network = Network((Node("a", 400.0), Node("b", 400.0)), (Line("l", "a", "b", 0.1, 0.05, 0.0, 100.0),), (), "a", 1.0)
    p_w, q_var = 20e3, 5e3
    result = Feeder(network).flow(np.array([[0.0, p_w]]), np.array([[0.0, q_var]]))
    b = 2 * (p_w * 0.1 + q_var * 0.05) - 400.0**2
    square = (-b + np.sqrt(b * b - 4 * (0.1**2 + 0.05**2) * (p_w**2 + q_var**2))) / 2
    assert result.voltage_pu[0, 1] == pytest.approx(np.sqrt(square) / 400, abs=1e-9)
    current = np.hypot(p_w, q_var) / np.sqrt(3 * square)
    assert result.loading_pct[0, 0] == pytest.approx(current, rel=1e-6)
    assert result.losses_w[0] == pytest.approx(3 * current**2 * 0.1, rel=1e-6)


def test_network_travels() -> None:
    """A network survives the wire, so an agent can get it in its configuration."""
    assert decode(encode(rural1())) == rural1()


def test_impossible_injections_are_said_clearly() -> None:
    """No solution, values that are not numbers and wrong shapes each get one sentence."""
    feeder = Feeder(rural1())
    calm = np.zeros((3, len(feeder.node_names)))
    wild = calm.copy()
    wild[1, 5] = 1e9
    with pytest.raises(FlowFailed, match=r"instant 1 \(1 of 3\) has no solution"):
        feeder.flow(wild)
    with pytest.raises(BadInput, match="not finite"):
        feeder.flow(calm * np.nan)
    with pytest.raises(BadInput, match="shape"):
        feeder.flow(calm[:, 1:])
    with pytest.raises(BadInput, match="no instant"):
        feeder.flow(calm[:0])


def test_loose_ends_are_refused() -> None:
    """A branch to nowhere is bad input; a node that nothing feeds is told as a failed flow."""
    with pytest.raises(BadInput, match="'moon'"):
        replace(rural1(), slack_node="moon")
    lonely = Network((Node("a", 400.0), Node("b", 400.0)), (), (), "a", 1.0)
    with pytest.raises(FlowFailed):
        Feeder(lonely).flow(np.array([[0.0, 1000.0]]))


def test_violations_name_element_period_value_and_limit() -> None:
    """Each broken limit is one record, ordered by period."""
    feeder = Feeder(rural1())
    p_w = np.zeros((2, len(feeder.node_names)))
    p_w[1, feeder.node_index["LV1.101 Bus 1"]] = -200e3
    result = feeder.flow(p_w)
    found = violations(result, Limits(0.9, 1.03, 100.0))
    assert {item.isp_index for item in found} == {1}
    assert [item.kind.value for item in found if item.element == "MV1.101-LV1.101-Trafo 1"] == ["overload"]
    assert found[-1].kind.value == "overvoltage"
    assert violations(result, Limits(0.5, 2.0, 1000.0)) == ()
    assert decode(encode(found[0])) == found[0]
    assert isinstance(found[0], Violation)


def test_what_was_calculated_before_is_the_same_to_the_bit_however_it_is_asked_for() -> None:
    """An instant's power flow hangs on nothing but the instant: alone, twice in a batch, and beside others it is what a
    feeder that was never asked gives; whoever changes an answer changes nobody else's.
    """
    rng = np.random.default_rng(4)
    network = rural1()
    feeder = Feeder(network)
    p_w = rng.normal(0, 4_000, (12, len(feeder.node_names)))
    fresh = Feeder(network).flow(p_w)
    asked = [[3], [3, 4, 3], list(range(12)), [11, 0]]
    for rows in asked:
        found = feeder.flow(p_w[rows])
        for name in ("voltage_pu", "loading_pct", "losses_w", "slack_p_w", "branch_p_w"):
            np.testing.assert_array_equal(getattr(found, name), getattr(fresh, name)[rows])
        found.voltage_pu[:] = 0.0
        found.losses_w[:] = 0.0
    with_reactive = feeder.flow(p_w[:1], np.full_like(p_w[:1], 500.0))
    assert (with_reactive.voltage_pu != fresh.voltage_pu[:1]).any()


def test_more_instants_than_are_kept_are_calculated_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one question, and over many: the newest are kept, and answers stay what they are."""
    monkeypatch.setattr("environment.feeder.flow._KEPT", 5)
    network = rural1()
    feeder = Feeder(network)
    p_w = np.random.default_rng(5).normal(0, 4_000, (9, len(feeder.node_names)))
    fresh = Feeder(network).flow(p_w).voltage_pu
    for rows in (slice(0, 9), slice(0, 4), slice(2, 9)):
        np.testing.assert_array_equal(feeder.flow(p_w[rows]).voltage_pu, fresh[rows])
        assert len(feeder._known) <= 5


def test_the_instant_without_a_solution_is_named_by_its_place_in_the_question() -> None:
    """Also where those before it are known already."""
    feeder = Feeder(rural1())
    p_w = np.zeros((3, len(feeder.node_names)))
    feeder.flow(p_w)
    p_w[2, -1] = 1e12
    with pytest.raises(FlowFailed, match="instant 2 "):
        feeder.flow(p_w)
