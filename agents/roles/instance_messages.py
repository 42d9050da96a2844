"""The microgrid as one unit: what homes, aggregators, ILES manager and DSO tell each other of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from agents.planning.instance.bands import BothWays
from agents.planning.instance.on_call import CalledLimit
from cim.codec.codec import wire


@wire("instance.HomeFlexibility")
@dataclass(frozen=True, slots=True)
class HomeFlexibility:
    """What a connection could give on a day beside what it foretells, all its elements together; told before its prognosis.

    Attributes:
        gives: from the next ISP on, by what its contract pays; nothing without a contract.
        rest_w: [T] what it draws net where a limit holds its vehicles, heat pumps and batteries at nothing.
    """

    usage_point: str
    period: date
    gives: BothWays
    rest_w: tuple[int, ...]


@wire("instance.PortfolioFlexibility")
@dataclass(frozen=True, slots=True)
class PortfolioFlexibility:
    """What an aggregator's members at a congestion point could give on a day, added up; told with each prognosis.

    Attributes:
        revision: of the prognosis that it stands beside.
        gives: of several homes together; never more than they could give.
        rest_w: [T] see `HomeFlexibility`; of a home that did not tell, its prognosis.
        delivered_pct: how much of what was ordered of its members they delivered lately; None: nothing was.
    """

    congestion_point: str
    period: date
    revision: int
    gives: BothWays
    rest_w: tuple[int, ...]
    delivered_pct: int | None


@wire("instance.SetpointAsked")
@dataclass(frozen=True, slots=True)
class SetpointAsked:
    """The DSO wants the microgrid at a net power (W, + = import) in these ISPs (from 1, both included) of a day."""

    number: str
    period: date
    first_isp: int
    last_isp: int
    power_w: int


@wire("instance.SetpointSplit")
@dataclass(frozen=True, slots=True)
class SetpointSplit:
    """How a setpoint falls on the portfolios, or why it cannot be kept.

    Attributes:
        shares: (aggregator, congestion point, its (ISP, watts off its prognosis)).
        cost_e4: by what the members' contracts pay; what the aggregators ask on top is their offers'.
    """

    number: str
    period: date
    shares: tuple[tuple[str, str, tuple[tuple[int, int], ...]], ...]
    cost_e4: int
    fault: str | None = None


@wire("instance.LimitCalled")
@dataclass(frozen=True, slots=True)
class LimitCalled:
    """The DSO limits the microgrid's import from now on; it goes on with heartbeats while the limit stands."""

    urgent: ClassVar[bool] = True
    limit: CalledLimit


@wire("instance.LimitLifted")
@dataclass(frozen=True, slots=True)
class LimitLifted:
    """The DSO takes its limit of the microgrid back; in the fail-safe that changes nothing."""

    urgent: ClassVar[bool] = True
    number: str


@wire("instance.Heartbeat")
@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The DSO is there, and what it called stands."""

    urgent: ClassVar[bool] = True
    at: datetime


@wire("instance.LimitHeld")
@dataclass(frozen=True, slots=True)
class LimitHeld:
    """What the ILES manager does of a limit; its answer to a call, and told whenever it changes.

    Attributes:
        number: of the request that it answers or goes by.
        consumption_pct: of their ratings that the site's limitable devices may draw; None: nothing is limited.
        import_w: the limit that holds; None: none.
        failsafe: whether that is the fail-safe one.
        until: when it ends by itself; None: not by itself.
        kept: whether it is kept by what is expected, devices at that share.
    """

    number: str
    at: datetime
    consumption_pct: int | None
    import_w: int | None
    failsafe: bool
    until: datetime | None
    kept: bool = True
