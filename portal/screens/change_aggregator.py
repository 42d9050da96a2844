"""Who markets a prosumer's connection, from when on, and the form to ask for another."""

from __future__ import annotations

from datetime import timedelta

from cim.platform.access.principals import Role
from cim.platform.publications.agreements import ConnectionSwitched, ContractAgreed, TemplatePublished
from cim.platform.store import values
from portal.screens.markup import Html, acting, note, options, section, table
from portal.screens.page import Parts
from portal.screens.seen import Seen

_NOTICE_HOUR = 18  # local, two days before; the market's rule, by which the agents judge what is asked


def changes(seen: Seen) -> Parts:
    """Changes that were asked for on this site, of the visitor's own connection; the form for its owner."""
    party, prosumer = seen.visitor.party, seen.visitor.role is Role.PROSUMER
    made = [
        one
        for one in values(seen.store, ConnectionSwitched)
        if party in (None, one.owner, one.former, one.aggregator, seen.site.dso)
    ]
    acts = prosumer and party is not None and seen.actions is not None
    if not made and not acts:
        return ()
    rows = [
        (
            seen.local(one.at),
            seen.name(one.owner),
            seen.name(one.former),
            seen.name(one.aggregator),
            one.day.isoformat(),
        )
        for one in reversed(made)
    ]
    head = ("asked at (local)", "connection of", "from", "to", "first day")
    parts = [
        table("Newest first", head, rows, "No change of aggregator was asked for while this site lives.", seen.rows)
    ]
    if acts:
        parts.append(_form(seen, party or ""))
    return (section("Change of aggregator", *parts, name="aggregator"),)


def _form(seen: Seen, party: str) -> Html:
    today = seen.local(seen.now)
    first = today.date() + timedelta(days=2 if today.hour < _NOTICE_HOUR else 3)
    bought = [
        one for one in values(seen.store, ContractAgreed) if one.seller == party and one.start_date <= today.date()
    ]
    now = max(bought, key=lambda one: one.start_date).buyer if bought else ""
    others = sorted({one.publisher for one in values(seen.store, TemplatePublished)} - {now})
    if not others:
        return note("No other aggregator has published a template here.")
    names = options((seen.name(domain), seen.name(domain)) for domain in others)
    fields = (
        f'<label>Another aggregator <select name="to">{names}</select></label>'
        f'<label>First day <input name="day" type="date" min="{first.isoformat()}" value="{first.isoformat()}" required></label>'
    )
    sure = "Your contract ends the day before; the new aggregator offers you one of its own. Ask for the change?"
    told = (
        f"Notice is given by {_NOTICE_HOUR}:00 two days before. What was measured before the first day stays with the old "
        "aggregator, which settles it; the new one sees what is measured from then on."
    )
    return Html(acting("/market/actions/aggregator", "aggregator", fields, "Ask for it", sure) + note(told))
