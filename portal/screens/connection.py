"""One connection: its power and voltage, what is registered there, and what the DSO told it; no device of its owner."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cim.model.errors import BadInput
from cim.platform.publications.agreements import AssetsRegistered, UnitsMoved
from cim.platform.publications.grid import (
    ConsumptionHeldBack,
    ConsumptionLimited,
    FeedInAccounted,
    FeedInLimited,
    SupplyInterrupted,
    WorksDeclared,
)
from cim.platform.publications.incidents import MetersDisagree
from cim.platform.store import latest, values
from portal.screens.grid import no_grid
from portal.screens.grid_bands import band_lines, grid_bands
from portal.screens.grid_day import GridDay, grid_day
from portal.screens.markup import (
    Asked,
    Cell,
    Choice,
    Figure,
    Html,
    Line,
    chart,
    figures,
    lately,
    money,
    note,
    section,
    table,
)
from portal.screens.page import Parts
from portal.screens.points import currencies
from portal.screens.seen import Seen
from portal.sources import GridSource


def make(seen: Seen) -> Parts:
    """The page."""
    grid = seen.sources.grid
    if grid is None:
        return (section("One connection", note(no_grid(seen)), name="connection"),)
    homes = sorted(grid.drawing.node_of)
    asked = seen.query.get("connection", homes[0] if homes else "")
    home = asked if asked in grid.drawing.node_of else _home_at(seen, asked, homes)
    choices = [(one, f"{seen.title(one)} ({one})") for one in homes]
    form = Asked((Choice("connection", "Connection", choices, home), Choice("day", "Day", seen.days(), seen.day.key)))
    found, known_as = grid_day(seen, grid, seen.day), usage_points(seen, home)
    return (
        Html(f'<div data-keep="asked">{form.html()}</div>'),
        _power(seen, grid, found, home),
        _registered(seen, home),
        _told(seen, home, known_as),
    )


def _home_at(seen: Seen, address: str, homes: Sequence[str]) -> str:
    """Which connection the market knows by an address (an EAN or another name of its usage point).

    Raises:
        BadInput: none.
    """
    assets = (asset for told in values(seen.store, AssetsRegistered) for asset in told.assets)
    named = [asset.name for asset in assets if asset.usage_point == address]
    named += [one.meter for one in seen.measured.last(seen.now) if address and one.usage_point == address]
    found = next((home for name in named if (home := name.partition(".")[0]) in homes), None)
    if found is None:
        raise BadInput(f"connection: {address[:60]!r} is none of this site; expected its name or its market address")
    return found


def usage_points(seen: Seen, home: str) -> frozenset[str]:
    """Under which the market knows a connection: as its assets are registered, and as its meters are read."""
    assets = (asset for told in values(seen.store, AssetsRegistered) for asset in told.assets)
    named = {asset.usage_point for asset in assets if asset.name.partition(".")[0] == home}
    title = None if seen.sources.grid is None else seen.sources.grid.drawing.titles.get(home)
    lasting = seen.measured.last(seen.now) if not named and title is not None else []
    named |= {one.usage_point for one in lasting if one.meter.partition(".")[0] == home and one.usage_point}
    return frozenset(named)


def _power(seen: Seen, grid: GridSource, found: GridDay, home: str) -> Html:
    drawing = grid.drawing
    node, power = drawing.node_of[home], found.power_w[home] / 1000
    place = [one.name for one in drawing.nodes].index(node)
    voltage, band = found.flow.voltage_pu[:, place], grid_bands(seen, grid, found.day)
    measured = np.array([sort == "measured" for sort in found.sort])
    lines = [Line("measured", np.where(measured, power, np.nan))]
    foreseen = np.where(measured, np.nan, power)
    if np.isfinite(foreseen).any():
        lines.append(Line("by the newest prognoses", foreseen, "quiet"))
    hours, known = found.day.isp_minutes / 60, np.where(measured, power, np.nan)
    shown = [
        Figure("node", node),
        Figure("points above", ", ".join(map(seen.title, drawing.points_of[home])) or "none"),
    ]
    if np.isfinite(known).any():
        shown += [
            Figure("drawn", float(np.nansum(np.maximum(known, 0)) * hours), "kWh"),
            Figure("fed in", float(-np.nansum(np.minimum(known, 0)) * hours), "kWh"),
            Figure("highest", float(np.nanmax(known)), "kW"),
            Figure("lowest", float(np.nanmin(known)), "kW"),
        ]
    if not np.isfinite(power).any():
        words = f"Nothing is known of {seen.title(home)} on {found.day.key}: nothing was metered, and no prognosis covers it."
        return section(seen.title(home), figures(*shown), note(words), name="power")
    limits = [
        Line(words, [limit] * found.day.count, "limit")
        for words, limit in (("lower limit", drawing.min_voltage_pu), ("upper limit", drawing.max_voltage_pu))
    ]
    return section(
        seen.title(home),
        figures(*shown),
        chart(
            "connection-power",
            f"Net power of {seen.title(home)} on {found.day.key}",
            "kW",
            seen.starts(found.day),
            lines,
            "Above zero: drawn from the grid; what is expected is the connection's share of its sellers' prognoses.",
        ),
        chart(
            "connection-voltage",
            f"Voltage at {node} on {found.day.key}",
            "pu",
            seen.starts(found.day),
            [
                Line("by power flow", voltage),
                *band_lines(seen, band, np.zeros((3, 0)) if band is None else band.voltage_pu[:, :, place]),
                *limits,
            ],
            "A power flow of the network with what all connections metered, balanced phases; no voltmeter stands behind it. The "
            "quantiles are of what the DSO expects of all sellers.",
        ),
        name="power",
    )


def _registered(seen: Seen, home: str) -> Html:
    assets = {asset.name: asset for told in values(seen.store, AssetsRegistered) for asset in told.assets}
    moved = {unit.unit: unit for told in values(seen.store, UnitsMoved) for unit in told.units}
    rows: list[tuple[Cell, ...]] = []
    for name, asset in sorted(assets.items()):
        if name.partition(".")[0] != home:
            continue
        unit = moved.get(name)
        rows.append(
            (
                name,
                asset.kind,
                asset.max_consumption_w / 1000,
                abs(asset.max_generation_w) / 1000,
                None if unit is None else unit.state,
                None if unit is None else seen.name(unit.provider),
                None if unit is None else unit.reason or None,
            )
        )
    return section(
        "Registered there",
        table(
            "Units in the market's register",
            ("unit", "kind", "can draw, kW", "can feed in, kW", "state", "provider", "reason"),
            rows,
            "No unit of this connection is registered.",
        ),
        note("What its devices did is their owner's to see; the DSO sees the connection's meter."),
        name="registered",
    )


def _told(seen: Seen, home: str, known_as: frozenset[str]) -> Html:
    if not known_as:
        words = "Under which usage point the market knows this connection is not told: no unit is registered and no meter was read."
        return section("What the DSO told it", note(words), name="told")
    since = seen.since
    accounts = [one for one in values(seen.store, FeedInAccounted, since) if one.usage_point in known_as]
    currency = next(iter(currencies(seen)), "")
    held = {one.number: one for one in values(seen.store, ConsumptionHeldBack, since) if one.usage_point in known_as}
    rows: list[tuple[Cell, ...]] = [
        (seen.local(one.at), "feed-in", seen.title(one.congestion_point), _feed_in(one), seen.local(one.until), None)
        for one in values(seen.store, FeedInLimited, since)
        if one.usage_point in known_as
    ]
    for limit in values(seen.store, ConsumptionLimited, since):
        if known_as & set(limit.usage_points):
            expected = held.get(limit.number)
            words = "lifted" if limit.consumption_pct is None else f"{limit.consumption_pct} % of each device's rating"
            beyond = None if expected is None else expected.planned_wh / 1000
            rows.append(
                (
                    seen.local(limit.at),
                    "consumption",
                    seen.title(limit.congestion_point),
                    words,
                    seen.local(limit.until),
                    beyond,
                )
            )
    rows.sort(key=lambda row: str(row[0]), reverse=True)
    # Works may be declared long before they begin: what is not over in the time shown is among them.
    works = [
        one
        for one in latest(seen.store, WorksDeclared, "number")
        if known_as & set(one.usage_points) and (since is None or one.end is None or one.end >= since)
    ]
    dark = sum(1 for one in values(seen.store, SupplyInterrupted, since) if known_as & set(one.usage_points))
    wrong = [one for one in values(seen.store, MetersDisagree, since) if one.usage_point in known_as]
    return section(
        "What the DSO told it",
        figures(
            Figure("feed-in taken by limits", sum(one.curtailed_wh for one in accounts) / 1000, "kWh"),
            Figure("paid for it", money(sum(one.compensation_e4 for one in accounts), currency)),
            Figure("interruptions of supply", dark),
            Figure("days with doubtful metering", len({one.period for one in wrong})),
        ),
        lately(since, connection=home, day=seen.day.key),
        table(
            "Limits, newest first",
            ("at (local)", "of", "because of", "limit", "until (local)", "expected beyond it, kWh"),
            rows,
            "It was never limited." if since is None else "It was not limited in the time shown.",
            seen.rows and 12,
        ),
        table(
            "Works",
            ("from (local)", "to (local)", "point", "carries, %", "kind", "state", "words"),
            (
                (
                    seen.local(one.begin),
                    None if one.end is None else seen.local(one.end),
                    seen.title(one.congestion_point),
                    one.carries_pct,
                    "planned" if one.planned else "fault",
                    one.state,
                    one.words,
                )
                for one in reversed(works)
            ),
            f"No works have affected it{seen.yet}.",
            seen.rows and 12,
        ),
        name="told",
    )


def _feed_in(one: FeedInLimited) -> str:
    return "lifted" if one.limit_w is None else f"{abs(one.limit_w) / 1000:.1f} kW"
