"""What was delivered of orders so far, by the meters: before the day is settled, and for all sellers at a point together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from cim.platform.publications.trading import OrderPlaced, PrognosisTaken
from portal.screens.grid_day import grid_day
from portal.screens.markup import Figure, Html, figures, note, section, table
from portal.screens.seen import Seen


@dataclass(frozen=True, eq=False, slots=True)
class SoFar:
    """A congestion point on a local day of T ISPs.

    Attributes:
        ordered_w: [T] of all sellers.
        delivered_w, short_w: [T] of what was ordered; NaN where nothing was, or not all meters at the point were seen.
    """

    ordered_w: Floats
    delivered_w: Floats
    short_w: Floats


def so_far(seen: Seen, orders: Iterable[OrderPlaced], day: LocalDay) -> dict[str, SoFar]:
    """By congestion point what the meters say of a day's orders, by the rule by which they are settled.

    The baseline of an ISP is each seller's prognosis that the DSO had when the seller's first order there was placed; sellers
    without one, their newest. Sellers at a point are taken together, for whose a connection is, is theirs to say.
    """
    grid = seen.sources.grid
    mine = [one for one in orders if one.period == day.day]
    if grid is None or not mine:
        return {}
    found, told = grid_day(seen, grid, day), seen.of_day(PrognosisTaken, day)
    measured = np.zeros(day.count, dtype=bool)
    measured[found.measured] = True
    shown: dict[str, SoFar] = {}
    for point in dict.fromkeys(one.congestion_point for one in mine):
        here = [one for one in mine if one.congestion_point == point]
        ordered = np.zeros(day.count)
        for one in here:
            for isp in one.isps:
                ordered[isp.start - 1 : isp.start - 1 + isp.duration] += isp.power_w
        homes = [name for name, points in grid.drawing.points_of.items() if points[:1] == (point,)]
        prognoses = [one for one in told if one.congestion_point == point and len(one.power_w) == day.count]
        if not homes or not prognoses:
            continue
        actual = np.sum([found.power_w[name] for name in homes], axis=0)
        moved = np.where(measured, actual - _baseline(here, prognoses, day.count), np.nan)
        way = np.sign(ordered)
        due = np.where(way != 0, 1.0, np.nan)
        delivered = way * np.clip(way * moved, 0, np.abs(ordered)) * due
        short = np.maximum(0.0, way * (ordered - moved)) * due
        shown[point] = SoFar(ordered, delivered, short)
    return shown


def _baseline(orders: list[OrderPlaced], prognoses: list[PrognosisTaken], count: int) -> Floats:
    total = np.zeros(count)
    for seller in dict.fromkeys(one.seller for one in prognoses):
        own = [one for one in prognoses if one.seller == seller]
        row = np.array(max(own, key=lambda one: one.revision).power_w, dtype=np.float64)
        for order in sorted((one for one in orders if one.seller == seller), key=lambda one: one.at, reverse=True):
            known = [one for one in own if one.at <= order.at] or own[:1]
            base = max(known, key=lambda one: one.revision).power_w
            for isp in order.isps:  # the oldest order is the last to write
                part = slice(isp.start - 1, isp.start - 1 + isp.duration)
                row[part] = base[part]
        total += row
    return total


def delivered_so_far(seen: Seen, found: dict[str, SoFar], day: LocalDay) -> Html:
    """The section of a page."""
    hours = seen.site.isp_minutes / 60
    rows, sums = [], np.zeros(3)
    for point, one in found.items():
        known = np.isfinite(one.delivered_w)
        parts = (one.ordered_w[known], one.delivered_w[known], one.short_w[known])
        due, got, short = (float(np.abs(part).sum()) * hours / 1000 for part in parts)
        sums += (due, got, short)
        ordered = float(np.abs(one.ordered_w).sum()) * hours / 1000
        rows.append((seen.title(point), ordered, due, got, short, 100 * got / due if due else None))
    due, got, short = sums.tolist()
    head = ("point", "ordered, kWh", "due so far, kWh", "delivered, kWh", "shortfall, kWh", "delivered, %")
    none = "Nothing was ordered for this day, or the network and its meters are not known here."
    return section(
        f"So far on {day.key}, by the meters",
        figures(
            Figure("due so far", due, "kWh"),
            Figure("delivered", got, "kWh"),
            Figure("shortfall", short, "kWh", "bad" if short > 0.05 * due and short > 0.1 else "good"),
        ),
        table("By congestion point, all sellers together", head, rows, none, seen.rows),
        note(
            "Preliminary: the connections' meters against the sellers' prognoses that stood when they were ordered from. All "
            "sellers at a point are taken together, so what one lacks may be hidden by what another does beyond its orders, and a "
            "forecast's error of one of whom nothing was ordered counts, too. What counts is the settlement, seller by seller."
        ),
        name="so-far",
    )
