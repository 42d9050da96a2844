"""Flexibility trading as USEF's messages tell it: prognosis, request, offer, order. Parties are named by their domains.

A price is in ten-thousandths of the currency unit (`_e4`). A `reference` is the id of the message (UFTP MessageID).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from cim.codec.codec import wire
from cim.platform.publications.base import IspPower, Publication


@wire("published.PrognosisTaken")
@dataclass(frozen=True, slots=True)
class PrognosisTaken(Publication):
    """A D-Prognosis that the DSO took: what a seller's portfolio at a congestion point will draw in each ISP of a day."""

    reference: str
    seller: str
    congestion_point: str
    period: date
    revision: int
    power_w: tuple[int, ...]


@wire("published.AskedIsp")
@dataclass(frozen=True, slots=True)
class AskedIsp:
    """ISPs of a request: flexibility asked for (`Requested`) or room that is left (`Available`), between two bounds."""

    start: int
    disposition: str
    min_power_w: int
    max_power_w: int
    duration: int = 1


@wire("published.FlexRequested")
@dataclass(frozen=True, slots=True)
class FlexRequested(Publication):
    """A FlexRequest."""

    reference: str
    buyer: str
    seller: str
    congestion_point: str
    period: date
    revision: int
    expires: datetime
    isps: tuple[AskedIsp, ...]


@wire("published.OfferedOption")
@dataclass(frozen=True, slots=True)
class OfferedOption:
    """One of the alternatives of an offer."""

    reference: str
    price_e4: int
    isps: tuple[IspPower, ...]


@wire("published.FlexOffered")
@dataclass(frozen=True, slots=True)
class FlexOffered(Publication):
    """A FlexOffer that its buyer took; `request` is the reference of the request it answers, None if it answers none.

    `for_people`: the buyer's people choose what is ordered of it.
    """

    reference: str
    buyer: str
    seller: str
    congestion_point: str
    period: date
    expires: datetime
    request: str | None
    currency: str
    options: tuple[OfferedOption, ...]
    for_people: bool = False


@wire("published.ReservationUpdated")
@dataclass(frozen=True, slots=True)
class ReservationUpdated(Publication):
    """A FlexReservationUpdate that the seller took: what stays reserved of a contract in ISPs of a day."""

    reference: str
    buyer: str
    seller: str
    congestion_point: str
    period: date
    contract_id: str
    isps: tuple[IspPower, ...]


@wire("published.OrderPlaced")
@dataclass(frozen=True, slots=True)
class OrderPlaced(Publication):
    """A FlexOrder, after the ledger has recorded it; under which contract, null where it is under none.

    `offer` and `option` are the references of what it takes up, null where nothing was offered.
    """

    order_reference: str
    buyer: str
    seller: str
    congestion_point: str
    period: date
    price_e4: int
    currency: str
    isps: tuple[IspPower, ...]
    contract_id: str | None = None
    offer: str | None = None
    option: str | None = None


@wire("published.OrderRefused")
@dataclass(frozen=True, slots=True)
class OrderRefused(Publication):
    """A FlexOrder that its seller cannot follow; `seller` is the agent's name."""

    order_reference: str
    seller: str
    reason: str
