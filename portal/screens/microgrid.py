"""The microgrid as one unit, for the DSO's engineers: what it could do, a setpoint for it, a limit of it."""

from __future__ import annotations

from cim.platform.publications.grid import MicrogridEnvelope, MicrogridLimited
from cim.platform.store import values
from portal.screens.markup import Cell, Html, Line, acting, chart, kw, mark, note, options, section, table
from portal.screens.seen import Seen


def microgrid(seen: Seen) -> Html:
    """Its section of the page: the newest envelope of the day, the forms, and what was limited."""
    return section(
        "The microgrid as one unit",
        _envelope(seen),
        _setpoint(seen),
        note(
            "What it differs from what is expected is split among the members, cheapest first, and asked of the sellers at each "
            "congestion point; offers and orders follow, and are paid. What the members cannot give is refused."
        ),
        _limit(),
        note(
            "Vehicles, heat pumps and batteries of the whole site draw no more than what all else leaves of the limit. Should the "
            "DSO's agent fall silent, the fail-safe limit holds until a heartbeat and a limit have come again. Leave the limit "
            "empty to take it back."
        ),
        _limits(seen),
        name="microgrid",
    )


def _envelope(seen: Seen) -> Html:
    told = [one for one in seen.of_day(MicrogridEnvelope, seen.day) if len(one.expected_w) == seen.day.count]
    if not told:
        return note("Nobody has told yet what the microgrid could do on this day.")
    newest = told[-1]
    rows = (("at most", newest.high_w), ("expected", newest.expected_w), ("at least", newest.low_w))
    delivered = "nothing was ordered lately"
    if newest.delivered_pct is not None:
        delivered = f"of what was ordered lately {newest.delivered_pct} % was delivered"
    return chart(
        "microgrid",
        f"Net power that it could have on {seen.day.key}",
        "kW",
        seen.starts(seen.day),
        [Line(word, [watts / 1000 for watts in row]) for word, row in rows],
        f"As of {seen.local(newest.at):%H:%M}, if one quarter-hour alone is called; "
        f"{newest.told} of {newest.portfolios} portfolios have told; {delivered}.",
    )


def _setpoint(seen: Seen) -> Html:
    day, starts = seen.day, seen.starts(seen.day)
    ends = [*starts[1:], seen.local(day.end)]
    soon = min(max(int((seen.now - day.start) / day.isp) + 6, 1), day.count)
    first = options(((str(n), f"{at:%H:%M}") for n, at in enumerate(starts, 1)), str(soon))
    last = options(((str(n), f"{at:%H:%M}") for n, at in enumerate(ends, 1)), str(min(soon + 3, day.count)))
    fields = (
        f'<label>Day <input name="period" type="date" value="{day.key}" required></label>'
        f'<label>From (local) <select name="first_isp" data-number>{first}</select></label>'
        f'<label>To <select name="last_isp" data-number>{last}</select></label>'
        '<label>Net power, kW <input name="power_w" type="number" step="0.1" required data-thousand></label>'
    )
    return acting("/dso/actions/microgrid-setpoint", "microgrid-setpoint", fields, "Set the microgrid")


def _limit() -> Html:
    fields = (
        '<label>Import at most, W <input name="import_w" type="number" min="0" data-number data-empty-null></label>'
        '<label>Fail-safe, W <input name="failsafe_w" type="number" min="0" data-number data-empty-null></label>'
        '<label>For, min <input name="minutes" type="number" min="1" max="1440" value="15" required data-number></label>'
    )
    return acting(
        "/dso/actions/microgrid-limit",
        "microgrid-limit",
        fields,
        "Limit the microgrid now",
        "Limit what the devices of the whole site draw now?",
    )


def _limits(seen: Seen) -> Html:
    told = values(seen.store, MicrogridLimited)

    def row(one: MicrogridLimited, *, holds: bool) -> tuple[Cell, ...]:
        word = "fail-safe" if one.failsafe else "over" if one.import_w is None else "limit"
        return (
            seen.local(one.at),
            mark(word, "bad" if one.failsafe else "warn" if holds and one.import_w is not None else ""),
            None if one.import_w is None else kw(one.import_w),
            None if one.consumption_pct is None else f"{one.consumption_pct} %",
            None if one.import_w is None else kw(one.rest_w),
            None if one.import_w is None else "yes" if one.kept else "no",
            None if one.until is None else seen.local(one.until),
        )

    rows = [row(one, holds=number == 0) for number, one in enumerate(reversed(told))]
    head = ("at (local)", "what", "import, kW", "of each rating", "all else, kW", "kept by forecast", "until (local)")
    return table("Limits of the microgrid, newest first", head, rows, "The microgrid has not been limited.", seen.rows)
