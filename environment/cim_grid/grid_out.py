"""A feeder as objects of the CIM: voltage levels, nodes, lines with their limits, transformers with their taps, the source."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from uuid import NAMESPACE_URL, uuid5

from cim.model.cgmes import Cgmes
from cim.model.identified import CimValue
from cim.model.quantities import (
    ApparentPower,
    Conductance,
    CurrentFlow,
    Length,
    PerCent,
    Reactance,
    Resistance,
    Susceptance,
    Voltage,
)
from cim.model.topology import (
    BaseVoltage,
    ConductingEquipment,
    ConnectivityNode,
    GeographicalRegion,
    SubGeographicalRegion,
    Substation,
    Terminal,
    VoltageLevel,
)
from cim.model.wires import (
    ACLineSegment,
    CurrentLimit,
    ExternalNetworkInjection,
    OperationalLimitDirectionKind,
    OperationalLimitSet,
    OperationalLimitType,
    PowerTransformer,
    PowerTransformerEnd,
    RatioTapChanger,
    RegulatingControl,
    RegulatingControlModeKind,
)
from environment.cim_grid.branches import FREQUENCY_HZ
from environment.feeder import Line, Network, Node, Transformer

_NEUTRAL_RANGE = 16  # steps to each side, where the feeder says only the step it is on


class Identifiers:
    """The mRIDs of one model: a UUID from its name, the kind and the name, so the same thing always has the same one."""

    def __init__(self, model: str) -> None:
        self._model = model

    def of(self, kind: type[CimValue] | str, name: str) -> str:
        """The mRID of the `kind` called `name`."""
        said = kind if isinstance(kind, str) else kind.__name__
        return str(uuid5(NAMESPACE_URL, f"iles:{self._model}:{said}:{name}"))

    def terminal(self, equipment: ConductingEquipment, node: str, number: int = 1) -> Terminal:
        """End `number` of an equipment, at a node of the feeder."""
        return Terminal(
            m_rid=self.of(Terminal, f"{equipment.m_rid}:{number}"),
            name=f"{equipment.name} {number}",
            sequence_number=number,
            connected=True,
            conducting_equipment=equipment.m_rid,
            connectivity_node=self.of(ConnectivityNode, node),
        )


def grid_objects(
    network: Network, ids: Identifiers, region: str, length_km: Mapping[str, float], version: Cgmes
) -> Iterator[CimValue]:
    """The objects of `network`.

    Args:
        network: the feeder.
        ids: gives the mRIDs.
        region: what its region is called, for example a country.
        length_km: of the lines whose length is known, by name.
        version: 2.4.15 has one value of a current limit, 3.0 a normal one and that of the state.
    """
    yield GeographicalRegion(m_rid=ids.of(GeographicalRegion, region), name=region)
    within = SubGeographicalRegion(
        m_rid=ids.of(SubGeographicalRegion, region), name=region, region=ids.of(GeographicalRegion, region)
    )
    yield within
    for volts in sorted({node.nominal_v for node in network.nodes}):
        name = f"{volts:g} V"
        yield BaseVoltage(m_rid=_base(ids, volts), name=name, nominal_voltage=Voltage.of(volts))
    station_of = _stations(network)
    for station in dict.fromkeys(station_of.values()):
        yield Substation(m_rid=ids.of(Substation, station), name=station, region=within.m_rid)
    for node in network.nodes:
        yield from _node(ids, node, station_of[node.name])
    permanent = OperationalLimitType(
        m_rid=ids.of(OperationalLimitType, "permanent"),
        name="PATL",
        direction=OperationalLimitDirectionKind.ABSOLUTE_VALUE,
    )
    yield permanent
    nominal = {node.name: node.nominal_v for node in network.nodes}
    for line in network.lines:
        yield from _line(ids, line, nominal[line.from_node], length_km.get(line.name), permanent.m_rid, version)
    for transformer in network.transformers:
        yield from _transformer(ids, transformer, station_of[transformer.hv_node], nominal)
    yield from _source(ids, network, nominal[network.slack_node])


def _base(ids: Identifiers, volts: float) -> str:
    return ids.of(BaseVoltage, repr(float(volts)))


def _stations(network: Network) -> dict[str, str]:
    """The substation of each node, named by its first node: nodes that transformers join are in the same one."""
    station = {node.name: node.name for node in network.nodes}
    for transformer in network.transformers:
        kept, gone = station[transformer.hv_node], station[transformer.lv_node]
        station = {node: kept if of == gone else of for node, of in station.items()}
    return station


def _node(ids: Identifiers, node: Node, station: str) -> Iterator[CimValue]:
    level = VoltageLevel(
        m_rid=ids.of(VoltageLevel, node.name),
        name=node.name,
        base_voltage=_base(ids, node.nominal_v),
        substation=ids.of(Substation, station),
    )
    yield level
    yield ConnectivityNode(
        m_rid=ids.of(ConnectivityNode, node.name), name=node.name, connectivity_node_container=level.m_rid
    )


def _line(
    ids: Identifiers, line: Line, nominal_v: float, length_km: float | None, permanent: str, version: Cgmes
) -> Iterator[CimValue]:
    segment = ACLineSegment(
        m_rid=ids.of(ACLineSegment, line.name),
        name=line.name,
        base_voltage=_base(ids, nominal_v),
        length=None if length_km is None else Length.of(length_km * 1000),
        r=Resistance.of(line.r_ohm),
        x=Reactance.of(line.x_ohm),
        bch=Susceptance.of(line.c_nf * 1e-9 * 2 * math.pi * FREQUENCY_HZ),
    )
    yield segment
    yield ids.terminal(segment, line.from_node, 1)
    yield ids.terminal(segment, line.to_node, 2)
    limits = OperationalLimitSet(
        m_rid=ids.of(OperationalLimitSet, line.name), name=f"{line.name} ratings", equipment=segment.m_rid
    )
    yield limits
    yield CurrentLimit(
        m_rid=ids.of(CurrentLimit, line.name),
        name=f"{line.name} permanent",
        operational_limit_set=limits.m_rid,
        operational_limit_type=permanent,
        value=CurrentFlow.of(line.rated_a),
        normal_value=CurrentFlow.of(line.rated_a) if version is Cgmes.V3_0 else None,
    )


def _transformer(ids: Identifiers, item: Transformer, station: str, nominal: Mapping[str, float]) -> Iterator[CimValue]:
    """Its impedance stands at the high-voltage end, from uk, Pk, i0 and P0 (IEC 60076)."""
    unit = PowerTransformer(
        m_rid=ids.of(PowerTransformer, item.name), name=item.name, equipment_container=ids.of(Substation, station)
    )
    yield unit
    z_ohm = item.uk_pct / 100 * item.hv_v**2 / item.rated_va
    r_ohm = item.copper_loss_w * item.hv_v**2 / item.rated_va**2
    y_s, g_s = item.i0_pct / 100 * item.rated_va / item.hv_v**2, item.iron_loss_w / item.hv_v**2
    sides = ((item.hv_node, item.hv_v), (item.lv_node, item.lv_v))
    for number, (node, rated_v) in enumerate(sides, 1):
        terminal = ids.terminal(unit, node, number)
        yield terminal
        high = number == 1
        end = PowerTransformerEnd(
            m_rid=ids.of(PowerTransformerEnd, f"{item.name}:{number}"),
            name=f"{item.name} {number}",
            end_number=number,
            base_voltage=_base(ids, nominal[node]),
            terminal=terminal.m_rid,
            power_transformer=unit.m_rid,
            rated_s=ApparentPower.of(item.rated_va),
            rated_u=Voltage.of(rated_v),
            r=Resistance.of(r_ohm if high else 0.0),
            x=Reactance.of(math.sqrt(max(z_ohm**2 - r_ohm**2, 0.0)) if high else 0.0),
            g=Conductance.of(g_s if high else 0.0),
            b=Susceptance.of(-math.sqrt(max(y_s**2 - g_s**2, 0.0)) if high else 0.0),
            phase_angle_clock=0 if high else item.clock,
        )
        yield end
        if high and item.tap_step_pct:
            span = max(_NEUTRAL_RANGE, abs(item.tap_position))
            yield RatioTapChanger(
                m_rid=ids.of(RatioTapChanger, item.name),
                name=f"{item.name} tap changer",
                low_step=-span,
                high_step=span,
                neutral_step=0,
                normal_step=item.tap_position,
                neutral_u=Voltage.of(rated_v),
                step=float(item.tap_position),
                step_voltage_increment=PerCent.of(item.tap_step_pct),
                transformer_end=end.m_rid,
            )


def _source(ids: Identifiers, network: Network, nominal_v: float) -> Iterator[CimValue]:
    node = network.slack_node
    control = ids.of(RegulatingControl, node)
    injection = ExternalNetworkInjection(
        m_rid=ids.of(ExternalNetworkInjection, node),
        name="grid above",
        equipment_container=ids.of(VoltageLevel, node),
        regulating_control=control,
        control_enabled=True,
        reference_priority=1,
    )
    yield injection
    terminal = ids.terminal(injection, node)
    yield terminal
    yield RegulatingControl(
        m_rid=control,
        name="voltage of the grid above",
        mode=RegulatingControlModeKind.VOLTAGE,
        terminal=terminal.m_rid,
        target_value=network.slack_voltage_pu * nominal_v / 1000,
        enabled=True,
        discrete=False,
    )
