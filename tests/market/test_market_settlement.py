"""Settlement keeps to the standard's worked case, conserves power and money, and finds every difference."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.contracts.contract import FlexElement
from market.contracts.templates import from_template
from market.settlement.orders import penalty_per_isp, price_of, rounded, settle_isp, settle_orders, settle_stack
from market.settlement.payments import (
    Payment,
    balance,
    capacity_amount,
    capacity_payments,
    compare,
    payments_of,
    statuses,
)
from market.uftp.flexibility import FlexOrder
from market.uftp.header import Header, IspPower
from market.uftp.settlement import AcceptedDisputed, ContractSettlementIsp

DAY = date(2026, 5, 20)
WATTS = st.integers(-500_000, 500_000)


def order(reference: str, isps: list[tuple[int, int]], price: int, contract: str | None = None) -> FlexOrder:
    """An order of (ISP, watts) for a price."""
    header = Header("dso.example", "agr.example", datetime(2026, 5, 19, tzinfo=UTC), reference, reference)
    rows = tuple(IspPower(start, power) for start, power in isps)
    return FlexOrder(
        header, DAY, "ean.0000000000001", reference, price, "EUR", rows, "Europe/Vienna", contract_id=contract
    )


@pytest.mark.parametrize(("actual", "net"), [(7, 14), (8, 14), (9, -4), (10, -22), (11, -33)])
def test_the_standards_worked_case(actual: int, net: int) -> None:
    """Baseline 10, ordered -2, price 7 and penalty 11 per unit and ISP: the five net amounts of the specification."""
    penalty_per_kwh = 44_000  # 11 per watt and quarter-hour
    assert penalty_per_isp(penalty_per_kwh, 15) == 11
    (settled,) = settle_orders(
        [order("o", [(1, -2)], 14)], [10] + [0] * 95, [actual] + [0] * 95, {None: penalty_per_kwh}
    )
    assert settled.net_settlement == net
    assert settled.price - settled.penalty == net


def test_delivered_and_deficiency_by_hand() -> None:
    """Too much is not paid for, the wrong way counts as missing, in both directions, and nothing ordered is nothing."""
    assert settle_isp(1000, -300, 800) == (-200, 100)
    assert settle_isp(1000, -300, 400) == (-300, 0)
    assert settle_isp(1000, -300, 1100) == (0, 400)
    assert settle_isp(-1000, 300, -900) == (100, 200)
    assert settle_isp(5, 0, 99) == (0, 0)


@given(baseline=WATTS, ordered=WATTS, actual=WATTS)
def test_delivered_lies_between_nothing_and_ordered(baseline: int, ordered: int, actual: int) -> None:
    """0 <= |delivered| <= |ordered| in the order's direction; delivered + deficiency covers the order."""
    delivered, deficiency = settle_isp(baseline, ordered, actual)
    assert min(0, ordered) <= delivered <= max(0, ordered)
    assert deficiency >= 0
    assert abs(delivered) + deficiency >= abs(ordered)
    assert (deficiency == 0) == (delivered == ordered)
    assert settle_isp(-baseline, -ordered, -actual) == (-delivered, deficiency)


@given(baseline=WATTS, sizes=st.lists(st.integers(0, 100_000), min_size=1, max_size=6), up=st.booleans(), actual=WATTS)
def test_orders_of_one_sign_sum_up_to_their_total(baseline: int, sizes: list[int], up: bool, actual: int) -> None:
    """Splitting an order changes neither what is delivered nor what is missing, and each row says what the meter showed."""
    ordered = [size if up else -size for size in sizes]
    stack = settle_stack(baseline, ordered, actual)
    delivered, deficiency = settle_isp(baseline, sum(ordered), actual)
    if sum(sizes):
        assert sum(o.delivered_w for o in stack) == delivered
        assert sum(o.deficiency_w for o in stack) == deficiency
    for outcome in stack:  # each row is reproducible from its own columns
        again = settle_isp(outcome.baseline_w, outcome.ordered_w, outcome.counted_w)
        assert again == (outcome.delivered_w, outcome.deficiency_w)
        assert outcome.actual_w == actual


def test_every_order_of_an_isp_shows_the_meters_value() -> None:
    """Two orders of 300 and 200 W on -1000 W, the meter at -900 W: both rows show -900, and what each counts stands beside."""
    orders = [order("a", [(1, 300)], 30), order("b", [(1, 200)], 20)]
    rows = [one.isps[0] for one in settle_orders(orders, [-1000] * 96, [-900] * 96, {None: 0})]
    assert [row.actual_power_w for row in rows] == [-900, -900]
    assert [row.counted_power_w for row in rows] == [-900, -700]
    assert [(row.delivered_flex_power_w, row.power_deficiency_w) for row in rows] == [(100, 200), (0, 200)]


@given(baseline=WATTS, ordered=st.lists(st.integers(-9000, 9000), max_size=6))
def test_keeping_to_the_sum_of_all_orders_keeps_each(baseline: int, ordered: list[int]) -> None:
    """Also with orders in both directions in one ISP nothing is missing when the meter shows their sum."""
    for outcome in settle_stack(baseline, ordered, baseline + sum(ordered)):
        assert (outcome.delivered_w, outcome.deficiency_w) == (outcome.ordered_w, 0)


def test_prices_are_exact_and_rounded_once_half_to_even() -> None:
    """A unit price is a fraction; only the order's total is rounded."""
    assert price_of(order("o", [(1, -1000), (2, -2000)], 100)) == Fraction(1, 30)
    assert [rounded(Fraction(n, 2)) for n in (1, 3, 5, -1)] == [0, 2, 2, 0]
    (settled,) = settle_orders([order("o", [(1, -1), (2, -2)], 1)], [0] * 96, [-1, -1] + [0] * 94, {None: 0})
    assert settled.price == 1  # 2/3, not 0 + 0
    with pytest.raises(BadInput, match="Price 5"):
        price_of(order("o", [(1, 0)], 5))


def test_bad_settlement_input_is_named() -> None:
    """One sentence for orders that do not belong together, ISPs outside the day, or a contract without penalty."""
    one, zero = order("a", [(1, -5)], 5), [0] * 96
    for orders, baseline, penalties, words in (
        ([one, one], zero, {None: 0}, "stands twice"),
        (
            [one, replace(order("b", [(1, -5)], 5), congestion_point="ean.9")],
            zero,
            {None: 0},
            "congestion_point differs",
        ),
        ([order("a", [(97, -5)], 5)], zero, {None: 0}, "outside 1..96"),
        ([order("a", [(1, -5)], 5, "c9")], zero, {None: 0}, "c9"),
        ([one], zero[1:], {None: 0}, "one for each ISP"),
    ):
        with pytest.raises(BadInput, match=words):
            settle_orders(orders, baseline, zero, penalties)


@given(
    actual=st.lists(st.integers(-5000, 5000), min_size=4, max_size=4),
    powers=st.lists(st.integers(-3000, -1), min_size=4, max_size=4),
    price=st.integers(0, 10**6),
)
def test_money_sums_to_zero(actual: list[int], powers: list[int], price: int) -> None:
    """What one party gains another pays, and the seller's gain is the net settlement."""
    orders = [
        order("a", list(enumerate(powers, 1)), price),
        order("b", [(2, powers[0])], price // 3),
    ]
    settled = settle_orders(orders, [0] * 4, actual, {None: 3000})
    gained = balance(payments_of(settled, "dso.example", "agr.example"))
    assert sum(gained.values()) == 0
    assert gained.get("agr.example", 0) == sum(s.net_settlement for s in settled)


def test_the_plausibility_check_names_isps_and_amounts() -> None:
    """Equal sums are accepted; a watt's difference is disputed with the ISP and the amounts of both sides."""
    orders = [order("a", [(1, -1000), (2, -1000)], 2000), order("b", [(3, -10)], 10)]
    mine = settle_orders(orders, [0] * 96, [-1000, -999, -10] + [0] * 93, {None: 4000})
    yours = settle_orders(orders, [0] * 96, [-1000, -1000, -10] + [0] * 93, {None: 4000})
    assert compare(mine, mine) == ()
    found = compare(mine, yours)
    assert {(d.order_reference, d.isp, d.name) for d in found} == {
        ("a", 2, "actual_power_w"),
        ("a", 2, "counted_power_w"),
        ("a", 2, "delivered_flex_power_w"),
        ("a", 2, "power_deficiency_w"),
        ("a", None, "price"),
        ("a", None, "penalty"),
        ("a", None, "net_settlement"),
    }
    disputed, accepted = statuses(mine, yours)
    assert disputed.disposition is AcceptedDisputed.DISPUTED
    assert "ISP 2 actual_power_w: ours -999, yours -1000" in str(disputed.dispute_reason)
    assert accepted.disposition is AcceptedDisputed.ACCEPTED
    assert [str(d) for d in compare(mine[:1], yours)][-1] == "net_settlement: ours none, yours 10"


def test_capacity_is_paid_for_what_was_reserved_and_available() -> None:
    """2 kW reserved all day, half the time available: half of 2 times the daily price per kW."""
    contract = from_template(
        "dso-flexoption", contract_id="c", buyer="dso", seller="agr", start_date=DAY, end_date=DAY,
        timezone="Europe/Vienna", flex_elements=(FlexElement("b", "battery", 5000, -5000),), capacity_price_e4_per_kw_day=600,
    )  # fmt: skip
    isps = [ContractSettlementIsp(n, -2000, 0, -2500 if n <= 48 else 0, 0, 0) for n in range(1, 97)]
    assert capacity_amount(contract, isps) == 600
    assert capacity_amount(contract, []) == 0
    assert capacity_amount(contract, [replace(isps[0], available_power_w=9000)]) == 0
    assert capacity_payments(contract, "2026-05-20", isps) == (Payment("dso", "agr", 600, "capacity", "c/2026-05-20"),)
    with pytest.raises(BadInput, match="currency"):
        balance([Payment("a", "b", 1, "capacity", "x"), Payment("a", "b", 1, "capacity", "y", "CHF")])
    with pytest.raises(BadInput, match="expected > 0"):
        Payment("a", "b", 0, "capacity", "x")
