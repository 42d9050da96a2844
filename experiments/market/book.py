"""A finished run's market, read from its folder: the ledger says what was agreed and paid, publications what was asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import agents.assembly.wire_types  # noqa: F401 - what the ledger's bodies are made of
from cim.platform.publications.base import IspPower
from cim.platform.publications.settlement import BaselineChecked, CopiesDiffer, DisputeDecided, last_checks
from cim.platform.publications.trading import FlexOffered, FlexRequested
from cim.platform.published import published
from experiments.market.keys import key_rows
from experiments.market.lives import switched_lives
from experiments.market.rows import (
    BaselineRow,
    ContractRow,
    CopyRow,
    DisputeRow,
    MarketBook,
    OfferRow,
    OrderRow,
    RequestRow,
    ReservationRow,
    SettlementRow,
    TemplateRow,
    UnitRow,
)
from experiments.market.tenders import tender_rows
from market.contracts.changes import TERMINATION, ContractTermination
from market.contracts.contract import FlexContract
from market.contracts.templates import PUBLISHED_TEMPLATE, PublishedTemplate
from market.ledger.reader import LedgerReader
from market.ledger.records import Record
from market.register.lifecycle import UnitEvent
from market.register.register import FlexibilityRegister
from market.register.units import RECORD_KIND, UnitMove
from market.settlement.billed_records import bodies
from market.settlement.payments import Payment
from market.uftp import (
    AcceptedDisputed,
    FlexOrder,
    FlexOrderResponse,
    FlexReservationUpdate,
    FlexSettlement,
    FlexSettlementResponse,
    SettlementSums,
    SettlementTotals,
)
from market.uftp import IspPower as OrderedIsp

_E4 = 10_000
_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")


def market_book(folder: Path) -> MarketBook:
    """What stands in a run's `ledger.db` and `publications`.

    Raises:
        BadInput: there is no ledger.
    """
    with LedgerReader(folder / "ledger.db") as reader:
        records, meta = reader.records(), reader.meta()
    isp_minutes = _isp_minutes(records)
    return MarketBook(
        currency=meta.get("currency", ""),
        register=tuple(_units(records)),
        requests=tuple(_request(told) for told in published(folder, FlexRequested)),
        offers=tuple(row for told in published(folder, FlexOffered) for row in _offers(told, isp_minutes)),
        orders=tuple(_orders(records)),
        templates=tuple(_templates(records)),
        contracts=tuple(_contracts(records)),
        reservations=tuple(_reservations(records)),
        settlements=tuple(_settlements(records, isp_minutes)),
        baselines=tuple(_baseline(told, isp_minutes) for told in last_checks(published(folder, BaselineChecked))),
        disputes=tuple(map(_dispute, published(folder, DisputeDecided))),
        copies=tuple(map(_copy, published(folder, CopiesDiffer))),
        keys=key_rows(records),
        tenders=tuple(tender_rows(records)),
        switched=tuple(switched_lives(records, _operator(records))),
    )


def _isp_minutes(records: Sequence[Record]) -> int:
    return next((body.isp_minutes for _, body in bodies(records, "contract", FlexContract)), 15)


def _operator(records: Sequence[Record]) -> str:
    """The system operator's domain; empty where it has moved no unit."""
    moves: list[tuple[Record, tuple[UnitMove, ...]]] = list(bodies(records, RECORD_KIND, tuple))
    by_operator = {UnitEvent.PREQUALIFICATION, UnitEvent.REFUSAL, UnitEvent.LIMIT}
    operators = (record.author for record, body in moves if any(move.event in by_operator for move in body))
    return next(operators, "")


def _units(records: Sequence[Record]) -> Iterator[UnitRow]:
    """The register as its recorded moves leave it."""
    moves: list[tuple[Record, tuple[UnitMove, ...]]] = list(bodies(records, RECORD_KIND, tuple))
    register = FlexibilityRegister(_operator(records))
    for record, body in moves:
        register = register.at(record.at).after(body, record.author)
    for key, unit in register.units.items():
        yield UnitRow(
            unit=key.unit,
            kind=unit.asset.kind,
            owner=unit.asset.owner,
            provider=unit.provider,
            product=key.product,
            state=str(unit.state),
            congestion_point=unit.congestion_point,
            up_w=unit.up_w,
            down_w=unit.down_w,
            capacity_wh=unit.asset.capacity_wh,
            cost_ct_per_kwh=unit.asset.cost_e4_per_kwh / 100,
            reason=unit.reason,
        )


def _request(told: FlexRequested) -> RequestRow:
    wanted = [row for row in told.isps if row.disposition == "Requested"]
    return RequestRow(
        at=told.at.isoformat(),
        reference=told.reference,
        seller=told.seller,
        congestion_point=told.congestion_point,
        period=told.period.isoformat(),
        isps=tuple(isp for row in wanted for isp in range(row.start, row.start + row.duration)),
        largest_w=max(
            (row.min_power_w if row.min_power_w > 0 else row.max_power_w for row in wanted), key=abs, default=0
        ),
    )


def _offers(told: FlexOffered, isp_minutes: int) -> Iterator[OfferRow]:
    for option in told.options:
        energy = _kwh(option.isps, isp_minutes)
        yield OfferRow(
            at=told.at.isoformat(),
            reference=told.reference,
            option=option.reference,
            request=told.request or "",
            seller=told.seller,
            congestion_point=told.congestion_point,
            period=told.period.isoformat(),
            isps=_isps(option.isps),
            energy_kwh=energy,
            price=option.price_e4 / _E4,
            ct_per_kwh=_ct(option.price_e4, energy),
            expires=told.expires.isoformat(),
        )


def _orders(records: Sequence[Record]) -> Iterator[OrderRow]:
    refused = {record.key: body for record, body in bodies(records, "flex-order-refusal", FlexOrderResponse)}
    for record, order in bodies(records, "flex-order", FlexOrder):
        energy, refusal = _kwh(order.isps, order.isp_minutes), refused.get(order.order_reference)
        yield OrderRow(
            at=record.at.isoformat(),
            reference=order.order_reference,
            seller=order.header.recipient_domain,
            congestion_point=order.congestion_point,
            period=order.period.isoformat(),
            contract=order.contract_id or "",
            activation_pct=order.activation_factor_pct,
            isps=_isps(order.isps),
            energy_kwh=energy,
            price=order.price / _E4,
            ct_per_kwh=_ct(order.price, energy),
            refused="" if refusal is None else refusal.rejection_reason or "refused",
        )


def _templates(records: Sequence[Record]) -> Iterator[TemplateRow]:
    for record, made in bodies(records, PUBLISHED_TEMPLATE, PublishedTemplate):
        terms = made.template
        yield TemplateRow(
            at=record.at.isoformat(),
            publisher=made.publisher,
            template=terms.name,
            version=made.version,
            activations=f"{terms.max_activations} per {terms.counted_per}",
            max_runtime_isps=terms.max_runtime_isps,
            recovery_isps=terms.recovery_isps,
            penalty_ct_per_kwh=terms.penalty_e4_per_kwh / 100,
        )


def _contracts(records: Sequence[Record]) -> Iterator[ContractRow]:
    ends = {body.contract_id: body for _, body in bodies(records, TERMINATION, ContractTermination)}
    for record, contract in bodies(records, "contract", FlexContract):
        yield _contract(contract, record, ends.get(contract.contract_id))


def _contract(c: FlexContract, record: Record, end: ContractTermination | None) -> ContractRow:
    return ContractRow(
        contract=c.contract_id,
        buyer=c.buyer,
        seller=c.seller,
        reserved=c.reserved,
        start_date=c.start_date.isoformat(),
        end_date=c.end_date.isoformat(),
        days_of_week="all" if len(c.days_of_week) == 7 else " ".join(_DAYS[k - 1] for k in c.days_of_week),
        hours=f"{c.start_minute // 60:02d}:{c.start_minute % 60:02d}-{c.end_minute // 60:02d}:{c.end_minute % 60:02d}",
        elements=tuple(element.name for element in c.flex_elements),
        element_ct_per_kwh=tuple(c.price_e4_per_kwh(element.name) / 100 for element in c.flex_elements),
        amount_up_w=c.amount_up_w,
        amount_down_w=c.amount_down_w,
        activations=f"{c.max_activations} per {c.counted_per}",
        max_runtime_isps=c.max_runtime_isps,
        recovery_isps=c.recovery_isps,
        penalty_ct_per_kwh=c.penalty_e4_per_kwh / 100,
        capacity_ct_per_kw_day=c.capacity_price_e4_per_kw_day / 100,
        volume_ct_per_kwh=c.volume_price_e4_per_kwh / 100,
        activation_price=str(c.activation_price),
        version=c.version,
        notice_days=c.notice_days,
        template=f"{c.template} {c.template_version}" if c.template else "",
        terminated="" if end is None else f"{end.last_day} by {end.by or 'both'}",
        signed_by=tuple(signature.party for signature in record.signatures),
    )


def _reservations(records: Sequence[Record]) -> Iterator[ReservationRow]:
    for record, update in bodies(records, "flex-reservation-update", FlexReservationUpdate):
        yield ReservationRow(
            at=record.at.isoformat(),
            contract=update.contract_id,
            seller=update.header.recipient_domain,
            congestion_point=update.congestion_point,
            period=update.period.isoformat(),
            isps=_isps(update.isps),
            largest_kept_w=max((row.power_w for row in update.isps), key=abs, default=0),
        )


def _settlements(records: Sequence[Record], isp_minutes: int) -> Iterator[SettlementRow]:
    answers = {r.key: body for r, body in bodies(records, "flex-settlement-response", FlexSettlementResponse)}
    payments: dict[str, tuple[Payment, ...]] = {r.key: body for r, body in bodies(records, "remuneration", tuple)}
    hours_per_kw = isp_minutes / 60_000
    for record, told in bodies(records, "flex-settlement", FlexSettlement):
        sums = told.sums or SettlementSums(SettlementTotals(), told.period_start, SettlementTotals())
        buyer, seller, rows = told.header.sender_domain, told.header.recipient_domain, told.order_settlements
        isps = [isp for row in rows for isp in row.isps]
        answer = answers.get(record.key)
        said = [] if answer is None else [status.disposition for status in answer.statuses]
        paid = [p.amount if p.payer == buyer else -p.amount for p in payments.get(record.key, ())]
        yield SettlementRow(
            period=told.period_start.isoformat(),
            revision=told.revision,
            buyer=buyer,
            seller=seller,
            orders=len(rows),
            ordered_kwh=sum(abs(isp.ordered_flex_power_w) * isp.duration for isp in isps) * hours_per_kw,
            delivered_kwh=sum(abs(isp.delivered_flex_power_w) * isp.duration for isp in isps) * hours_per_kw,
            missing_kwh=sum(isp.power_deficiency_w * isp.duration for isp in isps) * hours_per_kw,
            price=sum(row.price for row in rows) / _E4,
            penalty=sum(row.penalty for row in rows) / _E4,
            net=sum(row.net_settlement for row in rows) / _E4,
            paid=sum(paid) / _E4,
            accepted=said.count(AcceptedDisputed.ACCEPTED),
            disputed=said.count(AcceptedDisputed.DISPUTED),
            since=sums.since.isoformat(),
            accumulated_volume_kwh=sums.accumulated.volume_wh / 1000,
            accumulated_deviation_kwh=sums.accumulated.deviation_wh / 1000,
            accumulated_price=sums.accumulated.price_e4 / _E4,
        )


def _dispute(told: DisputeDecided) -> DisputeRow:
    return DisputeRow(
        at=told.at.isoformat(),
        period=told.period.isoformat(),
        buyer=told.buyer,
        seller=told.seller,
        orders=len(told.orders),
        meters=told.meters,
        mistaken=told.mistaken,
        reason=told.reason,
    )


def _copy(told: CopiesDiffer) -> CopyRow:
    return CopyRow(told.at.isoformat(), told.period.isoformat(), told.party, told.owners, told.meters)


def _baseline(told: BaselineChecked, isp_minutes: int) -> BaselineRow:
    kwh_per_w = isp_minutes / 60_000
    largest = max(range(len(told.deviation_w)), key=lambda k: abs(told.deviation_w[k]), default=0)
    return BaselineRow(
        period=told.period.isoformat(),
        revision=told.revision,
        buyer=told.buyer,
        seller=told.seller,
        place=told.place,
        expected_kwh=sum(told.expected_w) * kwh_per_w,
        actual_kwh=sum(told.actual_w) * kwh_per_w,
        deviation_kwh=sum(map(abs, told.deviation_w)) * kwh_per_w,
        largest_w=told.deviation_w[largest],
        largest_isp=largest + 1,
        unknown_isps=len(told.unknown),
    )


def _isps(rows: Sequence[IspPower] | Sequence[OrderedIsp]) -> tuple[int, ...]:
    return tuple(isp for row in rows for isp in range(row.start, row.start + row.duration))


def _kwh(rows: Sequence[IspPower] | Sequence[OrderedIsp], isp_minutes: int) -> float:
    return sum(abs(row.power_w) * row.duration for row in rows) * isp_minutes / 60_000


def _ct(price_e4: int, energy_kwh: float) -> float:
    return price_e4 / 100 / energy_kwh if energy_kwh else 0.0
