"""What a connection is owed for feed-in that its DSO did not let in."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from market.settlement.curtailment import LimitedIsp, compensation

QUARTER = Fraction(1, 4)


def test_feed_in_lost_is_paid_as_feed_in_and_own_use_lost_as_what_it_costs() -> None:
    """By hand: 8 kW available, 4 given, the meter draws 1: of 1 kWh lost, 0.75 at 8 ct and 0.25 at 20 ct are 11 ct."""
    isp = LimitedIsp(
        connection_w=1000, available_w=-8000, given_w=-4000, feed_in_e4_per_mwh=800_000, retail_e4_per_mwh=2_000_000
    )
    owed = compensation([isp], QUARTER)
    assert (owed.curtailed_wh, owed.lost_own_use_wh, owed.amount_e4) == (1000, 250, 1100)


def test_a_limit_that_took_nothing_is_not_paid() -> None:
    """A plant that gave all it could, or shows more than it could, is owed nothing."""
    full = LimitedIsp(-4000, -4000, -4000, 800_000, 2_000_000)
    more = LimitedIsp(-4000, -4000, -4100, 800_000, 2_000_000)
    assert compensation([full, more], QUARTER).amount_e4 == 0


WATTS = st.integers(-1_000_000, 0)


@given(st.lists(st.tuples(st.integers(-1_000_000, 1_000_000), WATTS, WATTS), max_size=8))
def test_what_is_owed_lies_between_the_two_prices(rows: list[tuple[int, int, int]]) -> None:
    """Never less than all at the feed-in price, never more than all at the retail price."""
    isps = [LimitedIsp(*row, feed_in_e4_per_mwh=800_000, retail_e4_per_mwh=2_000_000) for row in rows]
    owed = compensation(isps, QUARTER)
    least, most = (round(owed.curtailed_wh * price / 1_000_000) for price in (800_000, 2_000_000))
    assert least <= owed.amount_e4 <= most
    assert 0 <= owed.lost_own_use_wh <= owed.curtailed_wh
