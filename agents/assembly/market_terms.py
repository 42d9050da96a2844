"""The prices, contract limits and costs of a site file as the values that agents are given."""

from __future__ import annotations

from agents.planning.elements.element import ElementCosts
from agents.planning.grid_safety.assessment import PointGrid, rated_va
from agents.roles.aggregator.config import AggregatorConfig, Member, StandingTerms
from agents.roles.dso.config import (
    BuyingRules,
    DsoConfig,
    FeedInControl,
    GridConnection,
    MeteredPoint,
    OptionRelease,
    OptionTerms,
    OutsidePrices,
    PlannedRestriction,
    PlantConnection,
)
from cim.model.intervals import LocalDay
from environment.feeder import Limits, Line, Network, QvInverter
from environment.sites.market import Buying, FlexibilityCosts, MarketTerms, OutsideOptions, PriceRange, Prices
from environment.sites.market import ContractLimits as SiteLimits
from environment.sites.schema import Site
from market.contracts.limits import ContractLimits
from market.mechanisms.pay_as_bid import PayAsBid
from market.negotiation.concession import NegotiationPreferences, Side, Terms
from market.register.prequalification import ProductRules
from market.register.providers import NOTICE_DAYS
from market.register.units import CONGESTION_MANAGEMENT, UnitLimit

_E4_PER_CT = 100  # the market counts in ten-thousandths of the currency unit


def prosumer_selling(terms: MarketTerms) -> NegotiationPreferences:
    """What a prosumer wants from its aggregator for its flexibility."""
    return preferences(Side.SELLER, terms.prosumers_sell, terms, terms.negotiation.members)


def element_costs(costs: FlexibilityCosts) -> ElementCosts:
    """What moving power costs a prosumer of the site."""
    return ElementCosts(
        chp_fuel_ct_per_kwh=costs.chp_fuel_ct_per_kwh.value,
        wear_ct_per_kwh=costs.wear_ct_per_kwh.value,
        weight_ct_per_kw2=costs.weight_ct_per_kw2.value,
        thermal_weight_ct_per_kw2=costs.thermal_weight_ct_per_kw2.value,
        vehicle_weight_ct_per_kw2=costs.vehicle_weight_ct_per_kw2.value,
        shift_ct_per_h=costs.shift_ct_per_h.value,
        battery_returned_share=costs.battery_returned_share.value,
        battery_own_use_share=costs.battery_own_use_share.value,
        heat_lost_share=costs.heat_lost_share.value,
    )


def aggregator_config(
    site: Site, *, dso: str, market: str, ledger: str, members: tuple[Member, ...]
) -> AggregatorConfig:
    """What an aggregator is told: whom it deals with, its portfolio, and the site's prices and limits."""
    terms = site.market
    return AggregatorConfig(
        dso=dso,
        market=market,
        ledger=ledger,
        members=members,
        buying=preferences(Side.BUYER, terms.aggregators_buy, terms, terms.negotiation.members),
        selling=preferences(Side.SELLER, terms.aggregators_sell, terms, terms.negotiation.dso),
        limits=_limits(terms.member_contract),
        plant_from_w=round(terms.plant_contract_from_w.value),
        margin_pct=int(terms.offer_margin_pct.value),
        shortage_ct_per_kwh=terms.shortage_ct_per_kwh.value,
        term_days=site.contract_days,
        standing=_standing(terms),
        keeping_share=0.0 if terms.keeping_share_pct is None else terms.keeping_share_pct.value / 100,
        notice_days=NOTICE_DAYS if site.switches else 0,
        coordinated=_coordinated(terms),
    )


def _coordinated(terms: MarketTerms) -> bool:
    """Whether the sellers at a congestion point are coordinated."""
    return terms.seller_coordination == "price-rounds"


def _standing(terms: MarketTerms) -> StandingTerms | None:
    """What aggregators offer without a request, if they do."""
    if (offers := terms.standing_offers) is None:
        return None
    return StandingTerms(
        from_hour=int(offers.from_hour.value),
        to_hour=int(offers.to_hour.value),
        moved_w=int(offers.up_w.value),
        valid_min=int(offers.valid_minutes.value),
        gate_isps=int(terms.gate_closure_isps.value),
    )


def dso_config(
    site: Site,
    *,
    market: str,
    ledger: str,
    network: Network,
    limits: Limits,
    points: tuple[PointGrid, ...],
    connections: tuple[GridConnection, ...],
    aggregators: tuple[str, ...],
    plants: tuple[PlantConnection, ...] = (),
    ties: tuple[Line, ...] = (),
    inverters: tuple[QvInverter, ...] = (),
) -> DsoConfig:
    """What a DSO is told: whom it deals with, its grid and who hangs there, and the site's prices and limits."""
    terms = site.market
    return DsoConfig(
        market=market,
        ledger=ledger,
        network=network,
        limits=limits,
        points=points,
        connections=connections,
        aggregators=aggregators,
        buying=preferences(Side.BUYER, terms.dso_buys, terms, terms.negotiation.dso),
        limits_of_contracts=_limits(terms.dso_option),
        option=_option(terms),
        margin_pct=terms.loading_reserve_pct.value,
        gate_isps=int(terms.gate_closure_isps.value),
        lookahead_isps=int(terms.order_lookahead_isps.value),
        term_days=site.contract_days,
        buying_rules=_buying_rules(terms.dso_buying),
        outside=_outside(terms.outside_options),
        product=ProductRules(CONGESTION_MANAGEMENT, full_activation_s=60 * site.isp_minutes),
        curtailing=_curtailing(site, network, limits, points, plants),
        restrictions=_restrictions(site),
        coordinates=_coordinated(terms),
        ties=ties,
        inverters=inverters,
    )


def _restrictions(site: Site) -> tuple[PlannedRestriction, ...]:
    found = []
    for planned in site.restrictions:
        day = LocalDay(planned.day, site.timezone, site.isp_minutes)
        end = day.end if planned.to_hour == 24 else day.at(planned.to_hour)
        limit = UnitLimit(int(planned.up_w.value), -int(planned.down_w.value), end, day.at(planned.from_hour))
        found.append(PlannedRestriction(planned.unit, limit, planned.reason))
    return tuple(found)


def _option(terms: MarketTerms) -> OptionTerms:
    season, release = terms.dso_option_season, terms.dso_option_release
    return OptionTerms(
        share_up=terms.dso_option_share_up.value,
        share_down=terms.dso_option_share_down.value,
        first_month=int(season.first_month.value),
        last_month=int(season.last_month.value),
        start_minute=60 * int(season.from_hour.value),
        end_minute=60 * int(season.to_hour.value),
        release=None if release is None else OptionRelease(int(release.hour.value), release.below_pct.value),
    )


def _outside(outside: OutsideOptions) -> OutsidePrices:
    annuity_e4 = outside.reinforcement_per_year.value * 100 * _E4_PER_CT
    return OutsidePrices(
        last_resort_pct=int(outside.last_resort_pct.value),
        reinforcement_e4_per_kwh=round(annuity_e4 / outside.over_limit_kwh_per_year.value),
    )


def _buying_rules(buying: Buying) -> BuyingRules:
    errors = buying.forecast_errors
    by_lead = errors.up_to_2_h_pct, errors.up_to_6_h_pct, errors.up_to_12_h_pct, errors.later_pct
    return BuyingRules(
        sure_pct=buying.sure_pct.value,
        last_pct=buying.last_pct.value,
        assumed_error_pct=tuple(error.value for error in by_lead),
        minimum_w=int(buying.minimum_bid_w.value),
        minimum_wh=int(buying.minimum_bid_wh.value),
    )


def _curtailing(
    site: Site, network: Network, limits: Limits, points: tuple[PointGrid, ...], plants: tuple[PlantConnection, ...]
) -> FeedInControl | None:
    """The DSO's right to limit these plants; None where there are none."""
    if not plants:
        return None
    terms = site.market.feed_in_limits
    meters = {point.id: point.meter for point in site.congestion_points}
    share = limits.max_loading_pct / 100
    return FeedInControl(
        meters=tuple(MeteredPoint(p.identity, meters[p.identity], rated_va(network, p.branch) * share) for p in points),
        plants=plants,
        watch_pct=terms.watch_pct.value,
        reserve_pct=terms.reserve_pct.value,
        relax_pct=terms.relax_pct.value,
    )


def _limits(limits: SiteLimits) -> ContractLimits:
    return ContractLimits(
        max_activations_per_day=int(limits.max_activations_per_day.value),
        max_runtime_isps=int(limits.max_runtime_isps.value),
        recovery_isps=int(limits.recovery_isps.value),
    )


def preferences(side: Side, prices: PriceRange, terms: MarketTerms, strategy: str) -> NegotiationPreferences:
    """What a side wants by a range of prices, conceding as the site's parties do."""
    tender = terms.negotiation.tender
    return NegotiationPreferences(
        side,
        _in_e4(prices.aspiration),
        _in_e4(prices.reservation),
        int(terms.concession_rounds.value),
        strategy=strategy,
        deadline_min=int(terms.negotiation.deadline_minutes.value),
        tender_pricing=PayAsBid.name if tender is None else tender.pricing,
        tender_wanted_pct=100 if tender is None else int(tender.wanted_pct.value),
    )


def _in_e4(prices: Prices) -> Terms:
    return Terms(
        volume_price_e4_per_kwh=round(prices.volume_ct_per_kwh.value * _E4_PER_CT),
        capacity_price_e4_per_kw_day=round(prices.capacity_ct_per_kw_day.value * _E4_PER_CT),
    )
