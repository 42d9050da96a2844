"""Tenders, as their buyers recorded them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from experiments.market.rows import TenderRow
from market.ledger.records import Record
from market.negotiation.tender import TENDER, TenderResult
from market.settlement.billed_records import bodies


def tender_rows(records: Sequence[Record]) -> Iterator[TenderRow]:
    """Every bid of every tender whose record is not erased."""
    for _, result in bodies(records, TENDER, TenderResult):
        for place, bid in enumerate(result.bids, 1):
            yield TenderRow(
                closed=result.closed.isoformat(),
                tender=result.tender,
                buyer=result.buyer,
                pricing=result.pricing,
                wanted_w=result.wanted_w,
                place=place,
                seller=bid.seller,
                contract=bid.contract_id,
                asked_ct_per_kw_day=bid.asked_e4 / 100,
                reliability_pct=bid.reliability_pct,
                size_w=bid.size_w,
                awarded_w=bid.awarded_w,
                paid_ct_per_kw_day=bid.paid_e4 / 100,
            )
