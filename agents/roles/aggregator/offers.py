"""What a split offers of what a request asks for, and whether an order fits its offer."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from agents.roles.aggregator.vpp_session import VppSession
from market.uftp import Disposition, FlexOffer, FlexOrder, FlexRequest, IspPower


def offered_isps(session: VppSession, request: FlexRequest) -> tuple[IspPower, ...]:
    """What the members together give on the ISPs that are asked for, in the direction that is asked for."""
    if not session.covered:
        return ()
    total = np.sum([session.member_w(name) for name in session.covered], axis=0)
    rows = []
    for row in (row for row in request.isps if row.disposition is Disposition.REQUESTED):
        sign = 1 if row.min_power_w > 0 else -1
        for isp in range(row.start, row.start + row.duration):
            power = int(total[isp - session.first_isp])
            if power * sign > 0:
                rows.append(IspPower(isp, power))
    return tuple(rows)


def order_fault(order: FlexOrder, offer: FlexOffer, now: datetime, *, may_pay_more: bool = False) -> str | None:
    """Why an order does not fit the offer it names, or None (UFTP 3.1, "FlexOrder validation").

    Args:
        may_pay_more: by the market's mechanism an order's price may be above the offered one, never below.
    """
    option = next((o for o in offer.options if o.option_reference == order.option_reference), None)
    if option is None:
        return f"OptionReference: {order.option_reference} was not offered"
    if now >= offer.expiration:
        return f"FlexOfferMessageID: the offer expired at {offer.expiration.isoformat()}"
    factor = order.activation_factor_pct
    if factor < option.min_activation_factor_pct:
        return f"ActivationFactor: {factor} % is below the offered minimum {option.min_activation_factor_pct} %"
    price, isps = option.activated(factor)
    if order.price < price or (order.price > price and not may_pay_more):
        least = "at least " if may_pay_more else ""
        return f"Price: {order.price}; expected {least}{price} ({factor} % of the offer)"
    if order.contract_id != offer.contract_id:
        return f"ContractID: {order.contract_id}; offered under {offer.contract_id}"
    if order.isps != isps or (order.period, order.congestion_point) != (offer.period, offer.congestion_point):
        return "ISP: powers are not the offered ones times the activation factor"
    return None
