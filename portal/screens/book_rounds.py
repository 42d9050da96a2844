"""A congestion point's rounds: whom the DSO asked, what was offered, and what is ordered of it, in steps of an ISP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from cim.model.arrays import Floats
from cim.platform.publications.base import IspPower
from cim.platform.publications.incidents import MessageLapsed
from cim.platform.publications.trading import FlexOffered, FlexRequested, OrderPlaced, OrderRefused
from cim.platform.store import values
from portal.screens.seen import Seen
from portal.screens.trading import concerns

_TOGETHER = timedelta(seconds=1)  # a round's requests to all sellers are told within
_BEFORE = timedelta(days=2)  # a day's orders are refused, and its offers lapse, no earlier


@dataclass(frozen=True)
class Round:
    """A time at which the DSO asked the sellers at a point: the requests to each, and what answers them.

    Attributes:
        offers: with those that nobody asked for, of one that is the newest.
        orders: of what is offered here, those that no seller refused, by the offer's reference.
    """

    at: datetime
    requests: tuple[FlexRequested, ...]
    offers: tuple[FlexOffered, ...]
    orders: dict[str, OrderPlaced]


@dataclass(frozen=True, slots=True)
class Step:
    """So much more of an offer in an ISP, at the price of that step.

    Attributes:
        power_w: in the ISP, a magnitude.
        price_ct_per_kwh: of this step over all ISPs that its option has; never below the step before, which comes with it.
        state: `ordered`, `stands`, or `gone` (expired, or not chosen).
    """

    seller: str
    option: str
    power_w: float
    price_ct_per_kwh: float
    state: str


def rounds_of(seen: Seen, point: str) -> list[Round]:
    """The rounds at a point about the day shown that the visitor may see, oldest first."""
    requests = [
        one
        for one in seen.of_day(FlexRequested)
        if one.congestion_point == point and concerns(seen, one.buyer, one.seller)
    ]
    offers = [
        one
        for one in seen.of_day(FlexOffered)
        if one.congestion_point == point and concerns(seen, one.buyer, one.seller)
    ]
    refused = {one.order_reference for one in values(seen.store, OrderRefused, seen.day.start - _BEFORE)}
    orders = {
        one.offer: one
        for one in seen.of_day(OrderPlaced)
        if one.offer is not None and one.order_reference not in refused
    }
    groups: list[list[FlexRequested]] = []
    for one in sorted(requests, key=lambda one: one.at):
        if groups and one.at - groups[-1][0].at < _TOGETHER:
            groups[-1].append(one)
        else:
            groups.append([one])
    unasked = tuple(one for one in offers if one.request is None)
    found = []
    for number, group in enumerate(groups):
        names = {one.reference for one in group}
        answers = tuple(one for one in offers if one.request in names)
        own = answers + (unasked if number == len(groups) - 1 else ())
        taken = {one.reference: orders[one.reference] for one in own if one.reference in orders}
        found.append(Round(group[0].at, tuple(group), own, taken))
    if unasked and not groups:
        taken = {one.reference: orders[one.reference] for one in unasked if one.reference in orders}
        found.append(Round(unasked[0].at, (), unasked, taken))
    return found


def row_of(isps: tuple[IspPower, ...], count: int) -> Floats:
    """[ISPs] watts of a local day."""
    row = np.zeros(count)
    for isp in isps:
        row[isp.start - 1 : isp.start - 1 + isp.duration] = isp.power_w
    return row


def steps(seen: Seen, shown: Round, isp: int, more: bool) -> list[Step]:
    """What is offered in an ISP (from 0) one way, cheapest step first; of equal price first what is ordered."""
    hours, found = seen.site.isp_minutes / 60, list[Step]()
    lapsed = values(seen.store, MessageLapsed, seen.day.start - _BEFORE)
    gone = {one.about for one in lapsed if one.what == "FlexOffer"}
    for offer in shown.offers:
        order = shown.orders.get(offer.reference)
        stands = offer.expires > seen.now and offer.reference not in gone and order is None
        taken = next(
            (k for k, one in enumerate(offer.options) if order is not None and one.reference == order.option), -1
        )
        # Options of an offer exclude one another: each is what the smaller ones are and a step more.
        rows = [
            (power, option.price_e4, kwh, number, option.reference)
            for number, option in enumerate(offer.options)
            if (power := row_of(option.isps, seen.day.count)[isp] * (1 if more else -1)) > 0
            and (kwh := sum(abs(one.power_w) * one.duration for one in option.isps) * hours / 1000) > 0
        ]
        taken_w = next((power for power, _, _, number, _ in rows if number == taken), 0.0)
        before = (0.0, 0, 0.0)
        price = -np.inf
        for power, price_e4, kwh, _, reference in sorted(rows):
            if power <= before[0] or kwh <= before[2]:
                continue
            price = max(price, (price_e4 - before[1]) / 100 / (kwh - before[2]))
            state = "ordered" if power <= taken_w else "stands" if stands else "gone"
            found.append(Step(seen.name(offer.seller), reference, power - before[0], price, state))
            before = power, price_e4, kwh
    return sorted(found, key=lambda one: (round(one.price_ct_per_kwh, 2), one.state != "ordered"))
