"""A day's settlement from what a party knows: orders, baselines, meters and contracts of one congestion point or element."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from types import MappingProxyType

import numpy as np

from market.contracts.contract import FlexContract
from market.settlement.held_back import HeldBack, held_w
from market.settlement.orders import price_of, rounded, settle_orders
from market.uftp import (
    ContractSettlementIsp,
    DPrognosis,
    FlexOrder,
    FlexOrderSettlement,
    IspPower,
    Metering,
)

POWER = "Power"  # the profile of mean watts
REACTIVE = "ReactivePower"  # a profile of a connection beside it, mean vars
METERED = "Metered"  # a profile beside it where not all of a day is known: 1 where an ISP was metered, else 0


def lost_isps(messages: Sequence[Metering]) -> frozenset[int]:
    """The ISPs (1-based) of a day that one of these meters did not see."""
    profiles = [p for m in messages if (p := m.profile(METERED)) is not None]
    return frozenset(k for profile in profiles for k, known in enumerate(profile.values, start=1) if not known)


def metered_share(lost: Iterable[tuple[int, Collection[int]]]) -> dict[int, Fraction]:
    """ISP -> the share of what is covered that was metered, where it was not all.

    Args:
        lost: the size of each thing that is covered, and the ISPs that it was not metered in.
    """
    rows = list(lost)
    total, unseen = sum(size for size, _ in rows), dict[int, int]()
    for size, isps in rows:
        for isp in isps:
            unseen[isp] = unseen.get(isp, 0) + size
    return {isp: 1 - Fraction(size, total) for isp, size in sorted(unseen.items()) if total}


def metered_w(messages: Sequence[Metering], count: int) -> list[int]:
    """[T] sum of the meterings' power, watts."""
    rows = [p.values for m in messages if (p := m.profile(POWER)) is not None and len(p.values) == count]
    return [int(x) for x in np.sum(np.array(rows, dtype=np.int64), axis=0)] if rows else [0] * count


def freeze(baseline: dict[int, int], order: FlexOrder, prognosis: DPrognosis) -> None:
    """The baseline (ISP -> watts) of an ISP is the prognosis its first order was offered against, for good."""
    for row in order.isps:
        baseline.setdefault(row.start, prognosis.power_w[row.start - 1])


def dense(baseline: Mapping[int, int], count: int) -> list[int]:
    """[T] watts from ISP -> watts; ISPs without an order have none and count as 0."""
    return [baseline.get(isp, 0) for isp in range(1, count + 1)]


def settle(
    orders: Sequence[FlexOrder],
    baseline: Mapping[int, int],
    actual_w: Sequence[int],
    contracts: Iterable[FlexContract],
    lost: Collection[int] = (),
    *,
    changed_w: Sequence[int] | None = None,
    taken_w: Sequence[int] | None = None,
    level_w: Mapping[int, int] | None = None,
    unfined: Collection[int] = (),
    shares: Mapping[int, Fraction] | None = None,
) -> tuple[FlexOrderSettlement, ...]:
    """All orders of one congestion point (or element) and day, under these contracts; on `lost` ISPs nobody knows.

    `changed_w`, `taken_w`, `level_w`, `unfined` and `shares` are those of `settle_orders`.
    """
    contracts = tuple(contracts)
    penalties: dict[str | None, int] = {None: 0}
    penalties |= {contract.contract_id: contract.penalty_e4_per_kwh for contract in contracts}
    if lost:
        orders = [part for order in orders if (part := _where_metered(order, lost)) is not None]
    if not orders:
        return ()
    return settle_orders(
        orders,
        dense(baseline, len(actual_w)),
        actual_w,
        penalties,
        capped=[contract.contract_id for contract in contracts if contract.deficiency_cap],
        changed_w=changed_w,
        taken_w=taken_w,
        level_w=level_w,
        unfined=unfined,
        shares=shares,
    )


def _where_metered(order: FlexOrder, lost: Collection[int]) -> FlexOrder | None:
    """An order's part on the ISPs that were metered, at its price for them; elsewhere it is neither paid nor fined."""
    single = [IspPower(isp, row.power_w) for row in order.isps for isp in range(row.start, row.start + row.duration)]
    known = tuple(row for row in single if row.start not in lost)
    if len(known) == len(single):
        return order
    price = rounded(price_of(order) * sum(abs(row.power_w) for row in known))
    return replace(order, isps=known, price=price) if known else None


def undelivered_w(
    settled: Iterable[FlexOrderSettlement],
    contract: FlexContract,
    limited_w: Sequence[int] = (),
    held: Mapping[int, Sequence[HeldBack]] = MappingProxyType({}),
    given: Mapping[str, datetime] = MappingProxyType({}),
) -> dict[int, int]:
    """ISP -> watts that were ordered in a contract's direction and not delivered: they were not available.

    Args:
        limited_w: [T] what the buyer's own limits took of feed-in: an order to feed in more could not have it.
        held: by ISP, what they held back of consumption: an order to draw more, given before, could not have it.
        given: by reference, when an order was given; one that is missing was given before any limit.
    """
    up, lacks = (contract.amount_up_w or contract.amount_down_w) > 0, dict[int, list[tuple[str, int]]]()
    for order in (order for order in settled if order.contract_id == contract.contract_id):
        for row in order.isps:
            if row.ordered_flex_power_w and (row.ordered_flex_power_w > 0) == up:
                lack = abs(row.ordered_flex_power_w) - abs(row.delivered_flex_power_w)
                lacks.setdefault(row.start, []).append((order.order_reference, lack))
    missing = {isp: sum(lack for _, lack in rows) for isp, rows in lacks.items()}
    if up:
        return {isp: watts - _impossible_w(lacks[isp], held.get(isp, ()), given) for isp, watts in missing.items()}
    if limited_w:
        return {isp: max(watts - limited_w[isp - 1], 0) for isp, watts in missing.items()}
    return missing


def _impossible_w(lacks: Iterable[tuple[str, int]], held: Sequence[HeldBack], given: Mapping[str, datetime]) -> int:
    """How much of what orders (reference, watts) lack in an ISP was held back; no watt counts for two of them."""
    if not held:
        return 0
    begin, used = datetime.min.replace(tzinfo=UTC), 0
    # What counts for a late order counts for an earlier one, too: so the late ones take first.
    for at, lack in sorted(((given.get(reference, begin), lack) for reference, lack in lacks), reverse=True):
        counts = sum(row.watts for row in held) if at == begin else held_w(held, at)
        used += min(lack, max(counts - used, 0))
    return used


def reservation(
    contract: FlexContract,
    requested: Mapping[int, int],
    offered: Mapping[int, int],
    count: int,
    ordered: Mapping[int, int],
    metered: Mapping[int, Fraction] | None = None,
    reserved_w: Mapping[int, int] | None = None,
    undelivered: Mapping[int, int] | None = None,
) -> tuple[ContractSettlementIsp, ...]:
    """What a contract reserved on a day and whether it was there: where less was offered than asked for, only that, and
    where less was delivered than ordered, less by what was not.

    The obligation is min(|reserved|, |requested|) (USEF, "FlexReservationUpdate").

    Args:
        metered: ISP -> the share of what the contract covers that was metered, where it was not all of it: what nobody
            can see is not available.
        reserved_w: ISP -> watts that are reserved, where it is not the whole amount in all ISPs.
        undelivered: ISP -> watts that were ordered and not delivered (`undelivered_w`).
    """
    rows = []
    whole = contract.amount_up_w or contract.amount_down_w
    sign = 1 if whole > 0 else -1
    for isp in range(1, count + 1):
        reserved = whole if reserved_w is None else reserved_w.get(isp, 0)
        asked, given = requested.get(isp, 0), offered.get(isp, 0)
        # What is offered the other way is not there either.
        short = reserved != 0 and sign * asked > 0 and sign * given < min(sign * asked, abs(reserved))
        available = given if short else reserved
        if metered is not None and isp in metered:
            seen = int(reserved * metered[isp])
            available = min(available, seen) if reserved > 0 else max(available, seen)
        if undelivered:
            left = sign * max(abs(reserved) - undelivered.get(isp, 0), 0)
            available = sign * min(sign * available, sign * left)
        rows.append(ContractSettlementIsp(isp, reserved, asked, available, given, ordered.get(isp, 0)))
    return tuple(rows)
