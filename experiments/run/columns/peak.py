"""The highest loading of a congestion point at one reading of its meter, where limits are checked on quarter-hour means."""

from __future__ import annotations

from datetime import datetime

from cim.model.readings import Kind, Quality
from cim.platform.store import Store
from environment.feeder import rated_va
from environment.sites.network import build_network
from environment.sites.schema import Site


def peak_loading_pct(site: Site, store: Store, start: datetime, end: datetime) -> float | None:
    """Percent of the branch's rating; None where no point's readings were kept.

    The apparent power at the same instant of the meter's readings of active and reactive power, once a control interval;
    the grid's losses below the point are not in it.
    """
    rated = rated_va(build_network(site))
    found = [
        100 * (power_w**2 + reactive_var**2) ** 0.5 / rated[point.branch]
        for point in site.congestion_points
        for power_w, reactive_var in _powers(store, point.meter, start, end)
    ]
    return round(max(found), 2) if found else None


def _powers(store: Store, meter: str, start: datetime, end: datetime) -> list[tuple[float, float]]:
    """(W, var) of each instant after `start` up to `end` at which both were read well."""
    active, reactive = (
        {
            reading.at: reading.value
            for reading in store.readings(meter, kind, since=start)
            if start < reading.at <= end and reading.quality is Quality.GOOD
        }
        for kind in (Kind.POWER, Kind.REACTIVE_POWER)
    )
    return [(active[at], reactive[at]) for at in active if at in reactive]
