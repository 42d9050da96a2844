"""Spain's hours and bills: conserved, never both surplus and purchase at once, capped, and whole when somebody leaves."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.arrays import Ints
from cim.model.errors import BadInput
from market.billing.tariff import DayRates
from market.community.bill import Account, MemberTariff
from market.community.exact import MILLION, in_millionths
from market.community.spain.billing import Member, Terms, statement
from market.community.spain.compensation import Modality, check_modality, check_period, compensate
from market.community.spain.sharing import Shared, most_own_wh, share

FIRST, LAST = date(2026, 5, 1), date(2026, 5, 31)


@st.composite
def hours(draw: st.DrawFn) -> tuple[Ints, Ints, Ints]:
    """Generation [H], consumption [H, n] and coefficients [H, n]."""
    h, n = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    energy = st.one_of(st.integers(0, 5), st.integers(0, 100_000))
    rows = []
    for _ in range(h):
        cuts = sorted(draw(st.lists(st.integers(0, MILLION), min_size=n - 1, max_size=n - 1)))
        rows.append(np.diff([0, *cuts, MILLION]).tolist())
    generated = draw(st.lists(energy, min_size=h, max_size=h))
    consumed = draw(st.lists(st.lists(energy, min_size=n, max_size=n), min_size=h, max_size=h))
    return np.array(generated), np.array(consumed), np.array(rows)


def rates(h: int, energy: int = 1_500_000) -> DayRates:
    """15 ct/kWh energy, 4 grid, 2 taxes."""
    return DayRates(*(np.full(h, value, dtype=np.int64) for value in (energy, 400_000, 200_000, 0)))


def members(shared: Shared, energy: int = 1_500_000) -> list[Member]:
    """One for each column."""
    h, n = shared.consumed_wh.shape
    return [Member(f"m{k}", f"Member {k}", k, MemberTariff(rates(h, energy))) for k in range(n)]


def terms(h: int, modality: Modality, price: int = 0, surplus: int = 600_000) -> Terms:
    """Surplus at 6 ct/kWh."""
    return Terms("Auto", "EUR", modality, price, np.full(h, surplus, dtype=np.int64))


@given(world=hours())
def test_no_watt_hour_is_made_or_lost(world: tuple[Ints, Ints, Ints]) -> None:
    """ENG is divided whole; AUTO and EXC are ENG, AUTO and RED are EC; nobody has both surplus and purchase in an hour."""
    generated, consumed, e6 = world
    found = share(generated, consumed, e6)
    assert (found.allotted_wh.sum(axis=1) == generated).all()
    assert (found.own_wh + found.surplus_wh == found.allotted_wh).all()
    assert (found.own_wh + found.from_grid_wh == consumed).all()
    assert ((found.surplus_wh > 0) & (found.from_grid_wh > 0)).sum() == 0
    assert (found.own_wh >= 0).all()
    assert (abs(found.allotted_wh * MILLION - generated[:, None] * e6) < MILLION).all()


@given(world=hours())
def test_no_coefficients_beat_sharing_after_the_fact(world: tuple[Ints, Ints, Ints]) -> None:
    """Own use is at most min(generation, consumption) of the hour; those by consumption reach it, but for rounding."""
    generated, consumed, e6 = world
    most = most_own_wh(generated, consumed)
    assert (share(generated, consumed, e6).own_wh.sum(axis=1) <= most).all()
    by_use = np.array([in_millionths([Fraction(int(wh)) for wh in row]) if row.any() else e6[0] for row in consumed])
    short = most - share(generated, consumed, by_use).own_wh.sum(axis=1)
    assert (short <= 2 * consumed.shape[1]).all()


@given(world=hours(), energy=st.integers(0, 3_000_000), surplus=st.integers(-200_000, 2_000_000))
def test_money_closes_with_and_without_compensation(world: tuple[Ints, Ints, Ints], energy: int, surplus: int) -> None:
    """All accounts are what members pay; energy is never below 0 by compensation; no one pays more than without the community."""
    shared = share(*world)
    h = len(shared.generated_wh)
    for modality in Modality:
        found = statement(terms(h, modality, surplus=surplus), shared, members(shared, energy), FIRST, LAST)
        assert sum(found.account_e4(account) for account in Account) == found.paid_e4
        assert all(bill.saved_e4 >= -2 for bill in found.bills)  # two lines less, each rounded once
        if modality is Modality.SALE:
            assert sum(line.energy_wh for line in found.income) == int(shared.surplus_wh.sum())
        else:
            assert found.income == ()
            for bill in found.bills:
                assert sum(line.amount_e4 for line in bill.lines if line.account is Account.SUPPLIER) >= 0


def test_a_bill_by_hand_with_compensation() -> None:
    """B of the worked hour: 3 kWh and 1 kWh bought at 15 ct, no surplus; A: 0.4 kWh, its surplus takes all and 12 ct are lost."""
    shared = share(
        np.array([10_000, 0]),
        np.array([[2000, 6000, 500], [400, 1000, 300]]),
        np.tile([500_000, 300_000, 200_000], (2, 1)),
    )
    found = statement(terms(2, Modality.COMPENSATION), shared, members(shared), FIRST, LAST)
    a, b, _ = found.bills
    assert [(line.label, line.energy_wh, line.amount_e4) for line in a.lines] == [
        ("Energy from the supplier", 400, 600), ("Surplus compensated", 3000, -600), ("Energy from the community", 2000, 0),
        ("Grid", 400, 160), ("Taxes", 400, 80),
    ]  # fmt: skip
    assert "0.1200 EUR more than the energy bought in this period; that is lost" in a.notes[0]
    assert (b.total_e4, b.without_e4, b.notes) == (6000 + 1600 + 800, 14_700, ())
    assert [line.energy_wh for line in a.registers] == [2400, 5000, 2000, 400, 3000]
    assert [line.code for line in a.registers] == ["EC", "ENG", "AUTO", "RED", "EXC"]


def test_above_a_hundred_kilowatts_surplus_is_sold_and_members_pay_in_full() -> None:
    """100.0 kW may compensate, 100.1 may not; without compensation 4.5 kWh are sold at 6 ct for the community."""
    check_modality(Modality.COMPENSATION, 100_000, 100_000)
    check_modality(Modality.SALE, 100_100, 100_000)
    with pytest.raises(BadInput, match=r"compensation for a plant of 100\.1 kW; expected sale above 100 kW installed"):
        check_modality(Modality.COMPENSATION, 100_100, 100_000)
    shared = share(np.array([10_000]), np.array([[2000, 6000, 500]]), np.array([[500_000, 300_000, 200_000]]))
    found = statement(terms(1, Modality.SALE, price=500_000), shared, members(shared), FIRST, LAST)
    assert found.account_e4(Account.COMMUNITY) == 2700 + 2750  # sold 4.5 kWh, 5.5 kWh used at 5 ct
    assert not any("compensated" in line.label for bill in found.bills for line in bill.lines)


def test_a_member_that_leaves_in_the_period_is_billed_until_then_and_its_share_is_nobodys() -> None:
    """Two hours: B leaves after the first; its consumption counts no more, what it is still allotted is sold."""
    member = np.array([[True, True], [True, False]])
    shared = share(
        np.array([1000, 1000]), np.array([[400, 400], [400, 400]]), np.tile([500_000, 500_000], (2, 1)), member
    )
    assert shared.unclaimed_wh.tolist() == [0, 500]
    assert shared.consumed_wh.tolist() == [[400, 400], [400, 0]]
    assert shared.surplus_wh.tolist() == [[100, 100], [100, 0]]
    found = statement(terms(2, Modality.COMPENSATION), shared, members(shared), FIRST, LAST)
    assert [line.energy_wh for line in found.income] == [500]
    leaver = found.bills[1]
    assert [line.energy_wh for line in leaver.registers] == [400, 500, 400, 0, 100]
    total = int(shared.own_wh.sum() + shared.surplus_wh.sum() + shared.unclaimed_wh.sum())
    assert total == 2000


@pytest.mark.parametrize("count", [23, 24, 25])
def test_days_on_which_the_clocks_change_have_their_hours(count: int) -> None:
    """23, 24 or 25 rows, each an hour."""
    rng = np.random.default_rng(count)
    found = share(
        rng.integers(0, 9000, count),
        rng.integers(0, 3000, (count, 3)),
        np.tile([200_000, 300_000, 500_000], (count, 1)),
    )
    assert found.own_wh.shape == (count, 3)
    assert int(found.own_wh.sum()) > 0


@pytest.mark.parametrize(("last", "taken"), [
    (date(2026, 5, 31), True), (date(2026, 5, 1), True), (date(2026, 6, 1), False), (date(2026, 4, 30), False),
])  # fmt: skip
def test_a_billing_period_is_at_most_a_month(last: date, taken: bool) -> None:
    """From 1 May to 31 May, not to 1 June, and not backwards."""
    if taken:
        check_period(FIRST, last)
        return
    with pytest.raises(BadInput, match=f"billing period: 2026-05-01 to {last}; expected at most a month"):
        check_period(FIRST, last)


def test_prices_below_zero_give_no_credit_that_would_cost() -> None:
    """Where surplus is worth less than nothing in sum, nothing is taken off and nothing added; a negative purchase is paid out."""
    found = compensate(np.array([1000]), np.array([1000]), np.array([1_000_000]), np.array([-500_000]))
    assert (found.bill_e4, found.credit_e4, found.lost_e4) == (1000, 0, 0)
    cheap = compensate(np.array([1000]), np.array([1000]), np.array([-100_000]), np.array([500_000]))
    assert (cheap.bill_e4, cheap.applied_e4, cheap.lost_e4) == (-100, 0, 500)


def test_hours_that_do_not_fit_are_told() -> None:
    """Other hours, other members, prices of other hours, a sum of 0.999999."""
    with pytest.raises(BadInput, match="hours: 1 of the plant"):
        share(np.array([1]), np.array([[1], [2]]), np.array([[MILLION], [MILLION]]))
    with pytest.raises(BadInput, match="sum 0,999999"):
        share(np.array([1]), np.array([[1, 1]]), np.array([[500_000, 499_999]]))
    with pytest.raises(BadInput, match="generated_wh: -1 Wh"):
        share(np.array([-1]), np.array([[1]]), np.array([[MILLION]]))
    one = share(np.array([1]), np.array([[1]]), np.array([[MILLION]]))
    with pytest.raises(BadInput, match="surplus_e4_per_mwh: 2 hours; expected 1"):
        statement(terms(2, Modality.SALE), one, members(one), FIRST, LAST)
