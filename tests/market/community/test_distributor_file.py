"""The distributor's file: written as it has to be, read back as it was, and refused with the line that is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.community.exact import MILLION
from market.community.spain.distributor_file import HOURS, check_cups, coefficient_file, read, written

A = "ES1234123456789012JY1F"
CAU = "ES1234123456789012JY1FA000"
NAME = f"{CAU}_2026.txt"


def _letters(digits: str) -> str:
    letters = "TRWAGMYFPDXBNJZSQVHLCKE"
    first, second = divmod(int(digits) % 529, 23)
    return letters[first] + letters[second]


def code(number: int) -> str:
    """A supply point that can be."""
    digits = f"{number:016d}"
    return f"ES{digits}{_letters(digits)}0F"


def test_a_fixed_file_is_a_line_for_each_supply_point() -> None:
    """`CUPS;0,250000`, without a byte-order mark, by the plant's code and the year."""
    file = coefficient_file(CAU, 2026, [A, code(1)], np.array([[250_000, 750_000]]))
    assert file.name == "ES1234123456789012JY1FA000_2026.txt"
    assert written(file) == f"{A};0,250000\n{code(1)};0,750000\n"


def test_an_hourly_file_has_a_line_for_each_hour() -> None:
    """8,760 for each supply point, the hour in four digits from 0001."""
    rows = np.tile([400_000, 600_000], (HOURS, 1))
    rows[1] = [MILLION, 0]
    lines = written(coefficient_file(CAU, 2026, [A, code(1)], rows)).splitlines()
    assert len(lines) == 2 * HOURS
    assert lines[:3] == [f"{A};0001;0,400000", f"{A};0002;1,000000", f"{A};0003;0,400000"]
    assert lines[-1] == f"{code(1)};8760;0,600000"


@settings(max_examples=5)
@given(n=st.integers(1, 6), hourly=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_what_is_written_is_read(n: int, hourly: bool, seed: int) -> None:
    """Supply points, their order and every millionth."""
    rng = np.random.default_rng(seed)
    count = HOURS if hourly else 1
    cuts = np.sort(rng.integers(0, MILLION + 1, (count, n - 1)), axis=1)
    rows = np.diff(np.concatenate((np.zeros((count, 1), int), cuts, np.full((count, 1), MILLION)), axis=1), axis=1)
    file = coefficient_file(CAU, 2026, [code(k) for k in range(n)], rows)
    found = read(file.name, written(file).encode())
    assert (found.cau, found.year, found.cups) == (file.cau, file.year, file.cups)
    assert (found.e6 == file.e6).all()


@pytest.mark.parametrize(("text", "says"), [
    (f"{A};0,5\n", r"line 1: .*expected CUPS;0,250000"),
    (f"{A};0.500000\n", r"line 1: .*expected CUPS;0,250000"),
    (f"{A};2,000000\n", r"line 1: .*expected CUPS;0,250000"),
    (f"{A}\n", r"line 1: .*expected CUPS;0,250000"),
    (f"{A};1;1,000000\n", "line 1: hour '1'; expected 0001 to 8760"),
    (f"{A};8761;1,000000\n", "line 1: hour '8761'"),
    (f"{A};0000;1,000000\n", "line 1: hour '0000'"),
    (f"{A};0,500000\n{A};0,500000\n", "line 2: .* twice; expected each hour once"),
    (f"{A};0001;1,000000\n", "has 1 lines; expected 8760 hours"),
    (f"{A};0,500000\n{'ES0000000000000001'};0,500000\n", "CUPS: 'ES0000000000000001'; expected 22 characters"),
    (f"{A};0,999999\n", "coefficients of all hours: sum 0,999999"),
    ("", "empty; expected a line for each supply point"),
    ("\ufeff" + f"{A};1,000000\n", "begins with a byte-order mark; expected none"),
])  # fmt: skip
def test_a_file_that_is_wrong_is_told_where(text: str, says: str) -> None:
    """The first thing that is wrong, with its line."""
    with pytest.raises(BadInput, match=says):
        read(NAME, text.encode())


def test_a_mixture_of_fixed_and_hourly_is_refused() -> None:
    """All supply points as the first."""
    text = f"{A};0,500000\n{code(1)};0001;0,500000\n"
    with pytest.raises(BadInput, match="has 1 lines; expected fixed, as the first supply point"):
        read(NAME, text.encode())


@pytest.mark.parametrize("name", ["coefficients.txt", f"{CAU}_26.txt", f"{CAU}_2026.csv", f"{CAU}2026.txt"])
def test_the_name_says_plant_and_year(name: str) -> None:
    """Another name is refused."""
    with pytest.raises(BadInput, match=r"expected CAU_YEAR\.txt|CAU: "):
        read(name, f"{A};1,000000\n".encode())


def test_bytes_that_are_no_utf_8_are_refused() -> None:
    """Latin-1, as some tools write it."""
    with pytest.raises(BadInput, match="byte 0 is no UTF-8"):
        read(NAME, b"\xe9" + A.encode())


@pytest.mark.parametrize(("cups", "says"), [
    ("ES1234123456789012JX1F", "letters of control JX; expected JY"), ("ES1234123456789012JY", "expected 22 characters"),
    ("FR1234123456789012JY1F", "expected 22"), ("ES1234123456789012JY1T", "expected 22"), ("es1234123456789012jy1f", "expected 22"),
])  # fmt: skip
def test_a_supply_points_code_carries_its_check(cups: str, says: str) -> None:
    """Of ES 1234 1234 5678 9012 the letters are JY."""
    check_cups(A)
    with pytest.raises(BadInput, match=says):
        check_cups(cups)


def test_hourly_files_of_leap_years_are_refused_and_fixed_ones_not() -> None:
    """What is due for the last day of 2028 was not seen; 8,784 rows are never taken."""
    rows = np.full((HOURS, 1), MILLION)
    with pytest.raises(BadInput, match="year: 2028 has 8784 hours"):
        coefficient_file(CAU, 2028, [A], rows)
    assert coefficient_file(CAU, 2028, [A], rows[:1]).e6.tolist() == [[MILLION]]
    assert len(coefficient_file(CAU, 2100, [A], rows).e6) == HOURS
    with pytest.raises(BadInput, match=r"shape \(8784, 1\); expected 1 or 8760 hours of 1 members"):
        coefficient_file(CAU, 2028, [A], np.full((8784, 1), MILLION))


def test_codes_are_checked_before_a_file_is_made() -> None:
    """A plant without its A and three digits, a supply point twice."""
    with pytest.raises(BadInput, match="CAU: 'x'"):
        coefficient_file("x", 2026, [A], np.array([[MILLION]]))
    with pytest.raises(BadInput, match="CUPS: one twice"):
        coefficient_file(CAU, 2026, [A, A], np.array([[500_000, 500_000]]))
