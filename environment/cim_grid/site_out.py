"""A whole site as one CIM document."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time

from cim.codec.rdf.writing import write_rdf
from cim.model.cgmes import Cgmes
from cim.model.identified import CimValue
from environment.cim_grid.devices_out import device_objects
from environment.cim_grid.grid_out import Identifiers, grid_objects
from environment.sites.network import build_network
from environment.sites.schema import Site


def site_objects(site: Site, version: Cgmes) -> Iterator[CimValue]:
    """The grid of `site`, its low-voltage grid included, and all that is connected to it."""
    ids = Identifiers(site.name)
    length_km = {line.name: line.length_km.value for line in site.network.lines}
    yield from grid_objects(build_network(site), ids, site.country, length_km, version)
    yield from device_objects(site, ids, version)


def site_document(site: Site, version: Cgmes = Cgmes.V3_0) -> bytes:
    """The CIM RDF/XML of `site`; the same bytes for the same site. Its date is the site's default day."""
    model_id = Identifiers(site.name).of("Model", version.value)
    created = datetime.combine(site.default_day, time(0), UTC)
    return write_rdf(site_objects(site, version), model_id=model_id, created=created, version=version)
