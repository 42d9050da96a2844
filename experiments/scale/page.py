"""What `iles scale --out DIR` writes: scale.json, a page with tables and plots that opens offline, and the plots as SVG."""

from __future__ import annotations

import html
import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.bench.figures import Figures
from experiments.scale.penetration import KINDS, SHARES
from experiments.scale.points import rows
from experiments.scale.study import Found, gives_way
from experiments.scale.svg import line_plot

_COLUMNS = {
    "day": (
        "seconds", "cpu_s", "cpu_s_per_prosumer", "load", "rss_mb", "messages", "readings", "agents", "devices", "orders",
    ),
    "dispatch": (
        "seconds", "cpu_s", "load", "cpu_us_per_prosumer", "rounds", "sample_rounds", "relative_gap", "messages", "rss_mb",
    ),
    "placement": ("nodes", "hosts", "agents", "seconds", "startup_s", "started_s", "messages", "head"),
    "penetration": (
        "needed_kwh", "ordered_kwh", "curtailed_kwh", "left_kwh", "loading_before_pct", "loading_pct", "dso_cost",
        "grid_gives_way", "market_gives_way",
    ),
}  # fmt: skip


def machine() -> str:
    """What the figures were measured on, in words."""
    return f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, {platform.system()}"


def write_results(folder: Path, found: Found) -> None:
    """All files; what an earlier run left is written over."""
    text = json.dumps({"machine": machine(), **found}, indent=2)
    (folder / "scale.json").write_text(text + "\n", encoding="utf-8")
    drawn = plots(found)
    for name, drawing in drawn.items():
        (folder / f"{name}.svg").write_text(drawing, encoding="utf-8")
    (folder / "scale.html").write_text(_page(found, drawn), encoding="utf-8")
    (folder / "scale.md").write_text(
        "\n".join(table(found, name) for name in _COLUMNS if name in found), encoding="utf-8"
    )


def plots(found: Found) -> dict[str, str]:
    """The plots that there are figures for, as SVG, by name."""
    drawn: dict[str, str] = {}
    if "day" in found:
        lines = {"seconds": _line(found["day"], "seconds"), "memory, MB": _line(found["day"], "rss_mb")}
        drawn["day"] = line_plot("A market day in one process", "prosumers", "seconds, MB", lines, logarithmic=True)
    if "dispatch" in found:
        lines = {"seconds": _line(found["dispatch"], "seconds"), "memory, GB": _line(found["dispatch"], "rss_mb", 1e-3)}
        drawn["dispatch"] = line_plot("A dispatch, packed", "prosumers", "seconds, GB", lines, logarithmic=True)
    for kind in KINDS if "penetration" in found else ():
        figures = {share: found["penetration"].get(f"{kind}-{share}") for share in SHARES}
        lines = {
            key.removesuffix("_kwh"): [(share, _value(one, key)) for share, one in figures.items() if one is not None]
            for key in ("needed_kwh", "ordered_kwh", "curtailed_kwh", "left_kwh")
        }
        title = f"{kind.replace('_', ' ')}: what had to be moved, and what became of it"
        drawn[f"penetration-{kind}"] = line_plot(title, "percent of connections", "kWh a day", lines, logarithmic=False)
    return drawn


def table(found: Found, name: str) -> str:
    """A table in Markdown: a row for each point."""
    columns = _COLUMNS[name]
    head = [f"| {name} | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    points: Sequence[tuple[object, Mapping[str, object]]] = (
        rows(found[name]) if name in ("day", "dispatch") else list(found[name].items())
    )
    body = [
        f"| {_cell(key)} | {' | '.join(_cell(figures.get(column, '')) for column in columns)} |"
        for key, figures in points
    ]
    text = "\n".join([*head, *body]) + "\n"
    if name == "penetration":
        for kind in KINDS:
            way = {what: "at none" if at is None else f"at {at} %" for what, at in gives_way(found[name], kind).items()}
            text += f"\n{kind}: the grid gives way {way['grid']}, the market {way['market']}.\n"
    return text


def _page(found: Found, drawn: Mapping[str, str]) -> str:
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>iles scale</title><style>body{font-family:"
        "system-ui,sans-serif;margin:2rem}svg{max-width:42rem}pre{overflow-x:auto}</style></head><body>",
        f"<h1>iles scale</h1><p>{html.escape(machine())}</p>",
        *drawn.values(),
        *(f"<h2>{name}</h2><pre>{html.escape(table(found, name))}</pre>" for name in _COLUMNS if name in found),
        f"<h2>laws</h2><pre>{html.escape(json.dumps(found.get('laws', {}), indent=1))}</pre></body></html>",
    ]
    return "\n".join(parts)


def _line(points: Mapping[str, Figures], figure: str, factor: float = 1.0) -> list[tuple[float, float]]:
    return [(size, _value(figures, figure) * factor) for size, figures in rows(points)]


def _value(figures: Mapping[str, object], name: str) -> float:
    value = figures.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
