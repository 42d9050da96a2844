"""The page and table of `iles size`."""

from __future__ import annotations

from pathlib import Path

import plotly.graph_objects as go

from agents.planning.islanding.sizing import Sized
from experiments.island.model import IslandSite
from experiments.island.page import page
from experiments.island.size import SizeResult, limit_kw, over_limit_kwh
from experiments.report.style import SERIES, figure
from experiments.report.tables import table

HEAD = ("battery", "kWh", "kW", "battery a year", "energy", "above limits", "not served", "all")


def rows(found: SizeResult) -> list[tuple[str, ...]]:
    """What a year costs with each of three batteries."""
    named = (("none", found.none), ("stands there", found.present), ("pays best", found.best))
    return [(name, *_cells(one)) for name, one in named]


def _cells(one: Sized) -> tuple[str, ...]:
    money = (one.invest, one.exchange, one.congestion, one.unserved, one.total)
    return f"{abs(one.energy_kwh):.0f}", f"{abs(one.power_kw):.0f}", *(f"{value:.0f}" for value in money)


def as_json(found: SizeResult, model: IslandSite) -> dict[str, object]:
    """The same as data, currency units a year."""

    def plain(one: Sized) -> dict[str, float]:
        return {
            "energy_kwh": round(one.energy_kwh, 2), "power_kw": round(one.power_kw, 2), "invest": round(one.invest, 2),
            "exchange": round(one.exchange, 2), "congestion": round(one.congestion, 2),
            "unserved": round(one.unserved, 2), "total": round(one.total, 2), "over_limit_kwh": round(one.over_limit_kwh, 2),
            "given_kwh": round(one.given_kwh, 1),
        }  # fmt: skip

    return {
        "site": model.site.name,
        "currency": model.site.currency,
        "none": plain(found.none),
        "present": plain(found.present),
        "best": plain(found.best),
        "curve": [plain(one) for one in found.curve],
        "cell_years": round(found.cell_years, 2),
        "full_cycles_per_year": round(found.cycles_per_year, 1),
        "given_per_energy": round(found.given_per_energy, 1),
        "limit_kw": round(limit_kw(model), 1),
        "over_limit_kwh_of_the_whole_year": round(over_limit_kwh(model), 1),
        "typical_days": found.typical.days.tolist(),
        "weights": found.typical.weights.tolist(),
    }


def write_size(path: Path, model: IslandSite, found: SizeResult) -> None:
    """Write the page."""
    fig = go.Figure()
    sizes = [one.energy_kwh for one in found.curve]
    parts = (
        ("battery", [one.invest for one in found.curve], 0),
        ("energy", [one.exchange - found.none.exchange for one in found.curve], 1),
        ("above limits", [one.congestion for one in found.curve], 2),
        ("not served", [one.unserved for one in found.curve], 3),
    )
    for name, values, number in parts:
        fig.add_trace(go.Scatter(x=sizes, y=values, name=name, line={"color": SERIES[number]}))
    fig.update_xaxes(title="kWh")
    fig.update_yaxes(title=f"{model.site.currency} a year; energy: against none")
    sections = (
        ("table", "In short", table(f"What a year costs, {model.site.currency}", HEAD, rows(found))),
        ("curve", "By energy", figure("fig-size", "What a year costs by the battery's energy", fig)),
    )
    head = (
        f"{found.typical.days.size} typical days; cells live {found.cell_years:.1f} years, at {found.cycles_per_year:.0f} full "
        f"cycles a year; the congestion point carries {limit_kw(model):.0f} kW. What a battery costs is assumed in the site file."
    )
    path.write_text(page(f"{model.site.title}: which battery pays", head, sections), encoding="utf-8")
