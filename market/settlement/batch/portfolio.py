"""`market.settlement.portfolio` for many portfolios at once: changes summed up, penalties passed on down to the members."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from cim.model.arrays import Ints
from market.settlement.batch.orders import SettledOrders, settle_table
from market.settlement.batch.tables import ContractTerms, Days, Flags, OrderTable
from market.settlement.orders import penalty_per_isp


@dataclass(frozen=True)
class PortfolioMeters:
    """What the meters of portfolios showed, [G, ISPs] each.

    Attributes:
        actual_w: sum of all connections, watts.
        held: whether all connections were metered, so that the level is known.
        taken_w: of it, what the buyer's own limits took of feed-in, >= 0; None: nothing was limited.
    """

    actual_w: Ints
    held: Flags
    taken_w: Ints | None = None


@dataclass(frozen=True)
class PortfolioChanges:
    """What the members' elements under order truly changed, [G, ISPs] each.

    Attributes:
        changed_w: watts, of those that were metered; none counts for more than it was ordered.
        blind: whether an element under order was not metered.
        seen: whether one was.
    """

    changed_w: Ints
    blind: Flags
    seen: Flags


def portfolio_changes(
    members: OrderTable, group: Ints, groups: int, days: Days, *, baseline_w: Ints, actual_w: Ints, known: Flags
) -> PortfolioChanges:
    """Sum up what the members changed.

    Args:
        members: one order a member and day: what all orders together hold its element to.
        group: [N] whose portfolio a member is in.
        groups: how many there are.
        baseline_w, actual_w, known: [R] by row of `members`.
    """
    place = group[members.party] * days.count + members.isp
    change, ordered = actual_w - baseline_w, members.ordered_w
    moved = np.where(ordered > 0, np.minimum(change, ordered), np.maximum(change, ordered))
    counts = known & (ordered != 0)
    size, shape = groups * days.count, (groups, days.count)
    changed = np.rint(np.bincount(place, weights=np.where(counts, moved, 0), minlength=size)).astype(np.int64)
    seen = np.bincount(place, weights=counts, minlength=size) > 0
    blind = np.bincount(place, weights=~known & (ordered != 0), minlength=size) > 0
    return PortfolioChanges(changed.reshape(shape), blind.reshape(shape), seen.reshape(shape))


def settle_portfolios(
    orders: OrderTable,
    terms: ContractTerms,
    days: Days,
    *,
    promised_w: Ints,
    meters: PortfolioMeters,
    changes: PortfolioChanges,
) -> SettledOrders:
    """All orders of portfolios: paid for what the elements changed, fined where the level that was promised was not held.

    Args:
        orders: party = portfolio.
        promised_w: [R] of the prognosis that each row's order stands on.
    """
    place = (orders.party, orders.isp)
    fined = meters.held[place] & ~changes.blind[place]
    return settle_table(
        orders,
        terms,
        days.isp_minutes,
        baseline_w=promised_w,
        actual_w=meters.actual_w[place],
        changed_w=changes.changed_w[place],
        taken_w=None if meters.taken_w is None else meters.taken_w[place],
        known=fined | changes.seen[place],
        fined=fined,
    )


def passed_on_shares(
    paid: SettledOrders,
    paid_orders: OrderTable,
    paid_terms: ContractTerms,
    due: SettledOrders,
    due_orders: OrderTable,
    due_terms: ContractTerms,
    group: Ints,
    days: Days,
) -> dict[int, Fraction]:
    """Row of the members' orders -> the share of its penalty that its aggregator takes: pro rata what it is fined itself.

    Never more than all of it, and in sum over a portfolio and day never more than it pays.
    """
    fines = _by_place(paid, paid_orders, paid_terms, paid_orders.party, days)
    owed = _by_place(due, due_orders, due_terms, group[due_orders.party], days)
    exact: dict[tuple[int, int], Fraction] = {}
    for (portfolio, isp), amount in fines.items():
        key = (portfolio, int(days.day_of[isp]))
        exact[key] = exact.get(key, Fraction(0)) + amount
    rounded: dict[tuple[int, int], int] = {}
    first = np.unique(paid_orders.order, return_index=True)[1]
    for row in first.tolist():
        key = (int(paid_orders.party[row]), int(days.day_of[paid_orders.isp[row]]))
        rounded[key] = rounded.get(key, 0) + int(paid.penalty_e4[paid_orders.order[row]])
    share: dict[tuple[int, int], Fraction] = {}
    for place, amount in owed.items():
        key = (place[0], int(days.day_of[place[1]]))
        if amount and exact.get(key):
            part = min(Fraction(1), Fraction(rounded[key]) / exact[key])
            share[place] = min(Fraction(1), part * fines.get(place, Fraction(0)) / amount)
    rows = np.flatnonzero(due.deficiency_w)
    places = zip(group[due_orders.party[rows]].tolist(), due_orders.isp[rows].tolist(), strict=True)
    return {row: share[place] for row, place in zip(rows.tolist(), places, strict=True) if place in share}


def _by_place(
    settled: SettledOrders, orders: OrderTable, terms: ContractTerms, group: Ints, days: Days
) -> dict[tuple[int, int], Fraction]:
    """(portfolio, ISP) -> the exact penalty of what is missing there, ten-thousandths."""
    rows = np.flatnonzero(settled.deficiency_w)
    penalty = terms.penalty_e4_per_kwh[orders.contract[orders.order[rows]]]
    weighted = penalty * settled.deficiency_w[rows]
    places, back = np.unique(group[rows] * days.count + orders.isp[rows], return_inverse=True)
    sums = np.zeros(len(places), dtype=np.int64)
    np.add.at(sums, back, weighted)
    rate = penalty_per_isp(1, days.isp_minutes)
    return {divmod(int(p), days.count): rate * int(amount) for p, amount in zip(places, sums, strict=True)}
