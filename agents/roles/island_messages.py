"""What is said in an island between the ILES manager and the agents of its units."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cim.codec.codec import wire
from cim.model.devices import Setpoint
from cim.model.readings import Reading


@wire("island.Duty")
class Duty(StrEnum):
    """What a unit is to the island."""

    MAINS = "mains"
    """The breaker to mains: shows their voltage; LIMIT 0 keeps it open, START closes it when in step (a dark island: at once)."""
    FORMING = "forming"
    """The battery that forms the island: START forms it anew, TARGET 0 lets it go dark; else it follows its own droop."""
    ENGINE = "engine"
    """The CHP plant: TARGET is what it gives at nominal frequency (<= 0); 0 stops it."""
    INVERTERS = "inverters"
    """PV and wind: LIMIT is the most that they give (<= 0)."""
    STAGE = "stage"
    """Loads that are shed together: LIMIT 0 sheds them, a higher one connects them."""


@wire("island.UnitReport")
@dataclass(frozen=True, slots=True)
class UnitReport:
    """What a unit shows at an instant; readings that are not there are ABSENT."""

    duty: Duty
    at: datetime
    readings: tuple[Reading, ...]


@wire("island.UnitOrder")
@dataclass(frozen=True, slots=True)
class UnitOrder:
    """What a unit is to do in the island until `valid_until`, told while mains are there still, or in the island.

    Attributes:
        setpoint: see `Duty`; None: nothing but its own rules.
    """

    setpoint: Setpoint | None
    valid_until: datetime
