"""Keys under which several roles keep what belongs to one place on one day."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from cim.codec.codec import wire


@wire("part.SellerPointDay")
class SellerPointDay(NamedTuple):
    """An aggregator's portfolio (its agent's name) at a congestion point on a day."""

    seller: str
    congestion_point: str
    period: date
