"""When a day's orders are being delivered, and by whom: read from its ledger."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import agents.assembly.wire_types  # noqa: F401 - what the ledger keeps must be readable
from cim.codec.codec import decode
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from market.ledger.reader import LedgerReader
from market.uftp import FlexOrder

_ORDERS = ("flex-order", "member-order")


@dataclass(frozen=True)
class Activation:
    """An ISP in which orders are delivered, [start, end); `sellers`: whose, by domain."""

    start: datetime
    end: datetime
    sellers: frozenset[str]


def greatest_activation(ledger: Path) -> Activation:
    """The ISP with the most sellers, and of these with the most ordered power; of equal ones the earliest.

    Raises:
        BadInput: nothing was ordered.
    """
    sellers: dict[tuple[datetime, datetime], set[str]] = defaultdict(set)
    power: Counter[tuple[datetime, datetime]] = Counter()
    with LedgerReader(ledger) as reader:
        orders = [decode(record.body) for kind in _ORDERS for record in reader.records(kind=kind)]
    for order in orders:
        if not isinstance(order, FlexOrder):
            continue
        day = LocalDay(order.period, order.timezone, order.isp_minutes)
        for isp in order.isps:
            for number in range(isp.start, isp.start + isp.duration):
                span = day.isp_start(number), day.isp_start(number + 1)
                sellers[span].add(order.header.recipient_domain)
                power[span] += abs(isp.power_w)
    if not sellers:
        raise BadInput(f"ledger: {ledger} has no order that is delivered; expected a day with flexibility ordered")
    start, end = max(sorted(sellers, reverse=True), key=lambda span: (len(sellers[span]), power[span]))
    return Activation(start, end, frozenset(sellers[start, end]))
