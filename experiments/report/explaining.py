"""Why a limit was still broken: what was forecast, asked, offered, ordered and delivered in that ISP."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import TypeVar

from cim.platform.publications.base import IspPower
from cim.platform.publications.grid import SafetyAnalysed
from cim.platform.publications.trading import FlexOffered, FlexRequested, OrderPlaced
from environment.feeder import Violation
from environment.feeder.limits import ViolationKind
from experiments.report.data import RunData
from market.uftp import Disposition

T = TypeVar("T", SafetyAnalysed, FlexRequested, FlexOffered, OrderPlaced)

_SMALL_KW = 0.05


def explain(data: RunData, violation: Violation) -> str:
    """The chain from forecast to delivery for one violation, and which link of it fell short."""
    day, isp = data.time.place(violation.isp_index)
    point = _point_of(data, violation.element)
    if point is None:
        return "The element belongs to no congestion point, so nobody could be asked about it."
    start = day.isp_start(isp)
    title = data.point_titles.get(point, point)
    seen = [s for s in _on(data.values(SafetyAnalysed), point, day.day) if s.at <= start]
    if not seen:
        return f"No safety analysis of {title} covered this ISP before it began."
    asked = _asked(data, point, day.day, isp)
    offered = (
        sum(_power(o.options[-1].isps, isp) for o in _on(data.values(FlexOffered), point, day.day) if o.options) / 1000
    )
    ordered = sum(_power(o.isps, isp) for o in _on(data.values(OrderPlaced), point, day.day)) / 1000
    rows = [order for _, order in data.settled(data.dso_settlements) if order.congestion_point == point]
    delivered = float(data.spread(rows, "delivered_flex_power_w")[violation.isp_index])
    return (
        f"{_forecast(data, seen, violation, isp)} {title}: {abs(asked):.1f} kW asked in all, "
        f"{abs(offered):.1f} offered, {abs(ordered):.1f} ordered, {abs(delivered):.1f} delivered. "
        f"{_verdict(asked, offered, ordered, delivered)}"
    )


def _forecast(data: RunData, seen: list[SafetyAnalysed], violation: Violation, isp: int) -> str:
    # The last analysis in time shows what was known; one within the gate could no longer lead to an order.
    last = seen[-1]
    need = last.need_w[isp - 1] / 1000
    words = f"The last analysis ({data.time.local(last.at)}) expected the point's branch at {last.loading_pct[isp - 1]:.1f} %"
    if violation.kind is not ViolationKind.OVERLOAD:
        words += f" while {violation.element} came to {violation.value:.4f} pu"
    if abs(need) >= _SMALL_KW:
        return f"{words} and still saw a need of {abs(need):.1f} kW."
    return f"{words} and saw no further need that could still be ordered."


def _verdict(asked: float, offered: float, ordered: float, delivered: float) -> str:
    if abs(asked) < _SMALL_KW:
        return "The forecast did not show it in time, so nothing was asked."
    if abs(offered) < abs(asked) - _SMALL_KW:
        if abs(delivered) < abs(ordered) - _SMALL_KW:
            return "Less could be offered than was needed, and not all that was ordered was delivered."
        return "The aggregators' members could not offer as much as was needed."
    if abs(ordered) < abs(asked) - _SMALL_KW:
        return "The offers sufficed, but less was ordered than asked for."
    if abs(delivered) < abs(ordered) - _SMALL_KW:
        return f"It was ordered, but {abs(ordered) - abs(delivered):.1f} kW of it were not delivered."
    return "All that was asked for was delivered: the forecast it was based on lay too low."


def _asked(data: RunData, point: str, period: date, isp: int) -> float:
    """kW: the needs of all rounds; in one round every seller is asked for the whole need."""
    rounds: dict[datetime, float] = {}
    for request in _on(data.values(FlexRequested), point, period):
        for row in request.isps:
            if row.disposition == Disposition.REQUESTED and row.start <= isp < row.start + row.duration:
                need = row.min_power_w if row.min_power_w > 0 else row.max_power_w
                rounds[request.at] = need / 1000
    return sum(rounds.values())


def _on(found: list[T], point: str, period: date) -> list[T]:
    return [told for told in found if told.congestion_point == point and told.period == period]


def _power(isps: Iterable[IspPower], isp: int) -> int:
    return sum(row.power_w for row in isps if row.start <= isp < row.start + row.duration)


def _point_of(data: RunData, element: str) -> str | None:
    for point in data.points:
        if element == point.branch or element in point.branches or element in point.nodes:
            return point.identity
    return None
