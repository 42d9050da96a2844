"""Who pays whom: money is conserved, capacity by hand, each difference of two sums found alone."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.codec.codec import decode, encode
from cim.model.errors import BadInput
from market.contracts.contract import FlexContract, FlexElement
from market.contracts.templates import from_template
from market.settlement.payments import (
    Payment,
    balance,
    capacity_amount,
    capacity_payments,
    compare,
    payments_of,
    statuses,
)
from market.uftp import AcceptedDisputed, ContractSettlementIsp, FlexOrderSettlement, SettlementIsp

DAY = date(2026, 5, 20)
NAMES = ("agr.example", "dso.example", "farm.example", "house.example")
PAYMENTS = st.builds(
    lambda pair, amount: Payment(*pair, amount, "utilisation", "o"),
    st.permutations(NAMES).map(lambda names: names[:2]), st.integers(1, 10**12),
)  # fmt: skip


@given(payments=st.lists(PAYMENTS, max_size=20), cut=st.integers(0, 20), shuffle=st.randoms())
def test_money_is_conserved(payments: list[Payment], cut: int, shuffle: Random) -> None:
    """Gains sum to zero; in any order, and in two parts added up, they are the same; in order of name."""
    gained = balance(payments)
    assert sum(gained.values()) == 0
    mixed = list(payments)
    shuffle.shuffle(mixed)
    assert balance(mixed) == gained
    first, rest = balance(payments[:cut]), balance(payments[cut:])
    assert {name: first.get(name, 0) + rest.get(name, 0) for name in {*first, *rest}} == gained
    assert list(gained) == sorted(gained)
    assert set(gained) == {name for payment in payments for name in (payment.payer, payment.payee)}


@given(payments=st.lists(PAYMENTS, min_size=1, max_size=10))
def test_who_pays_loses_and_who_is_paid_gains(payments: list[Payment]) -> None:
    """Each party's balance is what came in less what went out."""
    gained = balance(payments)
    for name in gained:
        came = sum(payment.amount for payment in payments if payment.payee == name)
        went = sum(payment.amount for payment in payments if payment.payer == name)
        assert gained[name] == came - went


@pytest.mark.parametrize(
    ("amount", "payee"), [(0, "b"), (-1, "b"), (5, "a")], ids=["nothing", "less than nothing", "to oneself"]
)
def test_what_is_no_payment_is_refused(amount: int, payee: str) -> None:
    """Money moves, more than none, from one party to another."""
    with pytest.raises(BadInput, match=rf"payment r: {amount} from a to {payee}"):
        Payment("a", payee, amount, "penalty", "r")


def contract(capacity_price_e4_per_kw_day: int = 600) -> FlexContract:
    """An option of the DSO at a price per kW and day."""
    return from_template(
        "dso-flexoption", contract_id="c", buyer="dso.example", seller="agr.example", start_date=DAY, end_date=DAY,
        timezone="Europe/Vienna", flex_elements=(FlexElement("b", "battery", 500_000, -500_000),),
        capacity_price_e4_per_kw_day=capacity_price_e4_per_kw_day, currency="CHF",
    )  # fmt: skip


def row(start: int, reserved_w: int, available_w: int, duration: int = 1) -> ContractSettlementIsp:
    """An ISP of a contract's settlement."""
    return ContractSettlementIsp(start, reserved_w, 0, available_w, 0, 0, duration)


@pytest.mark.parametrize(
    ("price", "rows", "amount"),
    [
        (600, [row(1, 1000, 1000, 96)], 600),  # 1 kW all day
        (600, [row(1, -1000, -1000, 96)], 600),  # downwards is worth the same
        (600, [row(1, 1000, 5000, 96)], 600),  # more than reserved is not paid
        (600, [row(1, 1000, 250, 96)], 150),  # a quarter of it was there
        (600, [row(1, 1000, -1000, 96)], 0),  # the wrong direction
        (600, [row(1, 0, 1000, 96)], 0),  # nothing reserved
        (600, [row(1, 2500, 2500, 24), row(25, 2500, 0, 72)], 375),  # 2.5 kW for a quarter of the day
        (600, [row(1, 1000, 1000, 46), row(47, 1000, 0, 46)], 300),  # half of a day of 92
        (600, [row(1, 1000, 1000, 25), row(26, 1000, 0, 75)], 150),  # a quarter of a day of 100
        (1, [row(1, 500, 500, 96)], 0),  # half a ten-thousandth goes to the even one
        (1, [row(1, 1500, 1500, 96)], 2),  # so does 1.5
        (7, [row(1, 333, 333, 96)], 2),  # 2.331
        (0, [row(1, 500_000, 500_000, 96)], 0),
    ],
)
def test_capacity_by_hand(price: int, rows: list[ContractSettlementIsp], amount: int) -> None:
    """Price per kW and day x kW held on average over the day's ISPs, rounded once, half to even; nothing paid for zero."""
    agreed = contract(price)
    assert capacity_amount(agreed, rows) == amount
    paid = capacity_payments(agreed, DAY.isoformat(), rows)
    due = Payment("dso.example", "agr.example", amount, "capacity", "c/2026-05-20", "CHF") if amount else None
    assert paid == ((due,) if due else ())


ROWS = st.lists(
    st.tuples(st.integers(-9000, 9000), st.integers(-9000, 9000), st.integers(1, 8)), min_size=1, max_size=9
)


@given(rows=ROWS, price=st.integers(0, 10_000))
def test_capacity_is_between_nothing_and_all_that_was_reserved(rows: list[tuple[int, int, int]], price: int) -> None:
    """Exact but for one rounding; a duration of n is n ISPs; all of it where all was there."""
    made = [row(1, *item) for item in rows]
    single = [row(1, reserved, available) for reserved, available, duration in rows for _ in range(duration)]
    amount = capacity_amount(contract(price), made)
    assert amount == capacity_amount(contract(price), single)
    whole = round(Fraction(price * sum(abs(r) * d for r, _, d in rows), 1000 * sum(d for _, _, d in rows)))
    assert 0 <= amount <= whole
    assert capacity_amount(contract(price), [row(1, r, r, d) for r, _, d in rows]) == whole


def settled(
    reference: str, *, price: int = 100, penalty: int = 30, isp: SettlementIsp | None = None
) -> FlexOrderSettlement:
    """An order's settlement of two ISPs, ISP 7 to 8."""
    rows = (isp or SettlementIsp(7, 1000, -200, 850, -150, 50, 2, 850),)
    return FlexOrderSettlement(reference, DAY, "ean.1", rows, price, penalty, price - penalty, "c")


def test_an_order_pays_both_ways() -> None:
    """Utilisation from the buyer, the penalty from the seller, each with the order's reference; nothing for zero."""
    buyer, seller = "dso.example", "agr.example"
    assert payments_of([settled("o-1")], buyer, seller, "CHF") == (
        Payment(buyer, seller, 100, "utilisation", "o-1", "CHF"),
        Payment(seller, buyer, 30, "penalty", "o-1", "CHF"),
    )
    only = payments_of([settled("o-2", penalty=0), settled("o-3", price=0)], buyer, seller)
    assert [(p.reference, p.reason, p.amount) for p in only] == [("o-2", "utilisation", 100), ("o-3", "penalty", 30)]
    assert payments_of([settled("o-4", price=0, penalty=0)], buyer, seller) == ()
    assert decode(encode(only)) == only


@pytest.mark.parametrize("name", [f.name for f in fields(SettlementIsp) if f.name.endswith("_w")])
def test_each_value_of_an_isp_is_compared_alone(name: str) -> None:
    """A watt's difference in one column is told for both ISPs of the row, with the column's name and both values."""
    mine = settled("o").isps[0]
    value = getattr(mine, name)
    yours = settled("o", isp=replace(mine, **{name: value + 1}))
    found = compare([settled("o")], [yours])
    assert [str(item) for item in found] == [f"ISP {isp} {name}: ours {value}, yours {value + 1}" for isp in (7, 8)]
    (answer,) = statuses([settled("o")], [yours])
    assert answer.disposition is AcceptedDisputed.DISPUTED
    assert answer.dispute_reason == "; ".join(map(str, found))


def test_what_a_peer_elsewhere_cannot_tell_is_no_difference() -> None:
    """UFTP has no field for what an order counts of the meter: without it, on either side, all else is compared as ever."""
    untold = replace(settled("o").isps[0], counted_power_w=None)
    elsewhere, wrong = settled("o", isp=untold), settled("o", isp=replace(untold, actual_power_w=851))
    assert compare([settled("o")], [elsewhere]) == compare([elsewhere], [settled("o")]) == ()
    found = compare([settled("o")], [wrong])
    assert [(item.isp, item.name, item.theirs) for item in found] == [
        (7, "actual_power_w", 851),
        (8, "actual_power_w", 851),
    ]


@pytest.mark.parametrize("name", ["price", "penalty", "net_settlement"])
def test_each_total_is_compared_alone(name: str) -> None:
    """A ten-thousandth is a difference; there is no tolerance."""
    yours = replace(settled("o"), **{name: getattr(settled("o"), name) - 1})  # type: ignore[arg-type]
    (found,) = compare([settled("o")], [yours])
    assert (found.isp, found.name, found.ours, found.theirs) == (
        None,
        name,
        getattr(settled("o"), name),
        getattr(yours, name),
    )


def test_an_order_or_isp_only_one_side_has_is_a_difference() -> None:
    """Missing on either side: told as `none` there; how durations are cut is no difference."""
    assert [str(d) for d in compare([settled("a")], [])] == ["net_settlement: ours 70, yours none"]
    assert [str(d) for d in compare([], [settled("a")])] == ["net_settlement: ours none, yours 70"]
    whole = settled("a").isps[0]
    cut = replace(settled("a"), isps=(replace(whole, duration=1), replace(whole, start=8, duration=1)))
    assert compare([settled("a")], [cut]) == ()
    shorter = replace(settled("a"), isps=(replace(whole, duration=1),))
    assert {(d.isp, d.theirs) for d in compare([settled("a")], [shorter])} == {(8, None)}


def test_each_order_is_answered_for_itself() -> None:
    """In the order in which they were told: what differs is disputed, the rest accepted without a reason."""
    mine = [settled("a"), settled("b"), settled("d")]
    yours = [settled("c"), settled("b", price=99), settled("a")]
    answers = statuses(mine, yours)
    assert [answer.order_reference for answer in answers] == ["c", "b", "a"]
    kept, lost = AcceptedDisputed.ACCEPTED, AcceptedDisputed.DISPUTED
    assert [answer.disposition for answer in answers] == [lost, lost, kept]
    assert answers[2].dispute_reason is None
    assert answers[1].dispute_reason == "price: ours 100, yours 99; net_settlement: ours 70, yours 69"
