"""A building's cheapest plan by cvxpy and OSQP (else Clarabel); where there is none, what broke and the best safe schedule.

What a device can do (its power, what it can hold) is never given up. What is asked of it is: first, by a linear programme,
as little as must be of all constraints, the connection's caps counting a hundred times as much as what people wish; then,
with those loosened by just that, the cheapest plan.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agents.planning.building.problem import Building, BuildingPlan, ConstraintBroken, NoBuildingPlan
from cim.model.arrays import Floats
from cim.model.errors import BadInput

if TYPE_CHECKING:
    import cvxpy as cp

# For each constraint what a unit of it missed counts, and the unit.
_COUNTS = {
    "import_kw": (100.0, "kW"),
    "export_kw": (100.0, "kW"),
    "battery.reserve_kwh": (10.0, "kWh"),
    "battery.end_kwh": (1.0, "kWh"),
    "vehicle.energy_kwh": (1.0, "kWh"),
    "room.low_c": (1.0, "K"),
    "room.high_c": (1.0, "K"),
}
_MISSED = 1e-5  # what a solver's tolerance leaves is no miss
_SLACK = 1e-6  # more room than the least violation leaves: the second programme has an inside
_BOTH_KW = 1e-5
_EXACT = {"eps_abs": 1e-9, "eps_rel": 1e-9, "max_iter": 20_000, "polishing": True}


@dataclass(frozen=True, slots=True)
class _Written:
    """The programme as cvxpy has it: what devices do, the cost, hard rules, and what is missed of each soft one."""

    charge: cp.Variable
    discharge: cp.Variable
    vehicle: cp.Variable
    curtailed: cp.Variable
    heating: cp.Variable
    air: cp.Variable
    net: cp.Expression
    cost: cp.Expression
    rules: list[cp.Constraint]
    missed: dict[str, cp.Variable]


def plan(building: Building) -> BuildingPlan:
    """The cheapest plan that keeps all constraints.

    Raises:
        NoBuildingPlan: there is none; it names the constraints and carries the best safe schedule.
    """
    import cvxpy as cp

    written = _written(building)
    none = [missed == 0 for missed in written.missed.values()]
    if _solved(written, none):
        return _one_way(building, written, none)
    least = sum(_COUNTS[name][0] * cp.sum(missed) for name, missed in written.missed.items())
    problem = cp.Problem(cp.Minimize(least), written.rules)
    problem.solve(solver=cp.HIGHS)
    if problem.status != cp.OPTIMAL:
        raise BadInput(f"building: HiGHS ended with {problem.status}; expected devices whose own limits fit together")
    found = {name: np.maximum(np.asarray(missed.value), 0.0) for name, missed in written.missed.items()}
    room = [written.missed[name] <= most + _SLACK for name, most in found.items()]
    if not _solved(written, room):
        raise BadInput(f"building: OSQP and Clarabel found no plan within the least violation {float(problem.value):g}")
    made = _one_way(building, written, room)
    broken = tuple(
        ConstraintBroken(
            name,
            tuple(int(t) for t in np.flatnonzero(most > _MISSED)) if most.size > 1 else (),
            float(most.max()),
            _COUNTS[name][1],
        )
        for name, most in found.items()
        if most.max() > _MISSED
    )
    if not broken:
        return made  # OSQP gave up where a plan was there after all
    raise NoBuildingPlan(broken, made)


def _solved(written: _Written, more: list[cp.Constraint]) -> bool:
    """Whether OSQP finds the cheapest with some more rules, or Clarabel where OSQP does not arrive; the variables then hold it.

    A room's slow walls and a constraint that is met with hardly any room are what OSQP may not solve to ten digits.
    """
    import cvxpy as cp

    problem = cp.Problem(cp.Minimize(written.cost), [*written.rules, *more])
    for solver, exact in ((cp.OSQP, _EXACT), (cp.CLARABEL, {})):
        with warnings.catch_warnings(), suppress(cp.SolverError):
            warnings.simplefilter("ignore")  # of an inaccurate solution: which is not taken
            problem.solve(solver=solver, **exact)
        if problem.status in (cp.OPTIMAL, cp.INFEASIBLE):
            break
    return bool(problem.status == cp.OPTIMAL)


def _one_way(building: Building, written: _Written, more: list[cp.Constraint]) -> BuildingPlan:
    """The plan, planned again with one of both alone in each interval where its battery charges and discharges at once."""
    import cvxpy as cp

    into, out_of = np.asarray(written.charge.value), np.asarray(written.discharge.value)
    before = _read(building, written)
    if np.minimum(into, out_of).max() > _BOTH_KW:
        charges = into >= out_of
        alone = [cp.multiply(written.charge, ~charges) == 0, cp.multiply(written.discharge, charges) == 0]
        if not _solved(written, [*more, *alone]):
            return before
        return _read(building, written)
    return before


def _read(building: Building, written: _Written) -> BuildingPlan:
    battery = np.asarray(written.charge.value) - np.asarray(written.discharge.value)
    air = np.asarray(written.air.value)[1:] if building.room is not None else np.zeros(0)
    return BuildingPlan(
        battery,
        np.asarray(written.vehicle.value),
        np.asarray(written.curtailed.value),
        np.asarray(written.heating.value),
        np.asarray(written.net.value),
        air,
        float(written.cost.value),
    )


def _written(building: Building) -> _Written:
    import cvxpy as cp

    length, hours = building.length, building.hours
    charge, discharge, vehicle, curtailed, heating = (cp.Variable(length, nonneg=True) for _ in range(5))
    imports, exports = cp.Variable(length, nonneg=True), cp.Variable(length, nonneg=True)
    air, walls = cp.Variable(length + 1), cp.Variable(length + 1)
    missed: dict[str, cp.Variable] = {name: cp.Variable(length, nonneg=True) for name in ("import_kw", "export_kw")}
    available = building.plant.available_kw if building.plant else np.zeros(length)
    net = building.load_kw - available + charge - discharge + vehicle + curtailed + heating
    rules = [
        imports - exports == net,
        imports <= building.import_kw + missed["import_kw"],
        exports <= building.export_kw + missed["export_kw"],
        curtailed <= available,
    ]
    cost = hours * (building.buy_ct_per_kwh @ imports - building.sell_ct_per_kwh @ exports)
    if building.plant:
        cost += building.plant.curvature / 2 * cp.sum_squares(curtailed)
    if battery := building.battery:
        stored = battery.energy_kwh + hours * cp.cumsum(battery.eta_in * charge - discharge / battery.eta_out)
        missed["battery.reserve_kwh"], missed["battery.end_kwh"] = (
            cp.Variable(length, nonneg=True),
            cp.Variable(1, nonneg=True),
        )
        rules += [
            charge <= battery.charge_kw,
            discharge <= battery.discharge_kw,
            stored >= 0,
            stored <= battery.capacity_kwh,
        ]
        rules += [stored + missed["battery.reserve_kwh"] >= battery.reserve_kwh]
        rules += [cp.abs(stored[-1] - battery.end_kwh) <= missed["battery.end_kwh"]]
        cost += battery.curvature / 2 * (cp.sum_squares(charge) + cp.sum_squares(discharge))
        cost += battery.wear * cp.sum(charge + discharge)
    else:
        rules += [charge == 0, discharge == 0]
    most = np.zeros(length)
    if building.vehicle:
        most[building.vehicle.arrival : building.vehicle.departure] = building.vehicle.most_kw
        missed["vehicle.energy_kwh"] = cp.Variable(1, nonneg=True)
        rules += [hours * cp.sum(vehicle) + missed["vehicle.energy_kwh"] == building.vehicle.energy_kwh]
        cost += building.vehicle.curvature / 2 * cp.sum_squares(vehicle)
    rules += [vehicle <= most]
    if room := building.room:
        missed["room.low_c"], missed["room.high_c"] = cp.Variable(length, nonneg=True), cp.Variable(length, nonneg=True)
        between = (walls[1:] - air[1:]) / room.air_to_walls_k_per_kw  # kW, at the end of the interval: implicit Euler
        outside = (room.outside_c - air[1:]) / room.air_to_outside_k_per_kw
        heat = between + outside + cp.multiply(room.cop, heating) + room.gains_kw
        rules += [air[0] == room.air_c, walls[0] == room.walls_c, heating <= room.most_kw]
        rules += [
            room.air_kwh_per_k / hours * cp.diff(air) == heat,
            room.walls_kwh_per_k / hours * cp.diff(walls) == -between,
        ]
        rules += [air[1:] >= room.low_c - missed["room.low_c"], air[1:] <= room.high_c + missed["room.high_c"]]
    else:
        rules += [heating == 0, air == 0, walls == 0]
    return _Written(charge, discharge, vehicle, curtailed, heating, air, net, cost, rules, missed)


def unserved_kwh(building: Building, made: BuildingPlan) -> float:
    """What a plan leaves the vehicle without, kWh."""
    return (
        0.0 if building.vehicle is None else building.vehicle.energy_kwh - float(made.vehicle_kw.sum()) * building.hours
    )


def stored_kwh(building: Building, made: BuildingPlan) -> Floats:
    """[T] what the battery holds at the end of each interval by its net power alone."""
    if building.battery is None:
        return np.zeros(building.length)
    battery, power = building.battery, made.battery_kw
    through = np.where(power > 0, power * battery.eta_in, power / battery.eta_out)
    stored: Floats = battery.energy_kwh + building.hours * np.cumsum(through)
    return stored
