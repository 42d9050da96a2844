"""Merit order, pay-as-cleared, and how a pool divides what it earns and owes: by hand, and sums for any bids."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.balancing.clearing import BalancingBid, LadderStep, clear
from market.balancing.pool import PoolPlace, PoolStep, bid_curve, called, divided, risk_e4_per_kwh, shared
from market.uftp import FlexOrderSettlement
from market.uftp.settlement import SettlementIsp

A, B = PoolPlace("agr-a", "lv"), PoolPlace("agr-b", "lv")


def bid(reference: str, power_w: int, premium: int, *, more: bool = False, least_w: int = 0) -> BalancingBid:
    """A bid towards less consumption."""
    return BalancingBid(reference, more, power_w, premium, 750, least_w)


def test_the_cheapest_cover_the_need_and_all_are_paid_the_dearest_of_them() -> None:
    """12 kW are short: 5 kW at 300, 4 of others at 400, 3 of the 8 at 500; the 600 stay out, and what goes the other way."""
    bids = (bid("c", 8000, 500), bid("a", 5000, 300), bid("d", 9000, 600), bid("up", 9000, 1, more=True))
    found = clear(-12_000, bids, (LadderStep(4000, 400),))
    assert (found.premium_e4_per_kwh, found.accepted_w, found.uncovered_w) == (500, {"a": 5000, "c": 3000}, 0)


def test_of_one_premium_the_others_come_first() -> None:
    """The site is the last of those who ask the same; so a tie never flatters it."""
    assert clear(3000, (bid("a", 5000, 300, more=True),), (LadderStep(3000, 300),)).accepted_w == {}


def test_less_than_its_least_is_not_called() -> None:
    """Of 5 kW at least 4 may be called; 2 are left to cover, so a dearer one is, and its premium counts."""
    found = clear(-8000, (bid("a", 6000, 100), bid("b", 5000, 200, least_w=4000), bid("c", 9000, 300)))
    assert (found.accepted_w, found.premium_e4_per_kwh) == ({"a": 6000, "c": 2000}, 300)
    assert not bid("x", 5000, 1, least_w=5000).divisible


def test_nothing_is_needed_nothing_is_cleared() -> None:
    """No need, no premium; and what nobody gives is told."""
    assert clear(0, (bid("a", 5000, 300),)).premium_e4_per_kwh is None
    assert clear(-9000, (bid("a", 5000, 300),)).uncovered_w == 4000


def test_a_reference_twice_is_refused() -> None:
    """Else nobody could say which of them is called."""
    with pytest.raises(BadInput, match="a reference stands twice"):
        clear(-1000, (bid("a", 1, 1), bid("a", 2, 2)))


@given(
    st.integers(-50_000, 50_000),
    st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 900), st.booleans(), st.integers(0, 9000)), max_size=8),
    st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 900)), max_size=4),
)
def test_no_bid_is_called_beyond_itself_and_none_below_its_premium(
    need_w: int, made: list[tuple[int, int, bool, int]], others: list[tuple[int, int]]
) -> None:
    """Each accepted bid goes in the needed direction, within its power and its least, at a premium no lower than it asked."""
    bids = [bid(str(k), w, p, more=more, least_w=least) for k, (w, p, more, least) in enumerate(made)]
    found = clear(need_w, bids, [LadderStep(w, p) for w, p in others])
    by = {one.reference: one for one in bids}
    for reference, watts in found.accepted_w.items():
        assert by[reference].more == (need_w > 0)
        assert max(by[reference].least_w, 1) <= watts <= by[reference].power_w
        assert by[reference].premium_e4_per_kwh <= (found.premium_e4_per_kwh or 0)
    assert sum(found.accepted_w.values()) + found.uncovered_w <= abs(need_w)


def test_small_steps_are_put_together_at_the_dearest_and_the_rest_is_not_bid() -> None:
    """4 and 7 kW make 11 at 200; 12 at 300; 3 are left over."""
    steps = (PoolStep(A, 4000, 100), PoolStep(B, 7000, 200), PoolStep(A, 12_000, 300), PoolStep(B, 3000, 400))
    assert bid_curve(steps, 10_000) == ((11_000, 200), (12_000, 300))


def test_an_error_costs_half_of_itself_on_average_whatever_is_called() -> None:
    """60 kW off on average at 20 ct/kWh: 30 of 50 kW are missing, 12 ct for each kWh; of 600 kW 1 ct; without errors nothing."""
    assert risk_e4_per_kwh(60_000, 50_000, 2000) == 1200
    assert risk_e4_per_kwh(60_000, 600_000, 2000) == 100
    assert risk_e4_per_kwh(0, 1000, 2000) == 0


def test_the_cheapest_of_the_pool_are_called() -> None:
    """15 kW: all of 10 at 100, 5 of 8 at 200; more than there is is refused."""
    steps = (PoolStep(B, 8000, 200), PoolStep(A, 10_000, 100))
    assert called(steps, 15_000) == {A: 10_000, B: 5000}
    with pytest.raises(BadInput, match="the pool gives 18000 W"):
        called(steps, 18_001)


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=9).filter(any))
def test_a_divided_amount_adds_up_and_nobody_is_a_unit_off(amount: int, shares: list[int]) -> None:
    """The sum is exact; each part is its exact share rounded down or up."""
    parts = divided(amount, shares)
    assert sum(parts) == amount
    assert all(
        abs(part * sum(shares) - amount * share) < sum(shares) for part, share in zip(parts, shares, strict=True)
    )


def test_a_settlement_falls_on_the_called_pro_rata_to_the_unit() -> None:
    """Called for 3 : 1; 7 kW of 10 came: 525 and 175 of 700, 225 and 75 of a penalty of 300."""
    row = SettlementIsp(40, 20_000, -10_000, 13_000, -7000, 3000)
    whole = FlexOrderSettlement("o", date(2019, 8, 10), "pcc", (row,), 700, 300, 400, "c")
    found = shared(whole, {A: 7500, B: 2500})
    assert {place: (one.price, one.penalty, one.net_settlement) for place, one in found.items()} == {
        A: (525, 225, 300),
        B: (175, 75, 100),
    }
    assert [one.isps[0].ordered_flex_power_w for one in found.values()] == [-7500, -2500]
    assert [one.isps[0].delivered_flex_power_w for one in found.values()] == [-5250, -1750]
    assert found[B].order_reference == "o/agr-b/lv"
