"""How physical units behave: batteries, PV, CHP, heated rooms, charge points, appliances, and the connection they share.

No protocol, no decision and no market rule lives here; energy is accounted exactly.
"""

from environment.physics.appliance import Appliance
from environment.physics.base_load import BaseLoad
from environment.physics.battery import Battery
from environment.physics.charge_point import ChargePoint, PlugEvent
from environment.physics.chp import Chp
from environment.physics.connection import Connection
from environment.physics.heat_pump import HeatPumpRoom
from environment.physics.pv import PvArray
from environment.physics.unit import PhysicalUnit, Series, UnitKind
from environment.physics.wind import PowerCurve, WindTurbine

__all__ = [
    "Appliance",
    "BaseLoad",
    "Battery",
    "ChargePoint",
    "Chp",
    "Connection",
    "HeatPumpRoom",
    "PhysicalUnit",
    "PlugEvent",
    "PowerCurve",
    "PvArray",
    "Series",
    "UnitKind",
    "WindTurbine",
]
