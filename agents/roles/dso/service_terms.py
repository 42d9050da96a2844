"""What a DSO wants of the microgrid as a service."""

from __future__ import annotations

from dataclasses import dataclass

from cim.codec.codec import wire
from market.negotiation.concession import NegotiationPreferences


@wire("dso.ServiceTerms")
@dataclass(frozen=True, slots=True)
class ServiceTerms:
    """The microgrid as a service that a DSO wants.

    Attributes:
        power_w: off what is expected, + = more consumption.
        start_minute, end_minute: of the local day.
        response_min, availability_pct, deduction_pct: its level (`ServiceLevel`).
        buying: what it pays.
    """

    power_w: int
    start_minute: int
    end_minute: int
    response_min: int
    availability_pct: int
    deduction_pct: int
    buying: NegotiationPreferences
