"""Requests, offers and orders of flexibility (Shapeshifter 3.1.0, "Flex trading")."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from cim.codec.codec import wire
from cim.model.errors import BadInput
from market.uftp.header import Header, IspPower, Result


@wire("uftp.Disposition")
class Disposition(StrEnum):
    """Whether an ISP's power range is asked for or may be used (for example for rebound)."""

    AVAILABLE = "Available"
    REQUESTED = "Requested"


@wire("uftp.RequestISP")
@dataclass(frozen=True, slots=True)
class RequestIsp:
    """ISP of a FlexRequest: the change from the prognosis asked for, or the room left, in watts."""

    start: int
    disposition: Disposition
    min_power_w: int
    max_power_w: int
    duration: int = 1

    def __post_init__(self) -> None:
        if self.min_power_w > self.max_power_w:
            raise BadInput(f"ISP {self.start}: MinPower {self.min_power_w} W exceeds MaxPower {self.max_power_w} W")


@wire("uftp.FlexRequest")
@dataclass(frozen=True, slots=True)
class FlexRequest:
    """The DSO asks the aggregators of a congestion point for flexibility."""

    header: Header
    period: date
    congestion_point: str
    revision: int
    expiration: datetime
    isps: tuple[RequestIsp, ...]
    timezone: str
    isp_minutes: int = 15
    contract_id: str | None = None
    service_type: str | None = None


@wire("uftp.FlexRequestResponse")
@dataclass(frozen=True, slots=True)
class FlexRequestResponse:
    """Whether the aggregator took the request."""

    header: Header
    flex_request_message_id: str
    result: Result
    rejection_reason: str | None = None


@wire("uftp.OfferOption")
@dataclass(frozen=True, slots=True)
class OfferOption:
    """One way to serve a request, for the whole price; it may be ordered in part down to `min_activation_factor_pct`.

    The standard writes the factor with two decimals; here it is whole percent, so that it is exact.
    """

    option_reference: str
    price: int
    isps: tuple[IspPower, ...]
    min_activation_factor_pct: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.min_activation_factor_pct <= 100:
            raise BadInput(f"MinActivationFactor: {self.min_activation_factor_pct} % is outside 1..100 % (0.01..1.00)")

    def activated(self, factor_pct: int) -> tuple[int, tuple[IspPower, ...]]:
        """(price, ISPs) at an activation factor: factor times what is offered, each rounded half to even."""
        isps = (IspPower(row.start, round(row.power_w * factor_pct / 100), row.duration) for row in self.isps)
        return round(self.price * factor_pct / 100), tuple(isps)


@wire("uftp.FlexOffer")
@dataclass(frozen=True, slots=True)
class FlexOffer:
    """An aggregator offers flexibility: alternatives of which at most one is ordered."""

    header: Header
    period: date
    congestion_point: str
    expiration: datetime
    options: tuple[OfferOption, ...]
    currency: str
    timezone: str
    isp_minutes: int = 15
    flex_request_message_id: str | None = None
    contract_id: str | None = None
    d_prognosis_message_id: str | None = None
    baseline_reference: str | None = None
    unsolicited: bool = False


@wire("uftp.FlexOfferResponse")
@dataclass(frozen=True, slots=True)
class FlexOfferResponse:
    """Whether the DSO took the offer."""

    header: Header
    flex_offer_message_id: str
    result: Result
    rejection_reason: str | None = None


@wire("uftp.FlexOfferRevocation")
@dataclass(frozen=True, slots=True)
class FlexOfferRevocation:
    """The aggregator withdraws an offer that was not ordered yet."""

    header: Header
    flex_offer_message_id: str


@wire("uftp.FlexOfferRevocationResponse")
@dataclass(frozen=True, slots=True)
class FlexOfferRevocationResponse:
    """Whether the DSO lets the offer go; not where an order for it was accepted."""

    header: Header
    flex_offer_revocation_message_id: str
    result: Result
    rejection_reason: str | None = None


@wire("uftp.FlexOrder")
@dataclass(frozen=True, slots=True)
class FlexOrder:
    """The DSO orders an option, wholly or by an activation factor f: powers and price are f times the offered ones."""

    header: Header
    period: date
    congestion_point: str
    order_reference: str
    price: int
    currency: str
    isps: tuple[IspPower, ...]
    timezone: str
    isp_minutes: int = 15
    flex_offer_message_id: str | None = None
    option_reference: str | None = None
    activation_factor_pct: int = 100
    contract_id: str | None = None
    d_prognosis_message_id: str | None = None
    baseline_reference: str | None = None
    unsolicited: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.activation_factor_pct <= 100:
            raise BadInput(f"ActivationFactor: {self.activation_factor_pct} % is outside 1..100 % (0.01..1.00)")


@wire("uftp.FlexOrderResponse")
@dataclass(frozen=True, slots=True)
class FlexOrderResponse:
    """Whether the aggregator took the order."""

    header: Header
    flex_order_message_id: str
    result: Result
    rejection_reason: str | None = None


@wire("uftp.FlexReservationUpdate")
@dataclass(frozen=True, slots=True)
class FlexReservationUpdate:
    """The DSO gives back part of what a contract reserves; it may only reduce."""

    header: Header
    period: date
    congestion_point: str
    contract_id: str
    reference: str
    isps: tuple[IspPower, ...]
    timezone: str
    isp_minutes: int = 15


@wire("uftp.FlexReservationUpdateResponse")
@dataclass(frozen=True, slots=True)
class FlexReservationUpdateResponse:
    """Whether the aggregator took the update."""

    header: Header
    flex_reservation_update_message_id: str
    result: Result
    rejection_reason: str | None = None
