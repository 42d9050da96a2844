"""What a TSO is told: whom it deals with, by which clock and terms it buys, and what its system needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cim.codec.codec import wire
from market.balancing.clearing import LadderStep


@wire("tso.Config")
@dataclass(frozen=True)
class TsoConfig:
    """A TSO's own config.

    Attributes:
        provider, ledger, meter: agents: who bids for the site, who keeps the ledger, and the meter at the site's connection.
        connection: the name of that connection in orders, a congestion point's.
        size_w: how far the site may be moved in either direction.
        gate_min: before a quarter-hour, when its bids are closed.
        activation_s: the longest full activation time of a bid.
        penalty_e4_per_kwh: of what was called and is missing.
        highest_premium_e4_per_kwh: a bid may ask for.
        term_days: of its framework.
        needed_w: by day, [quarter-hours] what the system needs, + = more consumption.
        others: what others offer, in either direction.
    """

    provider: str
    ledger: str
    meter: str
    connection: str
    size_w: int
    gate_min: int
    activation_s: int
    penalty_e4_per_kwh: int
    highest_premium_e4_per_kwh: int
    term_days: int
    needed_w: dict[date, tuple[int, ...]]
    others: tuple[LadderStep, ...]
