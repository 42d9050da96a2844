"""forecast.html: the skill of every series, and the last two weeks of a few as bands beside what came."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from string import Template

import numpy as np
import plotly.graph_objects as go

from experiments.forecast.models import SkillTable
from experiments.forecast.site_series import PCC
from experiments.forecast.skill_table import HEAD, flat_sentences, rows
from experiments.forecast.study import Judged
from experiments.report.style import LIMIT, QUIET, SERIES, WITH, figure, pale, text
from experiments.report.tables import table

_PARTS = Path(__file__).parent.parent / "report"
_SHOWN = 6  # series drawn day by day: the point of common coupling, and one of each kind


def write_page(path: Path, found: SkillTable, judged: Mapping[str, Judged]) -> None:
    """Write the page: it holds everything it needs and opens offline."""
    path.write_text(render(found, judged), encoding="utf-8")


def render(found: SkillTable, judged: Mapping[str, Judged]) -> str:
    """The whole page."""
    from plotly.offline import get_plotlyjs

    title = f"{found.site}: forecasts with bands, {found.first} to {found.last}"
    sections = (
        ("skill", "Skill", _skill(found) + _coverage(found)),
        ("days", "The last days", "".join(_days(judged[name], found) for name in shown(found))),
        ("table", "Every series", table("Forecasts judged forward in time", HEAD, rows(found)) + _flat(found)),
    )
    page = Template((_PARTS / "page.html").read_text(encoding="utf-8"))
    service = "with the weather service's forecast" if found.weather else "without a weather service"
    return page.substitute(
        title=text(title),
        style=(_PARTS / "page.css").read_text(encoding="utf-8"),
        plotly=get_plotlyjs(),
        head=f"<header><h1>{text(title)}</h1><p>Each day is forecast at {found.issue_hour}:00 on the day before, {service}, "
        f"by models fitted anew every {found.retrain_days} days to what was known then.</p></header>",
        links="".join(f'<a href="#{name}">{text(words)}</a>' for name, words, _ in sections),
        body="".join(f'<section id="{name}"><h2>{text(words)}</h2>{part}</section>' for name, words, part in sections),
    )


def shown(found: SkillTable) -> tuple[str, ...]:
    """The series that are drawn day by day: the first of each kind."""
    first = {skill.kind: name for name, skill in reversed(found.series.items())}
    return tuple(name for name in found.series if name in first.values() or name == PCC)[:_SHOWN]


def _skill(found: SkillTable) -> str:
    fig = go.Figure()
    kinds = list(dict.fromkeys(skill.kind for skill in found.series.values()))
    for number, kind in enumerate(kinds):
        of_kind = {name: skill for name, skill in found.series.items() if skill.kind == kind}
        better = [round(skill.skill_pct, 2) for skill in of_kind.values()]
        fig.add_trace(go.Bar(x=list(of_kind), y=better, name=kind, marker_color=SERIES[number % len(SERIES)]))
    fig.update_yaxes(title="lower mean absolute error, %")
    fig.update_layout(hovermode="closest")
    note = (
        "Against the better of two naive forecasts: the day before (wholly, which is more than is known at the issue) "
        "and the week before."
    )
    return figure("fig-skill", "How much better than naive", fig, 400, note)


def _coverage(found: SkillTable) -> str:
    fig = go.Figure()
    names = list(found.series)
    inside = [round(100 * skill.coverage, 2) for skill in found.series.values()]
    fig.add_trace(go.Scatter(x=names, y=inside, mode="markers", marker={"color": WITH, "size": 8}, name="in the band"))
    for value in (75, 85):
        fig.add_hline(y=value, line={"color": LIMIT, "dash": "dash", "width": 1.2})
    fig.update_yaxes(title="of what came, %")
    fig.update_layout(hovermode="closest")
    note = "80 % should be within the 10-90 % band; dashed: 75 and 85 %."
    return figure("fig-coverage", "What the 10-90 % band held", fig, 340, note)


def _days(judged: Judged, found: SkillTable) -> str:
    fig = go.Figure()
    end = datetime.combine(found.last, datetime.min.time()) + timedelta(days=1)
    count = judged.came_w.size
    x = [end - timedelta(minutes=15 * (count - k)) for k in range(count)]
    low, middle, high = (np.round(judged.shown_w[..., k].ravel() / 1000, 3) for k in range(3))
    edge = {"color": WITH, "width": 0}
    fig.add_trace(go.Scatter(x=x, y=high, line=edge, showlegend=False, name="90 %"))
    fig.add_trace(go.Scatter(x=x, y=low, line=edge, fill="tonexty", fillcolor=pale(WITH, 0.25), name="10-90 %"))
    fig.add_trace(go.Scatter(x=x, y=middle, line={"color": WITH, "width": 1.5}, name="50 %"))
    came = np.round(judged.came_w.ravel() / 1000, 3)
    fig.add_trace(go.Scatter(x=x, y=came, line={"color": QUIET, "width": 1.2}, name="came"))
    fig.update_yaxes(title="kW (− = generation)")
    return figure(f"fig-{judged.name.replace('.', '-')}", f"{judged.name}: day-ahead band and what came", fig, 340)


def _flat(found: SkillTable) -> str:
    told = flat_sentences(found)
    return f"<p class=note>{text('. '.join(told))}.</p>" if told else "<p class=note>No series stands still.</p>"
