"""Settlements and disputes, payments and who pays whom; the same page for the DSO and for each party, with its own rows."""

from __future__ import annotations

from cim.platform.access.principals import Role
from cim.platform.publications.settlement import DisputeDecided, SettlementAnswered, last_revisions
from cim.platform.store import values
from portal.market import MarketRows
from portal.screens.markup import (
    Figure,
    Html,
    acting,
    figures,
    hidden,
    lately,
    mark,
    money,
    note,
    options,
    section,
    short,
    table,
)
from portal.screens.page import Parts
from portal.screens.seen import Seen


def make(seen: Seen) -> Parts:
    """Settlements, answers and disputes."""
    return _settlements(seen), _orders(seen), _disputes(seen)


def _settlements(seen: Seen) -> Html:
    rows = MarketRows(seen.store)
    told = last_revisions(rows.settlements(seen.visitor.party, seen.since))
    answers = {one.settlement: one for one in values(seen.store, SettlementAnswered, seen.since)}
    shown = []
    for one in reversed(told):
        answered = answers.get(one.reference)
        disputed = 0 if answered is None else sum(1 for a in answered.answers if a.disposition == "Disputed")
        state = "not answered" if answered is None else f"{disputed} disputed" if disputed else "accepted"
        shown.append(
            (
                one.period_start,
                seen.name(one.buyer),
                seen.name(one.seller),
                one.revision,
                len(one.orders),
                money(sum(row.price_e4 for row in one.orders), one.currency),
                money(sum(row.penalty_e4 for row in one.orders), one.currency),
                money(sum(row.net_e4 for row in one.orders), one.currency),
                mark(state, "good" if state == "accepted" else "warn" if disputed else ""),
            )
        )
    head = ("day", "buyer", "seller", "revision", "orders", "price", "penalty", "net", "answer")
    currency = told[-1].currency if told else ""
    total = sum(row.net_e4 for one in told for row in one.orders if one.buyer == seen.site.dso)
    return section(
        "Settlements",
        figures(
            Figure("settlements", len(told)),
            Figure("settled orders", sum(len(one.orders) for one in told)),
            Figure("the DSO's, net", money(total, currency)),
        ),
        lately(seen.since),
        table(
            "Settlements by their last revision, newest first",
            head,
            shown,
            f"Nothing has been settled{seen.yet}: a day is settled after it is over.",
            seen.rows,
        ),
        name="settlements",
    )


def _orders(seen: Seen) -> Html:
    told = last_revisions(MarketRows(seen.store).settlements(seen.visitor.party, seen.since))
    hours = seen.site.isp_minutes / 60
    rows = (
        (
            row.period,
            seen.name(one.buyer),
            seen.name(one.seller),
            seen.title(row.congestion_point),
            sum(abs(isp.ordered_flex_power_w) * isp.duration for isp in row.isps) * hours / 1000,
            sum(abs(isp.delivered_flex_power_w) * isp.duration for isp in row.isps) * hours / 1000,
            sum(isp.power_deficiency_w * isp.duration for isp in row.isps) * hours / 1000,
            money(row.net_e4, one.currency),
            short(row.order_reference),
        )
        for one in reversed(told)
        for row in one.orders
    )
    head = ("day", "buyer", "seller", "place", "ordered, kWh", "delivered, kWh", "shortfall, kWh", "net", "order")
    return section(
        "Order by order",
        table("Settled orders, newest first", head, rows, f"No order has been settled{seen.yet}.", seen.rows),
        name="settled-orders",
    )


def _disputes(seen: Seen) -> Html:
    party = seen.visitor.party
    raised = [
        (one.at, seen.name(one.seller), seen.name(one.buyer), answer.order_reference, answer.reason or "")
        for one in values(seen.store, SettlementAnswered, seen.since)
        if party in (None, one.buyer, one.seller)
        for answer in one.answers
        if answer.disposition == "Disputed"
    ]
    decided = MarketRows(seen.store).disputes(party)
    last = {(one.period, one.buyer, one.seller): one for one in decided}
    acts = seen.actions is not None and seen.visitor.role in (Role.DSO, Role.ADMINISTRATOR)
    return section(
        "Disputes",
        table(
            "Raised",
            ("at (local)", "by", "against", "order", "reason"),
            ((seen.local(at), *rest) for at, *rest in reversed(raised)),
            "Nobody has disputed a settlement.",
            seen.rows,
        ),
        table(
            "Decided",
            ("at (local)", "day", "buyer", "seller", "orders", "meters whose data counts", "reason", "for people"),
            (
                (
                    seen.local(one.at),
                    one.period,
                    seen.name(one.buyer),
                    seen.name(one.seller),
                    len(one.orders),
                    ", ".join(one.meters) or "none",
                    one.reason,
                    _answer_form(seen, one)
                    if acts and one.for_people and last[one.period, one.buyer, one.seller] is one
                    else "",
                )
                for one in reversed(decided)
            ),
            "No dispute had to be decided.",
            seen.rows,
        ),
        name="disputes",
    )


def _answer_form(seen: Seen, one: DisputeDecided) -> Html:
    sides = options((domain, seen.name(domain)) for domain in (one.buyer, one.seller))
    fields = (
        hidden("period", one.period.isoformat())
        + hidden("buyer", one.buyer)
        + hidden("seller", one.seller)
        + f'<label>Whose copies count <select name="counts">{sides}</select></label>'
        '<label>Why <input name="words" required maxlength="200"></label>'
    )
    key = f"dispute-{one.period}-{one.buyer}-{one.seller}"
    return acting("/dso/actions/dispute", key, fields, "Decide", "Both settle anew by these copies. Decide?")


def money_flows(seen: Seen) -> Parts:
    """The market's book: who paid whom for what, and each party's balance."""
    rows = MarketRows(seen.store).payments(seen.visitor.party)
    if not rows:
        return (
            section("Money", note("Nothing has been paid yet: payments follow the settlement of a day."), name="flows"),
        )
    flows: dict[tuple[str, str, str, str], list[int]] = {}
    balance: dict[tuple[str, str], int] = {}
    reasons: dict[str, int] = {}
    for row in rows:
        flows.setdefault((row.payer, row.payee, row.reason, row.currency), []).append(row.amount_e4)
        balance[row.payer, row.currency] = balance.get((row.payer, row.currency), 0) - row.amount_e4
        balance[row.payee, row.currency] = balance.get((row.payee, row.currency), 0) + row.amount_e4
        reasons[row.reason] = reasons.get(row.reason, 0) + row.amount_e4
    currency = rows[-1].currency
    own = seen.visitor.party
    shown = [Figure(reason, money(total, currency)) for reason, total in sorted(reasons.items())]
    if own is not None:
        shown.insert(0, Figure("your balance", money(balance.get((own, currency), 0), currency)))
    parties = balance if own is None else {key: value for key, value in balance.items() if key[0] == own}
    return (
        section(
            "Money",
            figures(*shown),
            note("Sums of all payments so far, by reason; a party sees its own alone."),
            name="sums",
        ),
        section(
            "Who pays whom",
            table(
                "Flows, the largest first",
                ("from", "to", "for", "payments", "sum"),
                (
                    (seen.name(payer), seen.name(payee), reason, len(amounts), money(sum(amounts), unit))
                    for (payer, payee, reason, unit), amounts in sorted(flows.items(), key=lambda one: -sum(one[1]))
                ),
                "Nothing has been paid yet.",
                seen.rows,
            ),
            name="flows",
        ),
        section(
            "Balances",
            table(
                "Received less paid",
                ("party", "balance"),
                (
                    (seen.name(party), money(amount, unit))
                    for (party, unit), amount in sorted(parties.items(), key=lambda one: -one[1])
                ),
                "Nothing has been paid yet.",
                seen.rows,
            ),
            note("All balances together are zero: the market keeps nothing." if own is None else ""),
            name="balances",
        ),
    )
