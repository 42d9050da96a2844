"""What carries power, in IEC 61970-301's classes as CGMES exchanges them: lines, switches, transformers, loads, limits."""

from __future__ import annotations

from enum import StrEnum

from cim.model.identified import IdentifiedObject, PowerSystemResource, Ref
from cim.model.quantities import (
    ActivePower,
    ApparentPower,
    Conductance,
    CurrentFlow,
    Length,
    PerCent,
    Reactance,
    ReactivePower,
    Resistance,
    Seconds,
    Susceptance,
    Voltage,
)
from cim.model.topology import ConductingEquipment


class WindingConnection(StrEnum):
    """How a transformer's winding is connected."""

    D = "D"
    Y = "Y"
    Z = "Z"
    YN = "Yn"
    ZN = "Zn"
    A = "A"
    I = "I"  # noqa: E741 - the standard's name of an independent winding


class RegulatingControlModeKind(StrEnum):
    """What is held at its target."""

    VOLTAGE = "voltage"
    ACTIVE_POWER = "activePower"
    REACTIVE_POWER = "reactivePower"
    CURRENT_FLOW = "currentFlow"
    ADMITTANCE = "admittance"
    TIME_SCHEDULED = "timeScheduled"
    TEMPERATURE = "temperature"
    POWER_FACTOR = "powerFactor"


class OperationalLimitDirectionKind(StrEnum):
    """Beyond which side of its value a limit is broken."""

    HIGH = "high"
    LOW = "low"
    ABSOLUTE_VALUE = "absoluteValue"


class Conductor(ConductingEquipment):
    """Conducting material with a length."""

    length: Length | None = None


class ACLineSegment(Conductor):
    """A line or cable: its total series impedance and shunt admittance in the positive sequence."""

    r: Resistance
    x: Reactance
    bch: Susceptance = Susceptance.of(0.0)
    gch: Conductance = Conductance.of(0.0)


class Switch(ConductingEquipment):
    """A switch of any kind; `normal_open` where its present state is not said."""

    normal_open: bool | None = None
    open: bool | None = None


class Breaker(Switch):
    """A switch that breaks short-circuit currents."""


class Disconnector(Switch):
    """A switch that separates visibly, without load."""


class LoadBreakSwitch(Switch):
    """A switch that breaks load currents."""


class PowerTransformer(ConductingEquipment):
    """A transformer; its windings are its `PowerTransformerEnd`s."""


class TransformerEnd(IdentifiedObject):
    """One winding's end: 1 is the highest voltage."""

    end_number: int
    base_voltage: Ref | None = None
    terminal: Ref


class PowerTransformerEnd(TransformerEnd):
    """A winding's rating, and its share of the impedance, at its own voltage (all of it may stand at end 1)."""

    power_transformer: Ref
    rated_s: ApparentPower
    rated_u: Voltage
    r: Resistance = Resistance.of(0.0)
    x: Reactance = Reactance.of(0.0)
    g: Conductance = Conductance.of(0.0)
    b: Susceptance = Susceptance.of(0.0)
    phase_angle_clock: int = 0
    connection_kind: WindingConnection | None = None


class TapChanger(PowerSystemResource):
    """A tap changer: its steps, and the one it is on."""

    low_step: int
    high_step: int
    neutral_step: int
    normal_step: int | None = None
    neutral_u: Voltage | None = None
    step: float | None = None


class RatioTapChanger(TapChanger):
    """A tap changer that changes the winding's turns by `step_voltage_increment` each step."""

    step_voltage_increment: PerCent
    transformer_end: Ref


class EnergyConsumer(ConductingEquipment):
    """A load; `p` and `q` are positive for consumption."""

    p: ActivePower | None = None
    q: ReactivePower | None = None
    pfixed: ActivePower | None = None
    qfixed: ReactivePower | None = None


class ConformLoad(EnergyConsumer):
    """A load that follows a group's daily pattern."""


class NonConformLoad(EnergyConsumer):
    """A load that follows a pattern of its own."""


class RegulatingCondEq(ConductingEquipment):
    """Equipment that can regulate."""

    regulating_control: Ref | None = None
    control_enabled: bool | None = None


class ExternalNetworkInjection(RegulatingCondEq):
    """The grid above, as a source."""

    reference_priority: int | None = None


class RegulatingControl(PowerSystemResource):
    """What holds a value at a terminal: `target_value` in the mode's unit (kilovolts) as the file writes it."""

    mode: RegulatingControlModeKind
    terminal: Ref
    target_value: float | None = None
    enabled: bool | None = None
    discrete: bool | None = None


class OperationalLimitSet(IdentifiedObject):
    """The limits of one equipment or terminal."""

    equipment: Ref | None = None
    terminal: Ref | None = None


class OperationalLimitType(IdentifiedObject):
    """How long a limit may be used: `acceptable_duration`, or without end."""

    acceptable_duration: Seconds | None = None
    direction: OperationalLimitDirectionKind | None = None


class OperationalLimit(IdentifiedObject):
    """A limit of a set."""

    operational_limit_set: Ref
    operational_limit_type: Ref | None = None


class CurrentLimit(OperationalLimit):
    """The most current."""

    value: CurrentFlow | None = None
    normal_value: CurrentFlow | None = None
