"""What the log of messages is told and tells: arrivals, what waits, what is known of a MessageID."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from cim.codec.codec import encode
from market.uftp.header import UftpMessage


class Seen(Enum):
    """What is known of an arriving MessageID of its sender."""

    NEW = "new"
    SAME = "same"
    OTHER = "other"


@dataclass(frozen=True)
class Arrival:
    """A message whose signature holds.

    Attributes:
        sender, recipient: domains.
        message: None where ILES cannot take it.
        reason: why it is rejected, or None.
        digest: of its content.
    """

    sender: str
    recipient: str
    message_id: str
    digest: bytes
    message: UftpMessage | None
    reason: str | None

    @property
    def key(self) -> tuple[str, str]:
        """Identifiers are each sender's own."""
        return self.sender, self.message_id


@dataclass(frozen=True)
class Waiting:
    """A message that its peer has not taken yet."""

    number: int
    recipient: str
    message: UftpMessage
    attempts: int
    since: datetime
    next_at: datetime


@dataclass(frozen=True)
class Instants:
    """Now, twice: by the site's clock, which dates messages, and by the wall's, which times deliveries."""

    here: datetime
    wall: datetime


def digest_of(message: UftpMessage) -> bytes:
    """Of a message's content: equal for equal content, however its XML is written."""
    return hashlib.sha256(encode(message)).digest()
