"""What the parts of a prosumer tell each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from agents.roles.messages import DeviceReport
from cim.model.counters import Counted
from cim.model.intervals import LocalDay


@dataclass(frozen=True, slots=True)
class DeviceBeganAnew:
    """An element's agent has lost everything and joined again."""

    element: str


@dataclass(frozen=True, slots=True)
class ElementReported:
    """One of the own elements has reported."""

    report: DeviceReport


@dataclass(frozen=True, slots=True)
class PlantCounted:
    """What a plant's counters told with a report; only of plants whose inverter may say what they could have given."""

    report: DeviceReport
    counted: tuple[Counted, ...]


@dataclass(frozen=True, slots=True)
class FeedInLimited:
    """The DSO limits the plants, no longer than to an instant."""

    until: datetime


@dataclass(frozen=True, slots=True)
class SupplyChanged:
    """What the connection's devices may draw, or whether it has supply, is another from now on."""

    day: LocalDay


@dataclass(frozen=True, slots=True)
class CapacityChanged:
    """What the connection may feed in on a day is another: it is told at once."""

    day: LocalDay


@dataclass(frozen=True, slots=True)
class VehicleChanged:
    """A vehicle came to a station, or left it."""

    element: str


@dataclass(frozen=True, slots=True)
class UnitTakenOver:
    """In the register another provider (its domain) has taken an element over."""

    element: str
    provider: str


@dataclass(frozen=True, slots=True)
class ElementKept:
    """An owner keeps an element for itself: until then orders hold it to nothing."""

    element: str
    until: datetime


@dataclass(frozen=True, slots=True)
class AssetsChanged:
    """What some elements can do, or what moving them costs, is another from a day on than was published before."""

    elements: tuple[str, ...]
    first: date


@dataclass(frozen=True, slots=True)
class PlanChanged:
    """What is expected of elements on a day, or what orders hold them to, is another."""

    day: LocalDay


@dataclass(frozen=True, slots=True)
class SitePlanTaken:
    """The ILES manager plans a battery of the home otherwise on a day; `foretold`: after a new forecast of it."""

    day: LocalDay
    foretold: bool


@dataclass(frozen=True, slots=True)
class DayForeseen:
    """A day is forecast anew; its prognosis is about to be told."""

    day: LocalDay


@dataclass(frozen=True, slots=True)
class ElementJudged:
    """An element was not metered often enough and offers nothing from now on (`suspended`), or counts again."""

    element: str
    suspended: bool


@dataclass(frozen=True, slots=True)
class DayMeteringTold:
    """A day's metering is told; of the days `done` before it, too, so that what they were planned with is not needed."""

    day: LocalDay
    done: tuple[date, ...]
