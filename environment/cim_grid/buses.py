"""Which terminals of a CIM model meet at the same bus: nodes joined by closed switches, with their nominal voltage."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from cim.codec.rdf.reading import CimModel
from cim.model.errors import BadInput
from cim.model.topology import (
    BaseVoltage,
    ConductingEquipment,
    ConnectivityNode,
    Terminal,
    TopologicalNode,
    VoltageLevel,
)
from cim.model.wires import Switch


class Buses:
    """The buses of a model, each called by the identifier of one of its nodes.

    Terminals that are not connected are at no bus; neither are those that no node is said of.

    Raises:
        BadInput: no terminal stands at a node.
    """

    def __init__(self, model: CimModel) -> None:
        self._model = model
        self._terminals: dict[str, list[Terminal]] = defaultdict(list)
        self._joined: dict[str, str] = {}
        for terminal in model.all(Terminal):
            self._terminals[terminal.conducting_equipment].append(terminal)
        for ends in self._terminals.values():
            ends.sort(key=lambda terminal: terminal.sequence_number or 0)
        for switch in model.all(Switch):
            is_open = switch.open if switch.open is not None else switch.normal_open
            ends_at = [node for t in self._terminals[switch.m_rid] if (node := _node(t)) is not None]
            roots = {self.root(node) for node in ends_at}
            if not is_open and len(roots) == 2:  # one root: switches in parallel
                one, other = sorted(roots)
                self._joined[one] = other
        if not any(self.at(terminal) for terminal in model.all(Terminal)):
            raise BadInput(
                "CIM model: no terminal stands at a node; expected ConnectivityNode or TopologicalNode of each"
            )

    @cached_property
    def _base_at(self) -> dict[str, list[str]]:
        """The base voltages that equipment at each bus says."""
        found: dict[str, list[str]] = defaultdict(list)
        for equipment in self._model.all(ConductingEquipment):
            for bus in self.ends(equipment):
                if bus is not None and equipment.base_voltage is not None:
                    found[bus].append(equipment.base_voltage)
        return found

    def at(self, terminal: Terminal | None) -> str | None:
        """The bus of a terminal; None where it is not connected."""
        node = None if terminal is None or terminal.connected is False else _node(terminal)
        return None if node is None else self.root(node)

    def named(self) -> set[str]:
        """The buses that terminals stand at, connected or not."""
        return {self.root(node) for terminal in self._model.all(Terminal) if (node := _node(terminal)) is not None}

    def ends(self, equipment: ConductingEquipment) -> list[str | None]:
        """The buses of an equipment's terminals, by their sequence numbers."""
        return [self.at(terminal) for terminal in self._terminals[equipment.m_rid]]

    def terminals(self, equipment: ConductingEquipment) -> list[Terminal]:
        """The terminals of an equipment, by their sequence numbers."""
        return self._terminals[equipment.m_rid]

    def name(self, bus: str) -> str:
        """What the model calls the node of a bus, or its identifier."""
        found = self._model.get(ConnectivityNode, bus) or self._model.get(TopologicalNode, bus)
        return (found.name if found else None) or bus

    def nominal_v(self, bus: str) -> float:
        """The nominal voltage of a bus, volts.

        Raises:
            BadInput: neither its node, nor that node's voltage level, nor equipment there says it.
        """
        node = self._model.get(ConnectivityNode, bus) or self._model.get(TopologicalNode, bus)
        level = self._model.get(VoltageLevel, node.connectivity_node_container if node else None)
        said = [node.base_voltage if isinstance(node, TopologicalNode) else None, level.base_voltage if level else None]
        for identifier in [*said, *self._base_at[bus]]:
            base = self._model.get(BaseVoltage, identifier)
            if base is not None and base.nominal_voltage.value > 0:
                return base.nominal_voltage.value
        raise BadInput(
            f"CIM node {self.name(bus)[:60]!r}: its nominal voltage is not said; expected a BaseVoltage above 0"
        )

    def root(self, node: str) -> str:
        """The bus that a node belongs to."""
        while node in self._joined:
            node = self._joined[node]
        return node


def _node(terminal: Terminal) -> str | None:
    return terminal.topological_node or terminal.connectivity_node
