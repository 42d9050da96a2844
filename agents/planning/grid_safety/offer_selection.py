"""The DSO's choice among offers: the cheapest mix that covers the need, by branch and bound over linear programmes.

An offer's options are alternatives: at most one is ordered, not at all or between its MinActivationFactor and the whole
(Shapeshifter 3.1.0, "OfferOption"). What is cheaper by the DSO's own means is left to them. There are few offers and few
options, so few programmes are solved; the solver's own mixed-integer search prints to the terminal whatever it is told
(HiGHS, issue 2783).

A job (see `agents.planning.jobs`): it uses a solver, so it is never called inside a role.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Floats

SHORTAGE_E4 = (
    1e4  # ten-thousandths per kW and ISP left uncovered, where nothing else is said: far above an offer's price
)
_NOTHING = 1e-7  # a factor that is only the solver's tolerance


def select(
    need_kw: Floats,
    options: tuple[Floats, ...],
    prices: tuple[int, ...],
    minimum_pct: tuple[int, ...],
    offers: tuple[int, ...] | None = None,
    outside_e4_per_kw: Floats | None = None,
) -> tuple[int, ...]:
    """Activation factors in whole percent (0 = not ordered), one per option.

    Args:
        need_kw: [T] change asked for, by the one sign rule; 0 where none.
        options: each [T] kW.
        prices: of each whole option, ten-thousandths.
        minimum_pct: smallest factor of each.
        offers: which offer each option belongs to; each to one of its own where it is left out.
        outside_e4_per_kw: [T] what a kW not ordered costs by other means, ten-thousandths per ISP.

    Returns:
        Factors, rounded up so that rounding leaves no need uncovered.
    """
    asked = np.flatnonzero(need_kw)
    count, rows = len(options), len(asked)
    if not options or not rows:
        return (0,) * count
    choice = _Choice(
        helps_kw=np.stack(options, axis=1)[asked] * np.sign(need_kw[asked])[:, None],
        need_kw=np.abs(need_kw[asked]),
        prices=np.array(prices, dtype=float),
        outside=np.full(rows, SHORTAGE_E4) if outside_e4_per_kw is None else outside_e4_per_kw[asked],
        offer=np.arange(count) if offers is None else np.array(offers),
    )
    factors = _cheapest(choice, np.array(minimum_pct) / 100)
    return tuple(
        0 if factor < _NOTHING else max(min(math.ceil(factor * 100 - 1e-6), 100), low)
        for factor, low in zip(factors.tolist(), minimum_pct, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Choice:
    """What is chosen from: rows are the ISPs asked for, columns the options; see `select`."""

    helps_kw: Floats
    need_kw: Floats
    prices: Floats
    outside: Floats
    offer: np.ndarray[tuple[int], np.dtype[np.int64]]

    def relaxed(self, low: Floats, high: Floats) -> tuple[float, Floats]:
        """(costs, factors) where options may be mixed, each within its bounds, and together at most one whole offer."""
        from scipy.optimize import linprog

        rows, count = self.helps_kw.shape
        one = (self.offer[None, :] == np.unique(self.offer)[:, None]).astype(float)
        covers = np.hstack([-self.helps_kw, -np.eye(rows)])
        once = np.hstack([one, np.zeros((len(one), rows))])
        scale = max(float(self.prices.max()), float(self.outside.max()), 1.0)
        result = linprog(
            np.concatenate([self.prices, self.outside]) / scale,
            A_ub=np.vstack([covers, once]),
            b_ub=np.concatenate([-self.need_kw, np.ones(len(one))]),
            bounds=np.column_stack(
                [np.concatenate([low, np.zeros(rows)]), np.concatenate([high, np.full(rows, np.inf)])]
            ),
        )
        return float(result.fun), result.x[:count]


def _cheapest(choice: _Choice, minimum: Floats) -> Floats:
    """[options] factors of the cheapest mix that orders one option of an offer at most, and none below its minimum.

    Each node leaves the mixed-integer programme's bounds to a linear one, whose costs are never above; what is found there
    to be mixed or too little is decided in two: that option alone, from its minimum on, or not at all.
    """
    count = len(minimum)
    found, least = np.zeros(count), math.inf
    bounds = np.zeros(count), np.ones(count)
    costs, factors = choice.relaxed(*bounds)
    number, nodes = 0, [(costs, 0, factors, bounds)]
    while nodes:
        costs, _, factors, (low, high) = heapq.heappop(nodes)
        if costs >= least:
            break
        place = _undecided(choice, minimum, factors, low)
        if place is None:
            found, least = factors, costs
            continue
        alone, without = high.copy(), high.copy()
        alone[choice.offer == choice.offer[place]] = 0.0
        alone[place], without[place] = 1.0, 0.0
        begun = low.copy()
        begun[place] = minimum[place]
        for child in ((begun, alone), (low, without)):
            number += 1
            costs, factors = choice.relaxed(*child)
            heapq.heappush(nodes, (costs, number, factors, child))
    return found


def _undecided(choice: _Choice, minimum: Floats, factors: Floats, low: Floats) -> int | None:
    """The largest option that is ordered beside another of its offer, or below its minimum; None where there is none."""
    taken = factors > _NOTHING
    beside = np.array([taken[choice.offer == offer].sum() > 1 for offer in choice.offer])
    open_ = np.flatnonzero(taken & (beside | (factors < minimum - _NOTHING)) & (low < minimum))
    return int(open_[np.argmax(factors[open_])]) if len(open_) else None
