"""The aggregator (USEF AGR), put together from its parts."""

from __future__ import annotations

from agents.roles.aggregator.accounts import Accounts
from agents.roles.aggregator.balancing_sales import BalancingSales
from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.aggregator.correction import Correction
from agents.roles.aggregator.flex_trading import FlexTrading
from agents.roles.aggregator.flexibility_sums import FlexibilitySums
from agents.roles.aggregator.interval_metering import IntervalMetering
from agents.roles.aggregator.keeping_costs import KeepingCosts
from agents.roles.aggregator.making_whole import MakingWhole
from agents.roles.aggregator.member_changes import MemberChanges
from agents.roles.aggregator.member_orders import MemberOrders
from agents.roles.aggregator.offer_pricing import OfferPricing
from agents.roles.aggregator.offer_revocation import OfferRevocation
from agents.roles.aggregator.point_rounds import PointRounds
from agents.roles.aggregator.portfolio_registration import PortfolioRegistration, sold_twice
from agents.roles.aggregator.prognosis_sums import PrognosisSums
from agents.roles.aggregator.promises import Promises
from agents.roles.aggregator.reservation_sharing import ReservationSharing
from agents.roles.aggregator.reservation_updates import ReservationUpdates
from agents.roles.aggregator.template_publishing import TemplatePublishing
from agents.roles.aggregator.unsolicited_offers import UnsolicitedOffers
from agents.roles.aggregator.vpp_sessions import VppSessions
from agents.roles.identity import AgentIdentity
from agents.roles.parts.contract_ending import ContractEnding
from agents.roles.parts.contract_use import ContractUse
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.copy_confirming import CopyConfirming
from agents.roles.parts.cosigning import HeadCosigning
from agents.roles.parts.disputes import Disputes
from agents.roles.parts.filing import LedgerFiling
from agents.roles.parts.key_changes import KeyChanges
from agents.roles.parts.meter_data import MeterData
from agents.roles.parts.negotiation import ContractNegotiation
from agents.roles.parts.operated_days import OperatedDays
from agents.roles.parts.refusals import Refusals
from agents.roles.parts.reservations import Reservations
from agents.roles.parts.settlement_as_buyer import SettlementAsBuyer
from agents.roles.parts.settlement_as_seller import SettlementAsSeller
from agents.roles.parts.switches_known import SwitchesKnown
from agents.roles.parts.tendering import Tendering
from agents.roles.role import Role
from market.contracts.commitments import Stock, bought_stock
from market.contracts.contract import FlexContract
from market.rules import MarketRules


class AggregatorRole(Role):
    """Pools its members' flexibility and sells it to the DSO."""

    def __init__(self, name: str, rules: MarketRules, key: bytes, config: AggregatorConfig) -> None:
        me, ledger = AgentIdentity(name, rules, key), config.ledger
        known = SwitchesKnown(me, config.market, config.forget_points)
        config = config.following(name, known.of)
        members = config.by_name()
        by_ean = {member.usage_point: member for member in config.members}

        def remembers(contract: FlexContract) -> bool:
            return contract.seller == me.domain or rules.name_of(contract.seller) in members

        contracts = Contracts(me, remembers)

        def bought() -> Stock:
            return bought_stock(one for one in contracts.all() if one.buyer == me.domain)

        negotiation = ContractNegotiation(
            me,
            ledger,
            contracts,
            lambda one: config.preferences(one, me.domain),
            lambda sale: sold_twice(sale, contracts.all(), me.domain),
            config.too_dear,
        )
        meters = MeterData(
            me,
            {m.usage_point: m.name for m in config.members},
            elements=True,
            carries_w={m.usage_point: m.carries_w for m in config.members},
            facilitator=config.dso,
            served=lambda ean, day: by_ean[ean].is_on(day),
        )
        filing = LedgerFiling(me, ledger)
        ending, templates = ContractEnding(me, contracts, filing), TemplatePublishing(me, config, filing)
        sums = PrognosisSums(me, config)
        metering = IntervalMetering(me, config, sums)
        use, reservations = ContractUse(me, contracts, bought), Reservations(me)
        sessions = VppSessions(me, config, contracts, use)
        promises = Promises(me, config.dso, contracts)
        orders = MemberOrders(me, config, contracts=contracts, meters=meters, use=use)
        accounts = Accounts(
            rules, config, contracts=contracts, orders=orders, promises=promises, meters=meters, sums=sums
        )
        making_whole = MakingWhole(me, config, orders, accounts)
        keeping = KeepingCosts(me, config, accounts)
        trading = FlexTrading(
            me,
            config,
            sums=sums,
            sessions=sessions,
            promises=promises,
            pricing=OfferPricing(
                config, contracts, use, making_whole.dearer_e4_per_kwh, keeping.with_keeping_e4, rules.isp_minutes
            ),
            use=use,
        )
        settlement = SettlementAsBuyer(
            me,
            ledger,
            sellers=tuple(members),
            account=accounts.of_member,
            needed=accounts.contracted,
            contracts=contracts,
            meters=meters,
            of_members=True,
        )
        flexibility = FlexibilitySums(me, config, sums, settlement.delivered_pct)
        # After a loss each part recovers in this order: contracts first, then what stands on them. And of one instant,
        # a promise is corrected before another session begins.
        super().__init__(
            me,
            KeyChanges(me, ledger, lambda: not negotiation.is_talking),
            known,
            templates,
            PortfolioRegistration(me, config, contracts, negotiation, templates),
            MemberChanges(me, config, contracts, ending),
            OperatedDays(me),
            CopyConfirming(me, meters.on_day),
            contracts,
            use,
            reservations,
            ReservationUpdates(me, config.dso, contracts, reservations),
            ReservationSharing(me, config, contracts, reservations),
            negotiation,
            Tendering(
                me,
                filing,
                lambda one: config.preferences(one, me.domain),
                settlement.delivered_pct,
                of_members=True,
            ),
            ending,
            filing,
            HeadCosigning(me, ledger),
            sums,
            flexibility,
            metering,
            Correction(me, config, metering=metering, sums=sums, sessions=sessions, promises=promises, trading=trading),
            sessions,
            PointRounds(me, config),
            trading,
            OfferRevocation(me, config.dso, trading),
            UnsolicitedOffers(me, config, sums=sums, sessions=sessions, trading=trading),
            promises,
            meters,
            settlement,
            orders,
            making_whole,
            keeping,
            SettlementAsSeller(me, ledger, buyer=lambda _: config.dso, ready=accounts.ready, account=accounts.of_dso),
            Disputes(me, config.dso, filing, accounts.evidence),
            Refusals(me),
            *(
                ()
                if config.balancing is None
                else (
                    BalancingSales(me, config, config.balancing, sums=sums, promises=promises, gives=flexibility.gives),
                )
            ),
        )
