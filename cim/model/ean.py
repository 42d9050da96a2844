"""The EAN of a connection (GS1's GSRN, 18 digits), its check digit, and USEF's entity addresses made of one or of a domain."""

from __future__ import annotations

import re

_DIGITS = 18
_GS1_LENGTHS = (12, 13, 14, 17, 18)  # of GS1's keys that end with a check digit (GTIN, GLN, GSIN, SSCC, GSRN)
_BY_EAN = re.compile(r"ean\.([0-9]{12,34})")
_BY_DOMAIN = re.compile(r"ea1\.[0-9]{4}-(0[1-9]|1[0-2])\.[^:\s]{1,244}:\S{1,244}")


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


def address_fault(text: str) -> str | None:
    """What a USEF entity address (of a connection or a congestion point) should be and this text is not; None: it is one.

    Source: USEF Flexibility Trading Protocol, "Entity addresses": `ea1.yyyy-mm.reversed.domain:id` with the month in which
    the domain was held, or `ean.` and 12 to 34 digits. An EAN as long as one of GS1's keys ends with its check digit.
    """
    by_ean = _BY_EAN.fullmatch(text)
    if by_ean is None:
        good = _BY_DOMAIN.fullmatch(text) is not None
        return None if good else "ea1.yyyy-mm.reversed.domain:id, or ean. and 12 to 34 digits"
    digits = by_ean[1]
    if len(digits) not in _GS1_LENGTHS or int(digits[-1]) == (wanted := check_digit(digits[:-1])):
        return None
    return f"{wanted} as its last digit, the check digit"
