"""A run's market as tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from experiments.market.invoices import InvoiceFile
from experiments.market.rows import MarketBook

SECTIONS = ("register", "book", "tenders", "contracts", "settlements", "baselines", "disputes", "keys")


def tables(book: MarketBook, sections: Sequence[str] = SECTIONS) -> list[Table]:
    """The tables of some sections, in their order; a section without rows is a table that says so."""
    made = {
        "register": _register,
        "book": _book,
        "tenders": _tenders,
        "contracts": _contracts,
        "settlements": _settlements,
        "baselines": _baselines,
        "disputes": _disputes,
        "keys": _keys,
    }
    return [table for section in sections for table in made[section](book)]


def _table(title: str, *columns: str, rows: Sequence[Sequence[str]]) -> Table:
    table = Table(*columns, title=f"{title} ({len(rows)})", title_justify="left")
    for row in rows:
        table.add_row(*row)
    return table


def _register(book: MarketBook) -> list[Table]:
    rows = [
        (
            u.unit, u.kind, u.state, _name(u.provider), _point(u.congestion_point), _kw(u.up_w), _kw(u.down_w),
            _kw(u.capacity_wh), f"{u.cost_ct_per_kwh:.2f}", u.reason,
        )
        for u in book.register
    ]  # fmt: skip
    columns = ("unit", "kind", "state", "provider", "point", "up, kW", "down, kW", "kWh", "ct/kWh", "reason")
    found = [_table("Flexibility register", *columns, rows=rows)]
    lives = [
        (m.unit, _at(m.at), m.move, _name(m.by), m.state, _name(m.provider), _name(m.next_provider), m.reason)
        for m in book.switched
    ]
    head = ("unit", "at (UTC)", "move", "by", "state", "provider", "is to go to", "reason")
    return [*found, _table("Lives of units that changed their provider", *head, rows=lives)] if lives else found


def _book(book: MarketBook) -> list[Table]:
    requests = [
        (_at(r.at), r.period, _name(r.seller), _point(r.congestion_point), _span(r.isps), _kw(r.largest_w))
        for r in book.requests
    ]
    offers = [
        (
            _at(o.at), o.period, _name(o.seller), _point(o.congestion_point), o.option.rpartition("/")[2], _span(o.isps),
            f"{o.energy_kwh:.2f}", f"{o.price:.4f}", f"{o.ct_per_kwh:.2f}",
            "" if o.request else f"stands until {_at(o.expires)}",
        )
        for o in book.offers
    ]  # fmt: skip
    orders = [
        (
            _at(o.at), o.period, _name(o.seller), _point(o.congestion_point), o.contract[:8], f"{o.activation_pct} %",
            _span(o.isps), f"{o.energy_kwh:.2f}", f"{o.price:.4f}", f"{o.ct_per_kwh:.2f}", o.refused,
        )
        for o in book.orders
    ]  # fmt: skip
    head = ("at (UTC)", "day", "seller", "point")
    return [
        _table("Requests", *head, "ISPs", "most, kW", rows=requests),
        _table("Offers, option by option", *head, "step", "ISPs", "kWh", book.currency, "ct/kWh", "unasked",
               rows=offers),
        _table(
            "Orders", *head, "contract", "part", "ISPs", "kWh", book.currency, "ct/kWh", "refused", rows=orders
        ),
    ]  # fmt: skip


def _tenders(book: MarketBook) -> list[Table]:
    rows = [
        (
            _at(t.closed), t.tender[:8], _name(t.buyer), t.pricing, _kw(t.wanted_w), str(t.place), _name(t.seller),
            t.contract[:8], f"{t.asked_ct_per_kw_day:.2f}", f"{t.reliability_pct} %", _kw(t.size_w), _kw(t.awarded_w),
            f"{t.paid_ct_per_kw_day:.2f}" if t.awarded_w else "",
        )
        for t in book.tenders
    ]  # fmt: skip
    columns = ("closed (UTC)", "tender", "buyer", "pricing", "wanted, kW", "place", "seller", "contract", "asked, ct/kW day",
               "reliability", "bid, kW", "awarded, kW", "paid, ct/kW day")  # fmt: skip
    return [_table("Tenders, bid by bid", *columns, rows=rows)]


def _contracts(book: MarketBook) -> list[Table]:
    rows = []
    for c in book.contracts:
        prices = sorted(set(c.element_ct_per_kwh))
        paid = f"{prices[0]:.2f}" if len(prices) == 1 else f"{prices[0]:.2f}-{prices[-1]:.2f}"
        rows.append(
            (
                f"{c.contract[:8]} v{c.version}", _name(c.buyer), _name(c.seller), "reserves" if c.reserved else "framework",
                f"{c.start_date}..{c.terminated or c.end_date}", c.template,
                f"{c.days_of_week} {c.hours}", f"{_kw(c.amount_up_w)}/{_kw(c.amount_down_w)}",
                c.activations, f"{c.max_runtime_isps}/{c.recovery_isps}", f"{c.penalty_ct_per_kwh:.2f}",
                f"{c.capacity_ct_per_kw_day:.2f}", f"{c.volume_ct_per_kwh:.2f} {c.activation_price}", paid,
                str(len(c.elements)),
            )
        )  # fmt: skip
    columns = ("contract", "buyer", "seller", "kind", "term", "template", "days, hours", "up/down, kW", "activations",
               "run/rest, ISPs", "penalty", "capacity", "volume, ct/kWh", "elements, ct/kWh", "of")  # fmt: skip
    templates = [
        (
            _at(t.at), _name(t.publisher), f"{t.template} {t.version}", t.activations,
            f"{t.max_runtime_isps}/{t.recovery_isps}", f"{t.penalty_ct_per_kwh:.2f}",
        )
        for t in book.templates
    ]  # fmt: skip
    published = ("at (UTC)", "publisher", "template", "activations", "run/rest, ISPs", "penalty, ct/kWh")
    given_back = [
        (
            _at(r.at),
            r.period,
            r.contract[:8],
            _name(r.seller),
            _point(r.congestion_point),
            _span(r.isps),
            _kw(r.largest_kept_w),
        )
        for r in book.reservations
    ]
    head = ("at (UTC)", "day", "contract", "seller", "point", "ISPs", "still reserved, kW at most")
    return [
        _table("Contract templates", *published, rows=templates),
        _table("Contracts", *columns, rows=rows),
        _table("Reservations given back by the buyer", *head, rows=given_back),
    ]


def _settlements(book: MarketBook) -> list[Table]:
    rows = [
        (
            s.period, str(s.revision), _name(s.buyer), _name(s.seller), str(s.orders), f"{s.ordered_kwh:.2f}",
            f"{s.delivered_kwh:.2f}", f"{s.missing_kwh:.2f}", f"{s.price:.4f}", f"{s.penalty:.4f}", f"{s.net:.4f}",
            f"{s.paid:.4f}", f"{s.accepted}/{s.disputed}", f"{s.accumulated_volume_kwh:.2f}",
            f"{s.accumulated_deviation_kwh:.2f}", f"{s.accumulated_price:.4f}",
        )
        for s in book.settlements
    ]  # fmt: skip
    columns = ("day", "rev", "buyer", "seller", "orders", "ordered, kWh", "delivered", "missing", f"price, {book.currency}",
               "penalty", "net", "paid", "accepted/disputed", "month: kWh", "deviation", "price")  # fmt: skip
    return [_table("Settlements", *columns, rows=rows)]


def _baselines(book: MarketBook) -> list[Table]:
    rows = [
        (
            b.period, str(b.revision), _name(b.buyer), _name(b.seller), _point(b.place), f"{b.expected_kwh:.2f}",
            f"{b.actual_kwh:.2f}", f"{b.deviation_kwh:.2f}", f"{b.largest_w / 1000:+.1f} in {b.largest_isp}",
            str(b.unknown_isps),
        )
        for b in book.baselines
    ]  # fmt: skip
    columns = ("day", "rev", "buyer", "seller", "place", "expected, kWh", "metered", "deviation", "most, kW in ISP",
               "ISPs unknown")  # fmt: skip
    return [_table("Baselines (final forecast with all flexibility procured) and meters", *columns, rows=rows)]


def _disputes(book: MarketBook) -> list[Table]:
    rows = [
        (
            _at(d.at), d.period, _name(d.buyer), _name(d.seller), str(d.orders), ", ".join(d.meters),
            ", ".join(map(_name, d.mistaken)), d.reason,
        )
        for d in book.disputes
    ]  # fmt: skip
    columns = ("decided (UTC)", "day", "buyer", "seller", "orders", "meters", "mistaken", "reason")
    copies = [
        (_at(c.at), c.period, _name(c.party), ", ".join(map(_name, c.owners)), ", ".join(c.meters)) for c in book.copies
    ]
    held = _table(
        "Copies that are not what the meters showed",
        "found (UTC)",
        "day",
        "held by",
        "meters of",
        "meters",
        rows=copies,
    )
    return [_table("Disputes", *columns, rows=rows), *([held] if copies else [])]


def _keys(book: MarketBook) -> list[Table]:
    rows = [(_at(k.at), _name(k.party), k.old[:16], k.new[:16] or "none", _name(k.by), k.reason) for k in book.keys]
    return [_table("Changes of keys", "at (UTC)", "party", "old key", "new key", "by", "reason", rows=rows)]


def invoice_table(files: Sequence[InvoiceFile]) -> Table:
    """Invoices and credit notes, and how the folder has them."""
    rows = []
    for file in files:
        one = file.invoice
        lines = ", ".join(f"{line.reason} {line.amount_e4 / 10_000:.4f}" for line in one.lines)
        noun = "invoice" if one.corrects is None else "credit note"
        rows.append(
            (
                noun, one.number, f"{one.period_start}..{one.period_end}", lines, f"{one.volume_wh / 1000:.3f}",
                f"{one.deviation_wh / 1000:.3f}", f"{one.total_e4 / 10_000:.4f} {one.currency}", file.state,
            )
        )  # fmt: skip
    columns = ("kind", "number", "period", "services", "delivered, kWh", "deviation, kWh", "total", "file")
    return _table("Invoices and credit notes", *columns, rows=rows)


def _name(domain: str) -> str:
    """A party by the first part of its domain."""
    return domain.partition(".")[0]


def _point(congestion_point: str) -> str:
    return congestion_point.rpartition(":")[2]


def _at(instant: str) -> str:
    return instant[5:16].replace("T", " ")


def _kw(watts: int) -> str:
    return f"{watts / 1000:.1f}"


def _span(isps: Sequence[int]) -> str:
    """ISPs as spans: 51-54, 60."""
    spans: list[tuple[int, int]] = []
    for isp in sorted(set(isps)):
        if spans and spans[-1][1] == isp - 1:
            spans[-1] = (spans[-1][0], isp)
        else:
            spans.append((isp, isp))
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
