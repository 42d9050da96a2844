"""Microgrid as a service, by hand: what counts as ready, what standing by is paid, what a failed level takes off."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.contracts.contract import PORTFOLIO, FlexElement
from market.contracts.service_level import (
    SERVICE,
    ServiceLevel,
    availability_row,
    deduction_e4,
    ready_share,
    service_isps,
)
from market.contracts.templates import from_template
from market.settlement.payments import capacity_amount
from market.uftp import ContractSettlement

DAY = date(2016, 6, 15)
CONTRACT = from_template(
    SERVICE, contract_id="s", buyer="dso.example", seller="iles.example", start_date=DAY, end_date=DAY,
    timezone="Europe/Vienna", flex_elements=(FlexElement("pcc", PORTFOLIO, 0, -10_000),), capacity_price_e4_per_kw_day=4800,
)  # fmt: skip
LEVEL = ServiceLevel("s", 30, 90, 3)
HOURS = [True] * 4 + [False] * 4


def rows(told, ordered=None, missing=None):  # type: ignore[no-untyped-def]
    """Four quarter-hours of service of ten kilowatts less, four without."""
    return service_isps(CONTRACT, HOURS, dict(enumerate(told, 1)), ordered or {}, missing or {})


def test_ready_is_what_was_told_with_what_was_ordered_less_what_did_not_come() -> None:
    """Told 12, 6, 4 and 0 of ten kilowatts; of 5 that were ordered in the third and 8 in the fourth, 2 of the latter lacked."""
    found = rows([12_000, 6000, 4000, 0, 9000], {3: 5000, 4: 8000}, {4: 2000})
    assert [row.available_power_w for row in found] == [-10_000, -6000, -9000, -6000, 0, 0, 0, 0]
    assert [row.reserved_power_w for row in found] == [-10_000] * 4 + [0] * 4
    assert ready_share(found) == Fraction(31, 40)


def test_a_level_that_is_kept_costs_nothing_and_each_point_below_it_thrice() -> None:
    """10 kW for half the day at 48 ct/kW day: 2.40 in all. At 31/40 it is 1.86, less 3 x 12.5 % of 2.40; at 9/10 nothing is off."""
    found = rows([12_000, 6000, 4000, 0], {3: 5000, 4: 8000}, {4: 2000})
    assert capacity_amount(CONTRACT, found) == 18_600
    assert deduction_e4(CONTRACT, LEVEL, found) == 9000
    kept = rows([10_000, 10_000, 10_000, 6000])
    assert deduction_e4(CONTRACT, LEVEL, kept) == 0
    assert availability_row(CONTRACT, LEVEL, ContractSettlement("s", DAY, kept)) is None


def test_no_more_is_deducted_than_is_paid() -> None:
    """Hardly anything was ready: the day costs the community nothing beside its pay."""
    found = rows([1000, 0, 0, 0])
    assert deduction_e4(CONTRACT, LEVEL, found) == capacity_amount(CONTRACT, found) == 600
    row = availability_row(CONTRACT, LEVEL, ContractSettlement("s", DAY, found))
    assert row is not None
    assert (row.price, row.penalty, row.net_settlement) == (0, 600, -600)


def test_a_level_that_makes_no_sense_is_refused() -> None:
    """More than all of a day cannot be ready."""
    with pytest.raises(BadInput, match="a share of at most 100 %"):
        ServiceLevel("s", 30, 101, 3)


@given(
    st.lists(st.integers(0, 20_000), min_size=8, max_size=8), st.lists(st.integers(0, 20_000), min_size=8, max_size=8)
)
def test_no_watt_is_ready_beyond_what_is_reserved_and_less_ready_never_pays_more(a: list[int], b: list[int]) -> None:
    """For any rows; and what is left of a day's pay falls with what is ready."""
    less, more = rows([min(x, y) for x, y in zip(a, b, strict=True)]), rows(a)
    assert all(abs(row.available_power_w) <= abs(row.reserved_power_w) for row in more)
    left = [capacity_amount(CONTRACT, one) - deduction_e4(CONTRACT, LEVEL, one) for one in (less, more)]
    assert 0 <= left[0] <= left[1] + 1
