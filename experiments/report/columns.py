"""Section 1: the same days run in five ways, and whether the market was worth it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from experiments.report import worth
from experiments.report.columns_table import columns_table
from experiments.report.data import RunData
from experiments.report.point_loading import LoadingLine, loading_figure
from experiments.report.style import QUIET, WITH, WITHOUT, label, text
from experiments.report.tables import money, number, table
from experiments.run.columns.column import ColumnName
from experiments.run.columns.relief import TIMES_CURTAILMENT

_COLOURS = {
    ColumnName.IDLE: QUIET,
    ColumnName.LOCAL: WITHOUT,
    ColumnName.CURTAILMENT: "#e8a91d",
    ColumnName.MARKET: WITH,
    ColumnName.FORESIGHT: "#1fa187",
}
_WORDS = (
    "idle: nothing is controlled, batteries rest. local: every owner's own rule, no market. curtailment: local, and the DSO "
    "may limit feed-in. market: everything, the DSO's own curtailment as the last resort. foresight: one optimum over all "
    "devices that knows the day in advance, then executed. Each is a full run of the same days, measured on its own truth."
)
_MOST_SETTLED = 1.1  # settled volume over true change that an engineer would sign


def section(data: RunData) -> str:
    """The table, the loading in all columns, what is to be said of them, and settled beside true volume."""
    columns = {str(name): figures for name, figures in data.summary["columns"].items()}
    caption = f"The same days in {len(columns)} ways; money in {data.result.site.currency}"
    said = "".join(f"<p class=note>{sentence}</p>" for sentence in _sentences(data))
    return columns_table(caption, columns) + said + _loading(data) + _settled(data)


def _loading(data: RunData) -> str:
    """Loading of each congestion point's branch, all columns in one plot."""
    lines = [
        LoadingLine(str(name), data.grids[name], _COLOURS[name], 2.0 if name is ColumnName.MARKET else 1.4)
        for name in ColumnName
        if name in data.grids
    ]
    return loading_figure(data, "fig-columns", "Loading of the congestion points in every column", lines, _WORDS)


def _sentences(data: RunData) -> Iterator[str]:
    yield from _local_and_idle(data)
    yield from _market_and_curtailment(data)
    yield from _welfare(data)
    yield from worth.sentences(data)


def _local_and_idle(data: RunData) -> Iterator[str]:
    """Where owners' own rules do the grid more harm than devices at rest: by how much, when, and which kind does it."""
    if not {ColumnName.IDLE, ColumnName.LOCAL} <= set(data.columns):
        return
    local, idle = (data.summary["columns"][name] for name in (ColumnName.LOCAL, ColumnName.IDLE))
    over = local["over_limit_wh"] - idle["over_limit_wh"]
    if over <= 0 and local["max_loading_pct"] <= idle["max_loading_pct"]:
        yield (
            f"Under local rules the grid is {number(-over / 1000)} kVAh less above its limits than with all devices at rest, "
            f"its highest loading {local['max_loading_pct']:.1f} % instead of {idle['max_loading_pct']:.1f} %."
        )
        return
    limit = data.result.site.limits.max_loading_pct.value
    branches = [point.branch for point in data.result.site.congestion_points]
    grid, resting = data.grids[ColumnName.LOCAL].flow, data.grids[ColumnName.IDLE].flow
    places = [grid.branch_names.index(branch) for branch in branches]
    above = np.maximum(grid.loading_pct[:, places], limit) > np.maximum(resting.loading_pct[:, places], limit)
    worse = above.any(axis=1)
    mine, theirs = data.columns[ColumnName.LOCAL].by_kind, data.columns[ColumnName.IDLE].by_kind
    moved = {kind: float((power - theirs[kind])[worse].sum()) * data.time.hours / 1000 for kind, power in mine.items()}
    largest = sorted(moved.items(), key=lambda item: -abs(item[1]))[:2]
    who = " and ".join(f"{label(kind)} {energy:+.1f} kWh" for kind, energy in largest if abs(energy) >= 0.1)
    yield (
        f"Under local rules the grid is {number(over / 1000)} kVAh further above its limits than with all devices at rest "
        f"(highest loading {local['max_loading_pct']:.1f} % instead of {idle['max_loading_pct']:.1f} %). In the "
        f"{int(worse.sum())} ISPs where that is so, owners' rules move {text(who or 'next to nothing')} (+ is consumption)."
    )


def _market_and_curtailment(data: RunData) -> Iterator[str]:
    """What relief costs the DSO either way; where the market is much dearer, why."""
    relief = data.summary["relief"]
    market, curtailing, times = (
        relief[name] for name in ("market_ct_per_kwh", "curtailment_ct_per_kwh", "times_curtailment")
    )
    if market is None:
        yield "There was nothing to relieve: under local rules the grid was not further above its limits than with the market."
        return
    currency = data.result.site.currency
    sentence = f"The market relieved the grid of {number(relief['relieved_wh'] / 1000)} kVAh at {market:.1f} ct each"
    if times is None:
        yield f"{sentence}; what curtailing alone would have cost is not known."
        return
    sentence += f", {times:.1f} times what curtailing alone costs ({curtailing:.1f} ct: feed-in and own use lost)."
    if times > TIMES_CURTAILMENT:
        why = "; ".join(f"{cause['words']}: {money(cause['amount'])} {currency}" for cause in relief["causes"])
        sentence += f" That is more than {TIMES_CURTAILMENT:g} times; the largest causes: {why}."
    yield text(sentence)


def _welfare(data: RunData) -> Iterator[str]:
    """How much of what perfect foresight gains is lost, in money."""
    columns = data.summary["columns"]
    if ColumnName.FORESIGHT not in columns:
        return
    best, currency = columns[ColumnName.FORESIGHT]["welfare"], data.result.site.currency
    less = ", ".join(
        f"{name} {money(best - columns[name]['welfare'])}"
        for name in (ColumnName.IDLE, ColumnName.LOCAL, ColumnName.CURTAILMENT, ColumnName.MARKET)
        if name in columns
    )
    yield (
        f"Perfect foresight within all limits is worth {money(best)} {currency} to all members together: energy by tariff, "
        "wear, and what stays stored; payments cancel out. "
        f"The others fall short of it by, in {currency}: {less}; idle and local by breaking limits."
    )


def _settled(data: RunData) -> str:
    """Settled beside true volume by kind, and a sentence on each kind that was paid for more than it did."""
    kinds = data.summary["settled_vs_true"]
    rows = [
        (label(kind), both["ordered_wh"] / 1000, both["settled_wh"] / 1000, both["true_wh"] / 1000,
         both["settled_wh"] / both["true_wh"] if both["true_wh"] else None)
        for kind, both in kinds.items()
    ]  # fmt: skip
    head = ("kind of element", "ordered, kWh", "settled, kWh", "true change, kWh", "settled / true")
    caption = (
        "Settled with members beside true change against the column local (up and down added, each ISP for itself)"
    )
    more = [label(kind) for kind, both in kinds.items() if both["settled_wh"] > _MOST_SETTLED * both["true_wh"]]
    said = (
        f"<p class=warn>Paid for more than {_MOST_SETTLED:g} times what they did: {text(', '.join(more))}.</p>"
        if more
        else f"<p class=note>No kind was paid for more than {_MOST_SETTLED:g} times what it did.</p>"
    )
    return table(caption, head, rows) + (said if rows else "")
