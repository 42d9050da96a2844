"""What homes and the ILES manager tell each other where batteries serve the site: outlooks up, plans down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from agents.planning.microgrid.own_use import SharedStore
from cim.codec.codec import wire
from cim.model.arrays import Floats


@wire("site.HomeOutlook")
@dataclass(frozen=True, slots=True)
class HomeOutlook:
    """What a connection will draw on a day without its batteries that serve the site, and what these can do; with each prognosis.

    Attributes:
        rest_kw: [T] net, + = consumption.
    """

    period: date
    rest_kw: Floats
    stores: tuple[SharedStore, ...]


@wire("site.StoreTold")
@dataclass(frozen=True, slots=True)
class StoreTold:
    """What a battery that serves the site holds when an ISP begins, kWh."""

    element: str
    at: datetime
    stored_kwh: float


@wire("site.StorePlan")
@dataclass(frozen=True, slots=True)
class StorePlan:
    """What the ILES manager wants of a battery on a day.

    Attributes:
        power_kw: [T] + = charging; what is over stands as it was planned last.
        foretold: whether it follows from a new forecast of the day, so that the home's prognosis is another; else it answers
            what was metered in the last ISP.
    """

    element: str
    period: date
    power_kw: Floats
    foretold: bool
