"""Power at the point of common coupling against its baseline, and demand and generation by kind."""

from __future__ import annotations

import numpy as np

from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from cim.platform.publications.grid import ExchangeForecast
from portal.screens.grid import no_grid
from portal.screens.grid_day import grid_day
from portal.screens.markup import Asked, Choice, Figure, Html, Line, chart, figures, note, section, table
from portal.screens.page import Parts
from portal.screens.seen import Seen

_WORDS = {
    "pv": "PV",
    "wind": "wind",
    "chp": "CHP",
    "battery": "batteries",
    "station": "charging",
    "gateway": "heat pumps",
    "appliance": "appliances",
    "base": "all else",
}


def make(seen: Seen) -> Parts:
    """The page."""
    asked = Html(f'<div data-keep="asked">{Asked((Choice("day", "Day", seen.days(), seen.day.key),)).html()}</div>')
    if seen.sources.grid is None:
        return asked, note(no_grid(seen))
    return asked, exchange(seen), _kinds(seen)


def baseline(seen: Seen, day: LocalDay) -> Floats | None:
    """[ISPs] W at the point of common coupling as it was expected before the day began; None where nobody said."""
    told = [one for one in seen.of_day(ExchangeForecast, day) if len(one.power_w) == day.count]
    before = [one for one in told if one.at <= day.start]
    chosen = (before or told)[-1:]
    return np.array(chosen[0].power_w, dtype=np.float64) if chosen else None


def exchange(seen: Seen) -> Html:
    """The figure of the point of common coupling."""
    grid = seen.sources.grid
    if grid is None:
        return note(no_grid(seen))
    found, expected = grid_day(seen, grid, seen.day), baseline(seen, seen.day)
    measured = np.array([sort == "measured" for sort in found.sort])
    actual = np.where(measured, found.flow.slack_w, np.nan) / 1000
    lines = [Line("measured", actual)]
    foreseen = np.where(~measured, found.flow.slack_w, np.nan) / 1000
    if np.isfinite(foreseen).any():
        lines.append(Line("by the newest prognoses", foreseen, "quiet"))
    hours = found.day.isp_minutes / 60
    shown = []
    if measured.any():
        shown = [
            Figure("imported", float(np.nansum(np.maximum(actual, 0)) * hours), "kWh"),
            Figure("exported", float(-np.nansum(np.minimum(actual, 0)) * hours), "kWh"),
            Figure("now", float(actual[measured][-1]), "kW"),
        ]
    if expected is not None:
        lines.append(Line("baseline (forecast before the day)", expected / 1000, "baseline"))
        both = np.isfinite(actual)
        if both.any():
            shown.append(
                Figure("mean distance from the baseline", float(np.abs(actual - expected / 1000)[both].mean()), "kW")
            )
    return section(
        "Point of common coupling",
        figures(*shown),
        chart(
            "pcc",
            f"Net power on {found.day.key}",
            "kW",
            seen.starts(found.day),
            lines,
            "Above zero: import; below: export. Network losses are in it.",
        ),
        note("") if expected is not None else note("Nobody has foretold the exchange of this day."),
        name="pcc",
    )


def _kinds(seen: Seen) -> Html:
    grid = seen.sources.grid
    if grid is None:
        return note(no_grid(seen))
    day, drawing = seen.day, grid.drawing
    found = seen.measured.day(day, seen.now)
    meters = [found.power_w[name] for name in drawing.meter_of.values() if name in found.power_w]
    by_kind: dict[str, Floats] = {}
    for device, kind in drawing.kind_of.items():
        row = found.power_w.get(device)
        if row is not None:
            by_kind[kind] = by_kind.get(kind, np.zeros(day.count)) + np.nan_to_num(row)
    if not meters:
        return section("By kind", note("Nothing has been metered on this day."), name="kinds")
    seen_isps = np.isfinite(np.array(meters)).any(axis=0)
    total = np.nansum(meters, axis=0)
    by_kind["base"] = total - np.sum(list(by_kind.values()), axis=0) if by_kind else total
    hours = day.isp_minutes / 60
    lines: list[Line] = []
    rows: list[tuple[str, float, float, float, float]] = []
    for kind, row in by_kind.items():
        shown = np.where(seen_isps, row / 1000, np.nan)
        lines.append(Line(_WORDS.get(kind, kind), shown, "bar"))
        taken, given = np.nansum(np.maximum(shown, 0)) * hours, -np.nansum(np.minimum(shown, 0)) * hours
        rows.append(
            (_WORDS.get(kind, kind), float(taken), float(given), float(np.nanmax(shown)), float(np.nanmin(shown)))
        )
    ordered = sorted(rows, key=lambda row: -(row[1] + row[2]))
    return section(
        "Demand and generation by kind",
        chart(
            "kinds",
            f"Power by kind on {day.key}",
            "kW",
            seen.starts(day),
            lines,
            "Consumption upwards, generation and discharge downwards; means of what the meters showed in each ISP.",
        ),
        table(
            f"Energy by kind on {day.key}",
            ("kind", "consumed, kWh", "generated, kWh", "highest, kW", "lowest, kW"),
            ordered,
            "Nothing has been metered on this day.",
        ),
        name="kinds",
    )
