"""Where things are in the grid, in IEC 61970-301's classes: voltages, containers, nodes, terminals, and a state's results.

Only what a balanced power flow and the devices of a site need; a file's further attributes are left out when it is read.
"""

from __future__ import annotations

from cim.model.identified import CimValue, IdentifiedObject, PowerSystemResource, Ref
from cim.model.quantities import ActivePower, AngleDegrees, ReactivePower, Voltage


class BaseVoltage(IdentifiedObject):
    """A nominal voltage of the system."""

    nominal_voltage: Voltage


class GeographicalRegion(IdentifiedObject):
    """A country, or the like."""


class SubGeographicalRegion(IdentifiedObject):
    """A part of a region."""

    region: Ref | None = None


class ConnectivityNodeContainer(PowerSystemResource):
    """What connectivity nodes belong to."""


class EquipmentContainer(ConnectivityNodeContainer):
    """What equipment belongs to."""


class Substation(EquipmentContainer):
    """A substation: where voltage levels meet."""

    region: Ref | None = None


class VoltageLevel(EquipmentContainer):
    """The equipment of a substation at one nominal voltage."""

    base_voltage: Ref
    substation: Ref


class Line(EquipmentContainer):
    """Equipment beyond substations, between them."""


class ConnectivityNode(IdentifiedObject):
    """Where terminals meet with no impedance between."""

    connectivity_node_container: Ref | None = None


class TopologicalNode(IdentifiedObject):
    """Connectivity nodes joined by closed switches: a bus of the power flow."""

    base_voltage: Ref | None = None
    connectivity_node_container: Ref | None = None


class ACDCTerminal(IdentifiedObject):
    """An end of equipment."""

    sequence_number: int | None = None
    connected: bool | None = None


class Terminal(ACDCTerminal):
    """An end of AC equipment, at a node."""

    conducting_equipment: Ref
    connectivity_node: Ref | None = None
    topological_node: Ref | None = None


class Equipment(PowerSystemResource):
    """A device of the power system."""

    equipment_container: Ref | None = None


class ConductingEquipment(Equipment):
    """Equipment that carries current."""

    base_voltage: Ref | None = None


class SvVoltage(CimValue):
    """A power flow's result: the voltage of a bus."""

    m_rid: str
    v: Voltage
    angle: AngleDegrees | None = None
    topological_node: Ref


class SvPowerFlow(CimValue):
    """A power flow's result or start: what flows from the bus into the equipment of a terminal."""

    m_rid: str
    p: ActivePower
    q: ReactivePower
    terminal: Ref
