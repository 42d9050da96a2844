"""A portfolio's settlement from the bottom up: what its elements truly changed, and whether its meters held the promise.

The buyer pays for the sum of what the elements under order changed against their contracts' baselines, and fines where the
meters of all connections together stayed behind what was promised: the baseline that each ISP's first order stands on and
all orders since (USEF). What the buyer's own limits took of feed-in, or held back of consumption, is taken off the meters
first: it is nobody's delivery, and nobody's lack. What was held back counts in ISPs whose first order was given before the
limit was known (`held_back.py`). An aggregator passes on no more than it was fined.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from market.contracts.contract import BaselineKind, FlexContract
from market.settlement.day import POWER, lost_isps, metered_w, settle
from market.settlement.held_back import HeldBack, held_isps, held_w
from market.settlement.orders import penalty_per_isp
from market.uftp import FlexOrder, FlexOrderSettlement, Metering

# Profiles of an element's metering: what its orders moved it by, and its contract's baseline where they did, watts.
ORDERED, BASELINE = "Ordered", "Baseline"
# A profile of a connection's metering: what its DSO's limits took of the feed-in that orders left, watts >= 0.
LIMITED = "Limited"


def is_under_order(metering: Metering) -> bool:
    """Whether orders moved the element of a metering."""
    return metering.profile(ORDERED) is not None


def moved_isps(metering: Metering) -> frozenset[int]:
    """The ISPs (from 1) in which orders moved the element of a metering."""
    profile = metering.profile(ORDERED)
    return frozenset() if profile is None else frozenset(k for k, watts in enumerate(profile.values, 1) if watts)


@dataclass(frozen=True, slots=True)
class ConnectionDay:
    """What was told of a connection's day: by its meter (None: nothing), and by those of its elements under order."""

    connection: Metering | None
    elements: tuple[Metering, ...] = ()

    def lost_isps(self, count: int) -> frozenset[int]:
        """The ISPs that its meter did not see."""
        every = frozenset(range(1, count + 1))
        profile = None if self.connection is None else self.connection.profile(POWER)
        if self.connection is None or profile is None or len(profile.values) != count:
            return every
        return lost_isps([self.connection])


@dataclass(frozen=True, slots=True)
class PortfolioChange:
    """What the elements of a portfolio changed.

    Attributes:
        changed_w: [T] watts, of those that were metered.
        blind: ISPs in which an element under order was not metered.
        seen: ISPs in which one was.
    """

    changed_w: tuple[int, ...]
    blind: frozenset[int]
    seen: frozenset[int]


def portfolio_change(connections: Iterable[ConnectionDay], count: int) -> PortfolioChange:
    """What the elements under order changed, ISP by ISP; none counts for more than it was ordered."""
    changed_w, blind, seen = [0] * count, set[int](), set[int]()
    for day in connections:
        behind = day.lost_isps(count)
        for metering in day.elements:
            rows = [metering.profile(name) for name in (POWER, BASELINE, ORDERED)]
            values = [row.values for row in rows if row is not None and len(row.values) == count]
            if len(values) < len(rows):
                continue
            lost = behind | lost_isps([metering])
            for isp, (power, baseline, ordered) in enumerate(zip(*values, strict=True), start=1):
                if not ordered:
                    continue
                if isp in lost:
                    blind.add(isp)
                    continue
                seen.add(isp)
                change = power - baseline
                changed_w[isp - 1] += min(change, ordered) if ordered > 0 else max(change, ordered)
    return PortfolioChange(tuple(changed_w), frozenset(blind), frozenset(seen))


def limited_w(
    connections: Iterable[ConnectionDay], count: int, limited: Mapping[str, Collection[int]] | None = None
) -> list[int]:
    """[T] watts that the buyer's own limits took of the connections' feed-in together.

    Args:
        limited: by EAN, the ISPs in which there was a limit; what is told of others does not count. None: nobody knows them.
    """
    taken_w = [0] * count
    for day in connections:
        profile = None if day.connection is None else day.connection.profile(LIMITED)
        if day.connection is None or profile is None or len(profile.values) != count:
            continue
        isps = range(1, count + 1) if limited is None else limited.get(day.connection.ean, ())
        for isp in set(isps) - day.lost_isps(count):
            taken_w[isp - 1] += max(profile.values[isp - 1], 0)
    return taken_w


def held_back(
    connections: Iterable[ConnectionDay], count: int, held: Mapping[str, Collection[int]] | None = None
) -> dict[int, list[HeldBack]]:
    """ISP (from 1) -> what the buyer's limits held back of the consumption of each connection.

    Args:
        held: by EAN, the ISPs in which there was a limit; what is told of others does not count. None: nobody knows them.
    """
    found: dict[int, list[HeldBack]] = {}
    for day in connections:
        if day.connection is None:
            continue
        lost, of_buyer = day.lost_isps(count), None if held is None else held.get(day.connection.ean, ())
        for isp, row in held_isps(day.connection, count).items():
            if isp not in lost and (of_buyer is None or isp in of_buyer):
                found.setdefault(isp, []).append(row)
    return found


def settle_portfolio(
    orders: Sequence[FlexOrder],
    baseline: Mapping[int, int],
    connections: Sequence[ConnectionDay],
    contracts: Iterable[FlexContract],
    count: int,
    limited: Mapping[str, Collection[int]] | None = None,
    held: Mapping[str, Collection[int]] | None = None,
) -> tuple[FlexOrderSettlement, ...]:
    """All orders of one portfolio and day, by the method that their contract names.

    Args:
        baseline: ISP -> watts of the prognosis that each ISP's first order stands on.
        connections: all of the portfolio, in order.
        limited, held: by EAN, the ISPs in which the buyer limited feed-in, and consumption (`limited_w`, `held_back`).
    """
    contracts = tuple(contracts)
    known = [day.connection for day in connections if day.connection is not None]
    unheld = frozenset[int]().union(*(day.lost_isps(count) for day in connections))
    actual_w, taken_w = metered_w(known, count), limited_w(connections, count, limited)
    first = _first_given(orders)
    for isp, rows in held_back(connections, count, held).items():
        if isp in first:
            taken_w[isp - 1] -= held_w(rows, first[isp])
    if not any(_from_elements(order, contracts) for order in orders):
        return settle(orders, baseline, actual_w, contracts, unheld, taken_w=taken_w)
    change = portfolio_change(connections, count)
    unfined = unheld | change.blind
    nobody_knows = unfined - change.seen
    return settle(
        orders,
        baseline,
        actual_w,
        contracts,
        nobody_knows,
        changed_w=change.changed_w,
        taken_w=taken_w,
        unfined=unfined,
    )


def _first_given(orders: Iterable[FlexOrder]) -> dict[int, datetime]:
    """ISP -> when its first order was given, by whose prognosis its baseline stands."""
    first: dict[int, datetime] = {}
    for order in orders:
        for row in order.isps:
            for isp in range(row.start, row.start + row.duration):
                first.setdefault(isp, order.header.time_stamp)
    return first


def _from_elements(order: FlexOrder, contracts: Iterable[FlexContract]) -> bool:
    covered = [c.element(order.congestion_point) for c in contracts if c.contract_id == order.contract_id]
    return any(element is not None and element.baseline is BaselineKind.ELEMENTS for element in covered)


def fines_e4(settled: Iterable[FlexOrderSettlement], contracts: Iterable[FlexContract]) -> dict[int, Fraction]:
    """ISP -> the exact penalty of what is missing there, ten-thousandths."""
    by_id = {contract.contract_id: contract for contract in contracts}
    fines: dict[int, Fraction] = {}
    for row in settled:
        contract = by_id.get(row.contract_id or "")
        if contract is not None:
            rate = penalty_per_isp(contract.penalty_e4_per_kwh, contract.isp_minutes)
            for isp in row.isps:
                fines[isp.start] = fines.get(isp.start, Fraction(0)) + rate * isp.power_deficiency_w
    return fines


def passed_on(
    paid: Iterable[FlexOrderSettlement],
    paid_contracts: Iterable[FlexContract],
    due: Mapping[int, Fraction],
) -> dict[int, Fraction]:
    """ISP -> which share of its members' penalties (`due`, exact) an aggregator takes of what it is fined itself.

    Pro rata, never more than all of it, and in sum never more than it pays.
    """
    paid = tuple(paid)
    fines = fines_e4(paid, paid_contracts)
    exact, rounded = sum(fines.values(), start=Fraction(0)), sum(row.penalty for row in paid)
    part = min(Fraction(1), Fraction(rounded) / exact) if exact else Fraction(0)
    return {isp: min(Fraction(1), part * fines.get(isp, Fraction(0)) / amount) for isp, amount in due.items() if amount}
