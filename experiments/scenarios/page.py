"""scenarios.html: each scenario's scores day by day, and how much of each day's gap is closed."""

from __future__ import annotations

from pathlib import Path
from string import Template

import plotly.graph_objects as go

from experiments.report.style import LIMIT, QUIET, SERIES, WITH, WITHOUT, figure, text
from experiments.report.tables import table
from experiments.run.settings import ScenarioName
from experiments.scenarios.models import ScenarioStudy, ScenarioVerdict

_PARTS = Path(__file__).parent.parent / "report"
_LINES = (
    ("no_control", "no control", QUIET),
    ("local_control", "local rules", WITHOUT),
    ("flexible", "flexible", WITH),
    ("perfect_foresight", "perfect foresight", SERIES[2]),
)
UNITS = {
    ScenarioName.SELF_CONSUMPTION: "% of what could be generated that served the site's own need",
    ScenarioName.CONGESTION: "minus kVAh above limits",
    ScenarioName.ISLANDING: "minus promised kWh not served in an outage, mean",
    ScenarioName.MARKET: "minus what energy costs, currency units",
}
HEAD = (
    "scenario",
    "days",
    "counted",
    "gap",
    "closed, %",
    "half closed",
    "worst day",
    "closed there, %",
    "days below local",
)


def rows(study: ScenarioStudy) -> list[tuple[object, ...]]:
    """A row a scenario, as `HEAD` says."""
    return [
        (
            name.value,
            len(found.days),
            found.counted,
            round(found.gap, 2),
            _percent(found.closed),
            "-" if found.closes_half is None else "yes" if found.closes_half else "NO",
            "-" if found.worst_day is None else found.worst_day.isoformat(),
            _percent(found.worst_closed),
            len(found.days_below),
        )
        for name, found in study.scenarios.items()
    ]


def write_page(path: Path, study: ScenarioStudy) -> None:
    """Write the page: it holds everything it needs and opens offline."""
    path.write_text(render(study), encoding="utf-8")


def render(study: ScenarioStudy) -> str:
    """The whole page."""
    from plotly.offline import get_plotlyjs

    title = f"{study.site}: {len(study.days)} days by scenario"
    sections = [
        ("all", "All days", table("How much of the gap from local rules to foresight is closed", HEAD, rows(study)))
    ]
    sections += [(name.value, name.value, _scores(name, found)) for name, found in study.scenarios.items()]
    page = Template((_PARTS / "page.html").read_text(encoding="utf-8"))
    return page.substitute(
        title=text(title),
        style=(_PARTS / "page.css").read_text(encoding="utf-8"),
        plotly=get_plotlyjs(),
        head=f"<header><h1>{text(title)}</h1><p>Seed {study.seed}. A day counts where perfect foresight is above local rules "
        "by more than a hundredth of local's score.</p></header>",
        links="".join(f'<a href="#{name}">{text(words)}</a>' for name, words, _ in sections),
        body="".join(f'<section id="{name}"><h2>{text(words)}</h2>{part}</section>' for name, words, part in sections),
    )


def _scores(name: ScenarioName, found: ScenarioVerdict) -> str:
    """Scores by day as lines, then the same as a table."""
    fig, x = go.Figure(), [one.day for one in found.days]
    for key, words, colour in _LINES:
        y = [getattr(one, key) for one in found.days]
        fig.add_trace(go.Scatter(x=x, y=y, name=words, mode="lines+markers", line={"color": colour, "width": 1.5}))
    fig.update_yaxes(title=UNITS[name])
    shares = go.Figure(
        go.Bar(x=[one.day for one in found.days if one.counted], y=[100 * (one.closed or 0) for one in found.days if one.counted],
               marker_color=WITH))  # fmt: skip
    shares.add_hline(y=50, line={"color": LIMIT, "dash": "dash", "width": 1.2})
    shares.update_yaxes(title="% of the day's gap")
    days = [
        (one.day.isoformat(), *(getattr(one, key) for key, _, _ in _LINES), _percent(one.closed)) for one in found.days
    ]
    head = ("day", *(words for _, words, _ in _LINES), "closed, %")
    return (
        figure(f"fig-{name.value}", f"Scores by day: {UNITS[name]}", fig, 340)
        + figure(f"fig-{name.value}-closed", "Closed of the gap, days that count; dashed: half", shares, 260)
        + table("Each day", head, days)
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f}"
