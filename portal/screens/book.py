"""The market's book at a congestion point: in an ISP of a round what is asked for, and what is offered at which price, in steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cim.model.arrays import Floats
from cim.model.errors import BadInput
from cim.platform.publications.trading import AskedIsp
from portal.screens.book_drawing import BOOK_LEGEND, steps_drawn
from portal.screens.book_rounds import Round, rounds_of, row_of, steps
from portal.screens.markup import (
    Asked,
    Cell,
    Choice,
    Figure,
    Html,
    Line,
    chart,
    digits,
    figures,
    mark,
    note,
    section,
    table,
)
from portal.screens.page import Parts
from portal.screens.seen import Seen

_TONES = {"ordered": "good", "stands": "warn"}


def make(seen: Seen) -> Parts:
    """The page."""
    points = seen.site.points
    if not points:
        return (note("The DSO watches no congestion point at this site, so nothing is traded."),)
    point = seen.query.get("point", points[0].congestion_point)
    if point not in [one.congestion_point for one in points]:
        raise BadInput(f"point: {point[:60]!r} is no congestion point of this site")
    rounds = rounds_of(seen, point)
    shown = _round(seen, rounds)
    choices = [
        Choice("point", "Point", [(one.congestion_point, seen.title(one.congestion_point)) for one in points], point),
        Choice("day", "Day", seen.days(), seen.day.key),
    ]
    if shown is None:
        asked = Html(f'<div data-keep="asked">{Asked(choices).html()}</div>')
        words = f"Nobody was asked for flexibility, and nothing is offered, at {seen.title(point)} for {seen.day.key}."
        return asked, section("Order book", note(words), name="book")
    asked_w, isp = _asked_w(seen, shown), _isp(seen, shown)
    choices += [
        Choice(
            "round",
            "Round",
            [(one.at.isoformat(), f"{seen.local(one.at):%d %b %H:%M}, {_who(one)}") for one in reversed(rounds)],
            shown.at.isoformat(),
        ),
        Choice(
            "isp",
            "ISP",
            [(str(k + 1), f"{k + 1}, {at:%H:%M}") for k, at in enumerate(seen.starts())],
            str(isp + 1),
        ),
    ]
    more = asked_w[isp] >= 0 if asked_w[isp] else _more(seen, shown, isp)
    return (
        Html(f'<div data-keep="asked">{Asked(choices).html()}</div>'),
        _book(seen, shown, isp, asked_w=abs(float(asked_w[isp])), more=more),
        _day(seen, shown, asked_w),
    )


def _who(one: Round) -> str:
    return f"{len(one.requests)} asked, {len(one.offers)} offer{'' if len(one.offers) == 1 else 's'}"


def _round(seen: Seen, rounds: Sequence[Round]) -> Round | None:
    """The one that is asked for, else the newest that was answered, else the newest."""
    asked = seen.query.get("round")
    if asked and rounds:
        # Another day or point has other rounds; then what was asked for before is not meant.
        found = next((one for one in rounds if one.at.isoformat() == asked), None)
        if found is not None:
            return found
    return next((one for one in reversed(rounds) if one.offers), rounds[-1] if rounds else None)


def _asked_w(seen: Seen, shown: Round) -> Floats:
    """[ISPs] what is asked for at least, signed; of several sellers' requests the largest, as each is asked for all of it."""
    found = np.zeros(seen.day.count)
    for request in shown.requests:
        for row in request.isps:
            if row.disposition == "Requested":
                least = _least(row)
                for isp in range(row.start - 1, min(row.start - 1 + row.duration, seen.day.count)):
                    found[isp] = least if abs(least) > abs(found[isp]) else found[isp]
    return found


def _least(row: AskedIsp) -> int:
    return min((row.min_power_w, row.max_power_w), key=abs)


def _isp(seen: Seen, shown: Round) -> int:
    """The ISP (from 0) that is asked for, else that in which most is asked for, else in which most is offered."""
    asked = seen.query.get("isp")
    if asked:
        if not asked.isdecimal() or len(asked) > 3 or not 1 <= int(asked) <= seen.day.count:
            raise BadInput(f"isp: {asked[:20]!r} is none of {seen.day.key}; expected 1 to {seen.day.count}")
        return int(asked) - 1
    wanted = np.abs(_asked_w(seen, shown))
    if not wanted.any():
        for offer in shown.offers:
            for option in offer.options:
                wanted = np.maximum(wanted, np.abs(row_of(option.isps, seen.day.count)))
    return int(wanted.argmax())


def _more(seen: Seen, shown: Round, isp: int) -> bool:
    """Which way most is offered in an ISP: towards more consumption, or less."""
    powers = [row_of(one.isps, seen.day.count)[isp] for offer in shown.offers for one in offer.options]
    return max(powers, key=abs, default=0.0) >= 0


def _book(seen: Seen, shown: Round, isp: int, *, asked_w: float, more: bool) -> Html:
    found = steps(seen, shown, isp, more)
    start = seen.starts()[isp]
    way = "more consumption or less feed-in" if more else "less consumption or more feed-in"
    ordered_w = sum(
        row_of(order.isps, seen.day.count)[isp] * (1 if more else -1)
        for order in shown.orders.values()
        if row_of(order.isps, seen.day.count)[isp] * (1 if more else -1) > 0
    )
    offered_w = sum(one.power_w for one in found)
    up, rows = 0.0, list[tuple[Cell, ...]]()
    for one in found:
        up += one.power_w / 1000
        rows.append(
            (
                one.seller,
                one.power_w / 1000,
                digits(one.price_ct_per_kwh, 2),
                up,
                mark(one.state, _TONES.get(one.state, "")),
            )
        )
    currency = next((one.currency for one in shown.offers), "")
    words = f"{seen.day.key}, {start:%H:%M} (ISP {isp + 1}): {way}"
    return section(
        "Order book",
        figures(
            Figure("asked for", asked_w / 1000, "kW"),
            Figure("offered", offered_w / 1000, "kW", "bad" if offered_w < asked_w else ""),
            Figure("ordered", float(ordered_w) / 1000, "kW", "good" if ordered_w >= asked_w > 0 else ""),
            Figure("stands now", sum(one.power_w for one in found if one.state == "stands") / 1000, "kW"),
        ),
        steps_drawn(found, asked_w, f"Order book of {words}", f"hundredths of {currency or 'the currency'} per kWh"),
        BOOK_LEGEND if found else note(""),
        table(
            f"Steps of {words}",
            (
                "seller",
                "power, kW",
                f"price, hundredths of {currency or 'the currency'} per kWh",
                "up to it, kW",
                "state",
            ),
            rows,
            "Nothing is offered in this ISP in that direction.",
            seen.rows,
        ),
        note(
            f"The round of {seen.local(shown.at):%Y-%m-%d %H:%M} (local). Each seller is asked for all that is needed, and the "
            "cheapest sum is ordered, over all ISPs of an option at once: so a dear step may be taken in one ISP for what it does "
            "in another. An offer's options are shown as steps, each what it adds to the one before; a step's price is over "
            "all its ISPs."
        ),
        name="book",
    )


def _day(seen: Seen, shown: Round, asked_w: Floats) -> Html:
    count = seen.day.count
    offered, ordered = np.zeros(count), np.zeros(count)
    for offer in shown.offers:
        rows = [row_of(option.isps, count) for option in offer.options]
        if rows:
            stacked = np.array(rows)
            offered += stacked[np.abs(stacked).argmax(axis=0), np.arange(count)]
    for order in shown.orders.values():
        ordered += row_of(order.isps, count)
    return section(
        "Over the day",
        chart(
            "book-day",
            f"What the round asked for and got on {seen.day.key}",
            "kW",
            seen.starts(),
            [
                Line("asked for", asked_w / 1000, "limit"),
                Line("offered, all options at their most", offered / 1000, "quiet"),
                Line("ordered", ordered / 1000, "step"),
            ],
            "Above zero: more consumption or less feed-in.",
        ),
        name="day",
    )
