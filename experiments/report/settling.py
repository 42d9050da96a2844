"""Section 8, the settlements: what each order and element earned, and every dispute."""

from __future__ import annotations

from cim.platform.publications.settlement import SettledOrder, SettlementTold
from experiments.report.data import RunData
from experiments.report.tables import Amount, table
from market.uftp import AcceptedDisputed

_ENERGIES = ("ordered_flex_power_w", "delivered_flex_power_w", "power_deficiency_w")


def section(data: RunData) -> str:
    """Where what was ordered went, and both levels of settlement."""
    return _undelivered(data) + _orders(data) + _elements(data)


def _undelivered(data: RunData) -> str:
    """Ordered, delivered, and what was not, by cause: the sum comes out."""
    s, causes = data.summary, data.summary.get("undelivered")
    if not causes:
        return ""
    kwh = {name: f"{value / 1000:.1f}" for name, value in causes.items()}
    beside = (
        f" Another {kwh['fined_beside_wh']} kWh were fined where elements delivered and others of their portfolio spoilt the "
        "promised level."
        if causes["fined_beside_wh"]
        else ""
    )
    return (
        f"<p>Of {s['ordered_wh'] / 1000:.1f} kWh that the DSO ordered, {s['delivered_wh'] / 1000:.1f} were delivered and paid. Of "
        f"the other {(s['ordered_wh'] - s['delivered_wh']) / 1000:.1f}, {kwh['missing_wh']} were missing at the meters and fined; "
        f"of {kwh['level_held_wh']} the meters held the promised level although the elements changed less than ordered (less "
        f"sun than foretold, or what they would have done anyway): neither paid nor fined; {kwh['own_limit_wh']} the DSO's own "
        f"limits made impossible; {kwh['not_metered_wh']} nobody metered.{beside}</p>"
    )


def _orders(data: RunData) -> str:
    rows = []
    for told, order in data.settled(data.dso_settlements):
        said, reason = _answer(data, told, order)
        seller, place = data.name(told.seller), _place(data, order)
        rows.append((str(order.period), seller, place, _short(order.order_reference), *_energies(data, [order]),
                     Amount(order.price_e4), Amount(order.penalty_e4), Amount(order.net_e4), said, reason))  # fmt: skip
    # A dispute must not be among the rows that are left out.
    rows.sort(key=lambda row: row[-2] == str(AcceptedDisputed.ACCEPTED))
    head = ("day", "seller", "congestion point", "order", "ordered, kWh", "delivered, kWh", "missing, kWh", "price",
            "penalty", "net", "answer", "dispute")  # fmt: skip
    return table("Settlement between DSO and aggregators, order by order", head, rows)


def _elements(data: RunData) -> str:
    groups: dict[tuple[str, str, str, str], list[SettledOrder]] = {}
    disputed: dict[tuple[str, str, str, str], list[str]] = {}
    for told, order in data.settled(data.member_settlements):
        ends = data.name(told.buyer), data.name(told.seller)
        key = (str(order.period), *ends, _place(data, order))
        groups.setdefault(key, []).append(order)
        said, reason = _answer(data, told, order)
        if said != str(AcceptedDisputed.ACCEPTED):
            disputed.setdefault(key, []).append(f"{_short(order.order_reference)}: {reason or said}")
    rows = [
        (*key, len(orders), *_energies(data, orders), Amount(sum(o.price_e4 for o in orders)),
         Amount(sum(o.penalty_e4 for o in orders)), Amount(sum(o.net_e4 for o in orders)),
         len(disputed.get(key, [])), "; ".join(disputed.get(key, [])[:3]))
        for key, orders in groups.items()
    ]  # fmt: skip
    rows.sort(key=lambda row: not row[-2])
    head = ("day", "buyer", "seller", "element", "orders", "ordered, kWh", "delivered, kWh", "missing, kWh", "price",
            "penalty", "net", "not accepted", "first of them")  # fmt: skip
    return table("Settlement between aggregators and members, by element and day", head, rows)


def _energies(data: RunData, orders: list[SettledOrder]) -> tuple[float, ...]:
    """kWh ordered, delivered and missing."""
    return tuple(
        sum(abs(getattr(isp, field)) * isp.duration for order in orders for isp in order.isps) * data.time.hours / 1000
        for field in _ENERGIES
    )


def _answer(data: RunData, told: SettlementTold, order: SettledOrder) -> tuple[str, str]:
    """What the seller said of an order's settlement, and why."""
    answer = data.answers.get((told.reference, order.order_reference))
    return ("no answer", "") if answer is None else (answer.disposition, answer.reason or "")


def _place(data: RunData, order: SettledOrder) -> str:
    return data.point_titles.get(order.congestion_point, order.congestion_point)


def _short(reference: str) -> str:
    """The first part of an order's reference; `hold-…` is a correction."""
    first = reference.split("/", maxsplit=1)[0]
    return first[:13] if first.startswith("hold-") else first[:8]
