"""A feeder's plan: every node has a place of its own, further from the source with each branch, however long it is."""

from __future__ import annotations

from itertools import pairwise

from environment.feeder import Line, Network, Node
from environment.sites import load_site
from environment.sites.network import build_network
from pilot.feeder_plan import feeder_plan
from pilot.page_sources import SiteGrid


def test_strem_is_drawn_without_two_nodes_at_one_place() -> None:
    """All nodes of Strem's feeder have places of their own, and each branch leads one step to the right."""
    network = build_network(load_site("strem"))
    plan = feeder_plan(network)
    assert set(plan) == set(network.node_names)
    assert len(set(plan.values())) == len(plan)
    assert plan[network.slack_node][0] == 0
    ends = [(line.from_node, line.to_node) for line in network.lines]
    ends += [(trafo.hv_node, trafo.lv_node) for trafo in network.transformers]
    for start, end in ends:
        assert abs(plan[start][0] - plan[end][0]) == 1


def test_a_long_feeder_is_no_matter() -> None:
    """Five thousand nodes in a row, and one that hangs on nothing, have their places."""
    names = [f"n{number}" for number in range(5_000)]
    lines = tuple(Line(f"l{a}", a, b, 0.1, 0.1, 0.0, 100.0) for a, b in pairwise(names))
    network = Network(tuple(Node(name, 400.0) for name in (*names, "alone")), lines, (), "n0", 1.0)
    plan = feeder_plan(network)
    assert plan["n4999"][0] == 4999
    assert plan["alone"] not in [plan[name] for name in names]


def test_every_connection_of_strem_is_below_its_points() -> None:
    """What pages are told of Strem: each connection's node is drawn, and its nearest point is the first."""
    drawing = SiteGrid(load_site("strem")).drawing
    nodes = {node.name for node in drawing.nodes}
    assert set(drawing.node_of.values()) <= nodes
    assert drawing.points_of["farm-1"] == ("ea1.2016-01.at.strem:lv-rural1", "ea1.2016-01.at.strem:mv-feeder")
    assert set(drawing.point_branches.values()) <= {branch.name for branch in drawing.branches}
    assert drawing.meter_of["farm-1"] == "farm-1.meter"
