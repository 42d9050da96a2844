"""No member worse off: after its settlement it compares its day with what its own rules alone would have cost it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from agents.planning.without_orders import MeasuredElement, without_orders
from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.messages import MakeWholeClaim
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.filing import LedgerFiling
from agents.roles.parts.recovery import KEPT_DAYS, LedgerHistory
from agents.roles.parts.settlement_as_seller import SettlementAnswered
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.element_reports import value
from agents.roles.prosumer.grid_limits import GridLimits
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.prosumer.metering_messages import MeteringMessages
from agents.roles.prosumer.told import ElementReported
from cim.codec.codec import wire
from cim.model.arrays import Ints
from cim.model.readings import Kind
from market.billing.bill import energy_bill
from market.contracts.contract import BaselineKind
from market.settlement.day import lost_isps
from market.settlement.elements import contract_baseline, moved
from market.settlement.payments import capacity_amount
from market.uftp import FlexSettlement, Metering

CLAIM = "make-whole-claim"  # the kind of its record
UNSEEN_E4 = 100  # a cent a day: what an account by quarter-hours may miss of real time goes to the member


@wire("prosumer.MakeWhole")
@dataclass(slots=True)
class MakeWholeState:
    """What each battery held at its first reading of a day, kWh, by day."""

    stored_kwh: dict[date, dict[str, float]] = field(default_factory=dict)


class MakeWhole(Part[MakeWholeState]):
    """Claims what a day with orders cost more than the same day without; without a tariff nobody knows."""

    def __init__(
        self,
        me: AgentIdentity,
        config: ProsumerConfig,
        *,
        contracts: Contracts,
        held: HeldOrders,
        limits: GridLimits,
        metering: MeteringMessages,
        filing: LedgerFiling,
    ) -> None:
        super().__init__(me, MakeWholeState())
        self._config, self._elements, self._kinds = config, config.by_name(), config.kinds()
        self._contracts, self._held, self._limits = contracts, held, limits
        self._metering, self._filing = metering, filing

    @on(ElementReported)
    def reported(self, event: ElementReported, now: datetime) -> list[Effect]:
        """Note what a battery holds when a day begins."""
        report, stored_wh = event.report, value(event.report, Kind.STORED_ENERGY)
        if stored_wh is not None:
            of_day = self.state.stored_kwh.setdefault(self.rules.day_of(report.at).day, {})
            of_day.setdefault(report.element, stored_wh / 1000)
        return []

    @on(SettlementAnswered)
    def settled(self, event: SettlementAnswered, now: datetime) -> list[Effect]:
        """The day is settled: claim what it cost too much, recorded; nothing where no order touched it."""
        settlement = event.settlement
        found = self._compared(settlement) if settlement.order_settlements else None
        if found is None or found[0] + UNSEEN_E4 <= found[1]:
            return []
        market_e4, local_e4 = found
        period, aggregator = settlement.period_start, self._config.aggregator
        mine, payer = self.me.domain, self.rules.domains[aggregator]
        claim = MakeWholeClaim(mine, payer, period, market_e4 + UNSEEN_E4 - local_e4, market_e4, local_e4)
        key = f"{period}/{mine}/{payer}"
        record = self.me.record(CLAIM, key, claim, now)
        return [self._filing.file(CLAIM, key, record), Send(aggregator, claim)]

    def _compared(self, settlement: FlexSettlement) -> tuple[int, int] | None:
        """What the day cost and would have cost; None where a meter did not see all of it, or there is no tariff."""
        tariff, day = self._config.tariff, self.rules.day(settlement.period_start)
        told = {name: self._metering.of(name, day.day) for name in (self._config.usage_point, *self._elements)}
        known = [metering for metering in told.values() if metering is not None]
        if tariff is None or len(known) < len(told) or lost_isps(known):
            return None
        meter_w = _power_w(told[self._config.usage_point])
        elements = [self._measured(name, told[name], day.day) for name in self._elements]
        local_kw = without_orders(meter_w / 1000, elements, self.rules.hours)
        rates, minutes = tariff.rates(day), self.rules.isp_minutes
        local = energy_bill(np.rint(local_kw * 1000).astype(np.int64), minutes, rates).total_e4
        return energy_bill(meter_w, minutes, rates).total_e4 - self._earned_e4(settlement), local

    def _earned_e4(self, settlement: FlexSettlement) -> int:
        """What it is paid for the day's flexibility, less its penalties."""
        earned = sum(row.net_settlement for row in settlement.order_settlements)
        contracts = {c.contract_id: c for c in self._contracts.with_peer(self._config.aggregator)}
        reserved = [part for part in settlement.contract_settlements if part.contract_id in contracts]
        return earned + sum(capacity_amount(contracts[part.contract_id], part.isps) for part in reserved)

    def _measured(self, name: str, metering: Metering | None, period: date) -> MeasuredElement:
        """An element's day; where orders touched it, what it would have done by its contract's method.

        Where the DSO limited a plant it pays for that itself, beside what the order took: only this is put back.
        """
        limited = self._limits.accounted(name, period)
        moved_w, told_w = moved(self._held.moves(name, period))
        contract = self._contracts.contract_on(self._config.aggregator, period)
        covered = None if contract is None else contract.element(name)
        kind = BaselineKind.PROGNOSIS if covered is None else covered.baseline
        profiles = {} if metering is None else {profile.profile_type: profile.values for profile in metering.profiles}
        baseline_w = contract_baseline(told_w, kind, profiles)
        power_w = _power_w(metering)
        for isp in limited:
            if isp in baseline_w:
                baseline_w[isp] = max(baseline_w[isp], int(power_w[isp - 1]) - max(moved_w[isp], 0))
        return MeasuredElement(
            self._elements[name],
            self._kinds[name],
            power_w / 1000,
            {isp: watts / 1000 for isp, watts in baseline_w.items()},
            self.state.stored_kwh.get(period, {}).get(name),
        )

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.stored_kwh = {period: held for period, held in self.state.stored_kwh.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What is recorded was claimed, and may not have been heard: it is claimed again; the aggregator pays once."""
        first = self.rules.day_of(now).next(-KEPT_DAYS).day
        told = history.of(CLAIM, MakeWholeClaim).values()
        again = [claim for claim in told if claim.claimant == self.me.domain and claim.period >= first]
        return Recovery([Send(self._config.aggregator, claim) for claim in again])


def _power_w(metering: Metering | None) -> Ints:
    """[T] watts of a metering; nothing where there is none."""
    profile = None if metering is None else metering.profile("Power")
    return np.array(() if profile is None else profile.values, dtype=np.int64)
