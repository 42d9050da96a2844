"""What a site is: what readers of its publications need beside them."""

from __future__ import annotations

from dataclasses import dataclass

from cim.codec.codec import wire
from cim.platform.publications.base import Publication


@wire("published.Party")
@dataclass(frozen=True, slots=True)
class Party:
    """An agent and the domain by which market and ledger know it."""

    agent: str
    domain: str


@wire("published.WatchedPoint")
@dataclass(frozen=True, slots=True)
class WatchedPoint:
    """A congestion point, the branch that limits it, and the highest loading of it that the DSO plans with."""

    congestion_point: str
    branch: str
    limit_pct: float


@wire("published.SiteDescribed")
@dataclass(frozen=True, slots=True)
class SiteDescribed(Publication):
    """A site has been started: its calendar, its parties and the congestion points that its DSO watches.

    Attributes:
        timezone, isp_minutes: what a local day is and how it is cut into ISPs.
        dso: the DSO's domain.
    """

    site: str
    timezone: str
    isp_minutes: int
    dso: str
    parties: tuple[Party, ...]
    points: tuple[WatchedPoint, ...]
