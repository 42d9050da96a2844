"""The page of a comparison: means with their intervals, one plot a figure, and the table; it opens offline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template

import plotly.graph_objects as go

from experiments.mechanisms.compare import FIGURES
from experiments.mechanisms.models import Comparison, Mean
from experiments.report import style
from experiments.report.tables import table

_PARTS = Path(style.__file__).parent
_PLOTTED = (
    "of_optimum_pct",
    "dso_paid",
    "surplus",
    "solved_pct",
    "messages",
    "baseline_inflation_gain",
    "increase_decrease_gain",
    "withheld_offers_gain",
)


def write_page(path: Path, found: Comparison) -> None:
    """Write the page; it holds everything it needs."""
    path.write_text(render_page(found), encoding="utf-8")


def render_page(found: Comparison) -> str:
    """The whole page."""
    from plotly.offline import get_plotlyjs

    title = f"{found.site}: {len(found.mechanisms)} market mechanisms"
    days = ", ".join(day.isoformat() for day in found.days)
    sections = (
        ("plots", "Means and 95 % intervals", "".join(_plot(found, name) for name in _PLOTTED)),
        ("figures", "All figures", _figures(found)),
        ("properties", "What each states of itself", properties_table(found)),
    )
    page = Template((_PARTS / "page.html").read_text(encoding="utf-8"))
    return page.substitute(
        title=style.text(title),
        style=(_PARTS / "page.css").read_text(encoding="utf-8"),
        plotly=get_plotlyjs(),
        head=f"<header><h1>{style.text(title)}</h1><p>Days {style.text(days)}; {len(found.seeds)} seeds each. All "
        "parties tell the truth, but in the three games one plays with the market and keeps to what pays it best.</p></header>",
        links="".join(f'<a href="#{name}">{style.text(words)}</a>' for name, words, _ in sections),
        body="".join(
            f'<section id="{name}"><h2>{style.text(words)}</h2>{part}</section>' for name, words, part in sections
        ),
    )


def words_of(found: Comparison, name: str) -> str:
    """A figure's words with the site's currency."""
    return FIGURES[name].words.format(currency=found.currency)


def _plot(found: Comparison, name: str) -> str:
    there = {rule: one.figures[name] for rule, one in found.mechanisms.items() if name in one.figures}
    if not there:
        return ""
    names, means = list(there), list(there.values())
    bars = go.Bar(
        x=[mean.mean for mean in means],
        y=names,
        orientation="h",
        marker_color=style.SERIES[0],
        error_x={"type": "data", "array": [_half(mean) for mean in means]},
    )
    drawing = go.Figure(bars)
    drawing.update_layout(hovermode="closest")
    drawing.update_yaxes(autorange="reversed")
    drawing.update_xaxes(title=words_of(found, name))
    return style.figure(f"fig-{name}", words_of(found, name), drawing, 420)


def _half(mean: Mean) -> float:
    return 0.0 if mean.high is None else mean.high - mean.mean


def _figures(found: Comparison) -> str:
    rows = []
    for rule, one in found.mechanisms.items():
        for name, mean in one.figures.items():
            low, high = (mean.mean if bound is None else bound for bound in (mean.low, mean.high))
            rows.append((rule, words_of(found, name), mean.mean, low, high))
    return table("Means over all days and seeds", ("mechanism", "figure", "mean", "from", "to"), rows, cap=len(rows))


def properties_table(found: Comparison) -> str:
    """Budget, truthfulness, efficiency and source of each."""
    head = ("mechanism", "budget", "truthful", "efficient", "individually rational", "for the DSO's day", "source")
    rows: Sequence[tuple[str, ...]] = [
        (rule, one.budget, one.truthful, one.efficient, _yes(one.individually_rational), _yes(one.procures), one.source)
        for rule, one in found.mechanisms.items()
    ]
    return table("Properties", head, rows)


def _yes(it_is: bool) -> str:
    return "yes" if it_is else "no"
