"""What a dial-in protocol is without a wire: frames in, frames out, outcomes as data."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, runtime_checkable


@runtime_checkable
class Polyglot(Protocol):
    """A machine that speaks more than one version of its protocol."""

    def speak(self, subprotocol: str) -> None:
        """A session in this one begins, said before `attached`; one of those that the server offers for the machine."""
        ...


class Machine(Protocol):
    """The controlling side of one device's protocol, without I/O."""

    now: datetime

    @property
    def closed(self) -> bool:
        """True when the session must be ended (no common version, say)."""
        ...

    def attached(self) -> list[str]:
        """A new session has begun: the frames to send at once."""
        ...

    def detached(self) -> None:
        """The session has ended: nothing outstanding will be answered any more."""
        ...

    def receive(self, frame: str) -> list[str]:
        """Take one frame; the frames to send back. Never raises for what a peer sent."""
        ...
