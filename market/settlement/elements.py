"""A member's order, element by element: each flex element measures, and is settled for, its own part (S03).

USEF leaves the settlement between aggregator and prosumer to them; ILES settles what each element was held to in the end
like one order, at the contract's volume price, so that the same sums serve both levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from market.contracts.contract import FlexContract
from market.settlement.day import lost_isps, settle
from market.settlement.orders import rounded
from market.uftp import FlexOrder, FlexOrderSettlement, IspPower, Metering


def volume_amount(isps: Sequence[IspPower], price_e4_per_kwh: int, isp_minutes: int) -> int:
    """What the powers of `isps` are worth at a price per kWh, ten-thousandths, rounded once (half to even)."""
    watt_isps = sum(abs(isp.power_w) * isp.duration for isp in isps)
    return rounded(Fraction(watt_isps * price_e4_per_kwh * isp_minutes, 60_000))


@dataclass(frozen=True, slots=True)
class ElementMove:
    """What one order moved an element by: (ISP, baseline when its session opened, move), watts, both signs."""

    order: FlexOrder
    isps: tuple[tuple[int, int, int], ...]


def commitment(
    element: str, moves: Sequence[ElementMove], contract: FlexContract
) -> tuple[FlexOrder, dict[int, int]] | None:
    """What all of a day's orders together hold an element to, as one order, and its baseline by ISP.

    A later order moves the element on from where earlier ones hold it, up or down; what counts is the sum. It is owed
    and paid where some order asked for its direction; the element's own rebound elsewhere is neither. The baseline
    of an ISP is the one told before the first order that touched it.

    Returns:
        None when nothing is owed in the end.
    """
    total: dict[int, int] = {}
    baseline: dict[int, int] = {}
    wanted: set[tuple[int, bool]] = set()
    for move in moves:
        for row in move.order.isps:
            for isp in range(row.start, row.start + row.duration):
                wanted.add((isp, row.power_w > 0))
        for isp, before, moved in move.isps:
            baseline.setdefault(isp, before)
            total[isp] = total.get(isp, 0) + moved
    owed = tuple(IspPower(isp, total[isp]) for isp in sorted(total) if total[isp] and (isp, total[isp] > 0) in wanted)
    if not owed:
        return None
    first = moves[0].order
    order = replace(
        first,
        order_reference=f"{first.period.isoformat()}/{element}",
        congestion_point=element,
        price=volume_amount(owed, contract.volume_price_e4_per_kwh, first.isp_minutes),
        isps=owed,
        contract_id=contract.contract_id,
    )
    return order, baseline


def settle_element(
    element: str, moves: Sequence[ElementMove], contract: FlexContract, metering: Metering | None
) -> tuple[FlexOrder, tuple[FlexOrderSettlement, ...]] | None:
    """What all of a day's orders hold an element to, as one order, and its settlement by what it metered.

    Returns:
        None when nothing is owed in the end, or nobody knows what it did.
    """
    owed = commitment(element, moves, contract)
    profile = None if metering is None else metering.profile("Power")
    if owed is None or metering is None or profile is None:
        return None
    order, baseline_w = owed
    return order, settle((order,), baseline_w, profile.values, (contract,), lost_isps([metering]))
