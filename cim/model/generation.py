"""What generates and stores, in IEC 61970-301's classes: converters with PV, wind and batteries, machines with their units.

Powers of connections are positive for consumption, those of the units behind them for generation, as in the standard.
"""

from __future__ import annotations

from cim.model.identified import Ref
from cim.model.quantities import ActivePower, ApparentPower, ReactivePower, RealEnergy, Voltage
from cim.model.topology import Equipment
from cim.model.wires import RegulatingCondEq


class PowerElectronicsConnection(RegulatingCondEq):
    """A converter that connects PV, wind or a battery; `p` and `q` are positive for consumption."""

    max_i_fault: float | None = None
    rated_s: ApparentPower | None = None
    rated_u: Voltage | None = None
    p: ActivePower | None = None
    q: ReactivePower | None = None


class PowerElectronicsUnit(Equipment):
    """What stands behind a converter: `min_p` to `max_p`, positive for generation (IEC 61970-301)."""

    power_electronics_connection: Ref
    max_p: ActivePower | None = None
    min_p: ActivePower | None = None


class PhotoVoltaicUnit(PowerElectronicsUnit):
    """A PV plant."""


class PowerElectronicsWindUnit(PowerElectronicsUnit):
    """A wind turbine behind a converter."""


class BatteryUnit(PowerElectronicsUnit):
    """A battery: what it holds at most (`rated_e`) and now (`stored_e`)."""

    rated_e: RealEnergy | None = None
    stored_e: RealEnergy | None = None


class RotatingMachine(RegulatingCondEq):
    """A machine that turns; `p` and `q` are positive for consumption."""

    generating_unit: Ref | None = None
    rated_s: ApparentPower | None = None
    rated_u: Voltage | None = None
    p: ActivePower | None = None
    q: ReactivePower | None = None


class SynchronousMachine(RotatingMachine):
    """A synchronous generator or motor."""


class GeneratingUnit(Equipment):
    """What drives generators: the range of its power, positive for generation."""

    max_operating_p: ActivePower
    min_operating_p: ActivePower
    nominal_p: ActivePower | None = None
    initial_p: ActivePower | None = None


class ThermalGeneratingUnit(GeneratingUnit):
    """A plant driven by heat, such as a biogas CHP."""


class SolarGeneratingUnit(GeneratingUnit):
    """A PV plant as CGMES 2.4.15 has it."""


class WindGeneratingUnit(GeneratingUnit):
    """A wind turbine as CGMES 2.4.15 has it."""
