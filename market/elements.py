"""A member's order, element by element: each flex element measures, and is settled for, its own part (S03).

USEF leaves the settlement between aggregator and prosumer to them; ILES settles each element like an order of its own,
at the contract's volume price, so that the same sums serve both levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from market.contracts import FlexContract
from market.settlement import rounded
from market.uftp import FlexOrder, IspPower


def volume_amount(isps: Sequence[IspPower], price_per_kwh: int, isp_minutes: int) -> int:
    """What the powers of `isps` are worth at a price per kWh, ten-thousandths, rounded once (half to even)."""
    watt_isps = sum(abs(isp.power_w) * isp.duration for isp in isps)
    return rounded(Fraction(watt_isps * price_per_kwh * isp_minutes, 60_000))


def element_order(order: FlexOrder, element: str, isps: tuple[IspPower, ...], contract: FlexContract) -> FlexOrder:
    """The part of a member's order that falls on one element, as an order of its own (`reference/element`)."""
    return replace(
        order,
        order_reference=f"{order.order_reference}/{element}",
        congestion_point=element,
        price=volume_amount(isps, contract.volume_price, order.isp_minutes),
        isps=isps,
        contract_id=contract.contract_id,
    )
