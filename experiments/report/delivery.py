"""Section 4, first half: who delivered what was ordered, by prosumer and by kind of element."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from cim.model.arrays import Floats
from cim.platform.publications.settlement import SettledOrder
from experiments.report.data import RunData
from experiments.report.style import QUIET, SERIES, colour, figure, kind_of, label, text
from experiments.report.tables import table

_SHOWN = 13  # prosumers with a colour of their own


def section(data: RunData) -> str:
    """Both figures and the table of members."""
    by_member: dict[str, list[SettledOrder]] = {}
    by_kind: dict[str, list[SettledOrder]] = {}
    for told, order in data.settled(data.member_settlements):
        by_member.setdefault(data.name(told.seller), []).append(order)
        kind = kind_of(data.element_kinds.get(order.congestion_point, "other"))
        by_kind.setdefault(kind, []).append(order)
    if not by_member:
        return "<p class=note>No member was ordered to deliver anything.</p>"
    delivered = {name: data.spread(rows, "delivered_flex_power_w") for name, rows in by_member.items()}
    ranked = sorted(delivered, key=lambda name: (-float(np.abs(delivered[name]).sum()), name))
    parts = [(name, delivered[name], SERIES[k]) for k, name in enumerate(ranked[:_SHOWN])]
    if len(ranked) > _SHOWN:
        rest = np.sum([delivered[name] for name in ranked[_SHOWN:]], axis=0)
        parts.append((f"{len(ranked) - _SHOWN} others", rest, QUIET))
    ordered = np.sum([data.spread(rows, "ordered_flex_power_w") for rows in by_member.values()], axis=0)
    kinds = [(label(kind), data.spread(rows, "delivered_flex_power_w"), colour(kind))
             for kind, rows in sorted(by_kind.items())]  # fmt: skip
    note = (
        "Each element is measured for itself against the baseline it told before any price; a correction ordered when "
        "others fell short stands on top of what was ordered before."
    )
    return (
        _bars(data, "fig-members", "Delivered flexibility by prosumer", parts, ordered, note=note)
        + _bars(data, "fig-elements", "Delivered flexibility by kind of element", kinds, ordered, note="")
        + _members(data, by_member, ranked)
    )


def _bars(
    data: RunData, name: str, caption: str, parts: list[tuple[str, Floats, str]], ordered: Floats, *, note: str
) -> str:
    time = data.time
    fig = go.Figure()
    for who, power, shade in parts:
        fig.add_trace(
            go.Bar(x=time.starts(), y=time.gather(power).round(3), name=text(who), offset=0, marker={"color": shade,
                   "line": {"width": 0}}, width=time.width_ms * 0.96,
                   hovertemplate="%{y:.1f} kW"))  # fmt: skip
    line = np.append(time.gather(ordered), 0.0)
    fig.add_trace(
        go.Scatter(x=time.starts(closed=True), y=line.round(3), name="ordered", mode="lines",
                   line={"color": QUIET, "width": 1.6, "shape": "hv"}, hovertemplate="%{y:.1f} kW"))  # fmt: skip
    fig.update_layout(barmode="relative", legend={"orientation": "v", "x": 1.01, "y": 1.0})
    fig.update_yaxes(title="change from baseline, kW")
    fig.update_xaxes(time.axis())
    return figure(name, caption, fig, 400, note)


def _members(data: RunData, by_member: dict[str, list[SettledOrder]], ranked: list[str]) -> str:
    hours = data.time.hours
    rows: list[tuple[Any, ...]] = []
    for name in ranked:
        orders = by_member[name]
        ordered, delivered = (
            sum(abs(getattr(isp, field)) * isp.duration for order in orders for isp in order.isps) * hours / 1000
            for field in ("ordered_flex_power_w", "delivered_flex_power_w")
        )
        missing = sum(i.power_deficiency_w * i.duration for o in orders for i in o.isps) * hours / 1000
        kinds = sorted({label(kind_of(data.element_kinds.get(o.congestion_point, "other"))) for o in orders})
        share = f"{delivered / ordered:.1%}" if ordered else "–"
        rows.append((name, ", ".join(kinds), len(orders), ordered, delivered, share, missing))
    head = ("prosumer", "elements", "orders", "ordered, kWh", "delivered, kWh", "share", "missing, kWh")
    sums = {place: sum(row[place] for row in rows) for place in (2, 3, 4, 6)}
    total = ("all", "", sums[2], sums[3], sums[4], "", sums[6])
    return table("What each member was ordered and delivered", head, rows, total=total)
