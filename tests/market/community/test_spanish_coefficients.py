"""Spain's coefficients: exact in millionths, by contract where none is agreed, changed every four months, one for each hour."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from market.community.exact import MILLION
from market.community.spain.coefficients import (
    Agreement,
    Agreements,
    CoefficientMode,
    check_mode,
    check_sums,
    decimal,
    default_coefficients,
    hour_of_year,
    hours_of_year,
    months_later,
)

MADRID = "Europe/Madrid"


def fixed(from_day: date, *e6: int) -> Agreement:
    """One coefficient each for all hours."""
    return Agreement(from_day, tuple(f"m{k}" for k in range(len(e6))), np.array([e6]))


def test_contracted_power_decides_where_nothing_is_agreed() -> None:
    """4.6, 5.75 and 3.45 kW: 0.333333, 0.416667, 0.250000."""
    assert default_coefficients([4600, 5750, 3450]) == (333_333, 416_667, 250_000)


@given(powers=st.lists(st.integers(1, 15_000), min_size=1, max_size=120))
def test_whatever_is_contracted_the_sum_is_one(powers: list[int]) -> None:
    """A million exactly, none below 0, and who contracts more has no less."""
    found = default_coefficients(powers)
    assert sum(found) == MILLION
    order = sorted(range(len(powers)), key=lambda k: powers[k])
    assert all(found[a] <= found[b] + 1 for a, b in pairwise(order))


@pytest.mark.parametrize("powers", [[], [0], [4600, -1]])
def test_no_contracted_power_is_refused(powers: list[int]) -> None:
    """Nobody, nothing, or below nothing."""
    with pytest.raises(BadInput, match="contracted_w: "):
        default_coefficients(powers)


@pytest.mark.parametrize(("row", "said"), [
    ([500_000, 499_999], "sum 0,999999, smallest 0,499999"), ([600_000, 400_001], "sum 1,000001"),
    ([1_000_001, -1], "sum 1,000000, smallest -0,000001"),
])  # fmt: skip
def test_a_sum_that_is_not_one_is_refused(row: list[int], said: str) -> None:
    """0.999999 is not 1, and no coefficient is below 0."""
    with pytest.raises(BadInput, match=f"coefficients of all hours: {said}"):
        fixed(date(2026, 1, 1), *row)


def test_the_first_hour_that_is_wrong_is_named() -> None:
    """Among hourly coefficients."""
    rows = np.tile([500_000, 500_000], (30, 1))
    rows[16] = [500_000, 500_001]
    with pytest.raises(BadInput, match="coefficients of hour 0017: sum 1,000001"):
        check_sums(rows)


def test_an_agreement_has_a_column_for_each_member() -> None:
    """Two coefficients for three members, or nobody, are refused."""
    with pytest.raises(BadInput, match="expected a column for each of 3 members"):
        Agreement(date(2026, 1, 1), ("a", "b", "c"), np.array([[500_000, 500_000]]))
    with pytest.raises(BadInput, match="expected a column for each of 0 members"):
        Agreement(date(2026, 1, 1), (), np.zeros((1, 0), dtype=np.int64))


@pytest.mark.parametrize(("second", "taken"), [
    (date(2026, 5, 30), False), (date(2026, 5, 31), True), (date(2027, 1, 1), True),
])  # fmt: skip
def test_an_agreement_is_changed_every_four_months_at_the_soonest(second: date, taken: bool) -> None:
    """After 31 January the next is possible from 31 May on."""
    held = Agreements().with_agreement(fixed(date(2026, 1, 31), 700_000, 300_000), 4)
    again = fixed(second, 600_000, 400_000)
    if not taken:
        with pytest.raises(BadInput, match=f"agreement from {second}: .*expected 2026-05-31 or later"):
            held.with_agreement(again, 4)
        return
    after = held.with_agreement(again, 4)
    assert after.on(second - timedelta(days=1)).e6.tolist() == [[700_000, 300_000]]
    assert after.on(second).e6.tolist() == [[600_000, 400_000]]


def test_before_the_first_agreement_there_is_none() -> None:
    """A day before is refused."""
    held = Agreements().with_agreement(fixed(date(2026, 2, 1), MILLION), 4)
    with pytest.raises(BadInput, match="agreement on 2026-01-31: none"):
        held.on(date(2026, 1, 31))


@pytest.mark.parametrize(("day", "months", "expected"), [
    (date(2026, 1, 31), 1, date(2026, 2, 28)), (date(2028, 1, 31), 1, date(2028, 2, 29)),
    (date(2026, 10, 31), 4, date(2027, 2, 28)), (date(2026, 12, 1), 1, date(2027, 1, 1)),
    (date(2026, 8, 15), 4, date(2026, 12, 15)),
])  # fmt: skip
def test_months_are_those_of_the_calendar(day: date, months: int, expected: date) -> None:
    """The same day of a later month, or its last."""
    assert months_later(day, months) == expected


def test_sharing_after_the_fact_waits_for_its_law() -> None:
    """Refused while no day is known, refused before it, taken from it on; the others always."""
    with pytest.raises(BadInput, match=r"ex_post on 2026-05-01; expected fixed or hourly_ex_ante \(no law known"):
        check_mode(CoefficientMode.EX_POST, date(2026, 5, 1), None)
    with pytest.raises(BadInput, match="lawful from 2027-01-01"):
        check_mode(CoefficientMode.EX_POST, date(2026, 12, 31), date(2027, 1, 1))
    check_mode(CoefficientMode.EX_POST, date(2027, 1, 1), date(2027, 1, 1))
    for mode in (CoefficientMode.FIXED, CoefficientMode.HOURLY_EX_ANTE):
        check_mode(mode, date(2020, 1, 1), None)


@pytest.mark.parametrize(("year", "hours"), [(2025, 8760), (2026, 8760), (2028, 8784)])
def test_a_year_has_its_hours_whatever_the_clocks_do(year: int, hours: int) -> None:
    """The hour that March lacks October has twice."""
    assert hours_of_year(year, MADRID) == hours


def test_hours_are_counted_as_they_pass() -> None:
    """The hour after the one that March's clock leaves out is the next, and October's second 2 o'clock is an hour of its own."""
    march = LocalDay(date(2026, 3, 29), MADRID, 60)
    assert march.count == 23
    first = hour_of_year(march.start, 2026, MADRID)
    assert first == (31 + 28 + 28) * 24
    assert hour_of_year(march.end, 2026, MADRID) == first + 23
    october = LocalDay(date(2026, 10, 25), MADRID, 60)
    assert hour_of_year(october.end, 2026, MADRID) - hour_of_year(october.start, 2026, MADRID) == 25
    assert hour_of_year(LocalDay(date(2026, 12, 31), MADRID).end - timedelta(hours=1), 2026, MADRID) == 8759


def test_hourly_coefficients_go_by_the_hour_of_the_year() -> None:
    """Hours from an instant on have their own rows; outside their year they are refused; fixed ones hold always."""
    rows = np.stack((np.arange(8760), MILLION - np.arange(8760)), axis=1)
    agreement = Agreement(date(2026, 1, 1), ("a", "b"), rows)
    start = datetime(2026, 1, 1, 23, 0, tzinfo=UTC)  # midnight to 2 January in Madrid
    assert agreement.hourly
    assert agreement.of_hours(start, 3, MADRID)[:, 0].tolist() == [24, 25, 26]
    with pytest.raises(BadInput, match="coefficients: hours 8760 to 8761 of 2026; expected 1 to 8760"):
        agreement.of_hours(datetime(2026, 12, 31, 22, 0, tzinfo=UTC), 2, MADRID)
    always = fixed(date(2026, 1, 1), 250_000, 750_000)
    assert always.of_hours(start, 2, MADRID).tolist() == [[250_000, 750_000]] * 2
    assert not always.hourly


@given(e6=st.integers(-MILLION, MILLION))
def test_decimals_are_read_back_as_they_were(e6: int) -> None:
    """A comma, six decimals, nothing lost."""
    assert round(float(decimal(e6).replace(",", ".")) * MILLION) == e6
    assert len(decimal(e6).rpartition(",")[2]) == 6
