"""A feeder's plan: every node has a place of its own, further from the source with each branch, however long it is."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from environment.feeder import Line, Network, Node
from environment.sites import load_site
from environment.sites.network import build_network
from environment.sites.ratings import Rating
from environment.sites.schema import Coordinates
from pilot.feeder_plan import feeder_plan, metres, plan_of_others
from pilot.page_sources import SiteGrid
from portal.screens.feeder_drawing import drawn, sheet_of
from portal.screens.grid import places_words


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


def test_degrees_become_metres_east_and_south() -> None:
    """At 60 degrees a degree of longitude is half as long as one of latitude, 111.2 km; the north-west corner is the origin."""
    found = metres({"a": (10.0, 60.001), "b": (10.002, 60.0)})
    assert found["a"] == (0.0, 0.0)
    east, south = found["b"]
    assert abs(east - 111.2) < 0.2
    assert abs(south - 111.2) < 0.2
    assert metres({}) == {}


def test_strems_low_voltage_grid_is_a_map_and_its_assumed_feeder_stands_beside() -> None:
    """SimBench places the 14 low-voltage nodes; the five of the 20 kV feeder have no coordinates, in a row with a place each."""
    drawing = SiteGrid(load_site("strem")).drawing
    surveyed = {node.name: (node.x, node.y) for node in drawing.nodes if node.surveyed}
    assert len(surveyed) == 14
    assert all(name.startswith("LV1.101") for name in surveyed)
    first, other = surveyed["LV1.101 Bus 7"], surveyed["LV1.101 Bus 14"]  # 0.001 degrees of latitude apart
    assert abs(other[1] - first[1] - 111.2) < 0.5
    assert abs(other[0] - first[0]) < 0.5
    beside = {node.name: (node.x, node.y) for node in drawing.nodes if not node.surveyed}
    assert beside == {"busbar": (0, 0), "mv-1": (0, 1), "mv-2": (0, 2), "mv-3": (0, 3), "mv-4": (0, 4)}
    assert "1-LV-rural1--2-no_sw places them" in places_words(drawing)
    assert "Of busbar, mv-1, mv-2, mv-3, mv-4 no coordinates are published" in places_words(drawing)


def test_a_map_has_one_scale_for_both_ways_and_says_it() -> None:
    """The drawing's distances are the metres' times the scale, no node lies beyond the sheet, and a bar says how long 50 m are."""
    drawing = SiteGrid(load_site("strem")).drawing
    sheet = sheet_of(drawing)
    assert sheet.scale is not None
    one, other = (next(node for node in drawing.nodes if node.name == f"LV1.101 Bus {number}") for number in (1, 5))
    (x1, y1), (x2, y2) = sheet.places[one.name], sheet.places[other.name]
    assert abs((x2 - x1) - sheet.scale * (other.x - one.x)) < 1e-6
    assert abs((y2 - y1) - sheet.scale * (other.y - one.y)) < 1e-6
    assert all(0 < x < sheet.width and 0 < y < sheet.height for x, y in sheet.places.values())
    assert len(set(sheet.places.values())) == len(drawing.nodes)
    shown = drawn(drawing, np.ones(len(drawing.nodes)), np.full(len(drawing.branches), 50.0), "now")
    assert "50 m, north is up" in shown
    assert f"h{50 * sheet.scale:.0f} v-5" in shown


def test_without_coordinates_it_stays_a_plan_and_says_so() -> None:
    """A site of its own nodes alone, none of which has a place; with one in the site file that one is on the map."""
    strem = load_site("strem")
    own = strem.network.model_copy(update={"low_voltage": None})
    site = strem.model_copy(update={"network": own, "prosumers": (), "congestion_points": strem.congestion_points[:1]})
    drawing = SiteGrid(site).drawing
    assert sheet_of(drawing).scale is None
    assert "no coordinates are published" in places_words(drawing)
    place = Coordinates(lon_deg=Rating(value=16.4, source="survey"), lat_deg=Rating(value=47.0, source="survey"))
    nodes = (own.nodes[0].model_copy(update={"at": place}), *own.nodes[1:])
    one = SiteGrid(site.model_copy(update={"network": own.model_copy(update={"nodes": nodes})})).drawing
    assert [node.name for node in one.nodes if node.surveyed] == ["busbar"]
    assert "where the site file places them" in places_words(one)


def test_parts_that_only_the_map_joins_do_not_cover_one_another() -> None:
    """Of a line of three nodes the middle one is placed: the two others have no branch between them, and a place each."""
    nodes = tuple(Node(name, 400.0) for name in ("a", "b", "c", "d"))
    ends = (("a", "b"), ("b", "c"), ("b", "d"))
    lines = tuple(Line(f"l{k}", one, other, 0.1, 0.1, 0.0, 10.0) for k, (one, other) in enumerate(ends))
    network = Network(nodes, lines, (), "a", 1.0)
    found = plan_of_others(network, {"b"})
    assert set(found) == {"a", "c", "d"}
    assert len(set(found.values())) == 3
    assert (found["a"][1], found["c"][1], found["d"][1]) == (0, 2, 2)
    assert plan_of_others(network, {"a", "b", "c", "d"}) == {}
