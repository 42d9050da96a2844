"""Section 4, second half: what flexibility changed, and how much of it came back afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from agents.planning.elements.registry import ELEMENT_KINDS
from cim.model.arrays import Floats
from experiments.report.data import RunData
from experiments.report.style import KINDS, QUIET, WITH, colour, figure, label, pale
from experiments.report.tables import table
from experiments.report.timeline import closed

_STORING = frozenset(kind.balance for kind in ELEMENT_KINDS.values() if kind.stores)
_GENERATING = frozenset(kind.balance for kind in ELEMENT_KINDS.values() if kind.generates)


def section(data: RunData) -> str:
    """Difference by kind, the rebound, and the energy that was shifted or curtailed."""
    change = {
        kind: (np.asarray(data.result.by_kind[kind]) - np.asarray(data.without_kinds[kind])) / 1000
        for kind in KINDS
        if kind in data.result.by_kind and kind in data.without_kinds
    }
    if not change:
        return ""
    net = np.sum(list(change.values()), axis=0)
    back = _rebound(net, data.ordered_kw)
    return _figure(data, change, net, back) + _table(data, change)


def _rebound(net: Floats, ordered: Floats) -> Floats:
    """[ISPs] the net change against the ordered direction, from the first ordered ISP on and outside of orders."""
    events = np.flatnonzero(ordered)
    if not len(events):
        return np.zeros_like(net)
    direction = np.sign(ordered.sum())
    after = (np.arange(len(net)) > events[0]) & (ordered == 0)
    return np.where(after & (net * direction < 0), net, 0.0)


def _figure(data: RunData, change: dict[str, Floats], net: Floats, back: Floats) -> str:
    time = data.time
    fig = go.Figure()
    for kind, power in change.items():
        if np.abs(power).max() < 1e-6:
            continue
        fig.add_trace(
            go.Bar(x=time.starts(), y=time.gather(power).round(3), name=label(kind), offset=0,
                   marker={"color": colour(kind), "line": {"width": 0}},
                   width=time.width_ms * 0.96, hovertemplate="%{y:.1f} kW"))  # fmt: skip
    x = time.starts(closed=True)
    shade = closed(time.gather(back)).round(3)
    if shade.any():
        fig.add_trace(
            go.Scatter(x=x, y=shade, name="rebound (net)", mode="lines",
                       line={"width": 0, "shape": "hv", "color": QUIET},
                       fill="tozeroy", fillcolor=pale(QUIET, 0.45), hovertemplate="%{y:.1f} kW"))  # fmt: skip
    fig.add_trace(
        go.Scatter(x=x, y=closed(time.gather(net)).round(3), name="net", mode="lines",
                   line={"color": WITH, "width": 1.8, "shape": "hv"}, hovertemplate="%{y:.1f} kW"))  # fmt: skip
    for start, end in _windows(time.gather(np.abs(data.ordered_kw), "max")):
        fig.add_vrect(x0=x[start], x1=x[end], fillcolor=pale("#e8a91d", 0.14), line_width=0, layer="below")
    fig.update_layout(barmode="relative", legend={"orientation": "v", "x": 1.01, "y": 1.0})
    fig.update_yaxes(title="with − without, kW")
    fig.update_xaxes(time.axis())
    note = (
        f"Yellow bands: ISPs with an order of the DSO. Rebound: net change against the ordered direction after the "
        f"first order and outside of orders, {np.abs(back).sum() * time.hours:.0f} kWh."
    )
    return figure("fig-change", "What flexibility changed, and the rebound", fig, 420, note)


def _table(data: RunData, change: dict[str, Floats]) -> str:
    rows: list[tuple[Any, ...]] = []
    hours = data.time.hours
    for kind, power in change.items():
        up, down = float(np.maximum(power, 0).sum()) * hours, float(np.maximum(-power, 0).sum()) * hours
        if max(up, down) < 0.005:
            continue
        shifted = min(up, down) if kind in _STORING else None
        curtailed = max(up - down, 0.0) if kind in _GENERATING else None
        rows.append((label(kind), up, down, up - down, shifted, curtailed))
    shifted_all, curtailed_all = (sum(row[k] or 0.0 for row in rows) for k in (4, 5))
    total = ("all", *(sum(row[k] for row in rows) for k in (1, 2, 3)), shifted_all, curtailed_all)
    head = ("kind", "more, kWh", "less, kWh", "difference, kWh", "shifted, kWh", "generation curtailed, kWh")
    words = (
        "<p class=note>More: consumption raised or generation lowered against the run without flexibility; less: the "
        "opposite. Shifted is what came back within the span; a difference that remains is generation curtailed, "
        "energy still (or no longer) in a store at the end, conversion losses, or comfort and charging given up.</p>"
    )
    return table("Energy shifted and curtailed", head, rows, total=total) + words


def _windows(values: Floats) -> list[tuple[int, int]]:
    """Spans [start, end) of buckets with a value above zero."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (values > 0).astype(np.int8), [0]))))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
