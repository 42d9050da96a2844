"""A site's connections and what measures there, as the data platform files readings under them."""

from __future__ import annotations

from cim.model.intervals import LocalDay
from cim.platform.access.principals import Handover
from cim.platform.site_data import Connection, SiteFacts
from environment.sites.schema import Site


def site_facts(site: Site) -> SiteFacts:
    """Connections of prosumers and points of the grid; a device is of its own kind, a smart meter of the kind `meter`."""
    prosumers = [
        Connection(
            p.name,
            "prosumer",
            p.aggregator,
            p.congestion_point,
            {p.meter: "meter"} | {p.device_name(device): device.kind for device in p.devices},
            handovers(site, p.name),
        )
        for p in site.prosumers
    ]
    points = [Connection(point.id, "grid", "", point.id, {point.meter: "meter"}) for point in site.congestion_points]
    parties = {party.domain: party.name for party in (site.dso, *site.aggregators)}
    parties |= {prosumer_domain(site, p.name): p.name for p in site.prosumers}
    return SiteFacts(site.name, site.timezone, (*prosumers, *points), parties, site.dso.name)


def handovers(site: Site, prosumer: str) -> tuple[Handover, ...]:
    """From which instants on which other aggregators market a prosumer's connection, by its site's `switches`."""
    made = sorted((one.day, one.to) for one in site.switches if one.prosumer == prosumer)
    return tuple(Handover(LocalDay(day, site.timezone, site.isp_minutes).start, to) for day, to in made)


def prosumer_domain(site: Site, name: str) -> str:
    """The domain by which the market knows a prosumer."""
    return f"{name}.{site.name}.example"
