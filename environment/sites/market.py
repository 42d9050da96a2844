"""A site file's `market` and `flexibility_costs`: what its parties ask, pay and agree to, each with its provenance.

Units stand in the names. `ct` is a hundredth of the site's currency unit.
"""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from environment.sites.ratings import (
    Count,
    Hour,
    NotNegative,
    Part,
    Percent,
    Positive,
    ShareOrNone,
    WholeNotNegative,
)


class Prices(Part):
    """The two prices of a flexibility contract: for energy that is called, and for power that stands by."""

    volume_ct_per_kwh: NotNegative
    capacity_ct_per_kw_day: NotNegative

    @property
    def ct_per_kw_day(self) -> float:
        """What both are worth together where a kilowatt is called for one kilowatt-hour a day."""
        return self.volume_ct_per_kwh.value + self.capacity_ct_per_kw_day.value


class PriceRange(Part):
    """Where a party opens a negotiation, and the worst it will take."""

    aspiration: Prices
    reservation: Prices


class ContractLimits(Part):
    """How often, how long and with which pause a contract's flexibility may be called; ISPs are the site's."""

    max_activations_per_day: Count
    max_runtime_isps: Count
    recovery_isps: WholeNotNegative


StrategyName = Literal["alternating-offers", "monotonic-concession", "contract-net", "take-it-or-leave-it", "tender"]


class TenderTerms(Part):
    """How buyers tender, where the strategy is `tender`.

    Attributes:
        pricing: each award at its own bid, or all at what the dearest one that is taken asks.
        wanted_pct: how much of what all who are invited have is taken at most.
    """

    pricing: Literal["pay-as-bid", "uniform-price"]
    wanted_pct: Count


class NegotiationRules(Part):
    """How contracts are negotiated: by which strategy with members and with the DSO, and within what time.

    Attributes:
        members, dso: what both sides use; the strategies are in `market/negotiation/strategies/`.
        deadline_minutes: from the first offer on.
        tender: how buyers tender; where it is not said, all that is offered is taken, each at its own bid.
    """

    members: StrategyName
    dso: StrategyName
    deadline_minutes: Count
    tender: TenderTerms | None = None


class FeedInLimits(Part):
    """The DSO's right to limit feed-in in real time; what is lost is paid by the connection's tariff.

    Attributes:
        watch_pct: of what a congestion point may carry; from there on plants below are asked for their state.
        reserve_pct: how far below the limit the mean of an ISP is held.
        relax_pct: of a plant's rating; a limit is relaxed by no less.
    """

    watch_pct: Percent
    reserve_pct: Percent
    relax_pct: Percent


class ForecastErrors(Part):
    """How far a prognosis is assumed to be off before anything is learned, by its lead.

    Standard deviations, in percent of the most that a portfolio showed at that time of day in its last days.
    """

    up_to_2_h_pct: Percent
    up_to_6_h_pct: Percent
    up_to_12_h_pct: Percent
    later_pct: Percent


class Buying(Part):
    """How surely something must be needed before the DSO buys it, and what is too little to be bought.

    Attributes:
        sure_pct: the chance with which it is needed, while it can still be bought later.
        last_pct: the same at the last gate; what is needed less surely is left to the DSO's own right.
        minimum_bid_w, minimum_bid_wh: neither asked for nor offered below either.
        forecast_errors: assumed at the start; then the DSO's own experience counts.
    """

    sure_pct: Percent
    last_pct: Percent
    minimum_bid_w: WholeNotNegative
    minimum_bid_wh: WholeNotNegative
    forecast_errors: ForecastErrors


class StandingOfferTerms(Part):
    """What an aggregator offers without a request, at each congestion point where it has members.

    Attributes:
        from_hour, to_hour: local; what is offered lies in between.
        up_w: at most, towards consumption.
        valid_minutes: how long an offer stands; it is renewed after each prognosis. To be there when the DSO looks at the
            next one, longer than from the renewal to that; the longer, the later is what can be offered.
    """

    from_hour: WholeNotNegative
    to_hour: Count
    up_w: Count
    valid_minutes: Count

    @model_validator(mode="after")
    def _ordered(self) -> StandingOfferTerms:
        if not self.from_hour.value < self.to_hour.value <= 24:
            raise ValueError("expected from_hour before to_hour within 0 to 24")
        return self


class OptionSeason(Part):
    """When the DSO's options stand by: months (both included) and local hours (the end excluded)."""

    first_month: Count
    last_month: Count
    from_hour: WholeNotNegative
    to_hour: Count

    @model_validator(mode="after")
    def _ordered(self) -> OptionSeason:
        if not self.first_month.value <= self.last_month.value <= 12:
            raise ValueError("expected first_month to last_month within 1 to 12")
        if not self.from_hour.value < self.to_hour.value <= 24:
            raise ValueError("expected from_hour before to_hour within 0 to 24")
        return self


class OptionRelease(Part):
    """When the DSO gives back what its options reserve of the next day, and where it will not need it.

    Attributes:
        hour: local, of the day before; after the day-ahead rounds.
        below_pct: expected loading of a congestion point's branch in an ISP, percent of its rating.
    """

    hour: Hour
    below_pct: Percent


class OutsideOptions(Part):
    """What relief costs the DSO by other means than the market; an offer may cost no more.

    Attributes:
        last_resort_pct: of what its own curtailment pays the plants; above 100, because that is its last resort.
        reinforcement_per_year: annuity of a grid that is strong enough, currency units.
        over_limit_kwh_per_year: what that grid would carry and today's does not.
    """

    last_resort_pct: Count
    reinforcement_per_year: Positive
    over_limit_kwh_per_year: Positive


class MarketTerms(Part):
    """What the parties of a site ask and pay, and what their contracts allow.

    Attributes:
        concession_rounds: offers of both sides after which each stands at its reservation.
        prosumers_sell, aggregators_buy: prices between prosumers and their aggregator, from either side; per kWh on top
            of what an element costs its owner.
        aggregators_sell, dso_buys: prices between aggregators and DSO.
        member_contract, dso_option: what these contracts allow.
        plant_contract_from_w: a member whose devices can raise consumption by more gets a plant's contract.
        dso_option_share_up, dso_option_share_down: of the contracted connections, what the DSO's option covers.
        offer_margin_pct: what an aggregator adds to its members' price in an offer.
        keeping_share_pct: of what members ask, what it is assumed to cost an aggregator beside it to keep what it sold, until
            its own accounts tell; nothing where it is not said.
        shortage_ct_per_kwh: what an aggregator gives a request not met; above all its members' prices.
        loading_reserve_pct: how far below the loading limit the DSO wants prognoses to stay.
        unmetered_pct: an element that was not metered for more of its last 30 days offers nothing.
        gate_closure_isps: so many ISPs, the running one among them, can no longer be ordered (intraday gate closure).
        order_lookahead_isps: on the day itself the DSO orders at most so many ISPs beyond the gate.
        smallest_connection_w: no connection is contracted for less.
        feed_in_limits: the DSO's own right.
        least_device_w: what its limit of consumption in an emergency leaves to each device; nothing where it is not said.
        dso_option_season: when that option stands by.
        standing_offers: what aggregators offer without a request; nothing where it is not said.
        seller_coordination: `none`: each seller answers a request by itself, and the DSO chooses among their offers;
            `price-rounds`: before, the DSO brings all sellers at the congestion point to one price.
        dso_option_release: what of it is given back the day before; nothing where it is not said.
        outside_options: what relief costs by other means.
        dso_buying: how surely something must be needed to be bought.
        negotiation: by which strategies, and within what time.
    """

    concession_rounds: Count
    prosumers_sell: PriceRange
    aggregators_buy: PriceRange
    aggregators_sell: PriceRange
    dso_buys: PriceRange
    member_contract: ContractLimits
    plant_contract_from_w: Positive
    dso_option: ContractLimits
    dso_option_share_up: ShareOrNone
    dso_option_share_down: ShareOrNone
    dso_option_season: OptionSeason
    dso_option_release: OptionRelease | None = None
    standing_offers: StandingOfferTerms | None = None
    seller_coordination: Literal["none", "price-rounds"] = "none"
    outside_options: OutsideOptions
    offer_margin_pct: WholeNotNegative
    keeping_share_pct: Percent | None = None
    shortage_ct_per_kwh: Positive
    loading_reserve_pct: Percent
    unmetered_pct: Percent
    gate_closure_isps: Count
    order_lookahead_isps: Count
    smallest_connection_w: Positive
    feed_in_limits: FeedInLimits
    least_device_w: WholeNotNegative | None = None
    dso_buying: Buying
    negotiation: NegotiationRules

    @model_validator(mode="after")
    def _ordered(self) -> MarketTerms:
        for name, sells in (
            ("prosumers_sell", True),
            ("aggregators_buy", False),
            ("aggregators_sell", True),
            ("dso_buys", False),
        ):
            prices: PriceRange = getattr(self, name)
            gained = prices.aspiration.ct_per_kw_day - prices.reservation.ct_per_kw_day
            if (gained if sells else -gained) < 0:
                better = "more" if sells else "less"
                raise ValueError(f"expected {name}.aspiration to be {better} than {name}.reservation, or the same")
        return self


class FlexibilityCosts(Part):
    """What moving power costs its owner beside the energy itself, which its tariff says.

    Attributes:
        chp_fuel_ct_per_kwh: of a CHP, for what it makes more; what it makes less saves nothing.
        wear_ct_per_kwh: of a battery, for what goes through it.
        weight_ct_per_kw2: curvature that spreads a deviation evenly over ISPs and devices, per ISP.
        thermal_weight_ct_per_kw2, vehicle_weight_ct_per_kw2: the same for comfort and for charging later.
        shift_ct_per_h: of an appliance, for each hour that its programme begins earlier or later.
        battery_returned_share: of what an order charges, what its home has back on the same bill; the rest stays stored.
        battery_own_use_share: of what an order moves, what its home then buys that it would have kept from its surplus.
        heat_lost_share: of what is heated early, what is lost or still in the walls at midnight.
    """

    chp_fuel_ct_per_kwh: NotNegative
    wear_ct_per_kwh: NotNegative
    weight_ct_per_kw2: Positive
    thermal_weight_ct_per_kw2: Positive
    vehicle_weight_ct_per_kw2: Positive
    shift_ct_per_h: NotNegative
    battery_returned_share: ShareOrNone
    battery_own_use_share: ShareOrNone
    heat_lost_share: ShareOrNone
