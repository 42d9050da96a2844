"""What Spanish law lets a site's community do with the surplus of plants of their size; told when the site is read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from cim.model.errors import BadInput
from environment.energy_sharing import row_on, spanish_rules
from environment.sites.community import SpanishCommunity
from environment.sites.schema import Site


def installed_w(site: Site, community: SpanishCommunity) -> int:
    """What the community's plants can generate; batteries store what others generate and are not counted."""
    devices = [device for plant in community.plants for device in site.prosumer(plant).devices]
    return round(sum(device.capability.generation_w for device in devices if device.kind != "battery"))


def modality_faults(site: Site) -> Iterator[str]:
    """One sentence where a plant is too large for simplified compensation (RD 244/2019, article 4.2) in the year of its law."""
    community = site.community
    if not isinstance(community, SpanishCommunity) or community.modality != "compensation":
        return
    try:
        limits = row_on(spanish_rules().limits, date(round(community.as_in_year.value), 12, 31), "limits")
    except BadInput:
        return  # no such law in that year: said where bills are made
    installed, most = installed_w(site, community), limits.compensation_up_to_w
    if installed > most:
        yield (
            f"community.modality: value 'compensation': expected 'sale', for {installed / 1000:g} kW are installed and "
            f"simplified compensation ends at {most / 1000:g} kW"
        )
