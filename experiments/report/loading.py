"""Section 3: the grid with and without flexibility: loadings, voltages, and every limit that was broken."""

from __future__ import annotations

from collections import Counter

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from environment.feeder import Violation
from experiments.report.data import RunData
from experiments.report.explaining import explain
from experiments.report.style import LIMIT, WITH, WITHOUT, figure, pale, text
from experiments.report.tables import table
from experiments.report.timeline import closed


def section(data: RunData) -> str:
    """Figures, the table by element, and a sentence on each limit still broken."""
    return _loading(data) + _voltage(data) + _by_element(data) + _left(data)


def _loading(data: RunData) -> str:
    time, points = data.time, data.result.site.congestion_points
    titles = [f"{text(point.title)}: {text(point.branch)}" for point in points]
    fig = make_subplots(rows=len(points), cols=1, shared_xaxes=True, vertical_spacing=0.2 / len(points),
                        subplot_titles=titles)  # fmt: skip
    x = time.starts(closed=True)
    limit = data.result.site.limits.max_loading_pct.value
    for row, point in enumerate(points, start=1):
        for name, record, colour in (("without", data.without, WITHOUT), ("with", data.with_, WITH)):
            column = record.flow.branch_names.index(point.branch)
            values = closed(time.gather(record.flow.loading_pct[:, column], "max")).round(2)
            fig.add_trace(
                go.Scatter(x=x, y=values, name=f"{name} flexibility", legendgroup=name, showlegend=row == 1,
                           mode="lines", line={"color": colour, "width": 2, "shape": "hv"},
                           hovertemplate="%{y:.1f} %"), row=row, col=1)  # fmt: skip
        fig.add_trace(
            go.Scatter(x=[x[0], x[-1]], y=[limit, limit], name="limit", legendgroup="limit", showlegend=row == 1,
                       mode="lines", line={"color": LIMIT, "width": 1.5, "dash": "dash"}, hoverinfo="skip"),
            row=row, col=1)  # fmt: skip
    fig.update_yaxes(title="loading, % of rating", rangemode="tozero")
    fig.update_xaxes(time.axis() | {"title": None})
    fig.update_xaxes(title=time.axis()["title"], row=len(points), col=1)
    fig.update_layout(legend={"orientation": "h", "yanchor": "bottom", "y": 1.08, "x": 0})
    kept = f"The highest value of each {time.bucket_name}. " if time.bucket > 1 else ""
    note = kept + "From the power flow on what really happened, not on forecasts."
    return figure("fig-loading", "Loading of the congestion points", fig, 120 + 230 * len(points), note)


def _voltage(data: RunData) -> str:
    time, limits = data.time, data.result.site.limits
    x = time.starts(closed=True)
    fig = go.Figure()
    for name, record, colour in (("without", data.without, WITHOUT), ("with", data.with_, WITH)):
        low, high = (
            closed(time.gather(getattr(record.flow.voltage_pu, how)(axis=1), how)).round(5) for how in ("min", "max")
        )
        line = {"color": colour, "width": 1.4, "shape": "hv"}
        fig.add_trace(go.Scatter(x=x, y=low, mode="lines", line=line, legendgroup=name, showlegend=False,
                                 name=f"lowest, {name}", hovertemplate="%{y:.4f} pu"))  # fmt: skip
        fig.add_trace(go.Scatter(x=x, y=high, mode="lines", line=line, legendgroup=name, fill="tonexty",
                                 fillcolor=pale(colour), name=f"{name} flexibility (lowest to highest node)",
                                 hovertemplate="%{y:.4f} pu"))  # fmt: skip
    for place, value in enumerate((limits.min_voltage_pu.value, limits.max_voltage_pu.value)):
        fig.add_trace(go.Scatter(x=[x[0], x[-1]], y=[value, value], mode="lines", name="limit", legendgroup="limit",
                                 showlegend=place == 0, line={"color": LIMIT, "width": 1.5, "dash": "dash"},
                                 hoverinfo="skip"))  # fmt: skip
    fig.update_yaxes(title="voltage, per unit")
    fig.update_xaxes(time.axis())
    return figure("fig-voltage", "Voltage band over all nodes", fig, 360)


def _by_element(data: RunData) -> str:
    before, after = ({_key(v): v for v in record.violations} for record in (data.without, data.with_))
    places = list(dict.fromkeys((v.element, v.kind) for v in (*before.values(), *after.values())))
    rows = []
    for element, kind in places:
        mine = {which: [v for v in found.values() if (v.element, v.kind) == (element, kind)]
                for which, found in (("before", before), ("after", after))}  # fmt: skip
        worst = [
            max(values, key=lambda v: abs(v.value - v.limit)).value if values else None for values in mine.values()
        ]
        counts = Counter("removed" if _key(v) not in after else "left" for v in mine["before"])
        new = sum(_key(v) not in before for v in mine["after"])
        rows.append((element, str(kind), len(mine["before"]), counts["removed"], counts["left"], new, *worst))
    head = (
        "element",
        "limit",
        "ISPs without",
        "removed",
        "left",
        "new with flexibility",
        "worst without",
        "worst with",
    )
    caption = "Limits broken, by element (percent of rating, or per unit)"
    return table(caption, head, rows)


def _left(data: RunData) -> str:
    known = {_key(v) for v in data.without.violations}
    rows = []
    for violation in data.with_.violations:
        day, isp = data.time.place(violation.isp_index)
        when = data.time.local(day.isp_start(isp))
        status = "left" if _key(violation) in known else "new"
        rows.append((when, violation.element, violation.value, violation.limit, status, explain(data, violation)))
    head = ("ISP from", "element", "value", "limit", "", "why")
    if not rows:
        return "<p class=good>No limit was broken with flexibility, so there is none to explain.</p>"
    return table("Limits still broken with flexibility, each explained", head, rows)


def _key(violation: Violation) -> tuple[str, int, str]:
    return violation.element, violation.isp_index, str(violation.kind)
