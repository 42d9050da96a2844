"""Every price, limit and margin of a site file reaches the agent that needs it, in the market's units."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from agents.assembly.market_terms import aggregator_config, dso_config, element_costs, prosumer_selling
from agents.roles.aggregator.config import StandingTerms
from environment.feeder import Limits, Network, Node
from environment.sites import Site, load_site
from environment.sites.market import NegotiationRules, StandingOfferTerms, StrategyName
from environment.sites.ratings import Rating
from market.contracts.limits import ContractLimits
from market.negotiation.concession import Side, Terms
from market.negotiation.strategies import STRATEGIES


@pytest.fixture(scope="module")
def site() -> Site:
    """Strem."""
    return load_site("strem")


def dso_of(site: Site) -> Any:
    """The config of a DSO with nothing but a node."""
    network = Network((Node("n0", 400.0),), (), (), "n0", 1.0)
    return dso_config(
        site,
        market="iles",
        ledger="ledger",
        network=network,
        limits=Limits(),
        points=(),
        connections=(),
        aggregators=(),
    )


def test_prices_are_counted_in_ten_thousandths(site: Site) -> None:
    """6 ct/kWh of the site file are 600 where the market counts."""
    selling = prosumer_selling(site.market)
    assert selling.side is Side.SELLER
    assert (selling.aspiration, selling.reservation) == (Terms(600, 0), Terms(100, 0))
    assert selling.rounds == 8


def test_each_side_of_a_trade_has_its_own_prices(site: Site) -> None:
    """An aggregator buys from members and sells to the DSO; the DSO buys."""
    aggregator = aggregator_config(site, dso="dso", market="iles", ledger="ledger", members=())
    assert (aggregator.buying.side, aggregator.buying.aspiration) == (Side.BUYER, Terms(50, 0))
    assert (aggregator.buying.reservation, aggregator.selling.reservation) == (Terms(600, 0), Terms(900, 100))
    assert (aggregator.selling.side, aggregator.selling.aspiration) == (Side.SELLER, Terms(4000, 900))
    dso = dso_of(site)
    assert (dso.buying.side, dso.buying.aspiration, dso.buying.reservation) == (
        Side.BUYER,
        Terms(1200, 50),
        Terms(6000, 600),
    )


def test_limits_and_margins_are_the_sites(site: Site) -> None:
    """What a site file says of contracts, margins and gates is what aggregator and DSO are told."""

    def rating(value: float) -> Rating:
        return Rating(value=value, assumed=True)

    member = site.market.member_contract.model_copy(update={"max_activations_per_day": rating(3)})
    terms = site.market.model_copy(
        update={
            "member_contract": member,
            "offer_margin_pct": rating(12),
            "loading_reserve_pct": rating(4.5),
            "gate_closure_isps": rating(2),
            "dso_option_share_up": rating(0.5),
        }
    )
    changed = site.model_copy(update={"market": terms})
    aggregator = aggregator_config(changed, dso="dso", market="iles", ledger="ledger", members=())
    assert aggregator.limits == ContractLimits(3, 96, 0)
    assert aggregator.margin_pct == 12
    dso = dso_of(changed)
    assert (dso.margin_pct, dso.gate_isps, dso.option.share_up) == (4.5, 2, 0.5)
    assert dso.limits_of_contracts == ContractLimits(24, 96, 0)


def test_costs_are_the_sites(site: Site) -> None:
    """Each cost of `flexibility_costs` stands under its own name."""
    costs = element_costs(site.flexibility_costs)
    for name in type(site.flexibility_costs).model_fields:
        assert getattr(costs, name) == getattr(site.flexibility_costs, name).value


def test_a_sites_strategies_are_those_there_are_and_reach_who_negotiates(site: Site) -> None:
    """What the site file may choose is what `market.negotiation.strategies` has; each side of a relation gets its own."""
    assert set(get_args(StrategyName)) == set(STRATEGIES)
    rules = NegotiationRules(
        members="contract-net", dso="take-it-or-leave-it", deadline_minutes=Rating(value=5, assumed=True)
    )
    terms = site.market.model_copy(update={"negotiation": rules})
    changed = site.model_copy(update={"market": terms})
    config = aggregator_config(changed, dso="dso", market="iles", ledger="ledger", members=())
    assert (config.buying.strategy, config.selling.strategy) == ("contract-net", "take-it-or-leave-it")
    assert prosumer_selling(terms).strategy == "contract-net"
    assert prosumer_selling(terms).deadline_min == 5


def test_what_is_offered_unasked_is_the_sites(site: Site) -> None:
    """Strem offers nothing unasked; hours, watts and minutes of another site reach the aggregator, with the DSO's gate."""
    assert aggregator_config(site, dso="dso", market="iles", ledger="ledger", members=()).standing is None
    hours = {"from_hour": 13, "to_hour": 14, "up_w": 15_000, "valid_minutes": 45}
    offers = StandingOfferTerms(**{name: Rating(value=value, assumed=True) for name, value in hours.items()})
    changed = site.model_copy(update={"market": site.market.model_copy(update={"standing_offers": offers})})
    config = aggregator_config(changed, dso="dso", market="iles", ledger="ledger", members=())
    assert config.standing == StandingTerms(13, 14, 15_000, 45, gate_isps=4)
    with pytest.raises(ValueError, match="from_hour before to_hour"):
        StandingOfferTerms(**{n: Rating(value=v, assumed=True) for n, v in {**hours, "to_hour": 13}.items()})
