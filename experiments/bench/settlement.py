"""A month of a large district, settled twice: by the buyer's data and by the seller's, which differ by one watt-hour."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

import numpy as np

from cim.model.arrays import Ints
from cim.model.intervals import LocalDay
from experiments.bench.figures import Figures
from market.contracts.contract import BaselineKind, FlexContract, FlexElement
from market.contracts.templates import from_template
from market.settlement.batch.accounts import Differing, differences
from market.settlement.batch.month import MemberRows, XofY, month_rows
from market.settlement.batch.orders import SettledOrders, half_even, settle_table
from market.settlement.batch.portfolio import PortfolioMeters, passed_on_shares, portfolio_changes, settle_portfolios
from market.settlement.batch.tables import ContractTerms, Days, Ints32, MeterTable, OrderTable
from market.settlement.invoices import Invoice, InvoiceLine, watt_hours

_ZONE, _FIRST = "Europe/Vienna", date(2026, 5, 1)
_HISTORY = 84  # days before the month: ten like days for each Saturday
_RUN = 8  # ISPs of an activation
_GROUP = 500  # members of an aggregator


@dataclass(frozen=True)
class District:
    """What is settled: meters with their history, orders of both levels, contracts, and who belongs to whom."""

    meters: MeterTable
    first_day: int
    orders: OrderTable
    sales: OrderTable
    contracts: tuple[FlexContract, ...]
    sale: FlexContract
    of_party: Ints
    group: Ints
    promised_w: Ints


@dataclass(frozen=True)
class MonthSettled:
    """One party's sums: of the members, of the portfolios, and the invoices that follow."""

    rows: MemberRows
    members: SettledOrders
    portfolios: SettledOrders
    invoices: tuple[Invoice, ...]


def measure(members: int, days: int, progress: Callable[[str], None]) -> Figures:
    """Seconds and memory of a month's settlement.

    Both parties' sums from copies of their own, compared, and every invoice.
    """
    progress(f"settlement: {members:,} members, {days} days")
    district = district_of(members, days, seed=1)
    theirs = replace(district, meters=_with_one_watt_hour_more(district))
    began = time.perf_counter()
    ours, other = settle_month(district), settle_month(theirs)
    found = differing(district, ours, other)
    seconds = time.perf_counter() - began
    if {(one.party, one.day) for one in found} != {(_PLANTED[0], district.first_day + _PLANTED[1])}:
        raise RuntimeError(
            f"settlement: the two sums differ at {found[:3]}; expected only where a watt-hour was planted"
        )
    return {
        "settlement_s": seconds,
        "settlement": {
            "members": members,
            "days": days,
            "orders": len(district.orders.price_e4),
            "invoices": len(ours.invoices),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        },
    }


def differing(district: District, ours: MonthSettled, theirs: MonthSettled) -> tuple[Differing, ...]:
    """Every value of the members on which the two sums differ."""
    days = district.meters.days
    return differences(
        district.orders,
        days,
        (ours.members, ours.rows.accumulated),
        (theirs.members, theirs.rows.accumulated),
        district.first_day,
    )


def settle_month(district: District) -> MonthSettled:
    """All of one party's sums for the month, by the rules of the day's settlement."""
    orders, days = district.orders, district.meters.days
    rows = month_rows(district.meters, district.first_day, orders, district.contracts, district.of_party, XofY(10, 10))
    terms, sale = _terms(district.contracts), _terms((district.sale,))
    due = _members(rows, orders, terms, days)
    groups = len(district.promised_w)
    changes = portfolio_changes(
        orders, district.group, groups, days, baseline_w=rows.baseline_w, actual_w=rows.actual_w, known=rows.counts
    )
    place = (district.sales.party, district.sales.isp)
    sold = settle_portfolios(
        district.sales,
        sale,
        days,
        promised_w=district.promised_w[place],
        meters=PortfolioMeters(_sums(district), np.ones((groups, days.count), dtype=bool)),
        changes=changes,
    )
    shares = passed_on_shares(sold, district.sales, sale, due, orders, terms, district.group, days)
    settled = _members(rows, orders, terms, days, shares)
    return MonthSettled(rows, settled, sold, _invoices(district, rows, settled))


def _members(
    rows: MemberRows, orders: OrderTable, terms: ContractTerms, days: Days, shares: Mapping[int, Fraction] | None = None
) -> SettledOrders:
    return settle_table(
        orders,
        terms,
        days.isp_minutes,
        baseline_w=rows.baseline_w,
        actual_w=rows.actual_w,
        known=rows.counts,
        shares=shares,
    )


def district_of(members: int, days: int, seed: int) -> District:
    """A district by chance: loads with a daily shape and PV, activations on every third day, one that in ten fails."""
    rng = np.random.default_rng(seed)
    start = LocalDay(_FIRST, _ZONE).next(-_HISTORY)
    span = Days(tuple(start.next(k) for k in range(_HISTORY + days)))
    power = _powers(rng, members, span)
    group = np.arange(members, dtype=np.int64) // _GROUP
    of_party = rng.integers(0, 2, members)
    orders = _orders(rng, members, days, span)
    groups = int(group[-1]) + 1
    promised = np.array([power[group == g].sum(axis=0, dtype=np.int64) for g in range(groups)])
    moved = np.where(rng.random(len(orders.price_e4))[orders.order] < 0.1, 0.5, 1.0) * orders.ordered_w
    power[orders.party, orders.isp] += moved.astype(np.int32)
    sales = _sales(orders, group, groups, span)
    return District(MeterTable(span, power), _HISTORY, orders, sales, _contracts(), _sale(), of_party, group, promised)


_PLANTED = (3, 11, 40)  # member, day of the month, ISP


def _with_one_watt_hour_more(district: District) -> MeterTable:
    """A copy of the meters in which one member's ISP is 4 W, a watt-hour, more."""
    power = district.meters.power_w.copy()
    member, day, isp = _PLANTED
    power[member, district.meters.days.slice_of(district.first_day + day).start + isp] += 4
    return replace(district.meters, power_w=power)


def _powers(rng: np.random.Generator, members: int, days: Days) -> Ints32:
    """[N, ISPs] watts, made a block of members at a time."""
    clock = np.concatenate([np.linspace(0, 24, day.count, endpoint=False) for day in days.days])
    shape = (400 + 500 * np.exp(-(((clock - 19) / 3) ** 2)) - 1500 * np.exp(-(((clock - 13) / 3) ** 2))).astype(
        np.float32
    )
    power = np.empty((members, days.count), dtype=np.int32)
    for first in range(0, members, 500):
        last = min(first + 500, members)
        size = (0.3 + rng.random((last - first, 1), dtype=np.float32)) * shape
        power[first:last] = size + 150 * rng.random((last - first, days.count), dtype=np.float32)
    return power


def _orders(rng: np.random.Generator, members: int, days: int, span: Days) -> OrderTable:
    """An activation of two hours on about every third day of each member."""
    party, day = np.nonzero(rng.random((members, days)) < 1 / 3)
    first = rng.integers(40, 70, len(party))
    watts = rng.integers(300, 3000, len(party)) * np.where(rng.random(len(party)) < 0.5, 1, -1)
    isp = (span.offsets[_HISTORY + day] + first)[:, None] + np.arange(_RUN)
    number = np.arange(len(party))
    price = half_even(np.abs(watts) * _RUN * 1200 * 15, 60_000)
    return OrderTable(
        np.repeat(party, _RUN),
        isp.reshape(-1),
        np.repeat(number, _RUN),
        np.repeat(watts, _RUN),
        price,
        rng.integers(0, 2, len(party)),
    )


def _sales(orders: OrderTable, group: Ints, groups: int, days: Days) -> OrderTable:
    """The DSO's orders: what an aggregator's members were asked, together."""
    asked = np.zeros((groups, days.count), dtype=np.int64)
    np.add.at(asked, (group[orders.party], orders.isp), orders.ordered_w)
    party, isp = np.nonzero(asked)
    day, watts = days.day_of[isp], asked[party, isp]
    _, number = np.unique(party * len(days.days) + day, return_inverse=True)
    price = half_even(np.rint(np.bincount(number, weights=np.abs(watts))).astype(np.int64) * 2000 * 15, 60_000)
    return OrderTable(party, isp, number, watts, price, np.zeros(len(price), dtype=np.int64))


def _sums(district: District) -> Ints:
    """[G, ISPs] the sum of each portfolio's meters."""
    power, groups = district.meters.power_w, len(district.promised_w)
    return np.array([power[g * _GROUP : (g + 1) * _GROUP].sum(axis=0, dtype=np.int64) for g in range(groups)])


def _contracts() -> tuple[FlexContract, ...]:
    element = FlexElement("battery", "battery", 10_000, -10_000)
    made = from_template(
        "household-daily", contract_id="c-0", buyer="agr", seller="home", start_date=date(2026, 1, 1),
        end_date=date(2026, 12, 31), timezone=_ZONE, flex_elements=(element,), deficiency_cap=True,
    )  # fmt: skip
    return made, replace(made, contract_id="c-1", penalty_e4_per_kwh=1700, max_runtime_isps=12)


def _sale() -> FlexContract:
    element = FlexElement("point", "portfolio", 10_000_000, -10_000_000, BaselineKind.ELEMENTS)
    return from_template(
        "dso-flexoption", contract_id="sale", buyer="dso", seller="agr", start_date=date(2026, 1, 1),
        end_date=date(2026, 12, 31), timezone=_ZONE, flex_elements=(element,), deficiency_cap=True,
    )  # fmt: skip


def _terms(contracts: tuple[FlexContract, ...]) -> ContractTerms:
    return ContractTerms(
        np.array([c.penalty_e4_per_kwh for c in contracts], dtype=np.int64),
        np.array([c.deficiency_cap for c in contracts]),
    )


def _invoices(district: District, rows: MemberRows, settled: SettledOrders) -> tuple[Invoice, ...]:
    """What each member bills its aggregator for the month: delivered volume less penalties."""
    orders, days, members = district.orders, district.meters.days, len(district.of_party)
    owner = np.zeros(len(orders.price_e4), dtype=np.int64)
    owner[orders.order] = orders.party
    earned, fined, made = (
        np.rint(np.bincount(owner, weights=values, minlength=members)).astype(np.int64).tolist()
        for values in (settled.price_e4, settled.penalty_e4, np.ones(len(owner)))
    )
    volume = np.rint(np.bincount(orders.party, weights=np.abs(settled.delivered_w), minlength=members)).astype(np.int64)
    deviation = rows.accumulated.deviation_wisp.sum(axis=1)
    period = (days.days[district.first_day].day, days.days[-1].day)
    found = []
    for member in range(members):
        wh, off = (watt_hours(int(values[member]), days.isp_minutes) for values in (volume, deviation))
        lines = (InvoiceLine("utilisation", earned[member], made[member], wh), InvoiceLine("penalty", -fined[member]))
        number, group = f"{period[0]}/{member}", f"agr-{district.group[member]}"
        found.append(Invoice(number, f"home-{member}", group, *period, lines, "EUR", wh, off))
    return tuple(found)
