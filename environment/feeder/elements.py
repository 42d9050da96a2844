"""What a feeder is made of, in IEC CIM's terms (IEC 61970-301), in SI units; plain values that can travel."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cim.codec.codec import wire
from cim.model.errors import BadInput


@wire("feeder.Node")
@dataclass(frozen=True, slots=True)
class Node:
    """A ConnectivityNode with its BaseVoltage, volts phase to phase."""

    name: str
    nominal_v: float


@wire("feeder.Line")
@dataclass(frozen=True, slots=True)
class Line:
    """An ACLineSegment: total series impedance (ohm), shunt capacitance (nF) and its current limit (A)."""

    name: str
    from_node: str
    to_node: str
    r_ohm: float
    x_ohm: float
    c_nf: float
    rated_a: float


@wire("feeder.Transformer")
@dataclass(frozen=True, slots=True)
class Transformer:
    """A two-winding PowerTransformer with its RatioTapChanger on the high-voltage side.

    Attributes:
        rated_va: rated apparent power.
        uk_pct: short-circuit voltage, percent.
        copper_loss_w: short-circuit losses at rated current.
        iron_loss_w: no-load losses.
        i0_pct: no-load current, percent.
        clock: vector group number, 0..11.
        tap_position: steps from neutral; each raises the high-voltage side's turns by `tap_step_pct`.
    """

    name: str
    hv_node: str
    lv_node: str
    rated_va: float
    hv_v: float
    lv_v: float
    uk_pct: float
    copper_loss_w: float
    iron_loss_w: float
    i0_pct: float
    clock: int
    tap_position: int = 0
    tap_step_pct: float = 0.0


@wire("feeder.Network")
@dataclass(frozen=True, slots=True)
class Network:
    """A whole feeder, fed from one source that holds `slack_voltage_pu` at `slack_node`.

    Raises:
        BadInput: a name is used twice or a branch ends at a node that does not exist.
    """

    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]
    transformers: tuple[Transformer, ...]
    slack_node: str
    slack_voltage_pu: float

    def __post_init__(self) -> None:
        known = {node.name for node in self.nodes}
        if len(known) != len(self.nodes):
            raise BadInput("network: a node's name is used twice; expected every name once")
        branches = self.branch_names
        if len(set(branches)) != len(branches):
            raise BadInput("network: a branch's name is used twice; expected every name once")
        ends = [(line.name, end) for line in self.lines for end in (line.from_node, line.to_node)]
        ends += [(trafo.name, end) for trafo in self.transformers for end in (trafo.hv_node, trafo.lv_node)]
        for branch, end in [*ends, ("slack_node", self.slack_node)]:
            if end not in known:
                raise BadInput(f"network: {branch} names node {end!r}; expected one of {', '.join(sorted(known))}")

    @property
    def node_names(self) -> tuple[str, ...]:
        """The nodes' names, in the order of every array over nodes."""
        return tuple(node.name for node in self.nodes)

    @property
    def branch_names(self) -> tuple[str, ...]:
        """Lines, then transformers: the order of every array over branches."""
        return tuple(line.name for line in self.lines) + tuple(trafo.name for trafo in self.transformers)


def rated_va(network: Network) -> dict[str, float]:
    """What each branch may carry, VA: a transformer's rating, or a line's rated current at its nominal voltage."""
    nominal = {node.name: node.nominal_v for node in network.nodes}
    lines = {line.name: math.sqrt(3) * line.rated_a * nominal[line.from_node] for line in network.lines}
    return lines | {trafo.name: trafo.rated_va for trafo in network.transformers}
