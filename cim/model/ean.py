"""The EAN of a connection (GS1's GSRN, 18 digits), and its check digit."""

from __future__ import annotations

_DIGITS = 18


def check_digit(digits: str) -> int:
    """GS1's check digit of the digits before it: from the right they count three times, once, three times, ..."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return -total % 10


def ean_fault(text: str) -> str | None:
    """What a connection's EAN should be and this text is not; None where it is one."""
    if len(text) != _DIGITS or not (text.isascii() and text.isdigit()):
        return f"an EAN of {_DIGITS} digits"
    wanted = check_digit(text[:-1])
    return None if int(text[-1]) == wanted else f"{wanted} as its last digit, the check digit"
