"""An account's rows of limited feed-in at the connection's own tariff, ISP by ISP."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.billing.tariff import DayRates
from market.settlement.curtailment import LimitedIsp, compensation, limited_isps

QUARTER = Fraction(1, 4)
ISPS = 4


def rates(energy: list[int], network: int = 0, taxes: int = 0, feed_in: list[int] | None = None) -> DayRates:
    """Rates of four ISPs, ten-thousandths per MWh."""
    flat = (np.full(ISPS, rate, dtype=np.int64) for rate in (network, taxes))
    return DayRates(np.array(energy), *flat, np.array(feed_in or [0] * ISPS))


def test_each_row_has_the_prices_and_the_meter_of_its_own_isp() -> None:
    """Retail is energy, network and taxes of that ISP; ISPs count from 1, and come in the order of the rows."""
    day = rates([100, 200, 300, 400], 10, 1, [7, 8, 9, 10])
    found = limited_isps([(4, -500, -200), (1, -50, 0)], [1000, 2000, 3000, 4000], day)
    assert found == [LimitedIsp(4000, -500, -200, 10, 411), LimitedIsp(1000, -50, 0, 7, 111)]


@pytest.mark.parametrize(
    ("available", "given_", "kept"), [(-5, -3, (-5, -3)), (5, 3, (0, 0)), (0, -1, (0, -1)), (-1, 4, (-1, 0))]
)
def test_a_plant_that_draws_gave_nothing(available: int, given_: int, kept: tuple[int, int]) -> None:
    """An inverter's own use at night is no feed-in, neither available nor given."""
    (found,) = limited_isps([(1, available, given_)], [0] * ISPS, rates([0] * ISPS))
    assert (found.available_w, found.given_w) == kept


def test_a_meters_mean_is_taken_to_the_watt() -> None:
    """Half a watt goes to the even one."""
    rows = [(isp, -1, 0) for isp in range(1, 5)]
    found = limited_isps(rows, np.array([0.5, 1.5, -0.5, 2.4]), rates([0] * ISPS))  # type: ignore[arg-type]
    assert [row.connection_w for row in found] == [0, 2, 0, 2]


@pytest.mark.parametrize(
    ("connection_w", "own_wh", "amount"),
    [
        # 4 kW were held back; what the meter drew of that was own use at 20 ct, the rest feed-in at 8 ct.
        (-3000, 0, 800), (0, 0, 800), (1, Fraction(1, 4), 800), (2000, 500, 1400), (4000, 1000, 2000), (9000, 1000, 2000),
    ],
)  # fmt: skip
def test_own_use_is_what_was_drawn_and_no_more_than_was_lost(
    connection_w: int, own_wh: Fraction | int, amount: int
) -> None:
    """By hand, 1 kWh lost: from nothing drawn to more than was held back."""
    owed = compensation([LimitedIsp(connection_w, -8000, -4000, 800_000, 2_000_000)], QUARTER)
    assert (owed.curtailed_wh, owed.lost_own_use_wh, owed.amount_e4) == (1000, own_wh, amount)


def test_what_would_have_been_fed_in_at_a_negative_price_takes_off() -> None:
    """A connection that would have paid for feeding in was spared that; its own use it still lost."""
    fed = LimitedIsp(0, -4000, 0, -500_000, 2_000_000)
    used = LimitedIsp(4000, -4000, 0, -500_000, 2_000_000)
    assert compensation([fed], QUARTER).amount_e4 == -500
    assert compensation([fed, used], QUARTER).amount_e4 == 1500


def test_the_sum_is_rounded_once_half_to_even() -> None:
    """2 W for a quarter-hour at 1 ct/kWh are 0.005 ten-thousandths each: a hundred are a half and round to 0, 300 to 2."""
    one = LimitedIsp(0, -2, 0, 10_000, 0)
    assert [compensation([one] * count, QUARTER).amount_e4 for count in (1, 100, 101, 300)] == [0, 0, 1, 2]


def test_nothing_limited_nothing_owed() -> None:
    """No rows are no compensation, exactly."""
    owed = compensation(limited_isps([], [0] * ISPS, rates([0] * ISPS)), QUARTER)
    assert (owed.curtailed_wh, owed.lost_own_use_wh, owed.amount_e4) == (0, 0, 0)


WATTS = st.integers(-10_000, 0)
ROWS = st.lists(st.tuples(st.integers(1, ISPS), WATTS, WATTS), max_size=8)
METER = st.lists(st.integers(-10_000, 10_000), min_size=ISPS, max_size=ISPS)


@given(rows=ROWS, meter=METER, more=st.integers(1, 5000), hours=st.sampled_from([QUARTER, Fraction(1, 2), Fraction(1)]))
def test_who_could_have_given_more_is_never_owed_less(
    rows: list[tuple[int, int, int]], meter: list[int], more: int, hours: Fraction
) -> None:
    """With prices that are not negative: monotone in what was available, and never below zero."""
    day = rates([500_000] * ISPS, 600_000, 400_000, [800_000] * ISPS)
    before = compensation(limited_isps(rows, meter, day), hours)
    after = compensation(limited_isps([(isp, could - more, gave) for isp, could, gave in rows], meter, day), hours)
    assert 0 <= before.amount_e4 <= after.amount_e4
    assert before.curtailed_wh <= after.curtailed_wh
    assert after.curtailed_wh - before.curtailed_wh <= more * len(rows) * hours


@given(rows=ROWS, meter=METER)
def test_rows_are_worth_the_same_in_any_order(rows: list[tuple[int, int, int]], meter: list[int]) -> None:
    """The sum is exact until it is rounded, so the order of an account's rows does not matter."""
    day = rates([300_000, 100_000, 700_000, 900_000], 1, 2, [1, 20_000, 300_000, -50_000])
    assert compensation(limited_isps(rows, meter, day), QUARTER) == compensation(
        limited_isps(rows[::-1], meter, day), QUARTER
    )
