"""What a ledger's records say is to be billed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import TypeVar

from cim.codec.codec import decode
from market.ledger.records import Record
from market.settlement.invoicing import BilledDay
from market.settlement.payments import Payment
from market.uftp import FlexSettlement

T = TypeVar("T")


def bodies(records: Iterable[Record], kind: str, what: type[T]) -> Iterator[tuple[Record, T]]:
    """The records of a kind with what they say; one that says something else, or whose body was erased, is passed over."""
    for record in records:
        if record.kind == kind and record.body:
            body = decode(record.body)
            if isinstance(body, what):
                yield record, body


def billed_days(records: Iterable[Record]) -> Iterator[BilledDay]:
    """Settlements with what was paid on them; then what was paid besides (made whole, curtailed), billed by its payee."""
    known, payments = tuple(records), dict[str, tuple[Payment, ...]]()
    for record, body in bodies(known, "remuneration", tuple):
        payments[record.key] = tuple(payment for payment in body if isinstance(payment, Payment))
    for record, told in bodies(known, "flex-settlement", FlexSettlement):
        yield BilledDay(
            period=told.period_start,
            seller=told.header.recipient_domain,
            buyer=told.header.sender_domain,
            revision=told.revision,
            totals=None if told.sums is None else told.sums.day,
            payments=payments.pop(record.key, ()),
        )
    for key, paid in payments.items():
        period = date.fromisoformat(key.partition("/")[0])
        for payment in paid:
            yield BilledDay(period, payment.payee, payment.payer, 1, None, (payment,))
