"""Portfolios in a batch: the same changes, penalties and shares passed on as portfolio by portfolio."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from market.contracts.contract import BaselineKind, FlexElement
from market.settlement.batch.orders import settle_table
from market.settlement.batch.portfolio import PortfolioMeters, passed_on_shares, portfolio_changes, settle_portfolios
from market.settlement.batch.tables import order_table
from market.settlement.elements import ElementMove, settle_element, volume_amount
from market.settlement.portfolio import ConnectionDay, fines_e4, passed_on, settle_portfolio
from market.uftp import Header, IspPower, Metering, MeteringProfile
from tests.market.batch_worlds import DAY, WATTS, contract, days_from, order, row_values, terms

DAYS = days_from(DAY, 1)
MEMBERS, USED = 3, 3  # members of the one portfolio, and ISPs that are looked at


def metering(ean: str, known: list[bool], **profiles: list[int]) -> Metering:
    """What a meter told of the day."""
    pad = [0] * (DAYS.count - USED)
    rows = [MeteringProfile(name, "W", tuple(values + pad)) for name, values in profiles.items()]
    rows.append(MeteringProfile("Metered", "1", tuple([int(k) for k in known] + [1] * len(pad))))
    return Metering(Header(ean, "agr.example", DAYS.days[0].end, ean, ean), DAY, ean, 1, tuple(rows), "Europe/Vienna")


row = st.lists(WATTS, min_size=USED, max_size=USED)
flags = st.lists(st.booleans(), min_size=USED, max_size=USED)
member = st.fixed_dictionaries({"ordered": row, "baseline": row, "actual": row, "known": flags})


@settings(max_examples=60, deadline=None)
@given(st.lists(member, min_size=MEMBERS, max_size=MEMBERS), row, row.filter(any), st.integers(1, 5000), row)
def test_both_levels_settle_as_one_by_one(
    members: list[dict], promised: list[int], asked: list[int], fine: int, limits: list[int]
) -> None:
    """What the DSO pays and fines a portfolio, and what its aggregator passes on to each member, are the same sums."""
    sale = contract(
        "sale", buyer="dso.example", seller="agr.example", penalty_e4_per_kwh=fine, deficiency_cap=True,
        flex_elements=(FlexElement("ean.0000000000001", "portfolio", 90_000, -90_000, BaselineKind.ELEMENTS),),
    )  # fmt: skip
    supply = contract("supply", penalty_e4_per_kwh=3000, deficiency_cap=True)
    # One by one.
    connections = []
    for number, one in enumerate(members):
        limited = {"Limited": [abs(w) for w in limits]} if number == 0 else {}  # the DSO limits the first
        home = metering(f"home-{number}", one["known"], Power=one["actual"], **limited)
        parts = {"Power": one["actual"], "Baseline": one["baseline"], "Ordered": one["ordered"]}
        element = metering("battery", one["known"], **parts)
        connections.append(ConnectionDay(home, (element,)))
    price = volume_amount([IspPower(k + 1, w) for k, w in enumerate(asked) if w], 900, 15)
    orders = [order("o", [(k + 1, w) for k, w in enumerate(asked) if w], price, "sale")]
    paid = settle_portfolio(orders, {k + 1: promised[k] for k in range(USED)}, connections, (sale,), DAYS.count)
    due, settled = dict[int, Fraction](), []
    for shares in (None, "passed on"):
        part = None if shares is None else passed_on(paid, (sale,), due)
        settled = []
        for number, one in enumerate(members):
            isps = tuple((k + 1, one["baseline"][k], one["ordered"][k]) for k in range(USED) if one["ordered"][k])
            move = ElementMove(order(f"m{number}", [(k, w) for k, _, w in isps], 0, "supply"), isps)
            told = connections[number].elements[0]
            done = (
                settle_element("battery", [move], supply, told, connections[number].connection, part) if isps else None
            )
            settled.append(done)
            if shares is None and done is not None:
                for isp, amount in fines_e4(done[1], (supply,)).items():
                    due[isp] = due.get(isp, Fraction(0)) + amount
    # In a batch.
    group = np.zeros(MEMBERS, dtype=np.int64)
    dense = {
        name: np.array([one[name] + [0] * (DAYS.count - USED) for one in members]) for name in ("baseline", "actual")
    }
    known = np.array([one["known"] + [True] * (DAYS.count - USED) for one in members])
    rows = [(n, k, n, one["ordered"][k]) for n, one in enumerate(members) for k in range(USED) if one["ordered"][k]]
    supply_price = contract("supply").price_e4_per_kwh("battery")
    prices = [
        volume_amount([IspPower(k + 1, w) for k, w in enumerate(one["ordered"]) if w], supply_price, 15)
        for one in members
    ]
    table = order_table(rows, prices, [0] * MEMBERS)
    sees = {name: row_values(table, part) for name, part in dense.items()} | {"known": known[table.party, table.isp]}
    asked_rows = [(0, k, 0, w) for k, w in enumerate(asked) if w]
    sales = order_table(asked_rows, [price], [0])
    changes = portfolio_changes(
        table, group, 1, DAYS, baseline_w=sees["baseline"], actual_w=sees["actual"], known=sees["known"]
    )
    taken = np.where(known[:1], np.abs(np.array([[*limits, *[0] * (DAYS.count - USED)]])), 0)
    meters = PortfolioMeters(dense["actual"].sum(axis=0, keepdims=True), known.all(axis=0, keepdims=True), taken)
    base = np.array([[*promised, *[0] * (DAYS.count - USED)]])
    sold = settle_portfolios(
        sales, terms(sale), DAYS, promised_w=row_values(sales, base), meters=meters, changes=changes
    )
    first = settle_table(
        table, terms(supply), 15, baseline_w=sees["baseline"], actual_w=sees["actual"], known=sees["known"]
    )
    shares = passed_on_shares(sold, sales, terms(sale), first, table, terms(supply), group, DAYS)
    final = settle_table(
        table,
        terms(supply),
        15,
        baseline_w=sees["baseline"],
        actual_w=sees["actual"],
        known=sees["known"],
        shares=shares,
    )
    assert [(int(sold.price_e4[0]), int(sold.penalty_e4[0]))] * len(paid) == [(r.price, r.penalty) for r in paid]
    for number, done in enumerate(settled):
        expected = [(r.price, r.penalty) for r in done[1]] if done is not None else []
        assert [(int(final.price_e4[number]), int(final.penalty_e4[number]))] * len(expected) == expected
        if not expected:
            assert (final.price_e4[number], final.penalty_e4[number]) == (0, 0)
