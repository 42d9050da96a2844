"""Keys under which several roles keep what belongs to one place on one day."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from cim.codec.codec import wire


@wire("part.SellerDay")
class SellerDay(NamedTuple):
    """A seller (its agent's name) on a day."""

    seller: str
    period: date


@wire("part.SellerPointDay")
class SellerPointDay(NamedTuple):
    """An aggregator's portfolio (its agent's name) at a congestion point on a day."""

    seller: str
    congestion_point: str
    period: date
