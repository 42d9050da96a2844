"""Any feeder, written as CIM RDF/XML and read back: the same feeder, however its objects lie in the files."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.codec.rdf.names import Cgmes
from cim.codec.rdf.reading import read_rdf
from cim.codec.rdf.writing import write_rdf
from cim.model.errors import BadInput
from cim.model.identified import CimValue
from cim.model.topology import ConnectivityNode, Terminal, VoltageLevel
from environment.cim_grid.grid_in import CimGrid, grid_of, neighbours
from environment.cim_grid.grid_out import Identifiers, grid_objects
from environment.feeder import Feeder, Line, Network, Node, Transformer
from tests.environment.cim_grid.networks import NAMES, networks

AT = datetime(2016, 5, 20, tzinfo=UTC)
IDS = Identifiers("any")
VERSIONS = st.sampled_from(Cgmes)
Part = TypeVar("Part", Node, Line, Transformer)


def objects(network: Network, version: Cgmes = Cgmes.V3_0, km: dict[str, float] | None = None) -> list[CimValue]:
    """The CIM objects of `network`."""
    return list(grid_objects(network, IDS, "AT", km or {}, version))


def read(*files: list[CimValue], version: Cgmes = Cgmes.V3_0) -> CimGrid:
    """What these objects, a file each list, are read back as."""
    written = {
        f"{number}.xml": write_rdf(items, model_id="m", created=AT, version=version)
        for number, items in enumerate(files)
    }
    return grid_of(read_rdf(written))


def by_name(items: tuple[Part, ...]) -> list[Part]:
    """In an order that does not depend on the file's."""
    return sorted(items, key=lambda item: item.name)


def same(found: Network, wanted: Network) -> None:
    """The two feeders have the same parts with the same numbers, in whichever order."""
    assert (found.slack_node, found.slack_voltage_pu) == (wanted.slack_node, pytest.approx(wanted.slack_voltage_pu))
    assert by_name(found.nodes) == by_name(wanted.nodes)
    for ours, theirs in ((found.lines, wanted.lines), (found.transformers, wanted.transformers)):
        assert len(ours) == len(theirs)
    for line, before in zip(by_name(found.lines), by_name(wanted.lines), strict=True):
        assert (line.name, line.from_node, line.to_node) == (before.name, before.from_node, before.to_node)
        assert (line.r_ohm, line.x_ohm, line.rated_a) == (before.r_ohm, before.x_ohm, before.rated_a)
        assert line.c_nf == pytest.approx(before.c_nf, rel=1e-12)
    for trafo, was in zip(by_name(found.transformers), by_name(wanted.transformers), strict=True):
        assert (trafo.name, trafo.hv_node, trafo.lv_node) == (was.name, was.hv_node, was.lv_node)
        assert (trafo.clock, trafo.tap_position, trafo.tap_step_pct) == (was.clock, was.tap_position, was.tap_step_pct)
        assert (trafo.rated_va, trafo.hv_v, trafo.lv_v) == (was.rated_va, was.hv_v, was.lv_v)
        assert (trafo.uk_pct, trafo.copper_loss_w, trafo.iron_loss_w, trafo.i0_pct) == pytest.approx(
            (was.uk_pct, was.copper_loss_w, was.iron_loss_w, was.i0_pct), rel=1e-9
        )


@settings(max_examples=20)
@given(networks(), VERSIONS)
def test_any_feeder_comes_back(network: Network, version: Cgmes) -> None:
    """Nodes, lines, transformers with taps and the source are the same after the way through a file of either version."""
    found = read(objects(network, version), version=version)
    same(found.network, network)
    assert (found.injections, found.unreached, found.assumed_ratings) == ((), (), frozenset())


@settings(max_examples=12)
@given(networks(), st.randoms(use_true_random=False), st.integers(0, 40))
def test_where_objects_stand_does_not_matter(network: Network, draw: random.Random, cut: int) -> None:
    """Objects in any order, cut anywhere into two files, are the same feeder."""
    mixed = objects(network)
    draw.shuffle(mixed)
    files = [part for part in (mixed[:cut], mixed[cut:]) if part]
    same(read(*files).network, network)


@settings(max_examples=12)
@given(networks())
def test_what_is_read_calculates_as_what_was_written(network: Network) -> None:
    """A light load at each node gives the same voltage at each node, and the same losses, before and after the file."""
    found = read(objects(network)).network
    flows = []
    for one in (network, found):
        p_w = np.full((1, len(one.nodes)), 100.0)
        flow = Feeder(one).flow(p_w, p_w / 3)
        flows.append((dict(zip(flow.node_names, flow.voltage_pu[0], strict=True)), flow.losses_w[0]))
    assert flows[1][0] == pytest.approx(flows[0][0], rel=1e-9)
    assert flows[1][1] == pytest.approx(flows[0][1], rel=1e-6, abs=1e-3)


@settings(max_examples=12)
@given(networks(), st.floats(0.001, 50))
def test_lengths_come_back_where_they_are_said(network: Network, km: float) -> None:
    """A line whose length is known has it in the file and back; one without has none, not a length of nought."""
    said = {line.name: km for line in network.lines[:1]}
    assert read(objects(network, km=said)).length_km == pytest.approx(said)


@settings(max_examples=12)
@given(networks(), st.data())
def test_what_an_open_end_cuts_off_is_named(network: Network, data: st.DataObject) -> None:
    """With one end of a branch not connected, the nodes that no other way reaches are unreached, the others stay."""
    branch = data.draw(st.sampled_from([*network.lines, *network.transformers]))
    opened = [
        item.model_copy(update={"connected": False}) if isinstance(item, Terminal) and item.name == f"{branch.name} 2"
        else item
        for item in objects(network)
    ]  # fmt: skip
    found = read(opened)
    beside = neighbours(
        [line for line in network.lines if line != branch], [item for item in network.transformers if item != branch]
    )
    reached = {network.slack_node}
    for _ in network.nodes:
        reached |= {other for node in reached for other in beside[node]}
    assert set(found.network.node_names) == reached
    assert set(found.unreached) == set(network.node_names) - reached
    assert branch.name not in found.network.branch_names


@settings(max_examples=12)
@given(networks())
def test_nodes_that_transformers_join_share_a_substation(network: Network) -> None:
    """Voltage levels on both sides of a transformer are in one substation; those that only lines join are in their own."""
    levels = {item.name: item.substation for item in objects(network) if isinstance(item, VoltageLevel)}
    assert levels.keys() == set(network.node_names)
    for trafo in network.transformers:
        assert levels[trafo.hv_node] == levels[trafo.lv_node]
    assert len(set(levels.values())) == len(network.nodes) - len(network.transformers)


@settings(max_examples=25)
@given(NAMES, NAMES, NAMES)
def test_an_identifier_is_a_function_of_model_kind_and_name(model: str, one: str, other: str) -> None:
    """The same thing has the same mRID each time; another name, kind or model has another."""
    ids = Identifiers(model)
    assert ids.of("Node", one) == Identifiers(model).of("Node", one)
    assert (ids.of("Node", one) == ids.of("Node", other)) == (one == other)
    assert ids.of("Node", one) != ids.of("Line", one)
    assert ids.of("Node", one) != Identifiers(model + "x").of("Node", one)


@settings(max_examples=12)
@given(networks(), st.data())
def test_a_node_missing_from_the_file_is_a_grid_or_one_sentence(network: Network, data: st.DataObject) -> None:
    """With any one object left out the rest is a grid, or is refused in one sentence; nothing else happens."""
    items = objects(network)
    items.pop(data.draw(st.integers(0, len(items) - 1)))
    try:
        found = read(items)
    except BadInput as refused:
        said = str(refused)
        assert said.startswith("CIM ")
        assert "\n" not in said
    else:
        assert set(found.network.branch_names) <= set(network.branch_names)


def test_a_name_that_two_nodes_have_is_refused() -> None:
    """Two nodes of one name in a file of others cannot be told apart: one sentence."""
    network = Network(
        (Node("a", 400), Node("b", 400)), (Line("l", "a", "b", 0.1, 0.1, 0, 100),), (), "a", 1.0
    )  # fmt: skip
    renamed = [
        item.model_copy(update={"name": "a"}) if isinstance(item, ConnectivityNode) else item
        for item in objects(network)
    ]
    with pytest.raises(BadInput, match="a node's name is used twice; expected every name once"):
        read(renamed)
