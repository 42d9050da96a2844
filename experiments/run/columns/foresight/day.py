"""The program of one day: every unit of the site, each connection's bill, and the grid's limits as cuts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from cim.model.arrays import Floats, Ints
from cim.model.intervals import LocalDay
from environment.physics import Battery, ChargePoint, Chp, Connection, HeatPumpRoom, PhysicalUnit
from environment.physics.device_truth import DeviceTruth
from environment.physics.world import World
from environment.sites.schema import Site
from experiments.run.columns.foresight import units
from experiments.run.columns.foresight.aims import Aim, bills
from experiments.run.columns.foresight.grid_cuts import Cut
from experiments.run.columns.foresight.linear_program import LinearProgram
from experiments.run.columns.foresight.units import Horizon, Steered, Visit
from experiments.run.grid import Truth
from market.billing.tariff import DayRates

U = TypeVar("U", bound=PhysicalUnit)

_OVER_CT_PER_PCT = 1000.0  # what a percent of loading above a limit costs in an ISP: only where nothing else helps


@dataclass(frozen=True)
class LeftAlone:
    """The same day when every device follows its own rule.

    Attributes:
        truth: prosumer -> (active, reactive power) of each ISP.
        devices: what every unit did.
        end: the world at the day's end; no store ends the optimum's day with less than here.
    """

    truth: Truth
    devices: DeviceTruth
    end: World


class DayProgram:
    """Least bills and wear over a day that is known in advance.

    Args:
        world: at the day's beginning.
        alone: the day as it would be without any order.
        aim: what counts; by itself least bills.
    """

    def __init__(self, site: Site, day: LocalDay, world: World, alone: LeftAlone, aim: Aim | None = None) -> None:
        self.span = Horizon(day.count, site.isp_minutes / 60, day.start.timestamp())
        self._site, self._alone, self._aim = site, alone, bills(site, day) if aim is None else aim
        self._program = LinearProgram()
        self.steered: dict[str, Steered] = {}
        self._net: dict[str, tuple[Ints, Ints]] = {}
        for prosumer in site.prosumers:
            self._connect(world.connections[prosumer.name], self._aim.rates(prosumer.name))
        if self._aim.import_ct_per_kwh:
            self._import(self._aim.import_ct_per_kwh)
        # The reactive power of all but the heat pumps that are steered.
        self._given_var = {name: reactive.astype(np.float64) for name, (_, reactive) in alone.truth.items()}
        for name, steered in self.steered.items():
            if steered.tan_phi:
                self._given_var[_owner(name)] -= steered.tan_phi * alone.devices.power_w[name]

    def _connect(self, connection: Connection, rates: DayRates) -> None:
        """The units of a connection, and its net power as import less export, at its tariff."""
        span, program = self.span, self._program
        fixed_kw = np.zeros(span.count)
        balance: list[tuple[Ints, float]] = []
        for unit in connection.units:
            steered = self._unit(unit, rates)
            if steered is None:
                fixed_kw += self._alone.devices.power_w[unit.name] / 1000
            else:
                self.steered[unit.name] = steered
                balance += steered.terms
        imported = program.variables(0.0, np.inf, rates.retail_ct_per_kwh * span.hours, span.count)
        exported = program.variables(0.0, np.inf, -rates.feed_in_ct_per_kwh * span.hours, span.count)
        program.equal([(imported, 1.0), (exported, -1.0), *((block, -sign) for block, sign in balance)], fixed_kw)
        self._net[connection.name] = imported, exported

    def _import(self, ct_per_kwh: float) -> None:
        """What the site as a whole takes from the mains costs so much."""
        program, span = self._program, self.span
        taken = program.variables(0.0, np.inf, ct_per_kwh * span.hours, span.count)
        given = program.variables(0.0, np.inf, 0.0, span.count)
        net = [term for imported, exported in self._net.values() for term in ((imported, -1.0), (exported, 1.0))]
        program.equal([(taken, 1.0), (given, -1.0), *net], 0.0)

    def _unit(self, unit: PhysicalUnit, rates: DayRates) -> Steered | None:
        """How a unit stands in the program; None for one that nobody can steer."""
        program, span, alone, costs = self._program, self.span, self._alone, self._site.flexibility_costs
        if unit.name in alone.devices.available_w:
            return units.generator(program, span, -alone.devices.available_w[unit.name] / 1000)
        match unit:
            case Battery():
                hold_wh, import_ct = self._aim.hold_wh.get(unit.name), self._aim.import_ct_per_kwh
                if import_ct:  # what is left of the morning's energy at the end would have served so much
                    left_ct = import_ct * unit.efficiency
                    return units.battery(program, span, unit, unit.stored_wh, costs, hold_wh, short_ct=left_ct)
                return units.battery(program, span, unit, _same(alone.end, unit).stored_wh, costs, hold_wh)
            case HeatPumpRoom():
                # What drains the room in a quarter-hour, as the electric power that would make up for it.
                per_isp = round(span.seconds / 900)
                drained = unit.usage(span.start_s, span.count * per_isp) / unit.fill_rate_per_w / 1000
                demand_kw = drained.reshape(span.count, per_isp).mean(axis=1)
                retail = float(rates.retail_ct_per_kwh.mean())
                end_c = _same(alone.end, unit).temperature_c
                own_kwh = float(alone.devices.power_w[unit.name].sum()) * span.hours / 1000
                least_kwh = (
                    own_kwh if self._aim.import_ct_per_kwh else 0.0
                )  # to heat less is no use of one's own generation
                return units.heat_pump(program, span, unit, demand_kw, end_c, retail, least_kwh)
            case ChargePoint():
                return units.station(program, span, unit, _visits(unit, _same(alone.end, unit), span))
            case Chp():
                return units.chp(program, span, unit)
        return None

    def limit(self, cuts: list[Cut]) -> None:
        """Keep loadings and voltages below what the cuts allow."""
        for cut in cuts:
            (over,) = self._program.variables(0.0, np.inf, _OVER_CT_PER_PCT, 1)
            places, weights = [over], [-1.0]
            for prosumer in self._site.prosumers:
                per_kw = 1000 * cut.per_w.get(prosumer.node, 0.0)
                if per_kw:
                    imported, exported = self._net[prosumer.name]
                    places += [imported[cut.isp], exported[cut.isp]]
                    weights += [per_kw, -per_kw]
            for name, steered in self.steered.items():
                per_kvar = 1000 * cut.per_var.get(self._node(name), 0.0) * steered.tan_phi
                if per_kvar:
                    places += [block[cut.isp] for block, _ in steered.terms]
                    weights += [sign * per_kvar for _, sign in steered.terms]
            given = sum(cut.per_var.get(self._node(name), 0.0) * var[cut.isp] for name, var in self._given_var.items())
            self._program.row_at_most(np.array(places), np.array(weights), cut.room - float(given))

    def solve(self) -> Floats:
        """The value of every variable."""
        return self._program.solve()

    def net_w(self, found: Floats) -> dict[str, Floats]:
        """Prosumer -> its net power in each ISP, watts."""
        return {name: 1000 * (found[taken] - found[given]) for name, (taken, given) in self._net.items()}

    def reactive_var(self, found: Floats) -> dict[str, Floats]:
        """Prosumer -> its reactive power in each ISP: as when left alone, changed by its heat pumps."""
        total = {name: row.copy() for name, row in self._given_var.items()}
        for name, steered in self.steered.items():
            for block, sign in steered.terms if steered.tan_phi else ():
                total[_owner(name)] += steered.tan_phi * 1000 * sign * found[block]
        return total

    def _node(self, unit: str) -> str:
        return self._site.prosumer(_owner(unit)).node


def _owner(unit: str) -> str:
    return unit.partition(".")[0]


def _same(world: World, unit: U) -> U:
    """The same unit in another world."""
    other = world.devices[unit.name]
    assert isinstance(other, type(unit))  # noqa: S101 - both worlds are of one site
    return other


def _visits(unit: ChargePoint, end: ChargePoint, span: Horizon) -> tuple[Visit, ...]:
    """The stays of a day at a charge point.

    Who leaves within the day is owed all it wants; who stays is owed what it would have got by then, left alone.
    """
    closing = span.start_s + span.count * span.seconds
    visits = []
    for session, had_wh in unit.visits_until(closing):
        owed_wh = session.energy_wh
        if session.departure_s > closing:
            owed_wh = end.delivered_wh if end.session == session else 0.0
        visits.append(Visit(session, max(owed_wh - had_wh, 0.0) / 1000))
    return tuple(visits)
