"""The page of a study: distributions over seeds, day by day, beside the columns that are run once a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from string import Template

import plotly.graph_objects as go

from experiments.report.columns_table import columns_table
from experiments.report.style import LIMIT, SERIES, figure, text
from experiments.report.tables import table
from experiments.run.study.figures import FIGURES
from experiments.run.study.models import Quantiles, Study, StudyRun

_PARTS = Path(__file__).parent
_BOXES = (
    "max_loading_pct",
    "over_limit_wh",
    "ordered_wh",
    "bought_per_need",
    "dso_cost",
    "settled_per_true",
    "worst_bill",
)
_BOUND = {True: "at least", False: "at most"}
_HEAD = ("figure", "lowest", "5 %", "25 %", "median", "75 %", "95 %", "highest", "mean")


def write_study(path: Path, study: Study, runs: Sequence[StudyRun]) -> None:
    """Write study.html: it holds everything it needs and opens offline."""
    path.write_text(render_study(study, runs), encoding="utf-8")


def render_study(study: Study, runs: Sequence[StudyRun]) -> str:
    """The whole page."""
    from plotly.offline import get_plotlyjs

    title = f"{study.site}: {study.runs} runs"
    page = Template((_PARTS / "page.html").read_text(encoding="utf-8"))
    broken = round((1 - study.without_violations) * study.runs)
    sections = (
        ("checks", "What is wanted of it", _checks(study)),
        ("all", "Over all runs", _quantiles("Distributions over all runs", study.figures)),
        ("boxes", "By day", "".join(_boxes(name, runs) for name in _BOXES)),
        ("days", "Each day", "".join(_day(study, day) for day in study.days)),
    )
    return page.substitute(
        title=text(title),
        style=(_PARTS / "page.css").read_text(encoding="utf-8"),
        plotly=get_plotlyjs(),
        head=f"<header><h1>{text(title)}</h1><p>{len(study.days)} days, seeds "
        f"{text(', '.join(map(str, study.seeds)))}. In {study.without_violations:.1%} of the runs the market leaves no "
        f"limit broken; {broken} runs have at least one.</p></header>",
        links="".join(f'<a href="#{name}">{text(words)}</a>' for name, words, _ in sections),
        body="".join(f'<section id="{name}"><h2>{text(words)}</h2>{part}</section>' for name, words, part in sections),
    )


def _checks(study: Study) -> str:
    rows = [
        (check.words, check.value, _BOUND[check.least], check.wanted, "held" if check.held else "NOT held")
        for check in study.checks
    ]
    return table("Held against all runs", ("what", "worst value", "", "wanted", "verdict"), rows)


def _quantiles(caption: str, figures: dict[str, Quantiles]) -> str:
    rows = [
        (FIGURES[name].words, *(value / FIGURES[name].unit for value in _values(quantiles)))
        for name, quantiles in figures.items()
    ]
    return table(caption, _HEAD, rows)


def _values(q: Quantiles) -> tuple[float, ...]:
    return q.lowest, q.p5, q.p25, q.median, q.p75, q.p95, q.highest, q.mean


def _boxes(name: str, runs: Sequence[StudyRun]) -> str:
    """A box for each day over its seeds, every run a point."""
    words, of, unit = FIGURES[name].words, FIGURES[name].of, FIGURES[name].unit
    fig = go.Figure()
    for number, day in enumerate(sorted({run.day for run in runs})):
        values = [(of(run), run.seed) for run in runs if run.day == day]
        there = [(value / unit, seed) for value, seed in values if value is not None]
        fig.add_trace(
            go.Box(y=[value for value, _ in there], name=str(day), boxpoints="all", jitter=0.4, pointpos=0,
                   text=[f"seed {seed}" for _, seed in there], marker={"size": 4, "color": SERIES[number % len(SERIES)]},
                   line={"width": 1.4}, showlegend=False))  # fmt: skip
    if name == "max_loading_pct":
        fig.add_hline(y=100, line={"color": LIMIT, "dash": "dash", "width": 1.5})
    fig.update_yaxes(title=words)
    fig.update_layout(hovermode="closest")
    return figure(f"fig-{name}", f"By day: {words}", fig, 340)


def _day(study: Study, day: date) -> str:
    columns = {str(name): figures.model_dump() for name, figures in study.columns[day].items()}
    return columns_table(f"{day}: the columns with seed {study.seeds[0]}", columns) + _quantiles(
        f"{day}: the market over seeds", study.by_day[day]
    )
