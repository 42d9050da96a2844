"""The seam for durability: what a host must make durable before it sends, in one append (state and outbox).

`NoJournal` keeps nothing: a restarted agent begins anew. A durable journal takes its place without a change to a role.
"""

from __future__ import annotations

from typing import Protocol

from agents.runtime.envelope import Envelope


class Journal(Protocol):
    """One per host; the order is receive, drop if seen, handle, append, send, acknowledge."""

    def load(self, agent: str) -> bytes | None:
        """The last state of an agent, or None when it begins."""
        ...

    def append(self, agent: str, state: bytes, outbox: tuple[Envelope, ...]) -> None:
        """Make an agent's new state and what it is about to send durable, together."""
        ...

    @property
    def durable(self) -> bool:
        """False spares the host from taking snapshots nobody keeps."""
        ...


class NoJournal:
    """Keeps nothing."""

    durable = False

    def load(self, agent: str) -> bytes | None:
        """Nothing is ever there."""
        return None

    def append(self, agent: str, state: bytes, outbox: tuple[Envelope, ...]) -> None:
        """Nothing is kept."""
