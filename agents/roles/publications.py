"""What roles tell the data platform: a market message becomes a publication's plain fields here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import numpy as np

from agents.planning.grid_safety.cases import CaseFound
from agents.roles.effects import Publish
from cim.model.arrays import Floats
from cim.platform.publications.agreements import (
    AssetsRegistered,
    ContractAgreed,
    ContractElement,
    RankedUnit,
    RegisteredAsset,
    TemplatePublished,
    UnitMoved,
    UnitsMoved,
    UnitsRanked,
)
from cim.platform.publications.base import IspPower
from cim.platform.publications.grid import (
    ExchangeBand,
    ExchangeForecast,
    PortfolioBand,
    SafetyAnalysed,
    SafetyCaseFound,
)
from cim.platform.publications.ledger import BlockClosed
from cim.platform.publications.settlement import (
    BaselineChecked,
    OrderAnswer,
    PaymentRow,
    PaymentsMade,
    SettledIsp,
    SettledOrder,
    SettlementAnswered,
    SettlementTold,
)
from cim.platform.publications.trading import (
    AskedIsp,
    FlexOffered,
    FlexRequested,
    OfferedOption,
    OrderPlaced,
    PrognosisTaken,
    ReservationUpdated,
)
from market import uftp
from market.assets.publication import AssetPublication
from market.contracts.contract import FlexContract
from market.contracts.templates import PublishedTemplate
from market.ledger.records import BlockHead
from market.register.discovery import Discovery
from market.register.units import RegisteredUnit, UnitMove, UnitProduct
from market.settlement.baseline_checks import BaselineCheck
from market.settlement.payments import Payment


def safety_analysed(point: str, period: date, need_w: Floats, loading_pct: Floats, now: datetime) -> Publish:
    """What the grid safety analysis of a congestion point found, [T] each."""
    need, loading = np.rint(need_w).astype(np.int64).tolist(), np.asarray(loading_pct, dtype=np.float64).tolist()
    return Publish(SafetyAnalysed(now, point, period, tuple(need), tuple(loading)))


def safety_case_found(period: date, found: CaseFound, now: datetime) -> Publish:
    """What a case of the wider safety analysis would do."""
    loading = np.round(found.loading_pct, 2).tolist()
    voltage = np.round(found.voltage_pu, 5).tolist()
    broken = tuple(np.flatnonzero(found.broken).tolist())
    return Publish(
        SafetyCaseFound(
            now, found.point, period, found.case, found.branch, tuple(loading), found.node, tuple(voltage),
            tuple(isp + 1 for isp in broken),
        )
    )  # fmt: skip


def exchange_forecast(period: date, power_w: Sequence[int], now: datetime) -> Publish:
    """What the site is expected to draw at its point of common coupling in each ISP."""
    return Publish(ExchangeForecast(now, period, tuple(power_w)))


def exchange_band(period: date, band_w: Sequence[Floats], now: datetime) -> Publish:
    """What the site draws at its point of common coupling is below these three profiles with a chance of 10, 50, 90 %."""
    low, median, high = (tuple(round(float(value)) for value in profile) for profile in band_w)
    return Publish(ExchangeBand(now, period, low, median, high))


def portfolio_band(seller: str, point: str, period: date, band_w: Sequence[Floats], now: datetime) -> Publish:
    """What a seller's connections at a congestion point draw is below these three profiles with a chance of 10, 50, 90 %."""
    low, median, high = (tuple(np.rint(profile).astype(np.int64).tolist()) for profile in band_w)
    return Publish(PortfolioBand(now, seller, point, period, low, median, high))


def prognosis_taken(message: uftp.DPrognosis) -> Publish:
    """A D-Prognosis."""
    header = message.header
    return Publish(
        PrognosisTaken(
            header.time_stamp, header.message_id, header.sender_domain, message.congestion_point, message.period,
            message.revision, tuple(message.power_w),
        )
    )  # fmt: skip


def flex_requested(message: uftp.FlexRequest) -> Publish:
    """A FlexRequest."""
    header = message.header
    isps = tuple(
        AskedIsp(row.start, row.disposition.value, row.min_power_w, row.max_power_w, row.duration)
        for row in message.isps
    )
    return Publish(
        FlexRequested(
            header.time_stamp, header.message_id, header.sender_domain, header.recipient_domain, message.congestion_point,
            message.period, message.revision, message.expiration, isps,
        )
    )  # fmt: skip


def flex_offered(message: uftp.FlexOffer, for_people: bool = False) -> Publish:
    """A FlexOffer; its sender is the seller."""
    header = message.header
    options = tuple(OfferedOption(o.option_reference, o.price, _isps(o.isps)) for o in message.options)
    return Publish(
        FlexOffered(
            header.time_stamp, header.message_id, header.recipient_domain, header.sender_domain, message.congestion_point,
            message.period, message.expiration, message.flex_request_message_id, message.currency, options,
            for_people,
        )
    )  # fmt: skip


def reservation_updated(message: uftp.FlexReservationUpdate) -> Publish:
    """A FlexReservationUpdate; its sender is the buyer."""
    header = message.header
    return Publish(
        ReservationUpdated(
            header.time_stamp, message.reference, header.sender_domain, header.recipient_domain, message.congestion_point,
            message.period, message.contract_id, _isps(message.isps),
        )
    )  # fmt: skip


def order_placed(message: uftp.FlexOrder) -> Publish:
    """A FlexOrder."""
    header = message.header
    return Publish(
        OrderPlaced(
            header.time_stamp, message.order_reference, header.sender_domain, header.recipient_domain,
            message.congestion_point, message.period, message.price, message.currency, _isps(message.isps),
            message.contract_id, message.flex_offer_message_id, message.option_reference,
        )
    )  # fmt: skip


def settlement_told(message: uftp.FlexSettlement) -> Publish:
    """A FlexSettlement; its sender is the buyer."""
    header, sums = message.header, message.sums
    total = uftp.SettlementTotals() if sums is None else sums.accumulated
    return Publish(
        SettlementTold(
            header.time_stamp, header.message_id, header.sender_domain, header.recipient_domain, message.period_start,
            message.period_end, message.revision, message.currency, tuple(map(_settled, message.order_settlements)),
            None if sums is None else sums.since, total.volume_wh, total.deviation_wh, total.price_e4, total.penalty_e4,
        )
    )  # fmt: skip


def baselines_checked(message: uftp.FlexSettlement, checks: Sequence[BaselineCheck]) -> list[Publish]:
    """How far the seller of a settlement kept to its baselines, place by place."""
    header = message.header
    return [
        Publish(
            BaselineChecked(
                header.time_stamp, header.sender_domain, header.recipient_domain, one.place, message.period_start,
                message.revision, one.expected_w, one.actual_w, one.deviations_w(), one.unknown,
            )
        )
        for one in checks
    ]  # fmt: skip


def settlement_answered(message: uftp.FlexSettlementResponse) -> Publish:
    """A FlexSettlementResponse; its sender is the seller."""
    header = message.header
    answers = tuple(OrderAnswer(s.order_reference, s.disposition.value, s.dispute_reason) for s in message.statuses)
    return Publish(
        SettlementAnswered(
            header.time_stamp,
            message.flex_settlement_message_id,
            header.recipient_domain,
            header.sender_domain,
            answers,
        )
    )


def payments_made(payments: Sequence[Payment], now: datetime) -> Publish:
    """All payments of one settlement."""
    rows = tuple(PaymentRow(p.payer, p.payee, p.amount, p.reason, p.reference, p.currency) for p in payments)
    return Publish(PaymentsMade(now, rows))


def assets_registered(assets: Sequence[AssetPublication], now: datetime) -> Publish:
    """Assets that the market's register took."""
    rows = tuple(
        RegisteredAsset(
            a.name, a.kind, a.owner, a.usage_point, a.congestion_point, a.max_consumption_w, a.max_generation_w,
            a.can_increase, a.can_decrease,
        )
        for a in assets
    )  # fmt: skip
    return Publish(AssetsRegistered(now, rows))


def units_moved(
    moves: Sequence[UnitMove], units: Mapping[UnitProduct, RegisteredUnit], by: str, now: datetime
) -> Publish:
    """Moves in the flexibility register, and where they have led."""
    rows = []
    for move in moves:
        unit = units[move.key]
        rows.append(
            UnitMoved(
                move.key.unit, move.key.product, str(move.event), str(unit.state), unit.provider, unit.congestion_point,
                move.reason,
            )
        )  # fmt: skip
    return Publish(UnitsMoved(now, by, tuple(rows)))


def units_ranked(aggregator: str, found: Discovery, now: datetime) -> Publish:
    """What an aggregator found in the register, and why in this order."""
    rows = [
        RankedUnit(
            one.unit.asset.name,
            one.score,
            tuple(f"{t.name} {t.points:.2f} of {t.weight}: {t.why}" for t in one.terms),
            "",
        )
        for one in found.ranked
    ]
    rows += [RankedUnit(name, 0.0, (), why) for name, why in sorted(found.passed_over.items())]
    return Publish(UnitsRanked(now, aggregator, tuple(rows)))


def template_published(made: PublishedTemplate, now: datetime) -> Publish:
    """A version of a contract template."""
    t = made.template
    return Publish(
        TemplatePublished(
            now, made.publisher, t.name, made.version, t.days_of_week, t.start_minute, t.end_minute, t.max_activations,
            t.counted_per.value, t.max_runtime_isps, t.recovery_isps, t.penalty_e4_per_kwh, t.capacity_price_e4_per_kw_day,
            t.volume_price_e4_per_kwh, t.activation_price.value, t.reserved,
        )
    )  # fmt: skip


def contract_agreed(contract: FlexContract, now: datetime) -> Publish:
    """A contract that both sides have signed."""
    elements = tuple(
        ContractElement(e.name, e.kind, e.max_increase_w, e.max_decrease_w, e.volume_price_e4_per_kwh)
        for e in contract.flex_elements
    )
    return Publish(
        ContractAgreed(
            now,
            contract_id=contract.contract_id,
            buyer=contract.buyer,
            seller=contract.seller,
            start_date=contract.start_date,
            end_date=contract.end_date,
            days_of_week=tuple(contract.days_of_week),
            start_minute=contract.start_minute,
            end_minute=contract.end_minute,
            isp_minutes=contract.isp_minutes,
            elements=elements,
            amount_up_w=contract.amount_up_w,
            amount_down_w=contract.amount_down_w,
            max_activations=contract.max_activations,
            counted_per=contract.counted_per.value,
            max_runtime_isps=contract.max_runtime_isps,
            recovery_isps=contract.recovery_isps,
            penalty_e4_per_kwh=contract.penalty_e4_per_kwh,
            capacity_price_e4_per_kw_day=contract.capacity_price_e4_per_kw_day,
            volume_price_e4_per_kwh=contract.volume_price_e4_per_kwh,
            activation_price=contract.activation_price.value,
            currency=contract.currency,
            reserved=contract.reserved,
        )
    )


def block_closed(head: BlockHead) -> Publish:
    """A block's head."""
    return Publish(
        BlockClosed(head.closed_at, head.number, head.period_start, head.period_end, head.count, head.digest.hex())
    )


def _isps(rows: Sequence[uftp.IspPower]) -> tuple[IspPower, ...]:
    return tuple(IspPower(row.start, row.power_w, row.duration) for row in rows)


def _settled(order: uftp.FlexOrderSettlement) -> SettledOrder:
    isps = tuple(
        SettledIsp(
            row.start, row.baseline_power_w, row.ordered_flex_power_w, row.actual_power_w, row.delivered_flex_power_w,
            row.power_deficiency_w, row.duration, row.counted_power_w,
        )
        for row in order.isps
    )  # fmt: skip
    return SettledOrder(
        order.order_reference,
        order.congestion_point,
        order.period,
        order.price,
        order.penalty,
        order.net_settlement,
        isps,
        order.contract_id,
    )
