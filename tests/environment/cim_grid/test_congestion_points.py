"""The congestion points of a site made of a CIM grid: one at each branch that leaves the source, for all behind it."""

from __future__ import annotations

from dataclasses import replace

from cim.codec.rdf.names import Cgmes
from cim.codec.rdf.reading import CimModel
from environment.cim_grid.grid_out import grid_objects
from environment.cim_grid.site_in import site_from_cim
from environment.feeder import Line, Network, Node, Transformer
from environment.sites import Site
from tests.environment.cim_grid.test_grids_of_others import IDS, NETWORK, identifier

FIRST = NETWORK.transformers[0]


def site(network: Network, home_count: int) -> Site:
    """The site made of this grid with homes at its lowest voltage."""
    objects = {identifier(item): item for item in grid_objects(network, IDS, "AT", {}, Cgmes.V3_0)}
    return site_from_cim(CimModel(objects, {}), "x", "x.xml", home_count)[0]


def second(name: str, low: str) -> Transformer:
    """Another transformer below the source."""
    return replace(FIRST, name=name, lv_node=low)


def test_transformers_in_parallel_are_one_congestion_point() -> None:
    """Two transformers to the same busbar have one point, at the first: nobody could say which of them carries whom."""
    found = site(replace(NETWORK, transformers=(FIRST, second("other", "low"))), 2)
    assert [point.branch for point in found.congestion_points] == ["trafo"]
    assert {p.congestion_point for p in found.prosumers} == {found.congestion_points[0].id}


def test_each_branch_below_the_source_has_a_point_and_who_is_behind_it() -> None:
    """Two transformers to two busbars are two points, each with the homes of its own part; the source belongs to neither."""
    network = replace(
        NETWORK,
        nodes=(*NETWORK.nodes, Node("low2", 400), Node("end2", 400)),
        lines=(*NETWORK.lines, Line("cable2", "low2", "end2", 0.1, 0.05, 10, 200)),
        transformers=(FIRST, second("other", "low2")),
    )
    found = site(network, 4)
    branch = {point.id: point.branch for point in found.congestion_points}
    assert sorted(branch.values()) == ["other", "trafo"]
    assert {p.node: branch[p.congestion_point] for p in found.prosumers} == {
        "low": "trafo", "end": "trafo", "low2": "other", "end2": "other",
    }  # fmt: skip
