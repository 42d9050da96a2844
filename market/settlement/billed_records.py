"""What a ledger's records say is to be billed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from typing import Final, TypeVar

from cim.codec.codec import decode
from market.ledger.records import Record
from market.settlement.invoices import Invoice
from market.settlement.invoicing import BilledDay, by_month, month_invoices
from market.settlement.payments import Payment
from market.uftp import FlexSettlement

T = TypeVar("T")
_PAID, _SETTLED = "remuneration", "flex-settlement"
KINDS: Final = (_PAID, _SETTLED)  # of records, by which something is billed


def bodies(records: Iterable[Record], kind: str, what: type[T]) -> Iterator[tuple[Record, T]]:
    """The records of a kind with what they say; one that says something else, or whose body was erased, is passed over."""
    for record in records:
        if record.kind == kind and record.body:
            body = decode(record.body)
            if isinstance(body, what):
                yield record, body


class BilledRecords:
    """What a ledger that goes on growing bills: each record is read once, and a month's invoices are made anew where it changed."""

    def __init__(self) -> None:
        self._paid: dict[str, tuple[Payment, ...]] = {}
        self._settled: dict[str, BilledDay] = {}
        self._made: dict[tuple[str, str, date], tuple[list[BilledDay], tuple[Invoice, ...]]] = {}

    def add(self, records: Iterable[Record]) -> None:
        """Records that came since; those of other kinds than `KINDS` are passed over."""
        known = tuple(records)
        for record, body in bodies(known, _PAID, tuple):
            self._paid[record.key] = tuple(payment for payment in body if isinstance(payment, Payment))
        for record, told in bodies(known, _SETTLED, FlexSettlement):
            self._settled[record.key] = BilledDay(
                period=told.period_start,
                seller=told.header.recipient_domain,
                buyer=told.header.sender_domain,
                revision=told.revision,
                totals=None if told.sums is None else told.sums.day,
            )

    def days(self) -> Iterator[BilledDay]:
        """Settlements with what was paid on them; then what was paid besides (made whole, curtailed), billed by its payee."""
        payments = dict(self._paid)
        for key, day in self._settled.items():
            yield replace(day, payments=payments.pop(key, ()))
        for key, paid in payments.items():
            period = date.fromisoformat(key.partition("/")[0])
            for payment in paid:
                yield BilledDay(period, payment.payee, payment.payer, 1, None, (payment,))

    def invoices(self) -> tuple[Invoice, ...]:
        """As `invoicing.invoices` of the days."""
        found: list[Invoice] = []
        for key, days in sorted(by_month(self.days()).items()):
            made = self._made.get(key)
            if made is None or made[0] != days:
                made = self._made[key] = days, month_invoices(days)
            found += made[1]
        return tuple(found)


def billed_days(records: Iterable[Record]) -> Iterator[BilledDay]:
    """What all these records bill; see `BilledRecords.days`."""
    billed = BilledRecords()
    billed.add(records)
    return billed.days()
