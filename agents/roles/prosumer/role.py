"""The prosumer, put together from its parts."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from agents.roles.identity import AgentIdentity
from agents.roles.parts.contract_ending import ContractEnding
from agents.roles.parts.contract_use import ContractUse
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.copy_confirming import CopyConfirming
from agents.roles.parts.disputes import Disputes
from agents.roles.parts.filing import LedgerFiling
from agents.roles.parts.key_changes import KeyChanges
from agents.roles.parts.negotiation import ContractNegotiation
from agents.roles.parts.operated_days import OperatedDays
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.refusals import Refusals
from agents.roles.parts.settlement_as_seller import SettlementAsSeller
from agents.roles.parts.switches_known import SwitchesKnown
from agents.roles.parts.tendering import Tendering
from agents.roles.prosumer.accounts import Accounts
from agents.roles.prosumer.asset_publishing import AssetPublishing
from agents.roles.prosumer.available_energy import AvailableEnergy
from agents.roles.prosumer.base_load import BaseLoad
from agents.roles.prosumer.building_flexibility import BuildingFlexibilityManager
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.connection_limits import ConnectionLimits
from agents.roles.prosumer.contract_amending import ContractAmending
from agents.roles.prosumer.day_planning import DayPlanning
from agents.roles.prosumer.device_schedules import DeviceSchedules
from agents.roles.prosumer.element_history import ElementHistory
from agents.roles.prosumer.element_profiles import ElementProfiles
from agents.roles.prosumer.element_reports import ElementReports
from agents.roles.prosumer.energy_metering import EnergyMetering
from agents.roles.prosumer.ev_flexibility import EvFlexibilityManager
from agents.roles.prosumer.flexibility_telling import FlexibilityTelling
from agents.roles.prosumer.grid_limits import GridLimits
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.prosumer.lost_elements import LostElements
from agents.roles.prosumer.make_whole import MakeWhole
from agents.roles.prosumer.measured_day import MeasuredDays
from agents.roles.prosumer.meter_checks import MeterChecks
from agents.roles.prosumer.metering_messages import MeteringMessages
from agents.roles.prosumer.owner_overrides import OwnerOverrides
from agents.roles.prosumer.plant_days import PlantDays
from agents.roles.prosumer.prognoses import Prognoses
from agents.roles.prosumer.provider_switching import ProviderSwitching
from agents.roles.prosumer.reactive_metering import ReactiveMetering
from agents.roles.prosumer.reserved_capacity import ReservedCapacity
from agents.roles.prosumer.site_plans import SitePlans
from agents.roles.prosumer.site_use import SiteTelling
from agents.roles.prosumer.supply_limits import SupplyLimits
from agents.roles.prosumer.switch_asking import SwitchAsking
from agents.roles.prosumer.unit_restrictions import UnitRestrictions
from agents.roles.prosumer.vpp_member import VppMember
from agents.roles.prosumer.weather_seen import WeatherSeen
from agents.roles.role import Role
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from market.contracts.contract import FlexContract
from market.register.providers import aggregator_on, aggregators_of
from market.rules import MarketRules


class ProsumerRole(Role):
    """A home, farm, estate, plant or park behind one connection."""

    def __init__(self, name: str, rules: MarketRules, key: bytes, config: ProsumerConfig) -> None:
        me, ledger = AgentIdentity(name, rules, key), config.ledger
        known = SwitchesKnown(me, config.market)
        config = config.following(known.of)

        def sold(contract: FlexContract) -> bool:
            buyers = (rules.domains[aggregator] for aggregator in aggregators_of(config))
            return contract.seller == me.domain and contract.buyer in buyers

        def after_open(history: LedgerHistory, now: datetime) -> LocalDay:
            """The parts take up the open days by themselves."""
            days = history.open_days(now)
            return days[-1].next() if days else rules.day(rules.first_day)

        contracts, filing = Contracts(me, remembers=sold), LedgerFiling(me, ledger)
        use, publishing = ContractUse(me, contracts), AssetPublishing(me, config, contracts)
        reports, buildings = ElementReports(me, config.by_name()), BuildingFlexibilityManager(me)
        ending = ContractEnding(me, contracts, filing)
        negotiation = ContractNegotiation(
            me, ledger, contracts, wants=config.selling_under, sold_twice=publishing.sold_twice
        )
        metering, held = EnergyMetering(me, config), HeldOrders(me, config)
        base, available = BaseLoad(me, config, metering), AvailableEnergy(me)
        plants = PlantDays(me, config, metering=metering, available=available, held=held)
        vehicles = EvFlexibilityManager(me, reports, metering)
        reserved = ReservedCapacity(me, config, contracts)
        agreed, kept = ConnectionLimits(me, config), OwnerOverrides(me, config, held)

        def expected_kw(element: str, day: LocalDay) -> Floats:
            return planning.expected_kw(element, day)

        supply = SupplyLimits(me, config, held, metering, expected_kw)
        restrictions = UnitRestrictions(me, config, kept, supply)
        plans = SitePlans(me, config)
        planning = DayPlanning(
            me,
            config,
            base=base,
            reports=reports,
            buildings=buildings,
            vehicles=vehicles,
            metering=metering,
            held=held,
            plants=plants,
            agreed=agreed,
            reserved=reserved,
            supply=supply,
            plans=plans,
        )
        reactive = ReactiveMetering(me)
        history, weather = ElementHistory(me, config, metering, held), WeatherSeen(me, config, metering)
        profiles = ElementProfiles(
            rules,
            config,
            contracts=contracts,
            held=held,
            metering=metering,
            available=available,
            history=history,
            weather=weather,
            agreed=agreed,
            supply=supply,
        )
        checks = MeterChecks(me, config, metering)
        days = MeasuredDays(me, config, contracts=contracts, held=held, buildings=buildings, reports=reports)
        limits = GridLimits(me, config, reports=reports, vehicles=vehicles, metering=metering, held=held, agreed=agreed)
        messages = MeteringMessages(
            me,
            config,
            metering=metering,
            reactive=reactive,
            filing=filing,
            profiles=profiles,
            checks=checks,
            days=days,
            limits=limits,
        )
        accounts = Accounts(config, contracts=contracts, held=held, metering=messages)
        member = VppMember(
            me,
            config,
            contracts=contracts,
            use=use,
            reports=reports,
            planning=planning,
            held=held,
            checks=checks,
            filing=filing,
            publishing=publishing,
            restrictions=restrictions,
        )
        telling = FlexibilityTelling(
            me, config, contracts=contracts, planning=planning, supply=supply, models=member.models
        )
        # Of one report: who came to a station is known before what it took is counted. After a loss each part recovers
        # in this order: contracts, meters and orders first, then the settlements that stand on them.
        super().__init__(
            me,
            KeyChanges(me, ledger, lambda: not negotiation.is_talking),
            known,
            contracts,
            use,
            negotiation,
            Tendering(me, filing, config.selling_under),
            ending,
            filing,
            publishing,
            ProviderSwitching(me, config, publishing),
            SwitchAsking(me, config),
            ContractAmending(
                me,
                config,
                contracts=contracts,
                negotiation=negotiation,
                ending=ending,
                publishing=publishing,
            ),
            reports,
            LostElements(me, config),
            buildings,
            vehicles,
            metering,
            reactive,
            available,
            weather,
            checks,
            messages,
            history,
            plants,
            held,
            agreed,
            reserved,
            limits,
            SettlementAsSeller(
                me,
                ledger,
                buyer=partial(aggregator_on, config),
                ready=accounts.ready,
                account=accounts.of,
                fines_at_most=True,
                is_member=True,
            ),
            Disputes(me, config.dso, filing, accounts.evidence),
            Refusals(me),
            days,
            MakeWhole(me, config, contracts=contracts, limits=limits, days=days, metering=messages, filing=filing),
            base,
            plans,
            planning,
            Prognoses(me, config, metering, planning),
            DeviceSchedules(me, config, planning, limits, supply),
            member,
            telling,
            SiteTelling(me, config, planning=planning, held=held),
            restrictions,
            kept,
            supply,
            OperatedDays(me, after_open),
            CopyConfirming(me, messages.copies),
        )
