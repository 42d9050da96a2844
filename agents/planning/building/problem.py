"""What is to be planned of one building, what a plan of it is, and what is said where there is none.

Powers are kW, + = consumption, energies kWh at the store, all rows [T]. Curvatures are ct/kW^2 and wear ct/kW per interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.planning.microgrid.problem import NoPlan
from cim.model.arrays import Floats
from cim.model.errors import BadInput


@dataclass(frozen=True, slots=True)
class HomeBattery:
    """A battery that is to hold `end_kwh` at the end, and never less than `reserve_kwh`."""

    curvature: float
    wear: float
    charge_kw: float
    discharge_kw: float
    eta_in: float
    eta_out: float
    energy_kwh: float
    capacity_kwh: float
    end_kwh: float
    reserve_kwh: float = 0.0


@dataclass(frozen=True, slots=True)
class HomeVehicle:
    """A vehicle that is there in the intervals arrival .. departure - 1 and needs `energy_kwh` of them."""

    curvature: float
    arrival: int
    departure: int
    most_kw: float
    energy_kwh: float


@dataclass(frozen=True, slots=True)
class HomePlant:
    """A PV plant: what it could give, >= 0, and what curtailing it costs."""

    curvature: float
    available_kw: Floats


@dataclass(frozen=True, slots=True)
class HomeRoom:
    """A heated building of two capacities, air and walls (2R2C; ISO 52016-1 has the same with more nodes).

    Attributes:
        air_c, walls_c: temperatures at the beginning.
        air_kwh_per_k, walls_kwh_per_k: capacities.
        air_to_walls_k_per_kw, air_to_outside_k_per_kw: resistances.
        outside_c, gains_kw: weather, and heat of sun and people.
        most_kw, cop: the heat pump's electric power and what it makes of it.
        low_c, high_c: comfort.
    """

    air_c: float
    walls_c: float
    air_kwh_per_k: float
    walls_kwh_per_k: float
    air_to_walls_k_per_kw: float
    air_to_outside_k_per_kw: float
    outside_c: Floats
    gains_kw: Floats
    most_kw: float
    cop: Floats
    low_c: Floats
    high_c: Floats


@dataclass(frozen=True, slots=True)
class Building:
    """A building over T intervals.

    Attributes:
        hours: length of an interval.
        load_kw: what cannot be moved.
        buy_ct_per_kwh, sell_ct_per_kwh: of energy taken and given; selling earns at most what buying costs.
        import_kw, export_kw: most that its connection may take and give, >= 0.
    """

    hours: float
    load_kw: Floats
    buy_ct_per_kwh: Floats
    sell_ct_per_kwh: Floats
    import_kw: Floats
    export_kw: Floats
    battery: HomeBattery | None = None
    vehicle: HomeVehicle | None = None
    plant: HomePlant | None = None
    room: HomeRoom | None = None

    def __post_init__(self) -> None:
        rows = {
            "load_kw": self.load_kw,
            "buy_ct_per_kwh": self.buy_ct_per_kwh,
            "sell_ct_per_kwh": self.sell_ct_per_kwh,
            "import_kw": self.import_kw,
            "export_kw": self.export_kw,
        }
        if self.plant is not None:
            rows["plant.available_kw"] = self.plant.available_kw
        if self.room is not None:
            rows |= {
                f"room.{name}": getattr(self.room, name) for name in ("outside_c", "gains_kw", "cop", "low_c", "high_c")
            }
        for name, row in rows.items():
            if len(row) != len(self.load_kw):
                raise BadInput(f"building: {name} has {len(row)} intervals; expected {len(self.load_kw)}")
            if not np.isfinite(row).all():
                raise BadInput(f"building: {name}[{int(np.argmin(np.isfinite(row)))}] is no number; expected one")
        if (dear := np.flatnonzero(self.sell_ct_per_kwh > self.buy_ct_per_kwh)).size:
            t = int(dear[0])
            raise BadInput(
                f"building: sell_ct_per_kwh[{t}] is {self.sell_ct_per_kwh[t]:g}, above buying at "
                f"{self.buy_ct_per_kwh[t]:g}; expected at most that"
            )

    @property
    def length(self) -> int:
        """Number of intervals T."""
        return len(self.load_kw)


@dataclass(frozen=True, slots=True)
class BuildingPlan:
    """What each device does, [T] kW (nothing where there is none), and what that costs.

    Attributes:
        battery_kw: + = charging.
        curtailed_kw: of the plant, >= 0.
        air_c: of the room at the end of each interval; empty where there is none.
    """

    battery_kw: Floats
    vehicle_kw: Floats
    curtailed_kw: Floats
    heating_kw: Floats
    net_kw: Floats
    air_c: Floats
    cost_ct: float


@dataclass(frozen=True, slots=True)
class ConstraintBroken:
    """A constraint that cannot be kept together with the others: its name, where, by how much, in which unit.

    Attributes:
        constraint: "import_kw", "export_kw", "battery.reserve_kwh", "battery.end_kwh", "vehicle.energy_kwh", "room.low_c" or
            "room.high_c".
        isps: the intervals (from 0); none where it is one of the whole day.
        most: the largest excess.
        unit: of it.
    """

    constraint: str
    isps: tuple[int, ...]
    most: float
    unit: str

    def __str__(self) -> str:
        where = f" in {len(self.isps)} intervals from {self.isps[0]} to {self.isps[-1]}" if self.isps else ""
        return f"{self.constraint} is missed by {self.most:.3g} {self.unit}{where}"


class NoBuildingPlan(NoPlan):
    """Not all of a building's constraints can be kept.

    Attributes:
        broken: those that cannot.
        safe: the best schedule there is: what the devices can do, the connection's caps broken least, then what people
            asked for, then the cheapest.
    """

    def __init__(self, broken: tuple[ConstraintBroken, ...], safe: BuildingPlan) -> None:
        told = "; ".join(str(b) for b in broken)
        super().__init__(f"building: {told}; expected constraints that can be kept together")
        self.broken, self.safe = broken, safe
