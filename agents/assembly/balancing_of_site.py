"""From a site file's `balancing` to what its TSO, the pool and the aggregators are told."""

from __future__ import annotations

from agents.assembly.grid_of_site import carries_w
from agents.assembly.providers import member_days
from agents.assembly.tariffs_of_site import hourly_prices
from agents.planning.balancing.offers import BalancingTerms
from agents.roles.iles_manager import PoolConfig
from agents.roles.tso import TsoConfig
from cim.model.errors import BadInput
from environment.sites.balancing import Balancing
from environment.sites.schema import CongestionPoint, Site
from environment.system_imbalance import needed_mw, others_bids
from market.balancing.clearing import E4_PER_KWH_OF_EUR_PER_MWH, LadderStep
from market.balancing.pool import PoolPlace
from market.rules import MarketRules

_QUARTER_MIN = 15
_W_PER_MW = 1_000_000


def balancing_buyer(site: Site) -> Balancing:
    """The site's `balancing`.

    Raises:
        BadInput: it has none, its ISPs are no quarter-hours, several congestion points have none above them, or it does not say
            what its energy costs day-ahead.
    """
    if site.balancing is None or site.wholesale is None:
        raise BadInput(
            f"site: {site.name!r} has no section `balancing` and `wholesale`; expected both where balancing energy is sold"
        )
    if site.isp_minutes != _QUARTER_MIN:
        raise BadInput(
            f"isp_minutes: {site.isp_minutes}; expected {_QUARTER_MIN}, the market time unit of balancing energy"
        )
    tops = [point.id for point in site.congestion_points if point.parent is None]
    if len(tops) != 1:
        raise BadInput(
            f"congestion_points: {len(tops)} have no parent; expected one, at whose meter balancing energy is measured"
        )
    return site.balancing


def _connection(site: Site) -> CongestionPoint:
    return next(point for point in site.congestion_points if point.parent is None)


def balancing_terms(site: Site, buyer: Balancing) -> BalancingTerms:
    """How an aggregator of the site bids."""
    spread = 0.0 if site.wholesale is None else site.wholesale.intraday_spread_ct_per_kwh.value
    return BalancingTerms(
        prices=hourly_prices(site.tariffs.day_ahead),
        spread_ct_per_kwh=spread,
        one_way_efficiency=site.batteries.one_way_efficiency.value,
        margin_pct=int(site.market.offer_margin_pct.value),
        gate_min=int(buyer.gate_minutes.value),
        highest_premium_e4_per_kwh=_e4_per_kwh(buyer.highest_premium_per_mwh.value),
    )


def pool_config(site: Site, buyer: Balancing, rules: MarketRules) -> PoolConfig:
    """How the community bids as one: its portfolios are those that have a connection on any operated day."""
    found = {
        PoolPlace(party.name, prosumer.congestion_point)
        for party in site.aggregators
        for prosumer in site.prosumers
        if any(
            days.has(period.day) for days in member_days(site, prosumer.name, party.name) for period in rules.periods
        )
    }
    return PoolConfig(
        tso=buyer.name,
        meter=_connection(site).meter,
        places=tuple(sorted(found)),
        gate_min=int(buyer.gate_minutes.value),
        activation_s=int(buyer.activation_seconds.value),
        smallest_w=int(buyer.smallest_bid_w.value),
        penalty_e4_per_kwh=round(buyer.penalty_ct_per_kwh.value * 100),
    )


def tso_config(site: Site, buyer: Balancing, rules: MarketRules, seed: int) -> TsoConfig:
    """What the site's TSO is told; its system follows from the seed."""
    point = _connection(site)
    return TsoConfig(
        provider=site.iles.name,
        ledger=site.ledger.name,
        meter=point.meter,
        connection=point.id,
        size_w=sum(carries_w(prosumer) for prosumer in site.prosumers),
        gate_min=int(buyer.gate_minutes.value),
        activation_s=int(buyer.activation_seconds.value),
        penalty_e4_per_kwh=round(buyer.penalty_ct_per_kwh.value * 100),
        highest_premium_e4_per_kwh=_e4_per_kwh(buyer.highest_premium_per_mwh.value),
        term_days=site.contract_days,
        needed_w={day.day: tuple(mw * _W_PER_MW for mw in needed_mw(buyer.system, day, seed)) for day in rules.periods},
        others=tuple(
            LadderStep(round(mw * _W_PER_MW), _e4_per_kwh(premium)) for mw, premium in others_bids(buyer.system)
        ),
    )


def _e4_per_kwh(per_mwh: float) -> int:
    return round(per_mwh * E4_PER_KWH_OF_EUR_PER_MWH)
