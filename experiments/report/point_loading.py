"""A figure of the congestion points' loading: a row a point, a line a power flow, and the limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from experiments.report.data import RunData
from experiments.report.style import LIMIT, figure, text
from experiments.report.timeline import closed
from experiments.run.grid import GridRecord


@dataclass(frozen=True)
class LoadingLine:
    """One power flow in the figure."""

    name: str
    record: GridRecord
    colour: str
    width: float = 2.0


def loading_figure(data: RunData, name: str, caption: str, lines: Sequence[LoadingLine], note: str) -> str:
    """The loading of each congestion point's branch in every one of these power flows, as HTML; see `style.figure`."""
    time, points = data.time, data.result.site.congestion_points
    titles = [f"{text(point.title)}: {text(point.branch)}" for point in points]
    fig = make_subplots(rows=len(points), cols=1, shared_xaxes=True, vertical_spacing=0.2 / len(points),
                        subplot_titles=titles)  # fmt: skip
    x = time.starts(closed=True)
    limit = data.result.site.limits.max_loading_pct.value
    for row, point in enumerate(points, start=1):
        for line in lines:
            place = line.record.flow.branch_names.index(point.branch)
            values = closed(time.gather(line.record.flow.loading_pct[:, place], "max")).round(2)
            fig.add_trace(
                go.Scatter(x=x, y=values, name=line.name, legendgroup=line.name, showlegend=row == 1, mode="lines",
                           line={"color": line.colour, "width": line.width, "shape": "hv"},
                           hovertemplate="%{y:.1f} %"), row=row, col=1)  # fmt: skip
        fig.add_trace(
            go.Scatter(x=[x[0], x[-1]], y=[limit, limit], name="limit", legendgroup="limit", showlegend=row == 1,
                       mode="lines", line={"color": LIMIT, "width": 1.5, "dash": "dash"}, hoverinfo="skip"),
            row=row, col=1)  # fmt: skip
    fig.update_yaxes(title="loading, % of rating", rangemode="tozero")
    fig.update_xaxes(time.axis() | {"title": None})
    fig.update_xaxes(title=time.axis()["title"], row=len(points), col=1)
    fig.update_layout(legend={"orientation": "h", "yanchor": "bottom", "y": 1.08, "x": 0})
    return figure(name, caption, fig, 120 + 230 * len(points), note)
