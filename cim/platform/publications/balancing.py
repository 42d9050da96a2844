"""Balancing energy as the TSO tells it. A premium is in ten-thousandths of the currency unit per kWh (`_e4`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cim.codec.codec import wire
from cim.platform.publications.base import Publication


@wire("published.BalancingCleared")
@dataclass(frozen=True, slots=True)
class BalancingCleared(Publication):
    """A quarter-hour's balancing energy is cleared.

    `needed_w` is what the whole system needs, + = more consumption; `premium_e4_per_kwh` what is paid beside the day-ahead price,
    null where nothing is needed. Of the provider: its `nomination_w`, what it offered in the needed direction, what was called of
    that (+ = more consumption), and under which reference; null where nothing was.
    """

    period: date
    isp: int
    needed_w: int
    premium_e4_per_kwh: int | None
    provider: str
    nomination_w: int | None
    offered_w: int
    called_w: int
    order_reference: str | None
