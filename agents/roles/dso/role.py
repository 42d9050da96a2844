"""The DSO, put together from its parts."""

from __future__ import annotations

from agents.roles.dso.accounts import DsoAccounts
from agents.roles.dso.arbitration import Arbitration
from agents.roles.dso.balancing_room import BalancingRoom
from agents.roles.dso.case_building import CaseBuilding
from agents.roles.dso.compensation import Compensating
from agents.roles.dso.config import DsoConfig
from agents.roles.dso.consumption_limits import ConsumptionLimits
from agents.roles.dso.curtailment import Curtailment
from agents.roles.dso.expected_power import ExpectedPower
from agents.roles.dso.forecast_errors import ForecastErrors
from agents.roles.dso.incomplete_points import IncompletePoints
from agents.roles.dso.instance_control import InstanceControl
from agents.roles.dso.meter_history import MeterHistory
from agents.roles.dso.microgrid_service import ServiceBuying
from agents.roles.dso.non_firm_capacity import NonFirmCapacity
from agents.roles.dso.offers_by_hand import OffersByHand
from agents.roles.dso.order_checks import OrderChecks
from agents.roles.dso.ordering import Ordering
from agents.roles.dso.outside_requests import OutsideRequests
from agents.roles.dso.planned_works import PlannedWorks
from agents.roles.dso.point_coordination import PointCoordination
from agents.roles.dso.point_meters import PointMeters
from agents.roles.dso.portfolio_changes import PortfolioChanges
from agents.roles.dso.prequalification import Prequalification
from agents.roles.dso.prognoses import Prognoses
from agents.roles.dso.prognosis_checks import PrognosisChecks
from agents.roles.dso.registration import GridRegistration
from agents.roles.dso.requests import Requests
from agents.roles.dso.reservation_release import ReservationRelease
from agents.roles.dso.revocations import Revocations
from agents.roles.dso.safety_cases import SafetyCases
from agents.roles.dso.standing_offers import StandingOffers
from agents.roles.dso.trading_rounds import TradingRounds
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
from agents.roles.parts.switches_known import SwitchesKnown
from agents.roles.parts.tendering import Tendering
from agents.roles.role import Role
from market.rules import MarketRules


class DsoRole(Role):
    """One per site: it buys flexibility where prognoses break a limit, and settles what it ordered."""

    def __init__(self, name: str, rules: MarketRules, key: bytes, config: DsoConfig) -> None:
        me, ledger = AgentIdentity(name, rules, key), config.ledger
        known = SwitchesKnown(me, config.market, config.forget_changes)
        config = config.following(known.of)
        contracts = Contracts(me, remembers=lambda contract: contract.buyer == me.domain)
        negotiation = ContractNegotiation(me, ledger, contracts, wants=config.wants)
        carries_w = {c.usage_point: c.carries_w for c in config.connections}
        meters = MeterData(
            me, dict.fromkeys(carries_w), elements=True, carries_w=carries_w, facilitator=name, by_company=True
        )
        filing = LedgerFiling(me, ledger)
        ending, registration = (
            ContractEnding(me, contracts, filing),
            GridRegistration(me, config, contracts, negotiation),
        )
        history = MeterHistory(me, config, meters)
        checks = PrognosisChecks(me, config, history)
        prognoses = Prognoses(me, config, checks)
        use = ContractUse(me, contracts)

        def is_ordered(offer: str) -> bool:
            return ordering.has_ordered(offer)

        revocations = Revocations(me, is_ordered)
        ordering = Ordering(
            me,
            ledger,
            prognoses=prognoses,
            contracts=contracts,
            meters=meters,
            use=use,
            revocations=revocations,
        )
        emergencies = ConsumptionLimits(me, config, filing, ordering.ordered_w)
        requests = Requests(me, config, prognoses=prognoses, contracts=contracts, use=use)
        point_meters = PointMeters(me, config)
        by_hand = OutsideRequests(me, config, prognoses, meters)
        works = PlannedWorks(me, config, filing)
        curtailment = Curtailment(me, config, point_meters, by_hand, works)
        errors = ForecastErrors(
            me,
            config,
            prognoses=prognoses,
            ordering=ordering,
            curtailment=curtailment,
            emergencies=emergencies,
            meters=meters,
            history=history,
        )
        expected = ExpectedPower(config, prognoses=prognoses, ordering=ordering, history=history, errors=errors)
        building = CaseBuilding(config, expected, history)
        non_firm = NonFirmCapacity(me, config, prognoses=prognoses, ordering=ordering, expected=expected)
        standing = StandingOffers(me, prognoses, revocations)
        trading = TradingRounds(me, config, requests, expected, revocations, non_firm, by_hand, standing, works)
        reservations = Reservations(me)
        service = None if config.service is None else ServiceBuying(me, config, config.service, contracts, negotiation)
        accounts = DsoAccounts(
            rules,
            config,
            contracts=contracts,
            ordering=ordering,
            requests=requests,
            reservations=reservations,
            meters=meters,
            prognoses=prognoses,
            curtailment=curtailment,
            emergencies=emergencies,
            service=service,
        )
        settlement = SettlementAsBuyer(
            me,
            ledger,
            sellers=config.aggregators if service is None else (*config.aggregators, config.market),
            account=accounts.of,
            needed=lambda _: config.aggregators,
            contracts=contracts,
            meters=meters,
        )
        super().__init__(
            me,
            KeyChanges(me, ledger, lambda: not negotiation.is_talking),
            known,
            contracts,
            use,
            reservations,
            negotiation,
            Tendering(me, filing, config.buying.for_contract, settlement.delivered_pct),
            ending,
            registration,
            PortfolioChanges(
                me,
                config,
                contracts=contracts,
                negotiation=negotiation,
                ending=ending,
                registration=registration,
            ),
            Prequalification(me, config),
            OperatedDays(me),
            CopyConfirming(me, meters.on_day),
            checks,
            errors,  # it compares a settled day before the others forget it
            prognoses,
            point_meters,
            by_hand,
            works,
            emergencies,
            InstanceControl(me, config, by_hand, filing),
            curtailment,
            non_firm,
            Compensating(me, config, curtailment, non_firm),
            meters,
            settlement,
            IncompletePoints(me, config, meters),
            history,
            revocations,
            ordering,
            requests,
            standing,
            OffersByHand(me, config, requests=requests, ordering=ordering, standing=standing, revocations=revocations),
            PointCoordination(me, config, requests, trading),
            trading,
            SafetyCases(me, config, building),
            OrderChecks(me, config, building),
            ReservationRelease(me, config, contracts=contracts, reservations=reservations, filing=filing),
            filing,
            Disputes(me, name, filing, accounts.evidence),
            Arbitration(me, filing, meters),
            Refusals(me),
            HeadCosigning(me, ledger),
            *((BalancingRoom(me, config),) if config.balancing else ()),
            *(() if service is None else (service,)),
        )
