"""No member worse off: after its settlement it compares its day with what its own rules alone would have cost it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

import numpy as np

from agents.planning.without_orders import without_orders
from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.messages import MakeWholeClaim
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.filing import LedgerFiling
from agents.roles.parts.recovery import KEPT_DAYS, LedgerHistory
from agents.roles.parts.settlement_as_seller import SettlementAnswered
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.grid_limits import GridLimits
from agents.roles.prosumer.measured_day import MeasuredDays, power_w
from agents.roles.prosumer.metering_messages import MeteringMessages
from cim.codec.codec import wire
from cim.model.arrays import Ints
from cim.model.intervals import LocalDay
from market.billing.bill import energy_bill
from market.billing.tariff import DayRates
from market.register.providers import aggregator_on
from market.settlement.curtailment import compensation, limited_isps
from market.settlement.day import lost_isps
from market.settlement.payments import capacity_amount
from market.uftp import FlexSettlement

CLAIM = "make-whole-claim"  # the kind of its record
LEAST_E4 = 10  # a tenth of a cent: less is not worth a record, and within what watts and quarter-hours round


@wire("prosumer.MakeWhole")
@dataclass(slots=True)
class MakeWholeState:
    """Nothing: all that is compared is held by other parts."""


class MakeWhole(Part[MakeWholeState]):
    """Claims what a day with orders cost more than the same day without; without a tariff nobody knows."""

    def __init__(
        self,
        me: AgentIdentity,
        config: ProsumerConfig,
        *,
        contracts: Contracts,
        limits: GridLimits,
        days: MeasuredDays,
        metering: MeteringMessages,
        filing: LedgerFiling,
    ) -> None:
        super().__init__(me, MakeWholeState())
        self._config, self._elements = config, config.by_name()
        self._contracts, self._limits, self._days = contracts, limits, days
        self._metering, self._filing = metering, filing

    @on(SettlementAnswered)
    def settled(self, event: SettlementAnswered, now: datetime) -> list[Effect]:
        """The day is settled: claim what it cost too much, recorded; nothing where no order touched it."""
        settlement = event.settlement
        found = self._compared(settlement)
        if found is None or found[0] < found[1] + LEAST_E4:
            return []
        market_e4, local_e4 = found
        period = settlement.period_start
        aggregator = aggregator_on(self._config, period)
        mine, payer = self.me.domain, self.rules.domains[aggregator]
        claim = MakeWholeClaim(mine, payer, period, market_e4 - local_e4, market_e4, local_e4)
        key = f"{period}/{mine}/{payer}"
        record = self.me.record(CLAIM, key, claim, now, salted=True)
        return [self._filing.file(CLAIM, key, record), Send(aggregator, claim)]

    def _compared(self, settlement: FlexSettlement) -> tuple[int, int] | None:
        """What the day cost and would have cost; None where no order touched it, a meter did not see it, or no tariff is.

        An order counts that was settled with nothing, too: it may have moved what it did not ask for.
        """
        tariff, day = self._config.tariff, self.rules.day(settlement.period_start)
        connection = self._metering.of(self._config.usage_point, day.day)
        told = {name: told for name in self._elements if (told := self._metering.of(name, day.day)) is not None}
        if tariff is None or connection is None or len(told) < len(self._elements):
            return None
        if lost_isps([connection, *told.values()]):
            return None
        meter_w, rates, minutes = power_w(connection), tariff.rates(day), self.rules.isp_minutes
        elements = [self._days.of(name, metering, day) for name, metering in told.items()]
        if not any(element.baseline_kw for element in elements):
            return None
        local_kw = without_orders(meter_w / 1000, elements, self.rules.hours)
        local = energy_bill(np.rint(local_kw * 1000).astype(np.int64), minutes, rates).total_e4
        earned_e4 = self._earned_e4(settlement) + self._compensated_e4(day, meter_w, rates)
        return energy_bill(meter_w, minutes, rates).total_e4 - earned_e4, local

    def _compensated_e4(self, day: LocalDay, meter_w: Ints, rates: DayRates) -> int:
        """What the DSO pays for its limits of the day, by the rule of both."""
        rows = limited_isps(self._limits.accounted(day.day), meter_w, rates)
        return compensation(rows, Fraction(self.rules.isp_minutes, 60)).amount_e4

    def _earned_e4(self, settlement: FlexSettlement) -> int:
        """What it is paid for the day's flexibility, less its penalties."""
        earned = sum(row.net_settlement for row in settlement.order_settlements)
        period = settlement.period_start
        contracts = {c.contract_id: c for c in self._contracts.terms_on(aggregator_on(self._config, period), period)}
        reserved = [part for part in settlement.contract_settlements if part.contract_id in contracts]
        return earned + sum(capacity_amount(contracts[part.contract_id], part.isps) for part in reserved)

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What is recorded was claimed, and may not have been heard: it is claimed again; the aggregator pays once."""
        first = self.rules.day_of(now).next(-KEPT_DAYS).day
        told = history.of(CLAIM, MakeWholeClaim).values()
        again = [claim for claim in told if claim.claimant == self.me.domain and claim.period >= first]
        return Recovery([Send(aggregator_on(self._config, claim.period), claim) for claim in again])
