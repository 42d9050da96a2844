"""What every UFTP message carries (Shapeshifter 3.1.0, "PayloadMessage" and "FlexMessage")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from cim.codec.codec import wire

VERSION = "3.1.0"


@wire("uftp.Result")
class Result(StrEnum):
    """The answer a response gives."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


@wire("uftp.Header")
@dataclass(frozen=True, slots=True)
class Header:
    """PayloadMessage attributes: who speaks to whom, when, and as part of which conversation.

    Attributes:
        sender_domain: internet domain of the sender.
        recipient_domain: internet domain of the recipient.
        time_stamp: when the message was made, UTC.
        message_id: UUID of this message.
        conversation_id: UUID shared by the messages of one conversation.
        version: of the protocol.
    """

    sender_domain: str
    recipient_domain: str
    time_stamp: datetime
    message_id: str
    conversation_id: str
    version: str = VERSION


class UftpMessage(Protocol):
    """Any UFTP message."""

    @property
    def header(self) -> Header:
        """Who speaks to whom."""
        ...


@wire("uftp.ISP")
@dataclass(frozen=True, slots=True)
class IspPower:
    """Element ISP: `power_w` holds in each of the `duration` ISPs from `start` (1-based) on."""

    start: int
    power_w: int
    duration: int = 1


class OnPeriod(Protocol):
    """A FlexMessage: on one local day of one market with one ISP length."""

    @property
    def period(self) -> date:
        """The local calendar day."""
        ...

    @property
    def isp_minutes(self) -> int:
        """Length of an ISP."""
        ...

    @property
    def timezone(self) -> str:
        """IANA name."""
        ...


def header_faults(message: OnPeriod, *, timezone: str, isp_minutes: int) -> str | None:
    """The RejectionReason when a message does not repeat the market-wide ISP length and time zone, else None."""
    if message.isp_minutes != isp_minutes:
        return f"ISP-Duration: PT{message.isp_minutes}M does not fit this market; expected PT{isp_minutes}M"
    if message.timezone != timezone:
        return f"TimeZone: {message.timezone} does not fit this market; expected {timezone}"
    return None


def fault_of_isps(spans: Sequence[tuple[int, int]], count: int) -> str | None:
    """The RejectionReason when (start, duration) spans leave the day of `count` ISPs or overlap, else None."""
    reached = 0
    for start, duration in sorted(spans):
        if duration < 1 or start < 1 or start + duration - 1 > count:
            return f"ISP: start {start} with duration {duration} lies outside 1..{count}"
        if start <= reached:
            return f"ISP: {start} is covered twice; expected spans that do not overlap"
        reached = start + duration - 1
    return None
