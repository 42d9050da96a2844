"""Planned works and faults: what is declared, running and over, and the forms to declare and to end them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from cim.platform.access.principals import Role
from cim.platform.publications.agreements import ContractEnded
from cim.platform.publications.grid import WorksDeclared
from cim.platform.store import latest, values
from portal.market import MarketRows
from portal.screens.act import points
from portal.screens.markup import Cell, Figure, Html, acting, figures, hidden, mark, note, section, table
from portal.screens.page import Parts
from portal.screens.seen import Seen

_TONES = {"declared": "warn", "running": "bad", "over": "", "called off": ""}


def make(seen: Seen) -> Parts:
    """The page; a party that is no DSO sees what concerns its own connections, and declares nothing."""
    found = declared(seen)
    runs_grid = seen.visitor.role in (Role.DSO, Role.ADMINISTRATOR)
    parts = [_list(seen, found, acts=runs_grid and seen.actions is not None)]
    if runs_grid:
        parts.append(_form(seen))
    return parts


def declared(seen: Seen) -> list[WorksDeclared]:
    """Works as they stand, those that begin last first, that concern the visitor's connections (of a DSO: all)."""
    found = latest(seen.store, WorksDeclared, "number")
    if seen.visitor.party is not None and seen.visitor.party != seen.site.dso:
        mine = own_points(seen, seen.visitor.party)
        found = [one for one in found if any(_in_time(seen, one, mine.get(at, ())) for at in one.usage_points)]
    return sorted(found, key=lambda one: one.begin, reverse=True)


def own_points(seen: Seen, party: str) -> dict[str, list[tuple[date, date]]]:
    """Usage points of a party, and of its members where it is an aggregator, by their assets on the market: its local days there.

    An aggregator's begin with its contract and end with it; the term of one that holds today is taken to be renewed.
    """
    rows, today = MarketRows(seen.store), seen.local(seen.now).date()
    ended = {one.contract_id: one.last_day for one in values(seen.store, ContractEnded)}
    spans = {party: [(date.min, date.max)]}
    for one in rows.contracts(party):
        last = ended.get(one.contract_id, one.end_date if one.end_date < today else date.max)
        if one.buyer == party:
            spans.setdefault(one.seller, []).append((one.start_date, last))
    return {asset.usage_point: spans[asset.owner] for asset in rows.assets(None) if asset.owner in spans}


def _in_time(seen: Seen, works: WorksDeclared, days: Sequence[tuple[date, date]]) -> bool:
    """Whether works have an instant on any of these days."""
    begin, end = seen.local(works.begin).date(), date.max if works.end is None else seen.local(works.end).date()
    return any(first <= end and begin <= last for first, last in days)


def _list(seen: Seen, found: list[WorksDeclared], acts: bool) -> Html:
    rows = [
        (
            seen.local(one.begin),
            None if one.end is None else seen.local(one.end),
            seen.title(one.congestion_point),
            "no supply" if one.carries_pct == 0 else f"carries {one.carries_pct} %",
            "planned" if one.planned else "fault",
            mark(one.state, _TONES[one.state]),
            len(one.usage_points),
            one.words,
            *((_end_form(one),) if acts else ()),
        )
        for one in found
    ]
    head = ("from (local)", "to (local)", "point", "effect", "kind", "state", "connections", "what")
    none = "Nothing has been declared: no works are planned, and no fault was reported."
    return section(
        "Works and faults",
        figures(
            Figure("running", sum(1 for one in found if one.state == "running")),
            Figure("to come", sum(1 for one in found if one.state == "declared")),
        ),
        table("Those that begin last first", (*head, *(("",) if acts else ())), rows, none, seen.rows),
        note(
            "Whoever has no supply is told when it is declared, when it begins and when it is over: vehicles are planned to charge "
            "before or after it, and nothing is offered of its devices or ordered meanwhile; heating goes by its own rule again "
            "once supply is back. Where a point only carries less, nothing is asked of a home but what the market buys of it."
        ),
        name="works",
    )


def _end_form(one: WorksDeclared) -> Cell:
    if one.state not in ("declared", "running"):
        return ""
    words = "Call off" if one.state == "declared" else "Over now"
    sure = f"{words}: {one.words}?"
    return acting("/dso/actions/works-end", f"end-{one.number}", hidden("works", one.number), words, sure)


def _form(seen: Seen) -> Html:
    if seen.actions is None:
        return section("Declare works", note("This run is over: nothing can be declared."), name="declare")
    now = seen.local(seen.now)
    begin = _quarter(now + timedelta(minutes=60))
    offset = now.strftime("%z")
    offset = f"{offset[:3]}:{offset[3:]}"
    when = 'type="datetime-local" required data-offset="' + offset + '"'
    fields = (
        f'<label>Point <select name="point">{points(seen)}</select></label>'
        f'<label>From (UTC{offset}) <input name="begin" {when} value="{begin:%Y-%m-%dT%H:%M}"></label>'
        f'<label>To (UTC{offset}; empty: nobody knows) <input name="end" {when.replace(" required", "")} data-empty-null '
        f'value="{begin + timedelta(hours=2):%Y-%m-%dT%H:%M}"></label>'
        '<label>Carries meanwhile, % (0: no supply) <input name="carries_pct" type="number" min="0" max="99" value="50" required '
        "data-number></label>"
        '<label>Kind <select name="planned" data-bool><option value="true">planned</option><option value="false">fault</option>'
        "</select></label>"
        '<label>What <input name="words" required maxlength="200" size="28"></label>'
    )
    return section(
        "Declare works, or report a fault",
        acting("/dso/actions/works", "declare", fields, "Declare", "Declare this to all who are affected?"),
        note(
            "While a point carries less, flexibility is bought for what is left, and plants are limited by it. Who has no supply "
            "is asked for nothing, and counted among the interruptions. A fault may have begun up to a day ago."
        ),
        name="declare",
    )


def _quarter(at: datetime) -> datetime:
    return at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
