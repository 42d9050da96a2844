"""Section 2: demand and generation by kind, and the power at the point of common coupling (PCC)."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cim.model.arrays import Floats
from cim.platform.publications.grid import ExchangeBand, ExchangeForecast
from environment.sites.network import build_network
from experiments.report.data import RunData
from experiments.report.style import KINDS, LIMIT, QUIET, WITH, WITHOUT, colour, figure, label, pale
from experiments.report.timeline import closed


def section(data: RunData) -> str:
    """Both figures."""
    return _kinds(data) + _pcc(data)


def _kinds(data: RunData) -> str:
    time = data.time
    fig = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.09, subplot_titles=(
        "without flexibility", "with flexibility"))  # fmt: skip
    for row, kinds in ((1, data.without_kinds), (2, data.result.by_kind)):
        for kind in [name for name in KINDS if name in kinds]:
            power = time.gather(np.asarray(kinds[kind], dtype=np.float64) / 1000).round(3)
            fig.add_trace(
                go.Bar(x=time.starts(), y=power, name=label(kind), legendgroup=kind, showlegend=row == 1, offset=0,
                       marker={"color": colour(kind), "line": {"width": 0}}, width=time.width_ms,
                       hovertemplate="%{y:.1f} kW"), row=row, col=1)  # fmt: skip
    # Both panels by one scale, set here: axes that match each other are not ranged over stacked bars.
    fig.update_yaxes(title="power, kW (− = generation)", range=_stacked_range(fig))
    fig.update_xaxes(time.axis() | {"title": None})
    fig.update_xaxes(title=time.axis()["title"], row=2, col=1)
    fig.update_layout(barmode="relative", legend={"orientation": "h", "yanchor": "bottom", "y": 1.06, "x": 0})
    kept = f"Means over each {time.bucket_name}. " if time.bucket > 1 else ""
    note = kept + "Consumption is stacked upwards, generation (and discharge) downwards; both panels have one scale."
    return figure("fig-kinds", "Demand and generation by kind", fig, 620, note)


def _stacked_range(fig: go.Figure) -> list[float]:
    ends = [0.0, 0.0]
    for panel in ("y", "y2"):
        rows = np.array([trace.y for trace in fig.data if (trace.yaxis or "y") == panel])
        if rows.size:
            ends[0] = min(ends[0], float(np.minimum(rows, 0).sum(axis=0).min()))
            ends[1] = max(ends[1], float(np.maximum(rows, 0).sum(axis=0).max()))
    room = 0.05 * (ends[1] - ends[0])
    return [ends[0] - room, ends[1] + room]


def _pcc(data: RunData) -> str:
    time = data.time
    fig = go.Figure()
    x = time.starts(closed=True)
    expected, band = _day_ahead(data), _band(data)
    if band is not None:
        edges = [closed(time.gather(edge)).round(3) for edge in band]
        shape = {"width": 0, "shape": "hv"}
        fig.add_trace(go.Scatter(x=x, y=edges[1], mode="lines", line=shape, showlegend=False, hoverinfo="skip"))
        fig.add_trace(
            go.Scatter(x=x, y=edges[0], mode="lines", line=shape, fill="tonexty", fillcolor=pale(QUIET, 0.3),
                       name="10-90 % band of the day before", hoverinfo="skip")
        )  # fmt: skip
    for name, values, style in (
        ("forecast of the day before", expected, {"color": QUIET, "width": 1.5, "dash": "dot", "shape": "hv"}),
        ("without flexibility", data.without.flow.slack_p_w / 1000, {"color": WITHOUT, "width": 2, "shape": "hv"}),
        ("with flexibility", data.with_.flow.slack_p_w / 1000, {"color": WITH, "width": 2, "shape": "hv"}),
    ):
        if values is not None:
            row = closed(time.gather(values)).round(3)
            fig.add_trace(go.Scatter(x=x, y=row, name=name, mode="lines", line=style, hovertemplate="%{y:.1f} kW"))
    limit, branch = _limit_kw(data)
    if limit is not None:
        for sign in (1, -1):
            fig.add_trace(
                go.Scatter(x=[x[0], x[-1]], y=[sign * limit] * 2, mode="lines", name=f"limit of {branch}",
                           legendgroup="limit", showlegend=sign > 0, hoverinfo="skip",
                           line={"color": LIMIT, "width": 1.5, "dash": "dash"})
            )  # fmt: skip
    fig.update_yaxes(title="net power, kW (− = export)")
    fig.update_xaxes(time.axis())
    low, high = data.with_.flow.slack_p_w.sum(), data.without.flow.slack_p_w.sum()
    note = (
        f"{_held(data, band)}Energy over the span: {high * time.hours / 1000:.0f} kWh without, "
        f"{low * time.hours / 1000:.0f} kWh with "
        "flexibility, losses included. The limit is the branch's rating in kVA at nominal voltage"
        + (f"; points are means over each {time.bucket_name}." if time.bucket > 1 else ".")
    )
    return figure("fig-pcc", "Power at the point of common coupling", fig, 400, note)


def _day_ahead(data: RunData) -> Floats | None:
    """[ISPs of the span] kW: the last forecast of each day that was made before it began; NaN where there is none."""
    row = np.full(data.time.count, np.nan)
    for forecast in data.values(ExchangeForecast):
        first = data.time.offset(forecast.period)
        if first >= 0 and forecast.at <= data.time.instant(first):
            power = np.array(forecast.power_w, dtype=np.float64) / 1000
            row[first : first + len(power)] = power
    return None if np.isnan(row).all() else row


def _band(data: RunData) -> tuple[Floats, Floats] | None:
    """[ISPs of the span] kW, the lower and the upper edge of each day's last band that was told before it began."""
    edges = np.full((2, data.time.count), np.nan)
    for band in data.values(ExchangeBand):
        first = data.time.offset(band.period)
        if first >= 0 and band.at <= data.time.instant(first):
            edges[:, first : first + len(band.low_w)] = np.array([band.low_w, band.high_w]) / 1000
    return None if np.isnan(edges).all() else (edges[0], edges[1])


def _held(data: RunData, band: tuple[Floats, Floats] | None) -> str:
    """How much of what came lay within the band."""
    if band is None:
        return ""
    known = ~np.isnan(band[0])
    shares = [
        100 * float(np.mean((power_w >= 1000 * band[0][known]) & (power_w <= 1000 * band[1][known])))
        for power_w in (data.without.flow.slack_p_w[known], data.with_.flow.slack_p_w[known])
    ]
    return (
        f"Within the band lay {shares[0]:.0f} % of what came without flexibility and {shares[1]:.0f} % with it: "
        "the band does not know of orders that are still to come. "
    )


def _limit_kw(data: RunData) -> tuple[float | None, str]:
    """What the branch of the topmost congestion point may carry."""
    site = data.result.site
    top = next(point for point in site.congestion_points if point.parent is None)
    network = build_network(site)
    volts = {node.name: node.nominal_v for node in network.nodes}
    rated = {item.name: item.rated_va for item in network.transformers}
    rated |= {line.name: line.rated_a * volts[line.from_node] * 3**0.5 for line in network.lines}
    value = rated.get(top.branch)
    return (None if value is None else value * site.limits.max_loading_pct.value / 100_000), top.branch
