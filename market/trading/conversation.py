"""Request, offer and order of flexibility between the DSO and one aggregator, as a table.

Source: Shapeshifter 3.1.0, "Flex trading"; USEF 2021, validate and operate phases. One conversation begins with one
FlexRequest to one aggregator, or with its offer that nobody asked for, and ends with at most one FlexOrder in force.
What is not ordered yet can be revoked; a revocation that crosses the order is too late for the DSO's end, but the
aggregator refuses that order.
"""

from __future__ import annotations

from enum import StrEnum

from market.conversations import ConversationTable
from market.uftp import (
    FlexOffer,
    FlexOfferResponse,
    FlexOfferRevocation,
    FlexOfferRevocationResponse,
    FlexOrder,
    FlexOrderResponse,
    FlexRequest,
    FlexRequestResponse,
    Result,
)

TradingMessage = (
    FlexRequest
    | FlexRequestResponse
    | FlexOffer
    | FlexOfferResponse
    | FlexOfferRevocation
    | FlexOfferRevocationResponse
    | FlexOrder
    | FlexOrderResponse
)


class State(StrEnum):
    """Where the trade stands."""

    IDLE = "idle"
    REQUESTED = "requested"
    OFFERED = "offered"
    ORDERED = "ordered"  # the order is on its way, or recorded but not answered
    ACCEPTED = "accepted"  # the order is in force
    REFUSED = "refused"  # the order was refused, so there is none
    DECLINED = "declined"  # no offer came about
    REVOKED = "revoked"  # the offer was withdrawn before an order
    EXPIRED = "expired"  # the request's or offer's ExpirationDateTime has passed without an order
    LATE_OFFER = "offered too late"  # the offer crossed the request's end: it can only be refused
    LATE_ORDER = "ordered too late"  # the order crossed the offer's end: it can only be refused


class Party(StrEnum):
    """Who moves."""

    DSO = "DSO"
    AGR = "AGR"
    TIME = "time"


class Event(StrEnum):
    """What is said, or happens."""

    REQUEST = "FlexRequest"
    REQUEST_ACCEPTED = "FlexRequestResponse Accepted"
    REQUEST_REFUSED = "FlexRequestResponse Rejected"
    OFFER = "FlexOffer"
    UNASKED_OFFER = "FlexOffer unsolicited"
    NO_OFFER = "FlexOffer without options"
    OFFER_ACCEPTED = "FlexOfferResponse Accepted"
    OFFER_REFUSED = "FlexOfferResponse Rejected"
    REVOCATION = "FlexOfferRevocation"
    REVOCATION_ACCEPTED = "FlexOfferRevocationResponse Accepted"
    REVOCATION_REFUSED = "FlexOfferRevocationResponse Rejected"
    ORDER = "FlexOrder"
    ORDER_ACCEPTED = "FlexOrderResponse Accepted"
    ORDER_REFUSED = "FlexOrderResponse Rejected"
    EXPIRY = "expiry"


TRADING = ConversationTable(
    title="Request, offer, order",
    about="The DSO asks one aggregator for flexibility, or it offers unasked. The DSO takes its offer wholly or in part, or "
    "lets it expire. The order binds when the aggregator accepts it, once its own orders to its members are recorded.",
    start=State.IDLE,
    rows={
        State.IDLE: {
            (Party.DSO, Event.REQUEST): State.REQUESTED,
            (Party.AGR, Event.UNASKED_OFFER): State.OFFERED,  # it stands without a request
        },
        State.REQUESTED: {
            (Party.AGR, Event.OFFER): State.OFFERED,
            (Party.AGR, Event.NO_OFFER): State.DECLINED,
            (Party.AGR, Event.REQUEST_REFUSED): State.DECLINED,
            (Party.TIME, Event.EXPIRY): State.EXPIRED,
        },
        State.OFFERED: {
            (Party.DSO, Event.ORDER): State.ORDERED,
            (Party.DSO, Event.OFFER_REFUSED): State.DECLINED,
            (Party.AGR, Event.REVOCATION): State.REVOKED,
            (Party.TIME, Event.EXPIRY): State.EXPIRED,
        },
        State.ORDERED: {
            (Party.AGR, Event.ORDER_ACCEPTED): State.ACCEPTED,
            (Party.AGR, Event.ORDER_REFUSED): State.REFUSED,
            (Party.DSO, Event.ORDER): State.ORDERED,  # the same once more
        },
        State.ACCEPTED: {
            (Party.DSO, Event.ORDER): State.ACCEPTED,
            (Party.AGR, Event.ORDER_ACCEPTED): State.ACCEPTED,  # "Already Submitted" is a success
        },
        State.REFUSED: {(Party.AGR, Event.ORDER_REFUSED): State.REFUSED},
        State.DECLINED: {},
        State.REVOKED: {},
        State.EXPIRED: {},
        State.LATE_OFFER: {(Party.DSO, Event.OFFER_REFUSED): State.EXPIRED},
        State.LATE_ORDER: {(Party.AGR, Event.ORDER_REFUSED): State.REFUSED},
    },
    crossing={
        State.ORDERED: {(Party.AGR, Event.REVOCATION): State.ORDERED},  # the order will be refused
        State.REFUSED: {(Party.DSO, Event.ORDER): State.REFUSED},
        State.DECLINED: {
            (Party.DSO, Event.OFFER_REFUSED): State.DECLINED,
            (Party.AGR, Event.REVOCATION): State.DECLINED,
        },
        State.REVOKED: {
            (Party.DSO, Event.ORDER): State.LATE_ORDER,
            (Party.DSO, Event.OFFER_REFUSED): State.REVOKED,
        },
        State.EXPIRED: {
            (Party.DSO, Event.ORDER): State.LATE_ORDER,
            (Party.DSO, Event.OFFER_REFUSED): State.EXPIRED,
            (Party.AGR, Event.OFFER): State.LATE_OFFER,
            (Party.AGR, Event.NO_OFFER): State.LATE_OFFER,
            (Party.AGR, Event.REQUEST_REFUSED): State.EXPIRED,
            (Party.AGR, Event.REVOCATION): State.EXPIRED,
        },
        State.LATE_OFFER: {(Party.AGR, Event.REVOCATION): State.LATE_OFFER},
        State.LATE_ORDER: {(Party.DSO, Event.ORDER): State.LATE_ORDER},
    },
    acknowledgements=frozenset(
        {
            (Party.AGR, Event.REQUEST_ACCEPTED),
            (Party.DSO, Event.OFFER_ACCEPTED),
            (Party.DSO, Event.REVOCATION_ACCEPTED),
            (Party.DSO, Event.REVOCATION_REFUSED),
        }
    ),
)


def event_of(message: TradingMessage) -> tuple[Party, Event]:
    """Who says a message and which event of the table it is."""
    if isinstance(message, FlexRequest):
        return Party.DSO, Event.REQUEST
    if isinstance(message, FlexRequestResponse):
        taken = message.result is Result.ACCEPTED
        return Party.AGR, Event.REQUEST_ACCEPTED if taken else Event.REQUEST_REFUSED
    if isinstance(message, FlexOffer):
        if message.unsolicited:
            return Party.AGR, Event.UNASKED_OFFER
        return Party.AGR, Event.OFFER if message.options else Event.NO_OFFER
    if isinstance(message, FlexOfferResponse):
        taken = message.result is Result.ACCEPTED
        return Party.DSO, Event.OFFER_ACCEPTED if taken else Event.OFFER_REFUSED
    if isinstance(message, FlexOfferRevocation):
        return Party.AGR, Event.REVOCATION
    if isinstance(message, FlexOfferRevocationResponse):
        taken = message.result is Result.ACCEPTED
        return Party.DSO, Event.REVOCATION_ACCEPTED if taken else Event.REVOCATION_REFUSED
    if isinstance(message, FlexOrder):
        return Party.DSO, Event.ORDER
    taken = message.result is Result.ACCEPTED
    return Party.AGR, Event.ORDER_ACCEPTED if taken else Event.ORDER_REFUSED
