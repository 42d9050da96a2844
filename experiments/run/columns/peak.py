"""The highest loading of a congestion point over one control interval, where limits are checked on quarter-hour means."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from cim.model.readings import Kind, Quality
from cim.platform.store import Store
from environment.feeder import rated_va
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
