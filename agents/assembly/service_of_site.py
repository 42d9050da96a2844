"""From a site file's `microgrid_service` to what its DSO and the ILES manager are told."""

from __future__ import annotations

from agents.assembly.market_terms import preferences
from agents.roles.balancing_messages import OFFERED
from agents.roles.dso.service_terms import ServiceTerms
from agents.roles.iles_manager import ServiceSale
from cim.model.errors import BadInput
from environment.sites.schema import Site
from market.negotiation.concession import Side


def service_terms(site: Site) -> ServiceTerms | None:
    """What the DSO wants; None where it buys no such service.

    Raises:
        BadInput: the same kilowatts would stand by twice: for its options, in the same direction and hours, or for the TSO, whose
            bids begin before the DSO can call no more.
    """
    if (service := site.microgrid_service) is None:
        return None
    market, down = site.market, service.power_w.value < 0
    option = market.dso_option_share_down if down else market.dso_option_share_up
    season = market.dso_option_season
    overlap = season.from_hour.value < service.to_hour.value and service.from_hour.value < season.to_hour.value
    if option.value and overlap:
        raise BadInput(
            f"microgrid_service: {service.from_hour.value:.0f} to {service.to_hour.value:.0f}, in which the DSO's options "
            f"reserve the same direction from {season.from_hour.value:.0f} to {season.to_hour.value:.0f}; expected other hours"
        )
    bids = 0 if site.balancing is None else int(site.balancing.gate_minutes.value + OFFERED.total_seconds() // 60)
    if service.response_minutes.value < bids:
        raise BadInput(
            f"microgrid_service: response_minutes {service.response_minutes.value:.0f}; expected at least {bids}: from then on "
            "what the DSO has not called is offered to the TSO"
        )
    return ServiceTerms(
        power_w=int(service.power_w.value),
        start_minute=60 * int(service.from_hour.value),
        end_minute=60 * int(service.to_hour.value),
        response_min=int(service.response_minutes.value),
        availability_pct=int(service.availability_pct.value),
        deduction_pct=int(service.deduction_pct.value),
        buying=preferences(Side.BUYER, service.dso_buys, site.market, site.market.negotiation.dso),
    )


def service_sale(site: Site) -> ServiceSale | None:
    """What the community sells, and that it signs no other level than the site file's; None where it sells none."""
    if (service := site.microgrid_service) is None:
        return None
    return ServiceSale(
        selling=preferences(Side.SELLER, service.community_sells, site.market, site.market.negotiation.dso),
        least_response_min=int(service.response_minutes.value),
        most_availability_pct=int(service.availability_pct.value),
        most_deduction_pct=int(service.deduction_pct.value),
    )
