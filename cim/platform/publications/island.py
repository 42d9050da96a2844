"""What is told of an island: whether mains are there, what is held for their loss, what is connected, and that it is one again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cim.codec.codec import wire
from cim.platform.publications.base import Publication


class IslandState(StrEnum):
    """Where an island stands."""

    ARMED = "on mains"
    """Its units know what to do the instant mains are lost."""
    SEPARATED = "island"
    DARK = "dark"
    """Nothing forms it: the battery let it go, or it broke down."""
    RETURNING = "mains are back"
    """It looks for their phase once they have been stable for long enough."""
    JOINED = "resynchronised"
    """It is one with mains again."""


@wire("published.IslandStage")
@dataclass(frozen=True, slots=True)
class IslandStage:
    """Loads that are shed together.

    Attributes:
        title: what they are; empty where nobody says.
        promised: whether they are served as long as an outage may last.
        connected: whether they had voltage when it was looked.
        wanted: whether they are to be connected; while mains are there: if they are lost.
        power_w: what they drew.
    """

    name: str
    title: str
    promised: bool
    connected: bool
    wanted: bool
    power_w: int


@wire("published.IslandLed")
@dataclass(frozen=True, slots=True)
class IslandLed(Publication):
    """What the ILES manager saw of its island and decided: at each change, and each quarter-hour.

    Attributes:
        state: see `IslandState`.
        lost_at: when mains were seen to be lost; None while they are there.
        stored_wh: in the forming battery; usable_wh: of it above what it must keep.
        reserve_wh: what has to be stored to serve the promised stages as long as the outage may last (chosen confidence).
        may_last_min: as long as that.
        battery_w, engine_w, sun_w: what they gave (> 0 while they give).
        stages: by priority.
    """

    state: str
    lost_at: datetime | None
    stored_wh: int
    usable_wh: int
    reserve_wh: int
    may_last_min: int
    battery_w: int
    engine_w: int
    sun_w: int
    stages: tuple[IslandStage, ...]
