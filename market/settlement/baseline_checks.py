"""Baselines are validated in every ISP, ordered or not: what a seller finally expected, against what was metered.

Source: USEF, "Settle phase" (validation of the agreed baselines); the final forecast holds all flexibility that was procured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from cim.codec.codec import wire
from cim.model.intervals import LocalDay
from market.settlement.day import metered_w
from market.settlement.invoices import watt_hours
from market.settlement.portfolio import ConnectionDay
from market.uftp import DPrognosis, FlexOrder, FlexOrderSettlement, SettlementTotals


@dataclass(frozen=True, slots=True)
class BaselineCheck:
    """One place (a portfolio's congestion point, or a member's connection) on one day.

    Attributes:
        place: the congestion point or the connection's EAN.
        expected_w, actual_w: [T] mean watts: the final forecast with what was procured, and the meters.
        unknown: ISPs (from 1) in which not all was metered, or the buyer limited the feed-in; they count for nothing.
    """

    place: str
    expected_w: tuple[int, ...]
    actual_w: tuple[int, ...]
    unknown: tuple[int, ...] = ()

    def deviations_w(self) -> tuple[int, ...]:
        """[T] watts metered above what was expected; 0 where nobody knows."""
        rows = zip(self.expected_w, self.actual_w, strict=True)
        return tuple(
            0 if isp in self.unknown else actual - expected for isp, (expected, actual) in enumerate(rows, start=1)
        )


@wire("market.FinalForecast")
@dataclass(frozen=True, slots=True)
class FinalForecast:
    """[T] watts of the newest prognosis before each ISP, and when that was told: it holds what was ordered before."""

    power_w: tuple[int, ...]
    told_at: tuple[datetime, ...]


def baseline_check(
    place: str, expected_w: Sequence[int], connections: Sequence[ConnectionDay], limited: Iterable[int] = ()
) -> BaselineCheck:
    """What was expected of these connections together against their meters, except where the buyer limited their feed-in."""
    count = len(expected_w)
    unknown = frozenset(limited).union(*(day.lost_isps(count) for day in connections))
    known = [day.connection for day in connections if day.connection is not None]
    return BaselineCheck(place, tuple(expected_w), tuple(metered_w(known, count)), tuple(sorted(unknown)))


def final_forecast(told: Iterable[DPrognosis], day: LocalDay) -> FinalForecast | None:
    """The newest prognosis that was told before each ISP began; None where an ISP was never foretold.

    What is told of an ISP that has begun is no forecast of it.
    """
    found: dict[int, tuple[int, datetime]] = {}
    starts = [day.isp_start(isp) for isp in range(1, day.count + 1)]
    for prognosis in sorted(told, key=lambda p: p.revision):
        for k, start in enumerate(starts):
            if prognosis.header.time_stamp < start:
                found[k] = prognosis.power_w[k], prognosis.header.time_stamp
    if len(found) < day.count:
        return None
    power_w, told_at = zip(*(found[k] for k in range(day.count)), strict=True)
    return FinalForecast(power_w, told_at)


def renewed_forecast(
    before_w: Sequence[int] | None, moved_w: Mapping[int, int], told_w: Sequence[int], day: LocalDay, now: datetime
) -> tuple[int, ...]:
    """[T] watts finally expected when a forecast is told at `now`: ISPs that have begun keep what was expected of them.

    Args:
        before_w: what was expected before; None: nothing, then the forecast counts from the first ISP on.
        moved_w: ISP (from 1) -> watts that orders moved since that was told.
    """
    if before_w is None:
        return tuple(told_w)
    return tuple(
        before + moved_w.get(isp, 0) if day.isp_start(isp) <= now else told
        for isp, (before, told) in enumerate(zip(before_w, told_w, strict=True), start=1)
    )


def with_procured(final: FinalForecast, orders: Iterable[FlexOrder]) -> tuple[int, ...]:
    """[T] watts expected with all flexibility procured: the final forecast, and what was ordered since it was told."""
    expected_w = list(final.power_w)
    for order in orders:
        for row in order.isps:
            for k in range(row.start - 1, row.start - 1 + row.duration):
                if order.header.time_stamp >= final.told_at[k]:
                    expected_w[k] += row.power_w
    return tuple(expected_w)


def period_start(day: date) -> date:
    """The first day of the settlement period that a day lies in: its calendar month."""
    return day.replace(day=1)


def day_totals(
    orders: Iterable[FlexOrderSettlement], checks: Iterable[BaselineCheck], isp_minutes: int
) -> SettlementTotals:
    """What a day's settlement comes to: volume delivered, deviation from the agreed baselines without sign, price."""
    rows = tuple(orders)
    delivered = sum(abs(isp.delivered_flex_power_w) * isp.duration for row in rows for isp in row.isps)
    deviation = sum(abs(watts) for check in checks for watts in check.deviations_w())
    return SettlementTotals(
        volume_wh=watt_hours(delivered, isp_minutes),
        deviation_wh=watt_hours(deviation, isp_minutes),
        price_e4=sum(row.price for row in rows),
        penalty_e4=sum(row.penalty for row in rows),
    )


def accumulated(totals: Iterable[SettlementTotals]) -> SettlementTotals:
    """Several days' totals, added up."""
    rows = tuple(totals)
    return SettlementTotals(
        volume_wh=sum(row.volume_wh for row in rows),
        deviation_wh=sum(row.deviation_wh for row in rows),
        price_e4=sum(row.price_e4 for row in rows),
        penalty_e4=sum(row.penalty_e4 for row in rows),
    )
