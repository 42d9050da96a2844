"""Section 3: the grid with and without flexibility: loadings, voltages, and every limit that was broken."""

from __future__ import annotations

from collections import Counter

import plotly.graph_objects as go

from environment.feeder import Violation
from experiments.report import safety
from experiments.report.data import RunData
from experiments.report.explaining import explain
from experiments.report.point_loading import LoadingLine, loading_figure
from experiments.report.style import LIMIT, WITH, WITHOUT, figure, pale
from experiments.report.tables import table
from experiments.report.timeline import closed


def section(data: RunData) -> str:
    """Figures, the table by element, and a sentence on each limit still broken."""
    return _loading(data) + _voltage(data) + _by_element(data) + _left(data) + safety.section(data)


def _loading(data: RunData) -> str:
    lines = [
        LoadingLine("without flexibility", data.without, WITHOUT),
        LoadingLine("with flexibility", data.with_, WITH),
    ]
    kept = f"The highest value of each {data.time.bucket_name}. " if data.time.bucket > 1 else ""
    note = kept + "From the power flow on what really happened, not on forecasts."
    return loading_figure(data, "fig-loading", "Loading of the congestion points", lines, note)


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
