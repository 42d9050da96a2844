"""The market's exception tree: our fault on one side, the peer's on the other."""

from __future__ import annotations

from cim.model.errors import IlesError


class MarketError(IlesError):
    """Any error of the market's rules."""


class LocalProtocolError(MarketError):
    """We tried to say what the protocol does not allow now: our fault, nothing was sent."""


class RemoteProtocolError(MarketError):
    """The peer said what the protocol does not allow now: its fault, our state has not changed."""
