"""A network falls into parts that share nothing but its source, and a part flows as the whole does there."""

import numpy as np
import pytest

from environment.feeder import Feeder, Line, Network, Node, Transformer
from environment.feeder.parts import parts_of

TWO = Network(
    nodes=(Node("a2", 20_000), Node("busbar", 20_000), Node("a1", 20_000), Node("b1", 20_000), Node("b2", 400)),
    lines=(
        Line("la1", "busbar", "a1", 0.4, 0.3, 250, 319),
        Line("lb1", "busbar", "b1", 0.8, 0.6, 250, 319),
        Line("la2", "a1", "a2", 0.4, 0.3, 250, 319),
    ),
    transformers=(Transformer("tb", "b1", "b2", 160_000, 20_000, 400, 4, 2_350, 460, 0.3, 5),),
    slack_node="busbar",
    slack_voltage_pu=1.02,
)


def test_feeders_of_one_busbar_are_parts() -> None:
    """Each part has its own nodes and branches in the network's order, and the source."""
    parts = parts_of(TWO)
    assert parts["a1"] is parts["a2"]
    assert parts["b1"] is parts["b2"]
    assert parts["a1"].node_names == ("a2", "busbar", "a1")
    assert parts["a1"].branch_names == ("la1", "la2")
    assert parts["b2"].branch_names == ("lb1", "tb")
    assert "busbar" not in parts


def test_a_network_in_one_piece_is_its_own_part() -> None:
    """Nothing is copied: what was worked out for it stays worked out."""
    whole = Network(TWO.nodes[:3], (TWO.lines[0], TWO.lines[2]), (), "busbar", 1.02)
    assert parts_of(whole)["a1"] is whole


def test_a_ring_is_one_part() -> None:
    """Two ways to the busbar lead to the same part."""
    ring = Network(TWO.nodes[:3], (*TWO.lines[::2], Line("la3", "a2", "busbar", 0.4, 0.3, 0, 319)), (), "busbar", 1.02)
    assert parts_of(ring)["a2"] is ring


@pytest.mark.parametrize("seed", range(3))
def test_a_part_flows_as_the_whole(seed: int) -> None:
    """Voltages and loadings of each part are those of the whole network, whatever the other part carries."""
    draw = np.random.default_rng(seed)
    whole = Feeder(TWO)
    p = draw.uniform(-150_000, 80_000, (4, 5))
    p[:, whole.node_index["busbar"]] = 0.0
    together = whole.flow(p)
    for part in {id(part): part for part in parts_of(TWO).values()}.values():
        alone = Feeder(part)
        found = alone.flow(p[:, [whole.node_index[name] for name in alone.node_names]])
        for k, name in enumerate(alone.node_names):
            assert found.voltage_pu[:, k] == pytest.approx(together.voltage_pu[:, whole.node_index[name]], abs=1e-7)
        for k, name in enumerate(alone.branch_names):
            there = together.loading_pct[:, together.branch_names.index(name)]
            assert found.loading_pct[:, k] == pytest.approx(there, rel=1e-4, abs=1e-4)
