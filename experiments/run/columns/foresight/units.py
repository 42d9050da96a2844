"""How each kind of unit stands in the program: its variables, what binds them, what they cost, and the setpoints.

Powers are kilowatts, energies kilowatt-hours, costs hundredths of the currency unit. A unit of a kind that nobody can
steer follows what it did in the world that was left to itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cim.model.arrays import Floats, Ints
from environment.physics import Battery, ChargePoint, Chp, HeatPumpRoom, PhysicalUnit
from environment.physics.curtailable import CurtailableGenerator
from environment.profiles.sessions import Session
from environment.sites.market import FlexibilityCosts
from experiments.run.columns.foresight.linear_program import LinearProgram

_INSIDE_K = 0.05  # how far from the comfort band's edges rooms are kept, so that no guard takes over
_SHORT_CT = 1000.0  # for a kWh that a store lacks at the end, or a kelvin-hour outside comfort: only if nothing else is possible
_SWING_CT_PER_KH = 0.05  # hundredths for a kelvin-hour away from the set temperature: no swing for nothing
_UNREADY_CT = 100.0  # for a kWh that a battery lacks when an outage begins that is known
_WARMTH_STEPS = 4  # in which the worth of warmth at the day's end is a line
_LATER_CT = 1e-6  # hundredths per kWh and ISP later: of equal costs, a vehicle charges early


@dataclass(frozen=True)
class Horizon:
    """The ISPs of a day: how many, how long, and when the first begins."""

    count: int
    hours: float
    start_s: float

    @property
    def seconds(self) -> float:
        """Length of an ISP."""
        return self.hours * 3600


@dataclass(frozen=True)
class Steered:
    """A unit in the program.

    Attributes:
        terms: blocks of variables whose sum with the signs is its power, kW, + = consumption.
        order: (solution, ISP index, unit) sets the unit's setpoint for the ISP.
        tan_phi: reactive over active power.
    """

    terms: tuple[tuple[Ints, float], ...]
    order: Callable[[Floats, int, PhysicalUnit], None]
    tan_phi: float = 0.0


def generator(program: LinearProgram, span: Horizon, available_kw: Floats) -> Steered:
    """Sun or wind: anything between nothing and what is available (>= 0)."""
    power = program.variables(0.0, available_kw, 0.0, span.count)

    def order(found: Floats, isp: int, unit: PhysicalUnit) -> None:
        assert isinstance(unit, CurtailableGenerator)  # noqa: S101 - the unit this was built of
        made_kw = found[power[isp]]
        unit.limit_w = None if made_kw > available_kw[isp] - 1e-6 else -1000.0 * made_kw

    return Steered(((power, -1.0),), order)


def chp(program: LinearProgram, span: Horizon, unit: Chp) -> Steered:
    """A CHP plant between its least power and its plan; what it does not make saves nothing."""
    power = program.variables(unit.min_w / 1000, -unit.plan_w / 1000, 0.0, span.count)

    def order(found: Floats, isp: int, unit: PhysicalUnit) -> None:
        assert isinstance(unit, Chp)  # noqa: S101 - the unit this was built of
        unit.target_w = -1000.0 * found[power[isp]]

    return Steered(((power, -1.0),), order)


def battery(
    program: LinearProgram,
    span: Horizon,
    unit: Battery,
    end_wh: float,
    costs: FlexibilityCosts,
    hold_wh: Floats | None = None,
    short_ct: float = _SHORT_CT,
) -> Steered:
    """A battery that ends with at least `end_wh`, and holds `hold_wh` [T] when each ISP ends, as far as it can.

    Args:
        short_ct: what each kWh costs that it lacks at the end.
    """
    rated, capacity, worn = unit.rated_w / 1000, unit.capacity_wh / 1000, costs.wear_ct_per_kwh.value
    charge = program.variables(0.0, rated, worn * span.hours / 2, span.count)
    discharge = program.variables(0.0, rated, worn * span.hours / 2, span.count)
    stored = program.variables(0.0, capacity, 0.0, span.count)
    _at_least(program, stored[-1:], min(end_wh / 1000, capacity), short_ct)
    if hold_wh is not None:
        for isp in np.flatnonzero(hold_wh).tolist():
            _at_least(program, stored[isp : isp + 1], min(float(hold_wh[isp]) / 1000, capacity), _UNREADY_CT)
    _chain(
        program,
        stored,
        1.0,
        unit.stored_wh / 1000,
        ((charge, unit.efficiency * span.hours), (discharge, -span.hours / unit.efficiency)),
    )

    def order(found: Floats, isp: int, unit: PhysicalUnit) -> None:
        assert isinstance(unit, Battery)  # noqa: S101 - the unit this was built of
        unit.target_w = 1000.0 * (found[charge[isp]] - found[discharge[isp]])

    return Steered(((charge, 1.0), (discharge, -1.0)), order)


def heat_pump(
    program: LinearProgram,
    span: Horizon,
    unit: HeatPumpRoom,
    demand_kw: Floats,
    end_c: float,
    retail_ct_per_kwh: float = 0.0,
    least_kwh: float = 0.0,
) -> Steered:
    """A heat pump that keeps its room within comfort, ends at least as warm as `end_c`, and takes `least_kwh` at least.

    Warmth beyond that is worth what its thermostat draws less on the next day, at `retail_ct_per_kwh`.

    The room's deviation from the set temperature decays with its time constant towards what the power above the demand
    would hold, so it is linear in the power.
    """
    room = unit.room
    power = program.variables(0.0, unit.rated_w / 1000, 0.0, span.count)
    if least_kwh:
        program.row_at_most(power, np.full(span.count, -span.hours), -least_kwh)
    decay = math.exp(-span.hours * room.loss_w_per_k / room.capacity_wh_per_k)
    gain = (1 - decay) * room.cop * 1000 / room.loss_w_per_k
    low, high = room.level_min_c - room.set_c + _INSIDE_K, room.level_max_c - room.set_c - _INSIDE_K
    warm = program.variables(-np.inf, np.inf, 0.0, span.count)
    _at_least(program, warm, low, _SHORT_CT * span.hours)
    end_k = min(end_c - room.set_c, high)
    short_ct = _SHORT_CT * max(
        room.capacity_wh_per_k / room.cop / 1000, 1.0
    )  # a kelvin of a large house is much energy
    _at_least(program, warm[-1:], end_k, short_ct)
    _warmer(program, warm[-1], end_k, short_ct, _worth_of_warmth(unit, span, end_k, high, retail_ct_per_kwh))
    over = program.variables(0.0, np.inf, _SHORT_CT * span.hours, span.count)
    program.at_most([(warm, 1.0), (over, -1.0)], high)
    above, below = (program.variables(0.0, np.inf, _SWING_CT_PER_KH * span.hours, span.count) for _ in range(2))
    program.equal([(warm, 1.0), (above, -1.0), (below, 1.0)], 0.0)
    _chain(program, warm, decay, unit.temperature_c - room.set_c, ((power, gain),), -gain * demand_kw)

    def order(found: Floats, isp: int, unit: PhysicalUnit) -> None:
        assert isinstance(unit, HeatPumpRoom)  # noqa: S101 - the unit this was built of
        unit.target_w = 1000.0 * found[power[isp]]

    return Steered(((power, 1.0),), order, unit.tan_phi)


def _worth_of_warmth(
    unit: HeatPumpRoom, span: Horizon, end_k: float, high_k: float, retail_ct_per_kwh: float
) -> list[tuple[float, float]]:
    """What each step of warmth above `end_k` is worth at the day's end: (kelvin, hundredths for one), never rising."""
    end_s, steps = span.start_s + span.count * span.seconds, list[tuple[float, float]]()
    edges = np.linspace(end_k, max(high_k, end_k), _WARMTH_STEPS + 1)
    for below, above in pairwise(edges.tolist()):
        saved_wh = unit.saved_wh(above, end_s) - unit.saved_wh(below, end_s)
        worth = saved_wh / 1000 * retail_ct_per_kwh / (above - below) if above > below else 0.0
        steps.append((above - below, min(worth, steps[-1][1]) if steps else worth))
    return steps


def _warmer(program: LinearProgram, warm: int, end_k: float, short_ct: float, worth: list[tuple[float, float]]) -> None:
    """Earn what the kelvins of `warm` above `end_k` are worth, the dearest first."""
    widths, gains = np.array(worth).T
    parts = program.variables(0.0, widths, -gains, len(worth))
    (short,) = program.variables(0.0, np.inf, short_ct, 1)  # where it ends below, it earns nothing
    places = np.array([*parts, warm, short])
    program.row_at_most(places, np.array([*np.ones(len(worth)), -1.0, -1.0]), -end_k)


@dataclass(frozen=True)
class Visit:
    """A vehicle's stay within the day, and what it is to have got at its end, kWh."""

    session: Session
    owed_kwh: float


def station(program: LinearProgram, span: Horizon, unit: ChargePoint, visits: tuple[Visit, ...]) -> Steered:
    """A charge point whose vehicles all get what they are owed."""
    shares = [_plugged(span, visit.session) for visit in visits]
    plugged = np.minimum(np.sum([np.zeros(span.count), *shares], axis=0), 1.0)
    rated = unit.rated_w / 1000
    power = program.variables(0.0, rated * plugged, _LATER_CT * np.arange(span.count, dtype=np.float64), span.count)
    parts = []
    for visit, share in zip(visits, shares, strict=True):
        places = np.flatnonzero(share)
        if not len(places):
            continue
        part = program.variables(0.0, rated * share[places], 0.0, len(places))
        most = float(rated * share.sum() * span.hours)
        program.row_equal(part, np.full(len(part), span.hours), min(visit.owed_kwh, most))
        parts.append((places, part))
    for isp in range(span.count):
        here = [part[places == isp] for places, part in parts]
        together = np.concatenate([power[isp : isp + 1], *here])
        program.row_equal(together, np.concatenate([[1.0], np.full(len(together) - 1, -1.0)]), 0.0)

    def order(found: Floats, isp: int, unit: PhysicalUnit) -> None:
        assert isinstance(unit, ChargePoint)  # noqa: S101 - the unit this was built of
        unit.limit_w = 1000.0 * found[power[isp]] / plugged[isp] if plugged[isp] > 0 else None

    return Steered(((power, 1.0),), order)


def _plugged(span: Horizon, session: Session) -> Floats:
    """[T] the share of each ISP for which a vehicle is plugged in."""
    begins = span.start_s + span.seconds * np.arange(span.count)
    overlap = np.minimum(begins + span.seconds, session.departure_s) - np.maximum(begins, session.start_s)
    return np.asarray(np.clip(overlap / span.seconds, 0.0, 1.0), dtype=np.float64)


def _at_least(program: LinearProgram, variables: Ints, least: float, price: float) -> None:
    """What should not fall below `least`, and at `price` for each unit does where nothing else is possible."""
    short = program.variables(0.0, np.inf, price, len(variables))
    program.at_most([(variables, -1.0), (short, -1.0)], -least)


def _chain(
    program: LinearProgram,
    state: Ints,
    kept: float,
    first: float,
    inflow: tuple[tuple[Ints, float], ...],
    right: Floats | float = 0.0,
) -> None:
    """state[t] = kept * state[t-1] + inflow[t] + right[t], from `first` on."""
    added = np.array(np.broadcast_to(np.asarray(right, dtype=np.float64), (len(state),)))
    added[0] += kept * first
    program.row_equal(
        np.concatenate([state[:1], *(block[:1] for block, _ in inflow)]),
        np.array([1.0, *(-c for _, c in inflow)]),
        added[0],
    )
    terms = [(state[1:], 1.0), (state[:-1], -kept), *((block[1:], -coefficient) for block, coefficient in inflow)]
    program.equal(terms, added[1:])
