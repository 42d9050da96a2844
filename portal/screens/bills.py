"""A party's invoices and credit notes, month by month, as the ledger's settlements make them; each as a page to print."""

from __future__ import annotations

from portal.screens.markup import Figure, Html, figures, link, money, note, section, table, tag
from portal.screens.page import Parts
from portal.screens.seen import Seen
from portal.sources import LedgerInvoice

PRINTED = "/market/invoice"  # with the number of the invoice in its query


def make(seen: Seen) -> Parts:
    """The page."""
    if seen.sources.ledger is None:
        return (section("Bills", note("There is no ledger yet, so nothing is billed."), name="bills"),)
    found = seen.sources.ledger.invoices(seen.visitor.party)
    chosen = next((one for one in found if one.number == seen.query.get("invoice")), found[-1] if found else None)
    parts = [_list(seen, found)]
    if chosen is not None:
        parts.append(_one(seen, chosen))
    return parts


def _list(seen: Seen, found: tuple[LedgerInvoice, ...]) -> Html:
    own = seen.visitor.party
    received = sum(one.total_e4 for one in found if one.issuer == own)
    paid = sum(one.total_e4 for one in found if one.recipient == own)
    currency = found[0].currency if found else ""
    rows = (
        (
            one.period_start,
            one.period_end,
            seen.name(one.issuer),
            seen.name(one.recipient),
            "invoice" if one.corrects is None else f"credit note, revision {one.revision}",
            one.volume_wh / 1000,
            money(one.total_e4, one.currency),
            Html(link("open", "", invoice=one.number) + " · " + link("print", PRINTED, number=one.number)),
            tag("code", one.number),
        )
        for one in reversed(found)
    )
    head = ("first day", "last day", "from", "to", "kind", "delivered, kWh", "to be paid", "page", "number")
    shown = [Figure("invoices and credit notes", len(found))]
    if own is not None:
        shown += [Figure("you bill", money(received, currency)), Figure("you are billed", money(paid, currency))]
    none = "Nothing is billed yet: a bill follows the first settled day of a month, and grows until the month is over."
    return section(
        "Bills",
        figures(*shown),
        table("Newest first", head, rows, none, seen.rows),
        note(
            "They are made from the settlements and payments in the ledger, so anybody who holds it gets the same (iles market "
            "invoices). Below zero the issuer pays. Energy and network bills of the connections are not made here."
        ),
        name="bills",
    )


def _one(seen: Seen, one: LedgerInvoice) -> Html:
    rows = (
        (service, entries, None if energy_wh is None else energy_wh / 1000, money(amount_e4, one.currency))
        for service, entries, energy_wh, amount_e4 in one.lines
    )
    proofs = "/dso/pages/ledger" if seen.visitor.party is None else "/market/pages/proofs"
    words = Html(
        "That its sums stand on what was recorded, the " + tag("a", "proofs", href=proofs) + " of its settlements show "
        "(kind flex-settlement and remuneration)."
    )
    return section(
        f"{'Invoice' if one.corrects is None else 'Credit note'} {one.number}",
        figures(
            Figure("from", seen.name(one.issuer)),
            Figure("to", seen.name(one.recipient)),
            Figure("to be paid", money(one.total_e4, one.currency)),
            Figure("delivered", one.volume_wh / 1000, "kWh"),
            Figure("off the agreed baselines", one.deviation_wh / 1000, "kWh"),
        ),
        table("Lines", ("service", "entries", "energy, kWh", "amount"), rows, "It has no line."),
        tag("p", words, class_="note"),
        name="invoice",
    )
