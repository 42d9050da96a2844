"""What `iles up` is asked to do, and what a site's folder says it was asked before."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from cim.model.errors import BadInput
from portal.server import Tls

FILE = "site.json"
SIMULATED, REAL = "simulated", "real"
# What must be asked for as it was; a real site has no say in when it begins.
_FIXED = {SIMULATED: ("site", "devices", "seed", "start"), REAL: ("site", "devices")}


@dataclass(frozen=True)
class UpSettings:
    """One living site.

    Attributes:
        site: a known site's name or a site file's path.
        day: first local day that is operated; None takes the site's default.
        hour: local hour on the day before at which the site begins (contracts first, then the forecast).
        seed: of the simulated devices' small differences and of identifiers and demo keys.
        speed: seconds of the site's time in a second.
        runtime: `ray` or `local`.
        folder: everything that must outlive a stop.
        host, port: where the portal listens.
        days: how many are operated at most.
        endpoints: the file that says where the real devices are; None: they are simulated. With it `day`, `hour`, `seed`
            and `speed` say nothing.
        uftp: the file that says which parties live elsewhere and speak UFTP; None: all live here.
        mqtt: the file that says which topics an MQTT broker is told; None: none.
        tls: certificate and key of the portal; None: it speaks in clear, on loopback only.
    """

    site: str
    day: date | None
    hour: int
    seed: int
    speed: float
    runtime: str
    agents_per_actor: int
    place: tuple[tuple[str, str], ...]
    folder: Path
    host: str
    port: int
    days: int
    allow_missing: bool = False
    endpoints: Path | None = None
    uftp: Path | None = None
    mqtt: Path | None = None
    tls: Tls | None = None


@dataclass(frozen=True)
class Beginning:
    """What cannot change while a site lives; `devices` are simulated or real."""

    site: str
    seed: int
    start: str
    first_day: str
    days: int
    devices: str = SIMULATED


def beginning(folder: Path, wanted: Beginning) -> Beginning:
    """What the site in `folder` began with; `wanted` when it is new.

    Raises:
        BadInput: the folder belongs to another site, or to one that began otherwise.
    """
    path = folder / FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".tmp")
        unfinished.write_text(json.dumps(asdict(wanted), indent=2) + "\n", encoding="utf-8")
        unfinished.rename(path)
        return wanted
    try:
        kept = Beginning(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise BadInput(f"folder: {path} cannot be read ({error}); expected what `iles up` wrote there") from error
    for name in _FIXED[wanted.devices]:
        ours, theirs = getattr(wanted, name), getattr(kept, name)
        if ours != theirs:
            raise BadInput(
                f"{name}: {ours!r}, but the site in {folder} began with {theirs!r}; expected the same, or another --folder"
            )
    return kept
