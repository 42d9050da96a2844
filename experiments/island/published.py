"""What the manager told of an island, put into a finished run of the same site."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cim.model.errors import BadInput
from cim.platform.later import put_later, span_of_run
from cim.platform.publications.base import Publication
from cim.platform.publications.island import IslandLed
from environment.outages import Outage


def check_run(folder: Path, site: str, outage: Outage) -> None:
    """Whether an outage can stand in a run's folder.

    Raises:
        BadInput: no finished run is there, it is of another site, or the outage is not within its time.
    """
    ran, begin, end = span_of_run(folder)
    if ran != site:
        raise BadInput(f"into: {folder} is a run of {ran}; expected one of {site}")
    if not begin <= outage.start <= outage.end <= end:
        raise BadInput(
            f"into: {folder} ran from {begin:%Y-%m-%dT%H:%M} to {end:%Y-%m-%dT%H:%M} UTC; expected an outage within that time, not "
            f"{outage.start:%Y-%m-%dT%H:%M} to {outage.end:%Y-%m-%dT%H:%M}"
        )


def put_island(folder: Path, heard: Iterable[tuple[str, Publication]]) -> int:
    """Put what was told of the island; readings and faults of its simulated units are not the site's, and stay away.

    Returns:
        how many publications are new.
    """
    return put_later(folder, ((agent, told) for agent, told in heard if isinstance(told, IslandLed)))
