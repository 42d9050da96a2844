"""What a run is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True)
class RunSettings:
    """One run of a site.

    Attributes:
        site: a known site's name or a site file's path.
        day: first local day; None takes the site's default.
        days: how many.
        runtime: `ray` or `local`.
        wire: `tcp` or `direct`.
        agents_per_actor: how many agents share a Ray actor.
        out: folder for results.
        allow_missing: go on without devices that do not answer at the start.
        lose: devices that are lost in mid-run, by name, at 12:00 of the first day.
    """

    site: str
    day: date | None
    days: int
    seed: int
    runtime: str
    wire: str
    agents_per_actor: int
    out: Path
    allow_missing: bool = False
    base_port: int = 0
