"""Section 8: what was traded and agreed, and where the time went."""

from __future__ import annotations

from collections.abc import Iterable

import plotly.graph_objects as go

from cim.platform.publications.agreements import ContractAgreed, ContractElement
from cim.platform.publications.base import IspPower
from cim.platform.publications.trading import FlexOffered, FlexRequested, OrderPlaced
from experiments.report import settling
from experiments.report.data import RunData
from experiments.report.style import WITH, figure, text
from experiments.report.tables import Amount, money, table
from market.uftp import Disposition


def section(data: RunData) -> str:
    """All tables and the bar of seconds."""
    return _trades(data) + _contracts(data) + settling.section(data) + _seconds(data)


def _trades(data: RunData) -> str:
    told: list[FlexRequested | FlexOffered | OrderPlaced] = [
        *data.values(FlexRequested),
        *data.values(FlexOffered),
        *data.values(OrderPlaced),
    ]
    rows = []
    for trade in sorted(told, key=lambda trade: trade.at):
        name, (sender, receiver), powers, price = _trade(trade)
        ends = f"{data.name(sender)} → {data.name(receiver)}"
        point = data.point_titles.get(trade.congestion_point, trade.congestion_point)
        count, energy = sum(isps for _, isps in powers), sum(power * isps for power, isps in powers)
        rows.append((data.time.local(trade.at), name, ends, point, str(trade.period), count,
                     energy * data.time.hours / 1000, None if price is None else Amount(price)))  # fmt: skip
    head = ("at", "what", "from → to", "congestion point", "period", "ISPs", "energy, kWh",
            f"price, {data.result.site.currency}")  # fmt: skip
    return table("Requests, offers and orders", head, rows, cap=150)


def _trade(
    trade: FlexRequested | FlexOffered | OrderPlaced,
) -> tuple[str, tuple[str, str], list[tuple[int, int]], int | None]:
    """What it is, (sender, receiver), [(watts, ISPs)] and price of a request, an offer's first option, or an order."""
    if isinstance(trade, FlexRequested):
        # A need is the bound nearer to zero of what is asked for.
        asked = [
            (min(abs(row.min_power_w), abs(row.max_power_w)), row.duration)
            for row in trade.isps
            if row.disposition == Disposition.REQUESTED
        ]
        return "request", (trade.buyer, trade.seller), asked, None
    if isinstance(trade, FlexOffered):
        name, ends, part = "offer", (trade.seller, trade.buyer), trade.options[-1]
        return name, ends, _powers(part.isps), part.price_e4
    return "order", (trade.buyer, trade.seller), _powers(trade.isps), trade.price_e4


def _powers(isps: Iterable[IspPower]) -> list[tuple[int, int]]:
    return [(abs(row.power_w), row.duration) for row in isps if row.power_w]


def _contracts(data: RunData) -> str:
    contracts = data.values(ContractAgreed)
    rows = [
        (c.contract_id[:8], data.name(c.buyer), data.name(c.seller), str(c.start_date), str(c.end_date), _days(c),
         f"{c.start_minute // 60:02d}:{c.start_minute % 60:02d}–{c.end_minute // 60:02d}:{c.end_minute % 60:02d}",
         f"{c.isp_minutes} min", _elements(c),
         c.amount_up_w / 1000, c.amount_down_w / 1000, f"{c.max_activations} per {c.counted_per}",
         c.max_runtime_isps, c.recovery_isps, Amount(c.penalty_e4_per_kwh),
         Amount(c.capacity_price_e4_per_kw_day), Amount(c.volume_price_e4_per_kwh), c.activation_price)
        for c in contracts
    ]  # fmt: skip
    unit = data.result.site.currency
    head = ("contract", "buyer", "seller", "from", "to", "days", "hours", "ISP", "flex elements", "up, kW", "down, kW",
            "activations", "longest run, ISPs", "recovery, ISPs",
            f"penalty, {unit}/kWh", f"capacity, {unit}/kW and day",
            f"volume, {unit}/kWh", "price is")  # fmt: skip
    return table("Flexibility contracts, all parameters", head, rows)


def _elements(contract: ContractAgreed) -> str:
    return ", ".join(
        f"{e.name} ({e.kind}, {e.max_decrease_w / 1000:g}…+{e.max_increase_w / 1000:g} kW{_price(e)})"
        for e in contract.elements
    )


def _price(element: ContractElement) -> str:
    price = element.volume_price_e4_per_kwh
    return "" if price is None else f", {money(price)}/kWh"


def _days(contract: ContractAgreed) -> str:
    names = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
    return "all" if len(contract.days_of_week) == 7 else " ".join(names[k - 1] for k in contract.days_of_week)


def _seconds(data: RunData) -> str:
    parts = sorted(data.summary["seconds"].items(), key=lambda part: part[1])
    fig = go.Figure(
        go.Bar(x=[value for _, value in parts], y=[text(name) for name, _ in parts], orientation="h",
               marker={"color": WITH}, hovertemplate="%{x:.2f} s<extra></extra>"))  # fmt: skip
    fig.update_xaxes(title="seconds, summed over all hosts (parts overlap)")
    fig.update_yaxes(title="part of the run")
    fig.update_layout(hovermode="closest")
    return figure("fig-seconds", "Where the time went", fig, 300)
