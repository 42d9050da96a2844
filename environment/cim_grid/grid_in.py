"""A CIM model as a feeder: buses, branches, the source above, and what stands at the buses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from cim.codec.rdf.reading import CimModel
from cim.model.errors import BadInput
from cim.model.generation import PowerElectronicsConnection, RotatingMachine
from cim.model.topology import SvPowerFlow, SvVoltage
from cim.model.wires import ACLineSegment, EnergyConsumer, ExternalNetworkInjection, RegulatingControl
from environment.cim_grid.branches import lines_of, transformers_of
from environment.cim_grid.buses import Buses
from environment.feeder import Line, Network, Node, Transformer

Powered = EnergyConsumer | PowerElectronicsConnection | RotatingMachine


@dataclass(frozen=True, slots=True)
class Injection:
    """Equipment at a node that takes power: watts and vars, + = consumption (a generator's are negative)."""

    name: str
    node: str
    p_w: float
    q_var: float
    equipment: Powered


@dataclass(frozen=True)
class CimGrid:
    """What a CIM model says of a grid.

    Attributes:
        injections: loads, converters and machines, as the file's state (SSH, else SV) has them.
        voltage_pu: by node, where the file has a power flow's result (SV); by the node's nominal voltage.
        length_km: of the lines whose length the file says, by name.
        assumed_ratings: lines whose current limit no file says.
        unreached: nodes that no closed path joins with the source; they are in no other field.
    """

    network: Network
    injections: tuple[Injection, ...]
    voltage_pu: dict[str, float]
    length_km: dict[str, float]
    assumed_ratings: frozenset[str]
    unreached: tuple[str, ...]

    def totals(self) -> tuple[list[float], list[float]]:
        """Net (watts, vars) at each node, in the order of `network.node_names`."""
        p_w: dict[str, float] = defaultdict(float)
        q_var: dict[str, float] = defaultdict(float)
        for item in self.injections:
            p_w[item.node] += item.p_w
            q_var[item.node] += item.q_var
        return [p_w[name] for name in self.network.node_names], [q_var[name] for name in self.network.node_names]


def grid_of(model: CimModel) -> CimGrid:
    """The grid that `model` describes; nodes and branches keep the model's names.

    Raises:
        BadInput: no source or several, a name twice, or something that a feeder cannot have; one sentence.
    """
    buses = Buses(model)
    lines, assumed = lines_of(model, buses)
    transformers = transformers_of(model, buses)
    slack, slack_v = _source(model, buses)
    reached = _reached(slack, lines, transformers)
    names = {bus: buses.name(bus) for bus in reached}
    measured = _voltages(model, buses)
    nominal = {bus: buses.nominal_v(bus) for bus in names}
    slack_pu = (slack_v or measured.get(slack) or nominal[slack]) / nominal[slack]
    network = Network(
        tuple(Node(names[bus], nominal[bus]) for bus in names),
        tuple(
            replace(line, from_node=names[line.from_node], to_node=names[line.to_node])
            for line in lines
            if line.from_node in names
        ),
        tuple(
            replace(t, hv_node=names[t.hv_node], lv_node=names[t.lv_node]) for t in transformers if t.hv_node in names
        ),
        names[slack],
        slack_pu,
    )
    return CimGrid(
        network,
        tuple(_injections(model, buses, names)),
        {names[bus]: volts / nominal[bus] for bus, volts in measured.items() if bus in names},
        {item.name or item.m_rid: item.length.value / 1000 for item in model.all(ACLineSegment) if item.length},
        frozenset(assumed),
        tuple(sorted(buses.name(bus) for bus in buses.named() - names.keys())),
    )


def _source(model: CimModel, buses: Buses) -> tuple[str, float | None]:
    """(bus, volts held there if said) of the grid above."""
    sources = [
        (item, bus) for item in model.all(ExternalNetworkInjection) for bus in buses.ends(item) if bus is not None
    ]
    if len(sources) != 1:
        raise BadInput(
            f"CIM model: has {len(sources)} connected ExternalNetworkInjections; expected one, the grid above"
        )
    injection, bus = sources[0]
    control = model.get(RegulatingControl, injection.regulating_control)
    target = control.target_value if control else None
    if target is not None and target <= 0:
        raise BadInput(f"CIM RegulatingControl of {injection.name}: targetValue {target:g}: expected kilovolts above 0")
    return bus, target * 1000 if target else None


def neighbours(lines: Iterable[Line], transformers: Iterable[Transformer]) -> dict[str, list[str]]:
    """The nodes that branches join each node with."""
    beside: dict[str, list[str]] = defaultdict(list)
    ends = [(line.from_node, line.to_node) for line in lines]
    for one, other in ends + [(item.hv_node, item.lv_node) for item in transformers]:
        beside[one].append(other)
        beside[other].append(one)
    return beside


def _reached(slack: str, lines: list[Line], transformers: list[Transformer]) -> list[str]:
    """The buses joined with the source, in the order of a walk from it."""
    beside = neighbours(lines, transformers)
    found = {slack: None}
    for bus in (queue := [slack]):
        for other in beside[bus]:
            if other not in found:
                found[other] = None
                queue.append(other)
    return list(found)


def _voltages(model: CimModel, buses: Buses) -> dict[str, float]:
    """What a power flow's result in the files says, volts by bus."""
    found = {}
    for state in model.all(SvVoltage):
        if state.v.value > 0:
            found[buses.root(state.topological_node)] = state.v.value
    return found


def _injections(model: CimModel, buses: Buses, names: dict[str, str]) -> list[Injection]:
    flows = {flow.terminal: flow for flow in model.all(SvPowerFlow)}
    found = []
    powered: list[EnergyConsumer | PowerElectronicsConnection | RotatingMachine] = [
        *model.all(EnergyConsumer),
        *model.all(PowerElectronicsConnection),
        *model.all(RotatingMachine),
    ]
    for item in powered:
        terminals = [terminal for terminal in buses.terminals(item) if buses.at(terminal) in names]
        if not terminals:
            continue
        flow = flows.get(terminals[0].m_rid)
        fixed = item if isinstance(item, EnergyConsumer) else None
        p = item.p or (flow.p if flow else None) or (fixed.pfixed if fixed else None)
        q = item.q or (flow.q if flow else None) or (fixed.qfixed if fixed else None)
        node = names[str(buses.at(terminals[0]))]
        found.append(Injection(item.name or item.m_rid, node, p.value if p else 0.0, q.value if q else 0.0, item))
    return found
