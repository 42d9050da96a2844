"""Which battery pays: one linear programme over typical days, with energy and power as its first two variables (HiGHS).

Bought and sold energy, what is above the congestion point's limit, wear, and what outages leave unserved are priced; the
battery costs its annuity. An outage that begins in an hour leaves unserved what it needs beyond what is stored, and what
it draws beyond the battery's power: both are linear in the two sizes, so nothing is enumerated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from cim.model.arrays import Floats, Ints
from cim.model.errors import ProgrammingFault

_STEP_H = 0.25
_STEPS = 96


@dataclass(frozen=True, slots=True)
class BatteryCosts:
    """What a battery costs, in currency units.

    Attributes:
        per_kwh, per_kw: of its energy (cells) and its power (converter).
        life_years: of the converter, and of the cells where cycles do not end them before.
        interest: a year, as a share.
        wear_ct_per_kwh: for what it gives.
    """

    per_kwh: float
    per_kw: float
    life_years: float
    interest: float
    wear_ct_per_kwh: float

    def annuity(self, years: float) -> float:
        """What a unit of investment costs a year."""
        return self.interest / (1 - (1 + self.interest) ** -years) if self.interest > 0 else 1 / years


@dataclass(frozen=True, eq=False, slots=True)
class SizingDay:
    """A typical day.

    Attributes:
        weight: how many days of the year it stands for.
        net_kw, buy_ct, sell_ct: [96] the site's exchange without the battery, and its prices.
        outage_hour: [cases] the hour (0 to 23) in which a kind of outage begins.
        outage_chance: [cases] how likely that is on this day.
        need_kwh: [cases] what must be stored for it, were there power enough.
        peak_kw: [cases] the most that the battery must give in it.
        hours: [cases] how long it lasts.
    """

    weight: float
    net_kw: Floats
    buy_ct: Floats
    sell_ct: Floats
    outage_hour: Ints
    outage_chance: Floats
    need_kwh: Floats
    peak_kw: Floats
    hours: Floats


@dataclass(frozen=True, eq=False, slots=True)
class Sized:
    """The battery that pays best, and what a year with it costs, currency units.

    Attributes:
        soc: [days, 97] state of charge of the whole energy, 0 to 1; zeros without a battery.
    """

    energy_kwh: float
    power_kw: float
    invest: float
    exchange: float
    congestion: float
    wear: float
    unserved: float
    over_limit_kwh: float
    given_kwh: float
    soc: Floats

    @property
    def total(self) -> float:
        """All of it a year."""
        return self.invest + self.exchange + self.congestion + self.wear + self.unserved


@dataclass(frozen=True, slots=True)
class SizingTerms:
    """What else is priced.

    Attributes:
        limit_kw: what the congestion point carries either way; over it, `over_limit_ct` per kWh.
        unserved_ct: per kWh that was promised and not served.
        efficiency: each way.
        usable: share of the energy that can be used.
        cell_years: how long the cells live.
        cycles: at most so many times its energy is given in a year.
    """

    limit_kw: float
    over_limit_ct: float
    unserved_ct: float
    efficiency: float
    usable: float
    cell_years: float
    cycles: float = 1e6


class _Programme:
    """Collects variables and rows of a linear programme."""

    def __init__(self) -> None:
        self.costs: list[Floats] = []
        self.count = 0
        self.rows: dict[bool, list[tuple[Ints, Ints, Floats]]] = {True: [], False: []}
        self.right: dict[bool, list[Floats]] = {True: [], False: []}
        self.done = {True: 0, False: 0}

    def variables(self, costs: Floats) -> Ints:
        """New variables >= 0 with these costs; their numbers."""
        numbers = np.arange(self.count, self.count + costs.size, dtype=np.int64)
        self.costs.append(np.asarray(costs, dtype=np.float64))
        self.count += costs.size
        return numbers

    def add(self, right: Floats, *terms: tuple[Ints, float], equal: bool) -> None:
        """Rows: the sum of factor times variable (one variable a row) is at most, or equal to, `right`."""
        first = self.done[equal]
        at = np.arange(first, first + right.size, dtype=np.int64)
        for columns, factor in terms:
            wide = np.broadcast_to(columns, at.shape)
            self.rows[equal].append((at, wide, np.full(at.size, factor)))
        self.right[equal].append(right)
        self.done[equal] += right.size

    def solve(self, fixed: dict[int, float]) -> Floats:
        """The values at the optimum."""
        bounds: list[tuple[float, float | None]] = [(0.0, None)] * self.count
        for number, value in fixed.items():
            bounds[number] = (value, value)
        found = linprog(
            np.concatenate(self.costs),
            A_ub=self._matrix(equal=False),
            b_ub=np.concatenate(self.right[False]),
            A_eq=self._matrix(equal=True),
            b_eq=np.concatenate(self.right[True]),
            bounds=bounds,
            method="highs",
        )
        if found.x is None:
            raise ProgrammingFault(f"sizing: {found.message}; expected a programme that always has an answer")
        return np.asarray(found.x, dtype=np.float64)

    def _matrix(self, *, equal: bool) -> coo_array:
        rows, columns, values = (np.concatenate(part) for part in zip(*self.rows[equal], strict=True))
        return coo_array((values, (rows, columns)), shape=(self.done[equal], self.count)).tocsr()


def size(
    days: tuple[SizingDay, ...], costs: BatteryCosts, terms: SizingTerms, *, fixed: tuple[float, float] | None = None
) -> Sized:
    """The battery that costs least a year in all; or what a year costs with `fixed` (kWh, kW)."""
    lp = _Programme()
    invest = np.array([costs.per_kwh * costs.annuity(terms.cell_years), costs.per_kw * costs.annuity(costs.life_years)])
    energy, power = (int(number) for number in lp.variables(invest))
    throughput: list[tuple[Ints, float]] = []
    soc, shares = [], {"buy": list[tuple[Ints, Floats]](), "over": [], "given": [], "lost": []}
    for day in days:
        euros = day.weight * _STEP_H / 100.0
        taken = lp.variables(np.full(_STEPS, 0.0))
        given = lp.variables(np.full(_STEPS, euros * costs.wear_ct_per_kwh))
        bought, sold = lp.variables(euros * day.buy_ct), lp.variables(-euros * day.sell_ct)
        over = lp.variables(np.full(_STEPS, euros * terms.over_limit_ct))
        stored = lp.variables(np.zeros(_STEPS))
        nothing, following = np.zeros(_STEPS), np.roll(stored, -1)
        lp.add(day.net_kw, (bought, 1.0), (sold, -1.0), (taken, -1.0), (given, 1.0), equal=True)
        lp.add(
            nothing, (following, 1.0), (stored, -1.0), (taken, -_STEP_H * terms.efficiency),
            (given, _STEP_H / terms.efficiency), equal=True,
        )  # fmt: skip
        lp.add(nothing, (taken, 1.0), (np.array(power), -1.0), equal=False)
        lp.add(nothing, (given, 1.0), (np.array(power), -1.0), equal=False)
        lp.add(nothing, (stored, 1.0), (np.array(energy), -terms.usable), equal=False)
        for way in (1.0, -1.0):
            lp.add(np.full(_STEPS, terms.limit_kw), (bought, way), (sold, -way), (over, -1.0), equal=False)
        worth = day.weight * day.outage_chance * terms.unserved_ct / 100.0
        lacks = lp.variables(worth * terms.efficiency)
        lp.add(-day.need_kwh, (lacks, -1.0), (stored[day.outage_hour * 4], -1.0), equal=False)
        short = lp.variables(worth * day.hours / 2.0)  # half of the time it is beyond: a peak is no plateau
        lp.add(-day.peak_kw, (short, -1.0), (np.array(power), -1.0), equal=False)
        soc.append(stored)
        throughput += [(given[k : k + 1], day.weight * _STEP_H) for k in range(_STEPS)]
        shares["buy"] += [(bought, euros * day.buy_ct), (sold, -euros * day.sell_ct)]
        shares["over"].append((over, np.full(_STEPS, euros * 100.0)))
        shares["given"].append((given, np.full(_STEPS, euros * 100.0)))
        shares["lost"] += [(lacks, worth * terms.efficiency), (short, worth * day.hours / 2.0)]
    lp.add(np.zeros(1), *throughput, (np.array([energy]), -terms.cycles), equal=False)
    x = lp.solve({} if fixed is None else {energy: fixed[0], power: fixed[1]})

    def total(parts: list[tuple[Ints, Floats]]) -> float:
        return float(sum((x[numbers] * factors).sum() for numbers, factors in parts))

    given_kwh, over_kwh, kwh = total(shares["given"]), total(shares["over"]), max(0.0, float(x[energy]))
    rows = np.array([[*x[stored], x[stored[0]]] for stored in soc])
    return Sized(
        energy_kwh=kwh,
        power_kw=float(x[power]),
        invest=float(invest @ x[[energy, power]]),
        exchange=total(shares["buy"]),
        congestion=over_kwh * terms.over_limit_ct / 100.0,
        wear=given_kwh * costs.wear_ct_per_kwh / 100.0,
        unserved=total(shares["lost"]),
        over_limit_kwh=over_kwh,
        given_kwh=given_kwh,
        soc=rows / kwh if kwh > 1e-6 else np.zeros_like(rows),
    )
