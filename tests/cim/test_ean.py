"""The EAN of a connection: GS1's check digit, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.ean import address_fault, check_digit, ean_fault


@pytest.mark.parametrize(
    ("digits", "digit"),
    [
        ("629104150021", 3),  # GTIN-13, the example of GS1's General Specifications
        ("37610425002123456", 9),  # SSCC, its example of eighteen digits
        ("1234567", 0),  # GTIN-8
    ],
)
def test_the_check_digit_is_gs1s(digits: str, digit: int) -> None:
    """Of GS1's own worked examples."""
    assert check_digit(digits) == digit


@given(digits=st.text("0123456789", min_size=17, max_size=17), place=st.integers(0, 16), more=st.integers(1, 9))
def test_one_wrong_digit_is_always_found(digits: str, place: int, more: int) -> None:
    """Whichever digit is another, the check digit does not fit any more; as it was, it does."""
    ean = f"{digits}{check_digit(digits)}"
    other = f"{ean[:place]}{(int(ean[place]) + more) % 10}{ean[place + 1 :]}"
    assert ean_fault(ean) is None
    assert ean_fault(other) is not None


@pytest.mark.parametrize("text", ["", "37610425002123456", "3761042500212345678", "37610425002123456x", "٣" * 18])
def test_what_is_not_eighteen_digits_is_no_ean(text: str) -> None:
    """Too short, too long, letters, digits of another script."""
    assert ean_fault(text) == "an EAN of 18 digits"


@pytest.mark.parametrize(
    "text",
    ["ean.871685900012636543", "ean.6291041500213", "ean.1234567890123456", "ea1.2016-01.at.strem:mv-feeder",
     "ea1.2009-12.com.example:grid/7"],
)  # fmt: skip
def test_addresses_of_both_forms_are_taken(text: str) -> None:
    """By EAN (with its check digit where it is as long as a key of GS1's) and by domain."""
    assert address_fault(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ean.871685900012636544", "3 as its last digit, the check digit"),
        ("ean.6291041500214", "3 as its last digit, the check digit"),
        ("ean.12345678901", "12 to 34 digits"),
        ("ean." + "1" * 35, "12 to 34 digits"),
        ("ean.٣٣٣٣٣٣٣٣٣٣٣٣", "12 to 34 digits"),
        ("ea1.2016-13.at.strem:mv-feeder", "ea1.yyyy-mm.reversed.domain:id"),
        ("ea1.2016-01.at.strem", "ea1.yyyy-mm.reversed.domain:id"),
        ("mv-feeder", "ea1.yyyy-mm.reversed.domain:id"),
        ("", "ea1.yyyy-mm.reversed.domain:id"),
    ],
)
def test_what_is_no_address_is_told_what_it_should_be(text: str, expected: str) -> None:
    """A wrong check digit, too few or many digits, a thirteenth month, no id."""
    assert expected in str(address_fault(text))
