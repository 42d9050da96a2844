"""Bills: worked cases, nothing lost between the lines, and the same whoever adds up."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.billing.bill import LINE_OF_REASON, Bill, BillKind, bill_of, energy_bill, payments_bill
from market.billing.tariff import DayRates
from market.settlement.payments import Payment, balance

NAMES = ("agr.example", "dso.example", "farm.example", "house.example")
WATTS = st.lists(st.integers(-2_000_000, 2_000_000), min_size=1, max_size=100)
PAYMENTS = st.lists(
    st.builds(
        lambda pair, amount, reason: Payment(*pair, amount, reason, "o"),
        st.permutations(NAMES).map(lambda names: names[:2]), st.integers(1, 10**9), st.sampled_from(list(LINE_OF_REASON)),
    ), max_size=20,
)  # fmt: skip


def flat(count: int, energy: int, network: int = 0, taxes: int = 0, feed_in: int = 0) -> DayRates:
    """The same rates in all ISPs, ten-thousandths per MWh."""
    return DayRates(*(np.full(count, rate, dtype=np.int64) for rate in (energy, network, taxes, feed_in)))


def test_a_households_quarter_hours_by_hand() -> None:
    """Golden case `household` of tests/golden/billing/by-hand: each line, and their sum."""
    bill = energy_bill([4000, 1000, -2000], 15, flat(3, 580_000, 620_000, 740_000, 824_000))
    assert [(line.kind, line.amount_e4) for line in bill.lines] == [
        (BillKind.ENERGY, 725), (BillKind.NETWORK, 775), (BillKind.TAXES, 925), (BillKind.FEED_IN, -412),
    ]  # fmt: skip
    assert bill.total_e4 == 2013


def test_a_plant_by_the_hours_prices_by_hand() -> None:
    """Golden case `plant`: at a negative price who gives, pays."""
    rates = flat(2, 0)
    spot = DayRates(
        rates.energy_e4_per_mwh, rates.network_e4_per_mwh, rates.taxes_e4_per_mwh, np.array([300_000, -100_000])
    )
    bill = energy_bill([-100_000, -50_000], 60, spot)
    assert bill.lines[0].kind is BillKind.FEED_IN
    assert bill.total_e4 == -25_000


@pytest.mark.parametrize(("watts", "amount"), [(2, 0), (2000, 5), (200, 0), (600, 2)])
def test_a_line_is_rounded_once_half_to_even(watts: int, amount: int) -> None:
    """Golden case `half`: below a half nothing, at a half the even neighbour."""
    assert energy_bill([watts], 15, flat(1, 10_000)).total_e4 == amount


@given(watts=WATTS, energy=st.integers(0, 3_000_000), feed_in=st.integers(-500_000, 2_000_000))
def test_no_energy_is_lost_between_the_lines(watts: list[int], energy: int, feed_in: int) -> None:
    """Each line is its energy times its rate to half a ten-thousandth, whatever the order of the ISPs."""
    rates = flat(len(watts), energy, energy + 1, 2 * energy, feed_in)
    bill = energy_bill(watts, 15, rates)
    taken, given_ = sum(w for w in watts if w > 0), -sum(w for w in watts if w < 0)
    for kind, watt_isps, rate in (
        (BillKind.ENERGY, taken, energy), (BillKind.NETWORK, taken, energy + 1), (BillKind.TAXES, taken, 2 * energy),
        (BillKind.FEED_IN, -given_, feed_in),
    ):  # fmt: skip
        exact = Fraction(watt_isps * rate, 4_000_000)
        assert abs(bill.amount_e4(kind) - exact) <= Fraction(1, 2)
    assert energy_bill(sorted(watts), 15, rates) == bill
    assert bill.total_e4 == sum(line.amount_e4 for line in bill.lines)


@given(payments=PAYMENTS, cut=st.integers(0, 20))
def test_what_one_pays_another_earns(payments: list[Payment], cut: int) -> None:
    """All parties' bills of payments sum to nothing, each is its balance's other side, and parts add up."""
    bills = {name: payments_bill(name, payments) for name in NAMES}
    assert sum(bill.total_e4 for bill in bills.values()) == 0
    gained = balance(payments)
    for name, bill in bills.items():
        assert bill.total_e4 == -gained.get(name, 0)
        assert payments_bill(name, payments[:cut]) + payments_bill(name, payments[cut:]) == bill


AMOUNTS = st.dictionaries(st.sampled_from(list(BillKind)), st.integers(-(10**9), 10**9))


@given(one=AMOUNTS, two=AMOUNTS)
def test_bills_add_up_line_by_line(one: dict[BillKind, int], two: dict[BillKind, int]) -> None:
    """The sum's total is the totals' sum; an empty bill adds nothing; the order does not matter."""
    a, b = bill_of(one), bill_of(two)
    assert (a + b).total_e4 == a.total_e4 + b.total_e4
    assert a + b == b + a
    assert a + Bill(()) == a


def test_what_no_bill_can_hold_is_told() -> None:
    """A payment for an unknown reason, or powers of another day's length, are one sentence."""
    with pytest.raises(BadInput, match="payment o: reason 'gift'; expected utilisation, penalty"):
        payments_bill("a", [Payment("a", "b", 1, "gift", "o")])
    with pytest.raises(BadInput, match="power_w: 2 values; expected 3, one for each ISP"):
        energy_bill([1, 2], 15, flat(3, 1))
    assert payments_bill("c", [Payment("a", "b", 1, "gift", str(date(2016, 5, 20)))]) == Bill(())
