"""The grid and the market as the DSO sees them; the words are USEF's."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from portal.models.base import Count, Instant, IspNumber, Shown


class IspPower(Shown):
    """`power_w` in each of `duration` ISPs from `start` on."""

    start: IspNumber
    power_w: int
    duration: IspNumber = 1


class GridPoint(Shown):
    """A congestion point as the last safety analysis saw it.

    Attributes:
        id: of the congestion point.
        branch: that limits it.
        limit_pct: highest loading allowed.
        period: local day analysed; None and no values before the first analysis.
        loading_pct: of the branch as expected, for each ISP of the day.
        need_w: change of the point's net power that mends it, for each ISP; 0 where nothing is needed.
    """

    id: str
    branch: str
    limit_pct: float
    period: date | None
    loading_pct: tuple[float, ...]
    need_w: tuple[int, ...]


class Prognosis(Shown):
    """A D-Prognosis: what a seller's portfolio at a point will draw, for each ISP of the day."""

    reference: str
    seller: str
    point: str
    period: date
    revision: Count
    at: Instant
    power_w: tuple[int, ...]


class AskedIsp(Shown):
    """ISP of a request: what is asked for (`Requested`), or the room left (`Available`)."""

    start: IspNumber
    disposition: str
    min_power_w: int
    max_power_w: int
    duration: IspNumber = 1


class Request(Shown):
    """A FlexRequest."""

    reference: str
    point: str
    period: date
    revision: Count
    at: Instant
    expires: Instant
    isps: tuple[AskedIsp, ...]


class OfferedOption(Shown):
    """One of the alternatives of an offer."""

    reference: str
    price: int
    isps: tuple[IspPower, ...]


class Offer(Shown):
    """A FlexOffer; `request` is the reference of the request it answers; `for_people`: it stands for people to order."""

    reference: str
    seller: str
    point: str
    period: date
    at: Instant
    expires: Instant
    request: str | None
    for_people: bool
    currency: str
    options: tuple[OfferedOption, ...]


class OrderStatus(StrEnum):
    """Where an order is: before its first ISP, within its ISPs, after them, settled."""

    UPCOMING = "upcoming"
    ACTIVE = "active"
    DELIVERED = "delivered"
    SETTLED = "settled"


class Order(Shown):
    """A FlexOrder."""

    reference: str
    seller: str
    point: str
    period: date
    at: Instant
    isps: tuple[IspPower, ...]
    price: int
    currency: str
    status: OrderStatus


class SettledOrder(Shown):
    """What became of an order: `net` = price of what was delivered less the penalty."""

    order: str
    point: str
    period: date
    price: int
    penalty: int
    net: int


class Settlement(Shown):
    """A FlexSettlement with one seller."""

    reference: str
    seller: str
    period_start: date
    period_end: date
    revision: Count
    currency: str
    orders: tuple[SettledOrder, ...]


class DsoState(Shown):
    """The grid and the market as the DSO sees them, oldest first in each list."""

    now: Instant
    points: tuple[GridPoint, ...]
    prognoses: tuple[Prognosis, ...]
    requests: tuple[Request, ...]
    offers: tuple[Offer, ...]
    orders: tuple[Order, ...]
    settlements: tuple[Settlement, ...]
