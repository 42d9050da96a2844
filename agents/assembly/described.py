"""What a site says of itself to the readers of what it publishes."""

from __future__ import annotations

from datetime import datetime

from agents.assembly.site_agents import SiteAgents
from agents.roles.dso.config import DsoConfig
from cim.platform.publications.site import Party, SiteDescribed, WatchedPoint


def described(site_agents: SiteAgents, now: datetime) -> SiteDescribed:
    """What readers of the store must know of a site beside its publications."""
    dso, rules = next(spec for spec in site_agents.agents if spec.kind == "dso"), site_agents.rules
    config: DsoConfig = dso.config
    return SiteDescribed(
        now,
        site=site_agents.ledger_meta["site"],
        timezone=rules.timezone,
        isp_minutes=rules.isp_minutes,
        dso=rules.domains[dso.name],
        parties=tuple(Party(agent, domain) for agent, domain in rules.domains.items()),
        points=tuple(
            WatchedPoint(p.identity, p.branch, config.limits.max_loading_pct - config.margin_pct) for p in config.points
        ),
    )
