"""Section 7: what was traded and agreed, what broke, and where the time went."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from experiments.report import settling
from experiments.report.data import RunData
from experiments.report.style import WITH, figure, text
from experiments.report.tables import Amount, table
from market.contracts.contract import FlexContract
from market.uftp import Disposition


def section(data: RunData) -> str:
    """All tables and the bar of seconds."""
    return _trades(data) + _contracts(data) + settling.section(data) + _incidents(data) + _seconds(data)


def _trades(data: RunData) -> str:
    rows = []
    for topic, name in (("flex-request", "request"), ("flex-offer", "offer"), ("flex-order", "order")):
        for at, _, message in data.result.collector.published.get(topic, []):
            header = message.header
            ends = f"{data.name(header.sender_domain)} → {data.name(header.recipient_domain)}"
            point = data.point_titles.get(message.congestion_point, message.congestion_point)
            rows.append(
                (at, data.time.local(at), name, ends, point, str(message.period), *_volume(data, name, message))
            )
    rows.sort(key=lambda row: row[0])
    head = ("at", "what", "from → to", "congestion point", "period", "ISPs", "energy, kWh",
            f"price, {data.result.site.currency}")  # fmt: skip
    return table("Requests, offers and orders", head, [row[1:] for row in rows], cap=150)


def _volume(data: RunData, name: str, message: Any) -> tuple[int, float, Amount | None]:
    """(ISPs, energy, price) of a request, the first option of an offer, or an order."""
    price: int | None = None
    if name == "request":
        # A need is the bound nearer to zero of what is asked for.
        powers = [
            (min(abs(row.min_power_w), abs(row.max_power_w)), row.duration)
            for row in message.isps
            if row.disposition is Disposition.REQUESTED
        ]
    else:
        part = message.options[0] if name == "offer" else message
        price = part.price
        powers = [(abs(row.power_w), row.duration) for row in part.isps if row.power_w]
    energy = sum(power * duration for power, duration in powers) * data.time.hours / 1000
    return sum(duration for _, duration in powers), energy, None if price is None else Amount(price)


def _contracts(data: RunData) -> str:
    contracts: list[FlexContract] = data.values("contract")
    rows = [
        (c.contract_id[:8], data.name(c.buyer), data.name(c.seller), str(c.start_date), str(c.end_date), _days(c),
         f"{c.start_minute // 60:02d}:{c.start_minute % 60:02d}–{c.end_minute // 60:02d}:{c.end_minute % 60:02d}",
         f"{c.isp_minutes} min", _elements(c),
         c.amount_up_w / 1000, c.amount_down_w / 1000, f"{c.max_activations} per {c.counted_per}",
         c.max_runtime_isps, c.recovery_isps, Amount(c.penalty), Amount(c.capacity_price), Amount(c.volume_price),
         str(c.activation_price))
        for c in contracts
    ]  # fmt: skip
    unit = data.result.site.currency
    head = ("contract", "buyer", "seller", "from", "to", "days", "hours", "ISP", "flex elements", "up, kW", "down, kW",
            "activations", "longest run, ISPs", "recovery, ISPs",
            f"penalty, {unit}/kWh", f"capacity, {unit}/kW and day",
            f"volume, {unit}/kWh", "price is")  # fmt: skip
    return table("Flexibility contracts, all parameters", head, rows)


def _elements(contract: FlexContract) -> str:
    return ", ".join(
        f"{e.name} ({e.kind}, {e.max_decrease_w / 1000:g}…+{e.max_increase_w / 1000:g} kW)"
        for e in contract.flex_elements
    )


def _days(contract: FlexContract) -> str:
    names = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
    return "all" if len(contract.days_of_week) == 7 else " ".join(names[k - 1] for k in contract.days_of_week)


def _incidents(data: RunData) -> str:
    rows = []
    for topic in ("device", "refusal", "breach"):
        for at, agent, value in data.result.collector.published.get(topic, []):
            who = value.get("device") or value.get("member") or value.get("by") or agent
            words = value.get("fault") if topic == "device" else value.get("reason")
            rows.append((at, data.time.local(at), topic, who, words if words is not None else "answers again"))
    rows.sort(key=lambda row: row[0])
    return table(
        "Devices lost, orders refused, rules broken", ("at", "what", "who", "reason"), [row[1:] for row in rows]
    )


def _seconds(data: RunData) -> str:
    parts = sorted(data.summary["seconds"].items(), key=lambda part: part[1])
    fig = go.Figure(
        go.Bar(x=[value for _, value in parts], y=[text(name) for name, _ in parts], orientation="h",
               marker={"color": WITH}, hovertemplate="%{x:.2f} s<extra></extra>"))  # fmt: skip
    fig.update_xaxes(title="seconds, summed over all hosts (parts overlap)")
    fig.update_yaxes(title="part of the run")
    fig.update_layout(hovermode="closest")
    return figure("fig-seconds", "Where the time went", fig, 300)
