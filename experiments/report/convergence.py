"""Section 7: how the virtual power plants' splits converged (sharing ADMM)."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from agents.planning.dispatch.admm import Outcome
from cim.platform.publications.sessions import SessionConcluded
from experiments.report.data import RunData
from experiments.report.style import QUIET, WITH, WITHOUT, figure, text
from experiments.report.tables import table
from experiments.run.dispatch.audit import DispatchAudit
from experiments.run.dispatch.gaps import Gap

_DRAWN = 120
_FLOOR_KW = 1e-5  # below it a residual is nothing, and nothing has no place on a logarithmic axis
_PURPOSES = {"offer": WITH, "hold": WITHOUT}


def section(data: RunData) -> str:
    """What the auditor found, residuals of each session, the tables of sessions and of requests."""
    sessions = data.values(SessionConcluded)
    if not sessions:
        return "<p class=note>No split was needed.</p>"
    return _words(data.dispatch) + _figure(sessions) + _table(data, sessions) + _together(data)


def _words(audit: DispatchAudit | None) -> str:
    """How the sessions ended, and how far they are from the optimum."""
    if audit is None:
        return ""
    converged, polished, failed = (audit.ended(outcome) for outcome in Outcome)
    return (
        f"<p>{converged + polished} splits: {converged} converged, {polished} did not in time and were brought within their "
        f"band before they were offered; {failed} found nothing within it and offered nothing. Each was solved again in one "
        f"piece with its members' own models. Above what it costs at least (a bound by weak duality) the median split is "
        f"{audit.median:.2%}, the worst {audit.worst:.2%} ({audit.worst_e4 / 100:.2f} ct), all together {audit.overall:.2%} "
        f"({audit.overall_e4 / 100:.2f} ct; the largest of one split {audit.largest_e4 / 100:.2f} ct). "
        f"What was ordered of all sellers costs {audit.system_gap:.2%} more than their models solved as one at least "
        f"({len(audit.system)} requests); {audit.choice_gap:.2%} is which members were called, by their contracts' prices. "
        f"It costs its owners {audit.ordered_cost_e4 / 100:.2f} ct; what the DSO pays beyond that changes hands and is no "
        f"part of a gap.{_coordinated(audit)}</p>"
    )


def _coordinated(audit: DispatchAudit) -> str:
    """What the DSO's rounds over several sellers certified."""
    if not audit.coordinated:
        return ""
    said = (
        "none of them could be certified"
        if audit.certified_gap is None
        else f"{len(audit.certified)} of them are certified, by sums and prices alone, to be at most {audit.certified_gap:.2%} "
        "above the cheapest way of all sellers together"
    )
    return f" {len(audit.coordinated)} requests were answered by several sellers in price rounds of the DSO's; {said}."


def _figure(sessions: list[SessionConcluded]) -> str:
    drawn = sorted((s for s in sessions if s.residuals), key=lambda s: -s.rounds)[:_DRAWN]
    fig = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.04,
                        subplot_titles=("primal residual", "dual residual"))  # fmt: skip
    seen: list[str] = []
    for session in drawn:
        purpose = session.purpose
        rows = (1, [row.primal_kw for row in session.residuals]), (2, [row.dual_kw for row in session.residuals])
        for column, residuals in rows:
            values = [_drawn(residual) for residual in residuals]
            fig.add_trace(
                go.Scatter(x=list(range(1, len(values) + 1)), y=values, mode="lines", opacity=0.6, name=text(purpose),
                           legendgroup=purpose, showlegend=purpose not in seen,
                           line={"width": 1.3, "color": _PURPOSES.get(purpose, QUIET)},
                           hovertemplate=f"{text(session.aggregator)} ISP {session.first_isp}, round %{{x}}: "
                           "%{y:.3g} kW<extra></extra>"), row=1, col=column)  # fmt: skip
            seen.append(purpose)
    fig.update_xaxes(title="round")
    fig.update_yaxes(type="log", exponentformat="power")
    fig.update_yaxes(title="residual on the sum, kW", row=1, col=1)
    fig.update_layout(hovermode="closest", legend={"orientation": "h", "yanchor": "bottom", "y": 1.08, "x": 0})
    left = len(sessions) - len(drawn)
    note = (
        "One line for each session: <i>offer</i> answers a request, <i>hold</i> corrects what members fell short of. "
        "A residual of nothing is left out: it has no place on a logarithmic axis."
    )
    if left:
        note += f" {left} shorter sessions are left out."
    return figure("fig-admm", "Convergence of the splits", fig, 400, note)


def _drawn(residual: float) -> float | None:
    return residual if residual > _FLOOR_KW else None


def _table(data: RunData, sessions: list[SessionConcluded]) -> str:
    rows, gaps = [], {} if data.dispatch is None else data.dispatch.gaps
    for s in sessions:
        low, high, total = (np.array(row, dtype=np.float64) for row in (s.low_kw, s.high_kw, s.total_kw))
        # What is requested is a lower bound above zero or an upper bound below it; the rest is room.
        asked = np.where(low > 0, low, np.where(high < 0, high, 0.0))
        peak = int(np.abs(asked).argmax()) if len(asked) else 0
        isp = s.first_isp + peak
        requested, found = (float(row[peak]) if len(row) else 0.0 for row in (asked, total))
        missing = np.abs(asked) - np.sign(asked) * total
        short = float(np.maximum(missing, 0).max()) if len(asked) and not s.coordinated else 0.0  # others give the rest
        point = data.point_titles.get(s.congestion_point, s.congestion_point)
        rows.append((s.aggregator, s.purpose, point, str(s.period), s.first_isp, len(s.members), s.status or "nobody", s.rounds,
                     requested, isp, found, short, *_gap(gaps.get(s.session))))  # fmt: skip
    head = ("aggregator", "purpose", "congestion point", "period", "first ISP", "members", "ended", "rounds",
            "requested at most, kW", "in ISP", "found there, kW", "largest shortage, kW", "cost, ct", "at least, ct",
            "gap")  # fmt: skip
    return table("Sessions of the virtual power plants", head, rows)


def _gap(gap: Gap | None) -> tuple[float | None, float | None, str | None]:
    return (None, None, None) if gap is None else (gap.found_ct, gap.bound_ct, f"{gap.relative:.2%}")


def _together(data: RunData) -> str:
    """Each request that led to an order, beside all its sellers' models solved as one."""
    if data.dispatch is None:
        return ""
    rows = [
        (data.point_titles.get(one.congestion_point, one.congestion_point), len(one.sessions), *_gap(one.gap))
        for one in data.dispatch.system
    ]
    head = ("congestion point", "sellers", "what was ordered costs, ct", "all as one at least, ct", "gap")
    return table("Requests that led to an order, all sellers together", head, rows)
