"""The EAN of a connection: GS1's check digit, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.ean import check_digit, ean_fault


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
