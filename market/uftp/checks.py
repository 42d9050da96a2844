"""Why a UFTP message is rejected, in the specification's words ("Message validation"); pure functions.

Each gives the reasons it finds: the specification's, then after a colon what was found and expected. What only the
addressed party can judge (a revision, a contract, a power that its connections cannot carry) is left to that party.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import chain

from cim.model.ean import address_fault
from cim.model.intervals import LocalDay
from market.uftp.exchange import ANSWERED, UsefRole, answered_id, is_response, route_of
from market.uftp.flexibility import FlexOffer, FlexOfferRevocation, FlexOrder, FlexRequest, FlexReservationUpdate
from market.uftp.header import VERSION, UftpMessage, fault_of_isps
from market.uftp.portfolio import CongestionPoint, Connection, DsoPortfolioUpdate
from market.uftp.prognosis import DPrognosis
from market.uftp.settlement import FlexSettlement, Metering

VERSIONS = ("3.0.0", VERSION)  # minor versions are compatible ("Versioning")


class Reason(StrEnum):
    """The specification's reasons, letter by letter."""

    UNKNOWN_SENDER = "Unknown SenderDomain"
    MISMATCH_SENDER = "Mismatch SenderDomain"
    INVALID_COMBINATION = "Invalid Sender combination"
    INVALID_MESSAGE = "Invalid Message"
    UNKNOWN_RECIPIENT = "Unknown RecipientDomain"
    BARRED_SENDER = "Barred Sender"
    DUPLICATE_IDENTIFIER = "Duplicate Identifier"
    ALREADY_SUBMITTED = "Already Submitted"
    ISP_DURATION = "ISP duration rejected"
    TIME_ZONE = "TimeZone rejected"
    CONGESTION_POINT = "Invalid CongestionPoint"
    PERIOD_MISMATCH = "Reference Period mismatch"
    REFERENCE_EXPIRED = "Reference message expired"
    REFERENCE_REVOKED = "Reference message revoked"
    ISPS_OUT_OF_BOUNDS = "ISPs out of bounds"
    ISP_CONFLICT = "ISP conflict"
    PERIOD_OUT_OF_BOUNDS = "Period out of bounds"
    EXPIRATION_OUT_OF_BOUNDS = "ExpirationDateTime out of bounds"


@dataclass(frozen=True)
class ReplayWindow:
    """Which TimeStamps are taken: what is older may have been forgotten, so it could be said twice.

    Attributes:
        back: how old a message may be; identifiers are remembered for longer than that.
        ahead: how far the sender's clock may be ahead of ours.
    """

    back: timedelta = timedelta(hours=48)
    ahead: timedelta = timedelta(minutes=5)


@dataclass(frozen=True)
class MarketScope:
    """What all messages of a market agree on, and what one peer may speak of.

    Attributes:
        points: entity addresses of the congestion points; the scope of a message is its point, not its sender.
    """

    timezone: str
    isp_minutes: int
    currency: str
    points: frozenset[str]


@dataclass(frozen=True)
class Referred:
    """A message that another one refers to."""

    kind: type
    period: date | None
    expiration: datetime | None = None
    revoked: bool = False


LookUp = Callable[[str], Referred | None]


def sender_faults(message: UftpMessage, domain: str, role: UsefRole) -> Iterator[str]:
    """Whether the wrapper's sender (whose signature holds) is the message's, and sends such messages."""
    kind, said = type(message), message.header.sender_domain
    if said != domain:
        yield f"{Reason.MISMATCH_SENDER}: {said} in the message, expected {domain} as in the SignedMessage"
    if role not in route_of(kind)[0]:
        yield f"{Reason.INVALID_MESSAGE}: {kind.__name__} from role {role}, expected {_either(route_of(kind)[0])}"


def recipient_faults(message: UftpMessage, domain: str, role: UsefRole) -> Iterator[str]:
    """Whether a message is for this party, and for its role."""
    kind, said = type(message), message.header.recipient_domain
    if said != domain:
        yield f"{Reason.UNKNOWN_RECIPIENT}: {said}, expected {domain}"
    elif role not in route_of(kind)[1]:
        yield f"{Reason.INVALID_MESSAGE}: {kind.__name__} to role {role}, expected {_either(route_of(kind)[1])}"


def _either(roles: frozenset[UsefRole]) -> str:
    return " or ".join(sorted(roles))


def header_time_faults(message: UftpMessage, now: datetime, window: ReplayWindow) -> Iterator[str]:
    """Whether version and TimeStamp can be taken."""
    header = message.header
    if header.version not in VERSIONS:
        yield f"{Reason.INVALID_MESSAGE}: Version {header.version}, expected {' or '.join(VERSIONS)}"
    if header.time_stamp > now + window.ahead:
        yield (
            f"{Reason.INVALID_MESSAGE}: TimeStamp {header.time_stamp.isoformat()} is in the future, expected at most "
            f"{window.ahead} after {now.isoformat()}"
        )
    elif header.time_stamp < now - window.back:
        yield (
            f"{Reason.INVALID_MESSAGE}: TimeStamp {header.time_stamp.isoformat()} is too old, expected at most "
            f"{window.back} before {now.isoformat()}"
        )


def market_faults(message: UftpMessage, scope: MarketScope, now: datetime) -> Iterator[str]:
    """Whether ISP length, time zone, currency, congestion points, ISPs, days and expiry fit the market and the time."""
    minutes, zone = getattr(message, "isp_minutes", scope.isp_minutes), getattr(message, "timezone", scope.timezone)
    if minutes != scope.isp_minutes:
        yield f"{Reason.ISP_DURATION}: PT{minutes}M, expected PT{scope.isp_minutes}M"
        return
    period: date | None = getattr(message, "period", None)
    day = None if period is None else _day(period, scope)
    if period is not None and day is None:
        yield f"{Reason.PERIOD_OUT_OF_BOUNDS}: {period} is no day of this calendar, expected one of our time"
        return
    if not same_offsets(zone, scope.timezone, now.date() if period is None else period):
        yield f"{Reason.TIME_ZONE}: {zone}, expected {scope.timezone}"
    currency = getattr(message, "currency", scope.currency)
    if currency != scope.currency:
        yield f"{Reason.INVALID_MESSAGE}: Currency {currency}, expected {scope.currency}"
    yield from _address_faults(message, scope)
    yield from chain(_isp_faults(message, scope, day), _period_faults(message, day, now, scope))


def _address_faults(message: UftpMessage, scope: MarketScope) -> Iterator[str]:
    """Whether every address in it is one, to the check digit of an EAN, and its congestion points are of this market."""
    for point in sorted(points_of(message)):
        if (expected := address_fault(point)) is not None:
            yield f"{Reason.CONGESTION_POINT}: {point}, expected {expected}"
        elif point not in scope.points:
            yield f"{Reason.CONGESTION_POINT}: {point} is none of ours, or the sender is not active there"
    told = _told_points(message)
    for point in sorted({point.entity_address for point in told}):
        if (expected := address_fault(point)) is not None:
            yield f"{Reason.CONGESTION_POINT}: {point}, expected {expected}"
    for connection in sorted(_connections(message, told)):
        if (expected := address_fault(connection)) is not None:
            yield f"{Reason.INVALID_MESSAGE}: connection {connection}, expected {expected}"


def _told_points(message: UftpMessage) -> tuple[CongestionPoint, ...]:
    """The congestion points that a portfolio message tells of."""
    if isinstance(message, DsoPortfolioUpdate):
        return message.congestion_points
    portfolios = getattr(message, "dso_portfolios", ())
    return tuple(point for portfolio in portfolios for point in portfolio.congestion_points)


def _connections(message: UftpMessage, told: tuple[CongestionPoint, ...]) -> frozenset[str]:
    """The entity addresses of the connections that a message tells of."""
    if isinstance(message, Metering):  # its EAN may stand without the prefix, or with an E: the schema leaves it open
        digits = message.ean.removeprefix("ean.").lstrip("Ee")
        return frozenset((f"ean.{digits}",) if digits.isdecimal() else ())
    own: tuple[Connection, ...] = getattr(message, "connections", ())
    return frozenset(one.entity_address for one in (*own, *(c for point in told for c in point.connections)))


def same_offsets(one: str, other: str, day: date) -> bool:
    """Whether two IANA time zones cut a day alike: they have the same UTC offsets from its beginning to its end."""
    if one == other:
        return True
    try:
        ours, theirs = LocalDay(day, other), LocalDay(day, one)
        return (ours.start, ours.end) == (theirs.start, theirs.end)
    except (KeyError, ValueError, OverflowError, OSError):  # no such zone (a folder of zones, too), no such day
        return False


def _day(period: date, scope: MarketScope) -> LocalDay | None:
    day = LocalDay(period, scope.timezone, scope.isp_minutes)
    try:
        return day if day.start < day.end else None
    except (OverflowError, ValueError):  # the first and last days that Python knows
        return None


def points_of(message: UftpMessage) -> frozenset[str]:
    """The congestion points that a message is about."""
    if isinstance(message, FlexSettlement):
        return frozenset(order.congestion_point for order in message.order_settlements)
    point: str | None = getattr(message, "congestion_point", None)
    return frozenset(() if point is None else (point,))


_Spans = list[tuple[int, int]]


def _spans(message: UftpMessage, scope: MarketScope) -> Iterator[tuple[LocalDay | None, _Spans]]:
    """(day, [(start, duration)]) of each list of ISPs; the day is None where it is the message's own."""
    if isinstance(message, FlexRequest | FlexOrder | FlexReservationUpdate):
        yield None, [(row.start, row.duration) for row in message.isps]
    elif isinstance(message, FlexOffer):
        yield from ((None, [(row.start, row.duration) for row in option.isps]) for option in message.options)
    elif isinstance(message, FlexSettlement):
        for order in message.order_settlements:
            yield _day(order.period, scope), [(row.start, row.duration) for row in order.isps]
        for contract in message.contract_settlements:
            yield _day(contract.period, scope), [(row.start, row.duration) for row in contract.isps]


def _isp_faults(message: UftpMessage, scope: MarketScope, day: LocalDay | None) -> Iterator[str]:
    if isinstance(message, DPrognosis) and day is not None and len(message.power_w) != day.count:
        yield f"{Reason.ISPS_OUT_OF_BOUNDS}: {len(message.power_w)} ISPs, expected all {day.count} of {day.day}"
    if isinstance(message, Metering) and day is not None:
        for profile in message.profiles:
            if len(profile.values) != day.count:
                told = f"{len(profile.values)} ISPs of {profile.profile_type}, expected all {day.count} of {day.day}"
                yield f"{Reason.ISPS_OUT_OF_BOUNDS}: {told}"
    for own, spans in _spans(message, scope):
        on = own or day
        if not spans:
            yield f"{Reason.ISPS_OUT_OF_BOUNDS}: no ISP, expected at least one"
        elif on is not None and (fault := fault_of_isps(spans, on.count)) is not None:
            twice = "covered twice" in fault
            yield f"{Reason.ISP_CONFLICT if twice else Reason.ISPS_OUT_OF_BOUNDS}: {fault}"


def _period_faults(message: UftpMessage, day: LocalDay | None, now: datetime, scope: MarketScope) -> Iterator[str]:
    ahead = isinstance(message, FlexRequest | FlexOffer | FlexOrder | FlexReservationUpdate | DPrognosis)
    if day is not None and ahead and day.end <= now:
        yield f"{Reason.PERIOD_OUT_OF_BOUNDS}: {day.day} is over, expected a day that is not"
    if day is not None and isinstance(message, Metering) and day.start > now:
        yield f"{Reason.PERIOD_OUT_OF_BOUNDS}: {day.day} has not begun, expected a day that was metered"
    if day is not None and isinstance(message, FlexRequest | FlexOffer) and not now < message.expiration <= day.end:
        told = f"{message.expiration.isoformat()}, expected after {now.isoformat()} and by {day.end.isoformat()}"
        yield f"{Reason.EXPIRATION_OUT_OF_BOUNDS}: {told}"
    if isinstance(message, FlexSettlement):
        first, last = message.period_start, message.period_end
        start = _day(first, scope)
        if last < first or start is None or start.start > now:
            yield f"{Reason.PERIOD_OUT_OF_BOUNDS}: {first} to {last}, expected days that are over"
        periods = [one.period for one in message.order_settlements]
        for settled in sorted({*periods, *(one.period for one in message.contract_settlements)}):
            if not first <= settled <= last:
                yield f"{Reason.PERIOD_OUT_OF_BOUNDS}: {settled}, expected {first} to {last}"


def reference_faults(message: UftpMessage, look_up: LookUp, now: datetime) -> Iterator[str]:
    """Whether what a message refers to is known, of the same day, and still binding.

    Args:
        look_up: finds a message that was exchanged with the sender's side, by MessageID.
    """
    period: date | None = getattr(message, "period", None)
    for name, number, kind, binding in _references(message):
        known = look_up(number)
        if known is None or known.kind is not kind:
            yield f"Unknown {name} reference: {number}"
            continue
        if period is not None and known.period is not None and known.period != period:
            yield f"{Reason.PERIOD_MISMATCH}: {name} {number} is of {known.period}, expected {period}"
        if known.revoked and not is_response(type(message)):  # an answer may cross a revocation
            yield f"{Reason.REFERENCE_REVOKED}: {name} {number}"
        if binding and known.expiration is not None and now >= known.expiration:
            yield f"{Reason.REFERENCE_EXPIRED}: {name} {number} ended at {known.expiration.isoformat()}"


def _references(message: UftpMessage) -> Iterator[tuple[str, str, type, bool]]:
    """(attribute, MessageID, type referred to, whether that must not have expired)."""
    if is_response(type(message)):
        number = answered_id(message)
        if number is not None:
            kind = type(message).__name__.removesuffix("Response")
            yield f"{kind}MessageID", number, ANSWERED[type(message)], False
        return
    if isinstance(message, FlexOffer) and message.flex_request_message_id is not None:
        yield "FlexRequestMessageID", message.flex_request_message_id, FlexRequest, True
    if isinstance(message, FlexOfferRevocation):
        yield "FlexOfferMessageID", message.flex_offer_message_id, FlexOffer, False
    if isinstance(message, FlexOrder) and message.flex_offer_message_id is not None:
        yield "FlexOfferMessageID", message.flex_offer_message_id, FlexOffer, True


def joined(faults: Iterator[str]) -> str | None:
    """All reasons in one RejectionReason, separated by semicolons as the specification has it; None without any."""
    return "; ".join(fault.replace(";", ",") for fault in faults) or None


def referred(message: UftpMessage) -> Referred:
    """What others may need to know of a message that they refer to."""
    expiration = message.expiration if isinstance(message, FlexRequest | FlexOffer) else None
    return Referred(type(message), getattr(message, "period", None), expiration)
