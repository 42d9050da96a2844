"""Energy shared in a community by law: what it brought all members, and each member's bill to itself alone."""

from __future__ import annotations

from collections.abc import Iterable

from cim.platform.publications.community import CommunityBilled, CommunityLine, CommunityRegister, MemberBilled
from cim.platform.store import latest
from portal.screens.markup import Asked, Cell, Choice, Figure, Html, figures, join, link, money, note, section, table
from portal.screens.page import Parts
from portal.screens.seen import Seen

NONE = Html(
    "No energy community is billed here. <code>iles community bills DIR</code> shares the energy of a finished run by the law of "
    "the community in the site's file, interval by interval, and puts the members' bills here; a living site (iles up) bills none."
)


def make(seen: Seen) -> Parts:
    """The page."""
    periods = latest(seen.store, CommunityBilled, "community", "first", "last")
    if not periods:
        return (section("Community", note(NONE), name="community"),)
    keys = {f"{one.community} {one.first} {one.last}": one for one in periods}
    shown = keys.get(seen.query.get("period", ""), periods[-1])
    bills = _bills(seen, shown)
    named = {bill.member: bill for bill in bills}
    own = seen.visitor.party is not None
    chosen = named.get(seen.query.get("member", ""), bills[0] if own and bills else None)
    offered = [(key, f"{one.first} to {one.last}") for key, one in reversed(keys.items())]
    key = next(key for key, one in keys.items() if one is shown)
    asked = Asked((Choice("period", "Days", offered, key),)).html()
    parts = [_whole(shown), _members(seen, bills, key)]
    if len(periods) > 1:
        parts.insert(0, asked)
    if chosen is not None:
        parts.append(_bill(chosen))
    return parts


def _bills(seen: Seen, of: CommunityBilled) -> list[MemberBilled]:
    """The bills of a period that the visitor may see: a member its own, whoever sees everything all."""
    party = seen.visitor.party
    return [
        one
        for one in latest(seen.store, MemberBilled, "community", "first", "last", "member")
        if (one.community, one.first, one.last) == (of.community, of.first, of.last)
        and (party is None or one.member == seen.name(party))
    ]


def _whole(one: CommunityBilled) -> Html:
    saved = one.without_e4 - one.paid_e4
    return section(
        "Community",
        figures(
            Figure("community", one.community),
            Figure("law of", one.law),
            Figure("days", f"{one.first} to {one.last}"),
            Figure("members", one.members),
            Figure("all members pay", money(one.paid_e4, one.currency)),
            Figure("without the community", money(one.without_e4, one.currency)),
            Figure("sharing saves them", money(saved, one.currency), "", "good" if saved >= 0 else "bad"),
        ),
        _registers("Energy of the whole community", one.registers),
        *((_lines("The community earns", one.income, one.currency),) if one.income else ()),
        *(note(words) for words in one.notes),
        name="community",
    )


def _members(seen: Seen, bills: list[MemberBilled], key: str) -> Html:
    rows: list[tuple[Cell, ...]] = [
        (
            link(bill.title, "", period=key, member=bill.member),
            money(bill.total_e4, bill.currency),
            money(bill.without_e4, bill.currency),
            money(bill.without_e4 - bill.total_e4, bill.currency),
        )
        for bill in bills
    ]
    head = ("member", "to be paid", "without the community", "saved")
    none = "You are no member: each member sees its own bill, nobody another's."
    return section(
        "Members' bills",
        table("Of these days", head, rows, none, seen.rows),
        note(
            "Below zero: earned. What a member saves is against the same energy bought and sold without the community."
        ),
        name="members",
    )


def _bill(bill: MemberBilled) -> Html:
    return section(
        f"Bill of {bill.title}",
        figures(
            Figure("to be paid", money(bill.total_e4, bill.currency)),
            Figure("without the community", money(bill.without_e4, bill.currency)),
            Figure("saved", money(bill.without_e4 - bill.total_e4, bill.currency)),
        ),
        _registers("What its meter shows", bill.registers),
        _lines("What it pays", bill.lines, bill.currency),
        join(note(words) for words in bill.notes),
        name="bill",
    )


def _registers(caption: str, found: Iterable[CommunityRegister]) -> Html:
    rows = ((one.label, one.code or None, one.energy_wh / 1000) for one in found)
    return table(caption, ("register", "code", "energy, kWh"), rows, "No register.")


def _lines(caption: str, found: Iterable[CommunityLine], currency: str) -> Html:
    rows = ((one.label, one.account, one.energy_wh / 1000, money(one.amount_e4, currency)) for one in found)
    return table(caption, ("for", "with", "energy, kWh", "amount"), rows, "It has no line.")
