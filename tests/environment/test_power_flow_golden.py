"""The power flow against answers that are not its own: by hand, from other tools, and from a second method."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.intervals import LocalDay
from environment.feeder import Feeder, FlowResult, Line, Network, Node, Transformer
from environment.physics.world import World
from environment.profiles.library import load
from environment.sites import build_network, load_site
from tests.environment.zbus import solve

CASES = sorted(path for path in (Path(__file__).parents[1] / "golden" / "power_flow").iterdir() if path.is_dir())


def _read(case: Path, name: str) -> Any:
    return json.loads((case / f"{name}.json").read_text(encoding="utf-8"))


def _network(case: Path) -> Network:
    raw = _read(case, "network")
    return Network(
        tuple(Node(**item) for item in raw["nodes"]),
        tuple(Line(**item) for item in raw["lines"]),
        tuple(Transformer(**item) for item in raw["transformers"]),
        raw["slack_node"],
        raw["slack_voltage_pu"],
    )


def _loads(case: Path, network: Network) -> tuple[np.ndarray, np.ndarray]:
    loads = _read(case, "loads")
    assert set(loads) <= set(network.node_names)
    p_w, q_var = (
        np.array([[loads.get(node, {}).get(key, 0.0) for node in network.node_names]]) for key in ("p_w", "q_var")
    )
    return p_w, q_var


def _told(result: FlowResult, key: str) -> dict[str, float]:
    """A row of a result by name."""
    names = result.node_names if key == "voltage_pu" else result.branch_names
    return dict(zip(names, getattr(result, key)[0].tolist(), strict=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_power_flow_agrees_with_the_answer_from_elsewhere(case: Path) -> None:
    """Voltages, loadings, branch powers, losses and the power from above are those of the case, within its tolerances."""
    network, expected = _network(case), _read(case, "expected")
    result = Feeder(network).flow(*_loads(case, network))
    tolerance = expected.pop("tolerance")
    assert set(expected) == set(tolerance)
    for key, answer in expected.items():
        if isinstance(answer, dict):
            told = _told(result, key)
            assert {name: told[name] for name in answer} == pytest.approx(answer, abs=tolerance[key]), key
        else:
            assert getattr(result, key)[0] == pytest.approx(answer, abs=tolerance[key]), key


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_says_where_its_answer_is_from(case: Path) -> None:
    """Each folder is whole, and its text names the kind of source in its title."""
    assert {path.name for path in case.iterdir()} == {"network.json", "loads.json", "expected.json", "source.md"}
    title, *text = (case / "source.md").read_text(encoding="utf-8").splitlines()
    assert title.startswith("# ")
    assert title.rpartition(": by ")[2] in ("hand", "pandapower", "published results")
    assert len(" ".join(text).split()) > 30


def _agree(network: Network, p_w: np.ndarray, q_var: np.ndarray) -> FlowResult:
    """Hold every instant against the second method."""
    result = Feeder(network).flow(p_w, q_var)
    for row in range(len(p_w)):
        other = solve(network, p_w[row], q_var[row])
        np.testing.assert_allclose(result.voltage_pu[row], other.voltage_pu, atol=1e-7)
        np.testing.assert_allclose(result.loading_pct[row], other.loading_pct, atol=1e-3)
        assert result.losses_w[row] == pytest.approx(other.losses_w, abs=1.0)
        assert result.slack_p_w[row] == pytest.approx(other.slack_p_w, abs=1.0)
    return result


def test_the_peak_of_strem_agrees_with_a_second_method() -> None:
    """Each hour of Strem's default day, and the quarter-hour that loads its transformer most, solved twice."""
    site = load_site("strem")
    network, day = build_network(site), LocalDay(site.default_day, site.timezone)
    world = World(site, load(site.profiles), day.start, 1)
    world.advance(day.end)
    truth = world.truth(day.start, day.end)
    p_w, q_var = np.zeros((2, day.count, len(network.nodes)))
    for prosumer in site.prosumers:
        node = network.node_names.index(prosumer.node)
        p_w[:, node] += truth[prosumer.name][0]
        q_var[:, node] += truth[prosumer.name][1]
    trafo = network.branch_names.index("MV1.101-LV1.101-Trafo 1")
    peak = int(Feeder(network).flow(p_w, q_var).loading_pct[:, trafo].argmax())
    assert 10 <= (day.start + timedelta(minutes=15 * peak)).hour <= 12, "the sun makes the peak"
    instants = [peak, *range(0, day.count, 4)]
    result = _agree(network, p_w[instants], q_var[instants])
    assert result.loading_pct[0, trafo] > 135
    assert result.branch_p_w[0, trafo] < 0, "the low-voltage grid feeds back"


_SHARES = st.floats(-1, 1)
_OHMS = st.floats(0.005, 0.08)


@given(
    st.lists(st.tuples(st.integers(0, 100), _OHMS, _OHMS, _SHARES, _SHARES), min_size=1, max_size=8),
    st.integers(-2, 2),
    st.floats(0.95, 1.05),
)
def test_any_small_feeder_agrees_with_a_second_method(
    branches: list[tuple[int, float, float, float, float]], tap: int, source_pu: float
) -> None:
    """Trees of any shape below a transformer at any tap, with consumption and generation mixed."""
    nodes, lines = [Node("mv", 20e3), Node("n0", 400.0)], []
    p_w, q_var = [0.0, 0.0], [0.0, 0.0]
    for number, (above, r_ohm, x_ohm, active, reactive) in enumerate(branches, 1):
        nodes.append(Node(f"n{number}", 400.0))
        lines.append(Line(f"l{number}", f"n{above % number}", f"n{number}", r_ohm, x_ohm, 20.0, 200.0))
        p_w.append(8e3 * active)
        q_var.append(3e3 * reactive)
    trafo = Transformer("t", "mv", "n0", 160e3, 20e3, 400.0, 4.0, 2350.0, 460.0, 0.4, 5, tap, 2.5)
    network = Network(tuple(nodes), tuple(lines), (trafo,), "mv", source_pu)
    result = _agree(network, np.array([p_w]), np.array([q_var]))
    assert result.slack_p_w[0] == pytest.approx(sum(p_w) + result.losses_w[0], abs=1e-2)
    assert result.losses_w[0] > 0


@given(_SHARES, _SHARES)
def test_two_equal_lines_in_parallel_are_one_of_half_the_impedance(active: float, reactive: float) -> None:
    """A ring's two halves share the load: meshed feeders are solved as radial ones are."""
    ends = (Node("a", 400.0), Node("b", 400.0))
    loads = np.array([[0.0, 20e3 * active]]), np.array([[0.0, 5e3 * reactive]])
    twice = Network(ends, tuple(Line(k, "a", "b", 0.1, 0.04, 0.0, 100.0) for k in "xy"), (), "a", 1.0)
    once = Network(ends, (Line("z", "a", "b", 0.05, 0.02, 0.0, 200.0),), (), "a", 1.0)
    pair, single = Feeder(twice).flow(*loads), Feeder(once).flow(*loads)
    np.testing.assert_allclose(pair.voltage_pu, single.voltage_pu, atol=1e-9)
    np.testing.assert_allclose(pair.loading_pct, single.loading_pct[:, [0, 0]], atol=1e-6)
    assert pair.losses_w[0] == pytest.approx(single.losses_w[0], abs=1e-4)


def test_instants_do_not_touch_each_other() -> None:
    """Many instants at once give row by row what each gives alone, in any order."""
    network = _network(next(case for case in CASES if case.name == "baran_wu_33"))
    feeder = Feeder(network)
    p_w, q_var = _loads(next(case for case in CASES if case.name == "baran_wu_33"), network)
    shares = np.array([[1.0], [0.2], [-0.5], [0.0]])
    together = feeder.flow(shares * p_w, shares * q_var)
    for row, share in enumerate(shares):
        alone = feeder.flow(share * p_w, share * q_var)
        np.testing.assert_allclose(together.voltage_pu[row], alone.voltage_pu[0], atol=1e-12)
    backwards = feeder.flow((shares * p_w)[::-1], (shares * q_var)[::-1])
    np.testing.assert_allclose(backwards.loading_pct[::-1], together.loading_pct, atol=1e-9)
