"""Contract templates, contracts and their lives, and the negotiations that led to them."""

from __future__ import annotations

from datetime import date, datetime

from cim.platform.publications.agreements import (
    ContractAgreed,
    ContractEnded,
    NegotiationMoved,
    TemplatePublished,
    UnitsMoved,
)
from cim.platform.publications.settlement import last_revisions
from cim.platform.publications.trading import OrderPlaced, ReservationUpdated
from cim.platform.store import values
from portal.market import MarketRows
from portal.screens.change_aggregator import changes
from portal.screens.markup import (
    Digits,
    Figure,
    Html,
    digits,
    figures,
    kw,
    lately,
    link,
    mark,
    money,
    note,
    section,
    table,
    text,
)
from portal.screens.page import Parts
from portal.screens.seen import Seen

_DAYS = ("", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def templates(seen: Seen) -> Parts:
    """Contract templates, every version."""
    told = MarketRows(seen.store).templates()
    newest = {one.template: one.version for one in told}
    currency = next((one.currency for one in values(seen.store, ContractAgreed)), "")
    rows = (
        (
            one.template,
            one.version,
            mark("in force", "good") if newest[one.template] == one.version else mark("superseded", ""),
            seen.name(one.publisher),
            _when(one),
            f"{one.max_activations} per {one.counted_per}",
            one.max_runtime_isps,
            _price(one.capacity_price_e4_per_kw_day, currency, "kW and day"),
            _price(one.volume_price_e4_per_kwh, currency, "kWh"),
            _price(one.penalty_e4_per_kwh, currency, "kWh"),
        )
        for one in reversed(told)
    )
    head = (
        "template",
        "version",
        "state",
        "publisher",
        "when",
        "activations",
        "longest, ISPs",
        "capacity price",
        "volume price",
        "penalty",
    )
    return (
        section(
            "Templates",
            table("Contract templates", head, rows, "No aggregator has published a template yet.", seen.rows),
            name="templates",
        ),
    )


def _price(amount_e4: int, currency: str, per: str) -> Digits:
    return Digits(f"{digits(amount_e4 / 10_000, 4)} {text(currency)} per {per}")


def _when(one: TemplatePublished | ContractAgreed) -> str:
    days = "every day" if len(one.days_of_week) == 7 else ", ".join(_DAYS[day] for day in one.days_of_week)
    return f"{days}, {one.start_minute // 60:02d}:{one.start_minute % 60:02d}–{one.end_minute // 60:02d}:{one.end_minute % 60:02d}"


def contracts(seen: Seen) -> Parts:
    """Contracts, and the life of one of them."""
    told = MarketRows(seen.store).contracts(seen.visitor.party)
    if not told:
        return (
            section(
                "Contracts",
                note(
                    "You have no contract yet: they are negotiated when the site begins, and renewed before they end."
                ),
                name="contracts",
            ),
            *changes(seen),
        )
    ended = {one.contract_id: one for one in values(seen.store, ContractEnded)}
    versions: dict[str, list[ContractAgreed]] = {}
    for one in told:
        versions.setdefault(one.contract_id, []).append(one)
    rows = []
    for contract, found in versions.items():
        one = found[-1]
        last = ended[contract].last_day if contract in ended else one.end_date
        state = _state(one, last, seen.today.day)
        rows.append(
            (
                link(f"{contract[:8]}…", "", contract=contract),
                seen.name(one.buyer),
                seen.name(one.seller),
                mark(state, "good" if state == "in force" else ""),
                one.start_date,
                last,
                _when(one),
                len(one.elements),
                kw(one.amount_up_w),
                kw(abs(one.amount_down_w)),
                _price(one.volume_price_e4_per_kwh, one.currency, "kWh"),
            )
        )
    head = (
        "contract",
        "buyer",
        "seller",
        "state",
        "first day",
        "last day",
        "when",
        "elements",
        "up, kW",
        "down, kW",
        "volume price",
    )
    chosen = seen.query.get("contract", next(iter(versions)))
    parts = [section("Contracts", table("Contracts", head, rows, "You have no contract.", seen.rows), name="contracts")]
    if chosen in versions:
        parts.append(_life(seen, versions[chosen], ended.get(chosen)))
    else:
        parts.append(note(f"Contract {chosen[:60]} is none of yours."))
    return [*parts, *changes(seen)]


def _state(one: ContractAgreed, last: date, today: date) -> str:
    return "to come" if today < one.start_date else "in force" if today <= last else "over"


def _life(seen: Seen, versions: list[ContractAgreed], ended: ContractEnded | None) -> Html:
    one = versions[-1]
    steps: list[tuple[datetime, str, str]] = []
    for number, version in enumerate(versions):
        words = "agreed" if number == 0 else "amended"
        steps.append(
            (
                version.at,
                words,
                f"{kw(version.amount_up_w):g} kW up, {kw(abs(version.amount_down_w)):g} kW down, "
                + _price(version.volume_price_e4_per_kwh, version.currency, "kWh"),
            )
        )
    for update in values(seen.store, ReservationUpdated, seen.since, {"contract_id": one.contract_id}):
        most = max((abs(isp.power_w) for isp in update.isps), default=0)
        steps.append((update.at, "reservation updated", f"{update.period}: {kw(most):g} kW stay reserved at most"))
    names = {element.name for element in one.elements}
    for order in values(seen.store, OrderPlaced, seen.since):
        if order.contract_id == one.contract_id:
            steps.append((order.at, "ordered under it", f"{order.period}, {order.order_reference}"))
    for told in last_revisions(MarketRows(seen.store).settlements(seen.visitor.party, seen.since)):
        for row in told.orders:
            if row.contract_id == one.contract_id:
                words = f"{row.period}, {row.order_reference}: {money(row.net_e4, told.currency)} net"
                steps.append((told.at, "order settled", words))
    paid = [
        row
        for row in MarketRows(seen.store).payments(seen.visitor.party, seen.since)
        if one.contract_id in row.reference
    ]
    for settled in values(seen.store, UnitsMoved):
        for unit in settled.units:
            if unit.unit in names and unit.event in ("assign", "limit", "suspend", "withdraw"):
                steps.append((settled.at, f"unit {unit.unit}: {unit.event}", unit.reason or unit.state))
    if ended is not None:
        steps.append(
            (
                ended.at,
                "ended",
                f"last day {ended.last_day}, {'by ' + seen.name(ended.by) if ended.by else 'by consent'}",
            )
        )
    steps.sort(key=lambda step: step[0])
    return section(
        "A contract's life",
        figures(
            Figure("contract", Html(f"<small>{one.contract_id}</small>")),
            Figure(
                "reserved" if one.reserved else "framework, at most",
                max(one.amount_up_w, abs(one.amount_down_w)) / 1000,
                "kW",
            ),
            Figure("capacity price", _price(one.capacity_price_e4_per_kw_day, one.currency, "kW and day")),
            Figure("penalty", _price(one.penalty_e4_per_kwh, one.currency, "kWh")),
            Figure("activations", f"{one.max_activations} per {one.counted_per}"),
            Figure(
                "paid under it" if seen.since is None else "paid under it in the time shown",
                money(sum(row.amount_e4 for row in paid), one.currency),
            ),
        ),
        table(
            "Elements",
            ("element", "kind", "can raise, kW", "can lower, kW", "own price"),
            (
                (
                    e.name,
                    e.kind,
                    kw(e.max_increase_w),
                    kw(abs(e.max_decrease_w)),
                    None
                    if e.volume_price_e4_per_kwh is None
                    else _price(e.volume_price_e4_per_kwh, one.currency, "kWh"),
                )
                for e in one.elements
            ),
            "It names no element.",
        ),
        lately(seen.since, contract=one.contract_id),
        table(
            "What happened",
            ("at (local)", "what", "more"),
            ((seen.local(at), what, more) for at, what, more in steps),
            "Nothing yet.",
            seen.rows,
        ),
        name="life",
    )


def negotiations(seen: Seen) -> Parts:
    """Negotiations: what was agreed, and those that ended otherwise."""
    agreed = MarketRows(seen.store).contracts(seen.visitor.party)
    own = seen.visitor.party
    others = [
        one
        for one in seen.store.told(NegotiationMoved)
        if own is None or seen.name(own) in (one.agent, one.publication.peer)
    ]
    states: dict[str, int] = {}
    for one in others:
        states[one.publication.state] = states.get(one.publication.state, 0) + 1
    return (
        section(
            "Negotiations",
            figures(
                Figure("agreed", len(agreed), "", "good"),
                *(Figure(state, count) for state, count in sorted(states.items())),
            ),
            table(
                "Agreed, newest first",
                ("at (local)", "buyer", "seller", "contract", "volume price", "capacity price"),
                (
                    (
                        seen.local(one.at),
                        seen.name(one.buyer),
                        seen.name(one.seller),
                        link(f"{one.contract_id[:8]}…", "/market/pages/contracts", contract=one.contract_id),
                        _price(one.volume_price_e4_per_kwh, one.currency, "kWh"),
                        _price(one.capacity_price_e4_per_kw_day, one.currency, "kW and day"),
                    )
                    for one in reversed(agreed)
                ),
                "Nothing has been agreed yet.",
                seen.rows,
            ),
            table(
                "In another state, newest first",
                ("at (local)", "agent", "with", "state"),
                (
                    (seen.local(one.publication.at), one.agent, one.publication.peer, one.publication.state)
                    for one in reversed(others)
                ),
                "No negotiation is open, and none ended without an agreement.",
                seen.rows,
            ),
            name="negotiations",
        ),
    )
