"""What orders promised, what was metered of them, what fell short, and what was re-dispatched."""

from __future__ import annotations

import numpy as np

from cim.model.intervals import LocalDay
from cim.platform.publications.grid import FeedInLimited
from cim.platform.publications.sessions import SessionConcluded
from cim.platform.publications.settlement import SettlementTold, last_revisions
from cim.platform.store import values
from portal.screens.delivery import SoFar, delivered_so_far, so_far
from portal.screens.markup import Figure, Html, Line, chart, figures, lately, mark, note, section, table
from portal.screens.page import Parts
from portal.screens.seen import Seen
from portal.screens.trading import TONES, concerns, domain_of, orders_with_state, span_words


def make(seen: Seen) -> Parts:
    """The page of deliveries: what orders promised in each ISP, what was metered, and what fell short."""
    settled = {
        row.order_reference: row
        for told in last_revisions(values(seen.store, SettlementTold, seen.since, {"buyer": seen.site.dso}))
        for row in told.orders
    }
    orders = [(one, state) for one, state in orders_with_state(seen) if one.buyer == seen.site.dso]
    if not orders:
        return (
            section(
                "Events", note(f"Nothing has been ordered{seen.yet}, so nothing is to be delivered."), name="events"
            ),
        )
    rows, promised_wh, delivered_wh, short_wh = [], 0.0, 0.0, 0.0
    hours = seen.site.isp_minutes / 60
    for one, state in reversed(orders):
        row = settled.get(one.order_reference)
        promise = sum(abs(isp.power_w) * isp.duration for isp in one.isps) * hours
        metered = short = None
        if row is not None:
            metered = sum(abs(isp.delivered_flex_power_w) * isp.duration for isp in row.isps) * hours
            short = sum(isp.power_deficiency_w * isp.duration for isp in row.isps) * hours
            promised_wh, delivered_wh, short_wh = promised_wh + promise, delivered_wh + metered, short_wh + short
        rows.append(
            (
                one.period,
                span_words(seen, one.period, one.isps),
                seen.name(one.seller),
                seen.title(one.congestion_point),
                promise / 1000,
                None if metered is None else metered / 1000,
                None if short is None else short / 1000,
                mark(state, TONES.get(state, "")),
            )
        )
    shown = (
        Figure("promised (settled orders)", promised_wh / 1000, "kWh"),
        Figure("delivered", delivered_wh / 1000, "kWh"),
        Figure("shortfall", short_wh / 1000, "kWh", "bad" if short_wh > 0.02 * promised_wh else "good"),
        Figure("active now", sum(1 for _, state in orders if state == "active")),
    )
    day = LocalDay(orders[-1][0].period, seen.site.timezone, seen.site.isp_minutes)
    done = all(state in ("settled", "refused") for one, state in orders if one.period == day.day)
    metered_so_far = {} if done else so_far(seen, [one for one, state in orders if state != "refused"], day)
    head = ("day", "from–to (local)", "seller", "point", "promised, kWh", "delivered, kWh", "shortfall, kWh", "state")
    limited = sum(1 for one in values(seen.store, FeedInLimited, seen.since) if one.limit_w is not None)
    return (
        section(
            "Events",
            figures(*shown),
            lately(seen.since),
            table("Deliveries, newest first", head, rows, "Nothing is to be delivered.", seen.rows),
            note(
                "What is delivered here comes with the settlement of the day; before it, see below. The DSO's own feed-in limits "
                f"were set {limited} times; they stand with the congestion points."
            ),
            name="events",
        ),
        *(() if done else (delivered_so_far(seen, metered_so_far, day),)),
        _delivery(seen, day, metered_so_far),
        _redispatch(seen),
    )


def _delivery(seen: Seen, day: LocalDay, metered_so_far: dict[str, SoFar]) -> Html:
    ordered, delivered, short = np.zeros(day.count), np.full(day.count, np.nan), np.full(day.count, np.nan)
    for one, state in orders_with_state(seen):
        if one.period == day.day and one.buyer == seen.site.dso and state != "refused":
            for isp in one.isps:
                ordered[isp.start - 1 : isp.start - 1 + isp.duration] += isp.power_w / 1000
    for told in last_revisions(values(seen.store, SettlementTold, seen.since, {"buyer": seen.site.dso})):
        if not concerns(seen, told.buyer, told.seller):
            continue
        for row in told.orders:
            for settled in row.isps if row.period == day.day else ():
                part = slice(settled.start - 1, settled.start - 1 + settled.duration)
                delivered[part] = np.nan_to_num(delivered[part]) + settled.delivered_flex_power_w / 1000
                short[part] = np.nan_to_num(short[part]) + settled.power_deficiency_w / 1000
    rows = [one.delivered_w for one in metered_so_far.values() if np.isfinite(one.delivered_w).any()]
    lines = [Line("ordered", ordered), Line("delivered", delivered), Line("shortfall", short, "bar")]
    if rows:
        seen_of = np.isfinite(rows).any(axis=0)
        lines.insert(
            1, Line("by the meters, preliminary", np.where(seen_of, np.nansum(rows, axis=0) / 1000, np.nan), "quiet")
        )
    return section(
        "By quarter-hour",
        chart(
            "delivery",
            f"Ordered and delivered on {day.key}",
            "kW",
            seen.starts(day),
            lines,
            "All sellers and points together, against their baselines; above zero: more consumption.",
        ),
        name="delivery",
    )


def _redispatch(seen: Seen) -> Html:
    """What aggregators split anew among their members because a promise fell short."""
    hours = seen.site.isp_minutes / 60
    rows, wanted_kwh, found_kwh = [], 0.0, 0.0
    for one in reversed(values(seen.store, SessionConcluded, seen.since)):
        if one.purpose != "hold" or not concerns(seen, one.aggregator, domain_of(seen, one.aggregator)):
            continue
        # The band is around what would have to be added; where it holds zero nothing was missing.
        missing = np.array([min(max(0.0, low), high) for low, high in zip(one.low_kw, one.high_kw, strict=True)])
        isps = np.flatnonzero(missing)
        if not isps.size:
            continue
        found = np.array(one.total_kw)[isps] * np.sign(missing[isps])
        short = float(np.maximum(np.abs(missing[isps]) - found, 0).sum() * hours)
        need = float(np.abs(missing[isps]).sum() * hours)
        wanted_kwh, found_kwh = wanted_kwh + need, found_kwh + need - short
        day = LocalDay(one.period, seen.site.timezone, seen.site.isp_minutes)
        rows.append(
            (
                seen.local(one.at),
                one.aggregator,
                seen.title(one.congestion_point),
                f"{seen.local(day.isp_start(one.first_isp + int(isps[0]))):%H:%M}–"
                f"{seen.local(day.isp_start(one.first_isp + int(isps[-1]) + 1)):%H:%M}",
                len(one.members),
                need,
                need - short,
                mark("whole", "good") if short < 0.01 * need else mark("in part", "warn"),
            )
        )
    head = ("at (local)", "aggregator", "point", "for (local)", "members", "missing, kWh", "found, kWh", "result")
    return section(
        "Re-dispatch",
        figures(
            Figure("re-dispatches", len(rows)),
            Figure("missing of promises", wanted_kwh, "kWh"),
            Figure("found among other members", found_kwh, "kWh"),
        ),
        table(
            "What fell short and was split anew, newest first",
            head,
            rows,
            f"No promise has fallen short{seen.yet}.",
            seen.rows,
        ),
        note("A shortfall that is looked at again before it is over counts each time."),
        name="redispatch",
    )
