"""What a run is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

from cim.model.errors import BadInput
from experiments.run.wrong_copies import WrongCopy


class Runtime(StrEnum):
    """Where the agents live."""

    RAY = "ray"
    LOCAL = "local"


class WireKind(StrEnum):
    """How they reach their devices."""

    TCP = "tcp"
    DIRECT = "direct"


class ScenarioName(StrEnum):
    """What a run may be judged by; see `experiments.run.scenarios`."""

    SELF_CONSUMPTION = "self-consumption"
    CONGESTION = "congestion"
    ISLANDING = "islanding"
    MARKET = "market"


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
        base_port: first TCP port of the simulated devices; 0 takes free ones.
        lose: (device, minute of the first local day; None for from the start on) to be lost.
        durable: agents outlive their process: every step goes to a journal first.
        misread: whose copies of meter data are wrong on purpose.
        mechanism: by which the DSO pays the offers that it chooses.
        broker: readings reach the readings table by topics instead of by the telemetry's files.
        scenario: what the run is judged by (`experiments.run.scenarios`); nothing where it is not said.
        place: (pattern of agent names, Ray resource their node must offer).
        processes: how many of this machine share the site; with runtime `local` and wire `direct`.
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
    lose: tuple[tuple[str, int | None], ...] = ()
    place: tuple[tuple[str, str], ...] = ()
    durable: bool = False
    misread: tuple[WrongCopy, ...] = ()
    mechanism: str = "pay-as-bid"
    broker: bool = False
    scenario: str | None = None
    processes: int = 1


def losses(texts: list[str]) -> tuple[tuple[str, int | None], ...]:
    """`DEVICE@HH:MM` and `DEVICE@start` as values.

    Raises:
        BadInput: a text has another form.
    """
    found: list[tuple[str, int | None]] = []
    for text in texts:
        device, _, at = text.partition("@")
        hour, colon, minute = at.partition(":")
        if device and at == "start":
            found.append((device, None))
        elif device and colon and hour.isdigit() and minute.isdigit() and int(hour) < 24 and int(minute) < 60:
            found.append((device, int(hour) * 60 + int(minute)))
        else:
            raise BadInput(f"lose: {text!r}; expected DEVICE@HH:MM or DEVICE@start, for example farm-1.pv@12:00")
    return tuple(found)
