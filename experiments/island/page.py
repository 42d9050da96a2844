"""Pages of outages: one second by second, or a thousand in short; they hold everything they need and open offline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template

import numpy as np
import plotly.graph_objects as go

import experiments.report
from experiments.island.model import IslandSite
from experiments.island.ride import Ride
from experiments.island.study import OutageRow, Reserve, Verdict
from experiments.report.style import SERIES, figure, text
from experiments.report.tables import table

_PARTS = Path(experiments.report.__file__).parent
_POINTS = 4000  # of a curve: the first minutes second by second, then fewer


def page(title: str, head: str, sections: Sequence[tuple[str, str, str]]) -> str:
    """A page that holds all it needs: sections as (id, title, HTML)."""
    from plotly.offline import get_plotlyjs

    frame = Template((_PARTS / "page.html").read_text(encoding="utf-8"))
    return frame.substitute(
        title=text(title),
        style=(_PARTS / "page.css").read_text(encoding="utf-8"),
        plotly=get_plotlyjs(),
        head=f"<header><h1>{text(title)}</h1><p>{text(head)}</p></header>",
        links="".join(f'<a href="#{name}">{text(words)}</a>' for name, words, _ in sections),
        body="".join(f'<section id="{name}"><h2>{text(words)}</h2>{part}</section>' for name, words, part in sections),
    )


def write_event(path: Path, model: IslandSite, ride: Ride) -> None:
    """Write the page of one outage; its trace must have been kept."""
    trace = ride.trace
    assert trace is not None  # noqa: S101 - whoever writes a page has asked for it
    every = max(1, -(-len(trace) // _POINTS))
    chosen = np.unique(np.concatenate([np.arange(min(300, len(trace))), np.arange(0, len(trace), every)]))
    minutes, rows = (chosen + 1) / 60, trace[chosen]
    hz = go.Figure(go.Scatter(x=minutes, y=rows[:, 0], name="frequency", line={"color": SERIES[0]}))
    hz.update_yaxes(title="Hz", range=[min(48.5, ride.lowest_hz), max(51.0, ride.highest_hz)])
    power = go.Figure()
    for name, column, number in (("battery", 1, 1), ("CHP", 2, 5), ("sun and wind", 3, 2), ("load served", 4, 3)):
        line = {"color": SERIES[number]}
        power.add_trace(go.Scatter(x=minutes, y=rows[:, column] / 1000, name=name, line=line))
    power.update_yaxes(title="kW; battery: + gives")
    stored = go.Figure(go.Scatter(x=minutes, y=rows[:, 5] / 1000, name="stored", line={"color": SERIES[1]}))
    stored.update_yaxes(title="kWh", rangemode="tozero")
    for fig in (hz, power, stored):
        fig.update_xaxes(title="minutes after the loss of mains")
    parts = (
        ("frequency", "Frequency", figure("fig-hz", "Frequency of the island", hz)),
        ("power", "Power", figure("fig-power", "Who gave what", power)),
        ("stored", "State of charge", figure("fig-stored", "Energy in the forming battery", stored)),
        ("served", "Served by priority", _served(model, ride)),
        ("log", "What happened", table("Log", ("second", "what"), [list(row) for row in ride.log])),
    )
    words = "served" if ride.served else "NOT served"
    head = (
        f"{ride.outage.start.isoformat()}, mains away for {ride.outage.seconds / 60:.0f} min: promised loads {words}; "
        f"frequency {ride.lowest_hz:.2f} to {ride.highest_hz:.2f} Hz; {ride.stored_wh / 1000:.0f} kWh stored at the beginning, "
        f"{ride.left_wh / 1000:.0f} at the end. Voltage and reactive power are not modelled."
    )
    path.write_text(page(f"{model.site.title} as an island", head, parts), encoding="utf-8")


def _served(model: IslandSite, ride: Ride) -> str:
    rows = [
        (row["priority"], row["title"], row["demand_kwh"], row["served_kwh"], row["unserved_kwh"])
        for row in served_rows(model, ride)
    ]
    return table("By priority, from the loss of mains until all is back on them", ("priority", "loads", "asked, kWh",
                 "served, kWh", "not served, kWh"), rows)  # fmt: skip


def served_rows(model: IslandSite, ride: Ride) -> list[dict[str, float | str]]:
    """By priority: what was asked for, served and not served, kWh."""
    titles = {stage.priority: stage.title for stage in model.plan.stages}
    return [
        {
            "priority": k + 1,
            "title": titles[k + 1] + (" (promised)" if k < model.plan.promised else ""),
            "demand_kwh": round(float(demand) / 1000, 3),
            "served_kwh": round(float(served) / 1000, 3),
            "unserved_kwh": round(max(0.0, float(demand - served)) / 1000, 3),
        }
        for k, (demand, served) in enumerate(zip(ride.demand_wh, ride.served_wh, strict=True))
    ]


def write_study(path: Path, model: IslandSite, reserve: Reserve, found: Verdict, rows: Sequence[OutageRow]) -> None:
    """Write the page of many outages."""
    scatter = go.Figure()
    lost = [row for row in rows if not row.served]
    for name, mine, number in (
        ("served", [row for row in rows if row.served], 1),
        ("not served", [row for row in lost if row.possible], 3),
        ("no battery of this size could", [row for row in lost if not row.possible], 13),
    ):
        scatter.add_trace(
            go.Scatter(x=[row.seconds / 60 for row in mine], y=[(row.needed_wh or 0) / 1000 for row in mine], name=name,
                       mode="markers", marker={"size": 5, "color": SERIES[number]}))  # fmt: skip
    scatter.update_xaxes(title="minutes without mains", type="log")
    scatter.update_yaxes(title="needed from the battery, kWh")
    scatter.update_layout(hovermode="closest")
    low = go.Figure(go.Histogram(x=[row.lowest_hz for row in rows if row.possible], nbinsx=60, name="lowest frequency"))
    low.update_xaxes(title="lowest frequency of an outage, Hz")
    parts = (
        ("verdict", "In short", table("All outages", ("what", "value"), short(model, reserve, found))),
        ("needs", "Outages", figure("fig-needs", "What each outage needed, and whether it was there", scatter)),
        ("hz", "Frequency", figure("fig-low", "Lowest frequencies", low)),
    )
    path.write_text(page(f"{model.site.title}: {found.outages} outages", _ABOUT, parts), encoding="utf-8")


_ABOUT = (
    "Outages drawn at random, none of them used for calibration. Served: 99 % of the promised loads' energy. Possible: with a "
    "full battery and everything known they could have been served."
)


def short(model: IslandSite, reserve: Reserve, found: Verdict) -> list[tuple[str, str]]:
    """The rows of the table of many outages."""
    unit, lost = model.site.currency, found.promised_unserved_wh / 1000
    return [
        ("promised loads could be served at all", f"{found.possible} of {found.outages}"),
        ("of these served", f"{found.served} ({found.served_share:.1%})"),
        ("promised energy not served, all outages", f"{lost:.1f} of {found.promised_wh / 1000:.1f} kWh"),
        ("energy not served, all loads", f"{found.all_unserved_wh / 1000:.1f} kWh"),
        ("times an island broke down", str(found.blackouts)),
        ("islands that did not find back to mains", str(found.not_resynchronised)),
        ("enough energy, on calibration outages", f"{reserve.calibrated_share:.1%}"),
        ("and by what the plan expected", f"{reserve.expected_share:.1%}"),
        ("with nothing held, on calibration outages", f"{reserve.nothing_held_share:.1%}"),
        ("mean energy in the battery", f"{reserve.mean_stored_pct:.0f} % of the usable"),
        ("what the battery earns with nothing held", f"{reserve.earns_per_year:.2f} {unit} a year"),
        ("the reserve costs", f"{reserve.cost_per_year:.2f} {unit} a year"),
        ("least in hindsight", f"{reserve.hindsight_cost_per_year:.2f} {unit} a year (ratio {reserve.ratio:.2f})"),
    ]  # fmt: skip
