"""Buses of a CIM model: which nodes closed switches join, and which of what is said gives their nominal voltage."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.codec.rdf.reading import CimModel
from cim.model.errors import BadInput
from cim.model.identified import CimValue
from cim.model.quantities import ActivePower, Voltage
from cim.model.topology import BaseVoltage, ConnectivityNode, Terminal, TopologicalNode, VoltageLevel
from cim.model.wires import Breaker, EnergyConsumer
from environment.cim_grid.buses import Buses


def of(*items: CimValue) -> Buses:
    """The buses of a model of these objects."""
    return Buses(CimModel({str(getattr(item, "m_rid", "")): item for item in items}, {}))


def terminal(equipment: str, node: str, number: int = 1, **more: object) -> Terminal:
    """An end of an equipment at a connectivity node."""
    said = {"m_rid": f"{equipment}-{number}", "sequence_number": number, "conducting_equipment": equipment}
    return Terminal.model_validate(said | {"connectivity_node": node} | more)


def switch(name: str, one: str, other: str, is_open: bool) -> list[CimValue]:
    """A breaker between two nodes."""
    return [Breaker(m_rid=name, open=is_open), terminal(name, one, 1), terminal(name, other, 2)]


NODES = [f"n{number}" for number in range(6)]
SWITCHES = st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES), st.booleans()), min_size=1, max_size=9)


def _groups(switches: list[tuple[str, str, bool]]) -> dict[str, frozenset[str]]:
    """By node, all that closed switches lead to from it: by spreading, not by joining."""
    found = {}
    for node in NODES:
        reached = {node}
        for _ in NODES:
            for one, other, is_open in switches:
                if not is_open and reached & {one, other}:
                    reached |= {one, other}
        found[node] = frozenset(reached)
    return found


@settings(max_examples=60)
@given(SWITCHES)
def test_a_bus_is_what_closed_switches_join(switches: list[tuple[str, str, bool]]) -> None:
    """Two nodes are one bus exactly when a way of closed switches leads from one to the other; rings end the walk."""
    items = [item for number, one in enumerate(switches) for item in switch(f"s{number}", *one)]
    buses, groups = of(*items), _groups(switches)
    for one in NODES:
        for other in NODES:
            assert (buses.root(one) == buses.root(other)) == (other in groups[one])
    assert buses.named() == {buses.root(node) for one, other, _ in switches for node in (one, other)}


@settings(max_examples=20)
@given(SWITCHES, st.randoms(use_true_random=False))
def test_the_order_of_switches_does_not_matter_to_what_is_joined(
    switches: list[tuple[str, str, bool]], draw: random.Random
) -> None:
    """The same switches in another order make buses of the same nodes."""
    mixed = list(switches)
    draw.shuffle(mixed)
    both = [of(*[item for number, one in enumerate(said) for item in switch(f"s{number}", *one)]) for said in
            (switches, mixed)]  # fmt: skip
    for one in NODES:
        for other in NODES:
            assert (both[0].root(one) == both[0].root(other)) == (both[1].root(one) == both[1].root(other))


@pytest.mark.parametrize(
    ("said", "joined"),
    [
        ({}, True),
        ({"normal_open": True}, False),
        ({"normal_open": False}, True),
        ({"open": True}, False),
        ({"open": False}, True),
        ({"normal_open": True, "open": False}, True),
        ({"normal_open": False, "open": True}, False),
    ],
)
def test_a_switch_stands_as_its_state_says_else_as_it_normally_does(said: dict[str, bool], joined: bool) -> None:
    """`open` (SSH) counts before `normalOpen` (EQ); a switch of which nothing is said is closed."""
    breaker = Breaker.model_validate({"m_rid": "s", **said})
    buses = of(breaker, terminal("s", "a", 1), terminal("s", "b", 2))
    assert (buses.root("a") == buses.root("b")) is joined


def load(**more: object) -> list[CimValue]:
    """A load at node `n`."""
    return [EnergyConsumer.model_validate({"m_rid": "l", "p": ActivePower.of(1), **more}), terminal("l", "n")]


def test_ends_stand_by_their_sequence_numbers() -> None:
    """The first terminal is the one with the lower number, whichever stands first in the file; one that is not connected
    is at no bus."""
    breaker = Breaker(m_rid="s", open=True)
    assert of(breaker, terminal("s", "b", 2), terminal("s", "a", 1)).ends(breaker) == ["a", "b"]
    loose = of(breaker, terminal("s", "a", 1), terminal("s", "b", 2, connected=False))
    assert loose.ends(breaker) == ["a", None]
    assert loose.named() == {"a", "b"}


def test_a_topological_node_counts_before_a_connectivity_node() -> None:
    """Where a file says both (TP beside EQ), terminals of one topological node are one bus."""
    both = [terminal(name, f"c-{name}", topological_node="t") for name in ("x", "y")]
    buses = of(*both, TopologicalNode(m_rid="t", name="Bus 1"))
    assert {buses.at(one) for one in both} == {"t"}
    assert buses.name("t") == "Bus 1"


def test_a_node_without_a_name_is_called_by_its_identifier() -> None:
    """A bus has its node's name, or the identifier where the file gives it none."""
    buses = of(*load(), ConnectivityNode(m_rid="n", name=""), ConnectivityNode(m_rid="m", name="Busbar"))
    assert (buses.name("n"), buses.name("m"), buses.name("gone")) == ("n", "Busbar", "gone")


def volts(name: str, value: float) -> BaseVoltage:
    """A base voltage."""
    return BaseVoltage(m_rid=name, nominal_voltage=Voltage.of(value))


LEVEL = VoltageLevel(m_rid="v", base_voltage="b-level", substation="s")


@pytest.mark.parametrize(
    ("node", "equipment", "expected"),
    [
        (TopologicalNode(m_rid="n", base_voltage="b-node", connectivity_node_container="v"), "b-load", 110_000),
        (TopologicalNode(m_rid="n", connectivity_node_container="v"), "b-load", 20_000),
        (TopologicalNode(m_rid="n", base_voltage="gone", connectivity_node_container="v"), "b-load", 20_000),
        (ConnectivityNode(m_rid="n", connectivity_node_container="v"), "b-load", 20_000),
        (ConnectivityNode(m_rid="n", connectivity_node_container="gone"), "b-load", 400),
        (ConnectivityNode(m_rid="n"), "b-load", 400),
        (ConnectivityNode(m_rid="n", connectivity_node_container="v"), None, 20_000),
    ],
)
def test_the_nearest_that_says_a_nominal_voltage_is_believed(
    node: CimValue, equipment: str | None, expected: float
) -> None:
    """The node itself, else its voltage level, else equipment that stands there."""
    voltages = (volts("b-node", 110_000), volts("b-level", 20_000), volts("b-load", 400))
    assert of(*load(base_voltage=equipment), node, LEVEL, *voltages).nominal_v("n") == expected


@pytest.mark.parametrize("value", [0.0, -400.0])
def test_a_bus_without_a_nominal_voltage_is_refused_by_name(value: float) -> None:
    """A voltage of nought or below is none: the sentence names the node."""
    node = ConnectivityNode(m_rid="n", name="Busbar")
    with pytest.raises(BadInput, match="CIM node 'Busbar': its nominal voltage is not said; expected a BaseVoltage"):
        of(*load(base_voltage="b"), node, volts("b", value)).nominal_v("n")


def test_a_model_without_nodes_is_refused() -> None:
    """Terminals that stand nowhere, or are all open, make no grid."""
    nowhere = Terminal(m_rid="t", conducting_equipment="l")
    for item in (nowhere, terminal("l", "n", connected=False)):
        with pytest.raises(BadInput, match="no terminal stands at a node"):
            of(EnergyConsumer(m_rid="l"), item)
