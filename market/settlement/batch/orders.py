"""`market.settlement.orders` for many orders at once; the rules and the one rounding are those."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np

from cim.model.arrays import Ints
from cim.model.errors import BadInput
from market.settlement.batch.tables import ContractTerms, Flags, OrderTable
from market.settlement.orders import penalty_per_isp


@dataclass(frozen=True)
class SettledOrders:
    """What became of orders.

    Attributes:
        baseline_w, counted_w, delivered_w, deficiency_w: [R] by row of the order table, as its order saw them; 0 where
            nobody knows.
        actual_w: [R] what the meter showed there, 0 where nobody knows.
        price_e4, penalty_e4: [K] by order, what it earned and what it lacked costs.
        known: [R] whether the row counts.
    """

    baseline_w: Ints
    actual_w: Ints
    counted_w: Ints
    delivered_w: Ints
    deficiency_w: Ints
    price_e4: Ints
    penalty_e4: Ints
    known: Flags

    @property
    def net_e4(self) -> Ints:
        """[K] price less penalty."""
        return self.price_e4 - self.penalty_e4


def settle_table(
    orders: OrderTable,
    terms: ContractTerms,
    isp_minutes: int,
    *,
    baseline_w: Ints,
    actual_w: Ints,
    changed_w: Ints | None = None,
    taken_w: Ints | None = None,
    level_w: Ints | None = None,
    known: Flags | None = None,
    fined: Flags | None = None,
    shares: Mapping[int, Fraction] | None = None,
) -> SettledOrders:
    """Settle all orders of a table.

    Args:
        baseline_w, actual_w: [R] of each row's party and ISP, watts.
        changed_w: [R] what truly changed there, where that is measured otherwise than by baseline and meter.
        taken_w: [R] what the buyer's own limits took of feed-in there, watts >= 0: neither delivered nor missing.
        level_w: [R] what all orders together promised there, where that is not baseline and orders.
        known: [R] False where nobody knows: neither paid nor fined.
        fined: [R] False where nobody knows the level that was held.
        shares: row -> what of its penalty is passed on (rows not named: nothing); amounts are then rounded down.

    Raises:
        BadInput: an order with a price and no power.
    """
    counts = np.ones(len(orders.order), dtype=bool) if known is None else known
    promised_from = baseline_w if level_w is None else level_w - _all_ordered(orders, counts)
    free_w = actual_w if taken_w is None else actual_w - taken_w
    level = _stack(orders, counts, promised_from, free_w)
    change = _stack(
        orders, counts, baseline_w + (actual_w - free_w) if changed_w is None else actual_w - changed_w, actual_w
    )
    deficiency = np.minimum(level.missing_w, _most_missing(orders, terms))
    if changed_w is None:
        deficiency = np.where(counts, deficiency, 0)
    else:
        deficiency = np.where(counts & (fined if fined is not None else True), deficiency, 0)
    delivered = np.where(counts, change.delivered_w, 0)
    price = _earned(orders, counts, delivered)
    if shares is None:
        penalty = _fines(orders, terms, isp_minutes, deficiency)
    else:
        penalty = _passed_on(orders, terms, isp_minutes, deficiency, shares)
    return SettledOrders(
        np.where(counts, change.own_w, 0),
        np.where(counts, actual_w, 0),
        np.where(counts, change.seen_w, 0),
        delivered,
        deficiency,
        price,
        penalty,
        counts,
    )


def half_even(numerator: Ints, denominator: Ints | int) -> Ints:
    """The one rounding rule for many: numerator >= 0 and denominator > 0, half to even."""
    whole, rest = np.divmod(numerator, denominator)
    twice = 2 * rest
    up = (twice > denominator) | ((twice == denominator) & (whole % 2 == 1))
    return np.asarray(whole + up, dtype=np.int64)


@dataclass(frozen=True)
class _Stack:
    own_w: Ints
    seen_w: Ints
    delivered_w: Ints
    missing_w: Ints


def _stack(orders: OrderTable, counts: Flags, baseline_w: Ints, actual_w: Ints) -> _Stack:
    """`settle_stack` in each party's ISP: orders of one sign stand on each other, those of the other are taken as kept."""
    ordered = np.where(counts, orders.ordered_w, 0)
    starts = _starts(orders)
    positive, negative = np.maximum(ordered, 0), np.minimum(ordered, 0)
    up, earlier_up = _sums(positive, starts)
    down, earlier_down = _sums(negative, starts)
    rising = ordered >= 0
    own = baseline_w + np.where(rising, down + earlier_up, up + earlier_down)
    stands_on = np.where(rising, earlier_up > 0, earlier_down < 0)
    sign = np.where(rising, 1, -1)
    seen = np.where(stands_on & (sign * (actual_w - own) < 0), own, actual_w)
    size = np.abs(ordered)
    moved = sign * (seen - own)
    delivered = sign * np.clip(moved, 0, size)
    missing = np.where(size == 0, 0, np.maximum(size - moved, 0))
    return _Stack(own, seen, delivered, missing)


def _all_ordered(orders: OrderTable, counts: Flags) -> Ints:
    """[R] what all orders together move of each row's party in its ISP."""
    return _sums(np.where(counts, orders.ordered_w, 0), _starts(orders))[0]


def _starts(orders: OrderTable) -> Ints:
    """[R] the first row of each row's party and ISP."""
    if not len(orders.party):
        return np.zeros(0, dtype=np.int64)
    new = np.concatenate(([True], (np.diff(orders.party) != 0) | (np.diff(orders.isp) != 0)))
    first = np.flatnonzero(new)
    return np.asarray(np.repeat(first, np.diff(np.append(first, len(new)))), dtype=np.int64)


def _sums(values: Ints, starts: Ints) -> tuple[Ints, Ints]:
    """[R] the sum over each row's group, and over the rows of it before this one."""
    if not len(values):
        return values, values
    before = np.concatenate(([0], np.cumsum(values)))
    ends = np.searchsorted(starts, starts, side="right")
    return before[ends] - before[starts], before[:-1] - before[starts]


def _most_missing(orders: OrderTable, terms: ContractTerms) -> Ints:
    capped = terms.capped[orders.contract[orders.order]] if len(orders.order) else np.zeros(0, dtype=bool)
    return np.where(capped, np.abs(orders.ordered_w), np.iinfo(np.int64).max)


def _by_order(orders: OrderTable, watts: Ints) -> Ints:
    """[K] sums over each order's rows; exact, since they stay below 2^53."""
    return np.rint(np.bincount(orders.order, weights=watts, minlength=len(orders.price_e4))).astype(np.int64)


def _earned(orders: OrderTable, counts: Flags, delivered: Ints) -> Ints:
    """What delivered power earns: the order's price for what was metered, and of that what was delivered."""
    size = np.abs(orders.ordered_w)
    ordered, metered = _by_order(orders, size), _by_order(orders, np.where(counts, size, 0))
    if bool(np.any((ordered == 0) & (orders.price_e4 != 0) & (_by_order(orders, np.ones_like(size)) > 0))):
        raise BadInput("price_e4: an order has a price and no power; expected power")
    price = np.where(metered == ordered, orders.price_e4, half_even(orders.price_e4 * metered, np.maximum(ordered, 1)))
    return np.where(metered > 0, half_even(price * _by_order(orders, np.abs(delivered)), np.maximum(metered, 1)), 0)


def _fines(orders: OrderTable, terms: ContractTerms, isp_minutes: int, deficiency: Ints) -> Ints:
    rate = terms.penalty_e4_per_kwh[orders.contract] * isp_minutes
    return half_even(rate * _by_order(orders, deficiency), 60_000)


def _passed_on(
    orders: OrderTable, terms: ContractTerms, isp_minutes: int, deficiency: Ints, shares: Mapping[int, Fraction]
) -> Ints:
    """The penalties that a buyer passes on, rounded down; exact shares, so row by row where something is missing."""
    exact: dict[int, Fraction] = {}
    for row in np.flatnonzero(deficiency).tolist():
        share = shares.get(row)
        if share:
            order = int(orders.order[row])
            exact[order] = exact.get(order, Fraction(0)) + int(deficiency[row]) * share
    due = np.zeros(len(orders.price_e4), dtype=np.int64)
    for order, missing in exact.items():
        due[order] = floor(
            penalty_per_isp(int(terms.penalty_e4_per_kwh[orders.contract[order]]), isp_minutes) * missing
        )
    return due
