"""The page: all sections in one self-contained file."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Any

from experiments.report import (
    balance,
    bills,
    columns,
    convergence,
    delivery,
    head,
    incidents,
    kpi,
    loading,
    money,
    rebound,
    trading,
)
from experiments.report.data import RunData
from experiments.report.style import text
from experiments.run.columns.column import Column, ColumnName
from experiments.run.dispatch.audit import DispatchAudit
from experiments.run.grid import GridRecord
from experiments.run.run import RunResult

_PARTS = Path(__file__).parent


def write_report(
    path: Path,
    result: RunResult,
    columns: dict[ColumnName, Column],
    grids: dict[ColumnName, GridRecord],
    summary: dict[str, Any],
    *,
    dispatch: DispatchAudit | None = None,
) -> None:
    """Write report.html: it holds everything it needs, opens offline and loads nothing.

    Args:
        path: the file.
        result: the run with flexibility.
        columns, grids: the same days run in every way, and the power flow on what really happened.
        summary: as summary.json holds it (`experiments.run.summary.Summary`).
        dispatch: what the auditor found of the sessions.
    """
    data = RunData(result, columns, grids, summary, dispatch)
    path.write_text(render(data), encoding="utf-8")


def render(data: RunData) -> str:
    """The whole page."""
    from plotly.offline import get_plotlyjs

    sections = (
        ("columns", "The same day in five ways", kpi.section(data) + columns.section(data)),
        ("power", "Demand and generation", balance.section(data)),
        ("grid", "Grid", loading.section(data)),
        ("delivery", "Who delivered what", delivery.section(data) + rebound.section(data)),
        ("money", "Money", bills.section(data) + money.section(data)),
        ("incidents", "What went wrong", incidents.section(data)),
        ("dispatch", "Dispatch by ADMM", convergence.section(data)),
        ("trading", "Trading, contracts, settlement", trading.section(data)),
    )
    title = f"{data.result.site.title}, {data.time.days[0].day}"
    links = "".join(f'<a href="#{name}">{text(words)}</a>' for name, words, _ in sections)
    body = "".join(f'<section id="{name}"><h2>{text(words)}</h2>{part}</section>' for name, words, part in sections)
    page = Template((_PARTS / "page.html").read_text(encoding="utf-8"))
    return page.substitute(
        title=text(title),
        style=(_PARTS / "page.css").read_text(encoding="utf-8"),
        plotly=get_plotlyjs(),
        head=head.section(data),
        links=links,
        body=body,
    )
