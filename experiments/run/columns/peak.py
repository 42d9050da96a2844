"""The highest loading of a congestion point over one control interval, where limits are checked on quarter-hour means."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from cim.model.readings import Kind, Quality, Reading
from cim.platform.publications.measured import ReadingsTaken
from cim.platform.store import Store
from environment.feeder import rated_va
from environment.physics.world import World
from environment.sites.network import build_network
from environment.sites.schema import Site

_HOUR = timedelta(hours=1)


def peak_loading_pct(site: Site, store: Store, start: datetime, end: datetime) -> float | None:
    """Percent of the branch's rating; None where no point's readings were kept.

    The mean of each control interval by the meter's counters, with the reactive power read at its end. A reading of power at
    an ISP's first instant would show what no setpoint has answered yet. The grid's losses below the point are not in it.
    """
    rated = rated_va(build_network(site))
    found = [
        100 * (power_w**2 + reactive_var**2) ** 0.5 / rated[point.branch]
        for point in site.congestion_points
        for power_w, reactive_var in _powers(store, point.meter, start, end)
    ]
    return round(max(found), 2) if found else None


def advance_metered(world: World, to: datetime, store: Store) -> None:
    """Move a world that nobody reads on to `to`, and tell the store what its congestion points' meters count on the way."""
    step = timedelta(seconds=world.site.control_interval_s)
    while world.now < to:
        world.advance(min(world.now + step, to))
        for point in world.site.congestion_points:
            seen = world.substations[point.id]
            shown = (
                (Kind.ENERGY_IMPORT, seen.import_wh),
                (Kind.ENERGY_EXPORT, seen.export_wh),
                (Kind.REACTIVE_POWER, seen.reactive_var),
            )
            rows = tuple(Reading(point.meter, kind, value, world.now) for kind, value in shown)
            store.put(point.meter, ReadingsTaken(world.now, rows))


def _powers(store: Store, meter: str, start: datetime, end: datetime) -> list[tuple[float, float]]:
    """(W, var) of each span between two good readings that follow each other, within `start` to `end`."""
    taken, given, reactive = (
        {
            reading.at: reading.value
            for reading in store.readings(meter, kind, since=start)
            if reading.at <= end and reading.quality is Quality.GOOD
        }
        for kind in (Kind.ENERGY_IMPORT, Kind.ENERGY_EXPORT, Kind.REACTIVE_POWER)
    )
    instants = sorted(taken.keys() & given.keys() & reactive.keys())
    return [
        ((taken[at] - given[at] - taken[before] + given[before]) / ((at - before) / _HOUR), reactive[at])
        for before, at in pairwise(instants)
    ]
