"""What the DSO's engineers ask of its agent: flexibility at a point, an offer's order, an emergency's limit; and its answers."""

from __future__ import annotations

from datetime import timedelta

from cim.platform.publications.grid import ConsumptionHeldBack, ConsumptionLimited
from cim.platform.publications.incidents import MessageLapsed
from cim.platform.publications.trading import FlexOffered, OfferedOption, OrderPlaced
from cim.platform.store import values
from portal.screens.asked import answers
from portal.screens.markup import (
    Html,
    acting,
    hidden,
    kw,
    mark,
    money,
    note,
    options,
    section,
    short,
    table,
)
from portal.screens.microgrid import microgrid
from portal.screens.page import Parts
from portal.screens.seen import AHEAD, Seen
from portal.screens.trading import span_words


def make(seen: Seen) -> Parts:
    """The page."""
    if seen.actions is None:
        words = "This run is over: nobody is there who could be asked. On a living site (iles up) this page asks the DSO's agent."
        return (section("Act", note(words), name="act"),)
    acts = _flexibility(seen), _standing(seen), microgrid(seen), _limit(seen), _settle(seen)
    return *acts, answers(seen, seen.actions.of_dso(50))


def points(seen: Seen) -> Html:
    """All congestion points as what a selection offers."""
    return options((one.congestion_point, seen.title(one.congestion_point)) for one in seen.site.points)


def _flexibility(seen: Seen) -> Html:
    day = seen.day
    starts = seen.starts(day)
    ends = [*starts[1:], seen.local(day.end)]
    now = min(max(int((seen.now - day.start) / day.isp) + 6, 1), day.count)
    first = options(((str(n), f"{at:%H:%M}") for n, at in enumerate(starts, 1)), str(now))
    last = options(((str(n), f"{at:%H:%M}") for n, at in enumerate(ends, 1)), str(min(now + 3, day.count)))
    choose = options((("", "the agent, at once"), *((str(n), f"you, within {n} min") for n in (15, 30, 60, 120, 240))))
    fields = (
        f'<label>Point <select name="point">{points(seen)}</select></label>'
        f'<label>Day <input name="period" type="date" value="{day.key}" required></label>'
        f'<label>From (local) <select name="first_isp" data-number>{first}</select></label>'
        f'<label>To <select name="last_isp" data-number>{last}</select></label>'
        '<label>Change of net power, kW <input name="power_w" type="number" step="0.1" value="20" required data-thousand></label>'
        f'<label>Who chooses <select name="choose_minutes" data-number data-empty-null>{choose}</select></label>'
    )
    return section(
        "Ask for flexibility",
        acting("/dso/actions/flexibility", "flexibility", fields, "Ask for flexibility"),
        note(
            "Above zero: more consumption or less feed-in. The sellers at the point are asked at once; offers follow. Where you "
            "choose, they stand for so long (of the site's time), or until their first quarter-hour can be ordered no more; "
            "meanwhile their members are held for you."
        ),
        name="flexibility",
    )


def open_offers(seen: Seen) -> list[FlexOffered]:
    """Offers that stand and that people may order: those they asked for, and those that nobody asked for; newest first."""
    since = seen.now - AHEAD  # nothing is offered for a day further away
    taken = {one.offer for one in values(seen.store, OrderPlaced, since)}
    lapsed = values(seen.store, MessageLapsed, seen.now - timedelta(days=2))
    gone = {one.about for one in lapsed if one.what == "FlexOffer"}
    return [
        one
        for one in reversed(values(seen.store, FlexOffered, since))
        if one.expires > seen.now
        and (one.for_people or one.request is None)
        and one.reference not in taken
        and one.reference not in gone
    ]


def _standing(seen: Seen) -> Html:
    rows = [
        (
            _order_form(one, option, number),
            money(option.price_e4, one.currency),
            span_words(seen, one.period, option.isps),
            kw(max((isp.power_w for isp in option.isps), key=abs)),
            _kwh(seen, option),
            seen.name(one.seller),
            one.period,
            seen.local(one.expires),
            seen.title(one.congestion_point),
            short(one.reference),
        )
        for one in open_offers(seen)
        for number, option in enumerate(one.options)
    ]
    # What is decided by stands first: on a phone the rest is to the right.
    head = (
        "order", "price", "from–to (local)", "most, kW", "energy, kWh", "seller", "day", "stands until (local)", "point",
        "reference",
    )  # fmt: skip
    none = (
        "No offer waits for you. Ask for flexibility and choose yourself; what the agent asks for it orders by itself."
    )
    return section(
        "Offers that stand",
        table("Options, newest offer first; one of an offer can be ordered", head, rows, none, seen.rows),
        note("What you order is recorded in the ledger before it is sent; it then stands with requests and orders."),
        name="standing",
    )


def _kwh(seen: Seen, option: OfferedOption) -> float:
    return sum(abs(isp.power_w) * isp.duration for isp in option.isps) * seen.site.isp_minutes / 60_000


def _order_form(offer: FlexOffered, option: OfferedOption, number: int) -> Html:
    fields = (
        hidden("offer", offer.reference)
        + hidden("option", option.reference)
        + '<label>% <input name="factor_pct" type="number" min="1" max="100" value="100" required data-number></label>'
    )
    return acting("/dso/actions/order", f"order-{offer.reference}-{number}", fields, "Order")


def _limit(seen: Seen) -> Html:
    fields = (
        f'<label>Point <select name="point">{points(seen)}</select></label>'
        '<label>Feed-in at most, % of each rating <input name="feed_in_pct" type="number" min="0" max="100" value="50" data-number '
        "data-empty-null></label>"
        '<label>For, min <input name="minutes" type="number" min="1" max="1440" value="15" required data-number></label>'
    )
    drawn = (
        f'<label>Point <select name="point">{points(seen)}</select></label>'
        '<label>Consumption at most, % of each rating <input name="consumption_pct" type="number" min="0" max="100" value="50" '
        "data-number data-empty-null></label>"
        '<label>For, min <input name="minutes" type="number" min="1" max="1440" value="15" required data-number></label>'
    )
    return section(
        "Emergency: limit a point",
        acting(
            "/dso/actions/point-limit",
            "limit",
            fields,
            "Limit feed-in now",
            "Limit the feed-in of all plants below this point now?",
        ),
        note(
            "All plants below the point obey at once, and what they lose is paid. Leave the percentage empty to lift a limit."
        ),
        acting(
            "/dso/actions/consumption-limit",
            "limit-consumption",
            drawn,
            "Limit consumption now",
            "Limit what vehicles, heat pumps and batteries below this point draw now?",
        ),
        note(
            "Vehicles, heat pumps and batteries below the point draw no more than that at once, and offer nothing more; "
            "what else a home uses goes on. It is not paid; what it takes of orders that want more is neither paid nor fined. "
            "Leave the percentage empty to lift it."
        ),
        _consumption_limits(seen),
        name="limit",
    )


def _consumption_limits(seen: Seen) -> Html:
    """Limits of consumption, and what they were expected to hold back."""
    held = values(seen.store, ConsumptionHeldBack)
    rows = []
    for one in reversed(values(seen.store, ConsumptionLimited)):
        mine = [told for told in held if told.number == one.number]
        running = one.consumption_pct is not None and one.until > seen.now
        lifted = any(
            other.congestion_point == one.congestion_point and other.at > one.at
            for other in values(seen.store, ConsumptionLimited, one.at)
        )
        rows.append(
            (
                seen.local(one.at),
                seen.title(one.congestion_point),
                "lifted" if one.consumption_pct is None else f"{one.consumption_pct} %",
                None if one.consumption_pct is None else seen.local(one.until),
                len(one.usage_points),
                sum(told.devices for told in mine),
                sum(told.planned_wh for told in mine) / 1000,
                max(one.against_wh, sum(told.ordered_wh for told in mine)) / 1000,
                mark("holds", "warn") if running and not lifted else mark("over", ""),
            )
        )
    head = (
        "at (local)", "point", "of each rating", "until (local)", "connections", "devices held", "expected beyond it, kWh",
        "ordered against it, kWh", "state",
    )  # fmt: skip
    none = "Nobody's consumption has been limited."
    return table("Limits of consumption, newest first", head, rows, none, seen.rows)


def _settle(seen: Seen) -> Html:
    before = seen.today.next(-1).key
    fields = f'<label>Day <input name="period" type="date" value="{before}" required></label>'
    return section(
        "Settle a day now",
        acting("/dso/actions/settlement", "settle", fields, "Settle now"),
        note(
            "A day that is over, with the meter data that came; what comes later makes a revision. Without this a day is settled "
            "when all its meter data is in, or time is up."
        ),
        name="settle",
    )
