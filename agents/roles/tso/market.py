"""The TSO's market for balancing energy: bids until the gate, the merit order at the gate, a call, and the sums after the day."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from agents.roles.balancing_messages import ORDERED, BalancingBids, BalancingOrdered
from agents.roles.effects import Arm, Effect, Publish, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.messages import FileAgain, Filed, Receipt
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.direct_settling import DirectSettling
from agents.roles.parts.exchange_metering import ExchangeMetering
from agents.roles.parts.filing import refusal
from agents.roles.parts.operated_days import DayNear
from agents.roles.parts.recovery import KEPT_DAYS, LedgerHistory
from agents.roles.parts.settlement import SellerAccount
from agents.roles.tso.config import TsoConfig
from cim.codec.codec import wire
from cim.platform.publications.balancing import BalancingCleared
from market.balancing.clearing import Cleared, clear
from market.balancing.settling import settle_balancing
from market.contracts.contract import FlexContract
from market.settlement.elements import volume_amount
from market.uftp import FlexOrder, IspPower

SETTLED = timedelta(minutes=45)  # after the day's end


@wire("tso.timer.gate")
@dataclass(frozen=True, slots=True)
class BalancingGate(Timer):
    """Bids of a quarter-hour are closed: clear them."""

    period: date
    isp: int


@wire("tso.timer.settle")
@dataclass(frozen=True, slots=True)
class SettleBalancing(Timer):
    """A day is over and metered."""

    period: date


@wire("tso.BalancingFiling")
@dataclass(frozen=True, slots=True)
class BalancingFiling:
    """The reference under which a call is filed: its order's."""

    order_reference: str

    def __str__(self) -> str:
        return f"balancing order {self.order_reference}"


@wire("tso.BalancingMarket")
@dataclass(slots=True)
class BalancingMarketState:
    """Bids by the beginning of their quarter-hour; calls by reference: those that wait for the receipt, and those in force."""

    bids: dict[datetime, BalancingBids] = field(default_factory=dict)
    filed: dict[str, BalancingOrdered] = field(default_factory=dict)
    called: dict[str, BalancingOrdered] = field(default_factory=dict)


class BalancingMarket(Part[BalancingMarketState]):
    """Clears each quarter-hour, calls what is accepted, and settles the day."""

    def __init__(
        self,
        me: AgentIdentity,
        config: TsoConfig,
        *,
        contracts: Contracts,
        metering: ExchangeMetering,
        settling: DirectSettling,
    ) -> None:
        super().__init__(me, BalancingMarketState())
        self._config, self._contracts, self._metering, self._settling = config, contracts, metering, settling
        self._before = timedelta(minutes=config.gate_min)

    @on(DayNear)
    def day_near(self, event: DayNear, now: datetime) -> list[Effect]:
        """Wait for the day's next gate, and for its end."""
        return [*self._next_gate(event.day.day, 1, now), Arm(SettleBalancing(event.day.day), event.day.end + SETTLED)]

    def _next_gate(self, period: date, first: int, now: datetime) -> list[Effect]:
        day = self.rules.day(period)
        for isp in range(first, day.count + 1):
            at = day.isp_start(isp) - self._before
            if at > now:
                return [Arm(BalancingGate(period, isp), at)]
        return []

    # ---- bids ------------------------------------------------------------------------------------------------------------

    @on(BalancingBids)
    def offered(self, message: BalancingBids, sender: str, now: datetime) -> list[Effect]:
        """Keep bids that are sound and in time; the last that come for a quarter-hour count."""
        fault = self._fault(message, sender, now)
        about = f"{message.period.isoformat()} ISP {message.isp}"
        if fault is not None:
            return [self.me.lapse("BalancingBids", about, sender, fault, now)]
        self.state.bids[self.rules.day(message.period).isp_start(message.isp)] = message
        return []

    def _fault(self, message: BalancingBids, sender: str, now: datetime) -> str | None:
        if sender != self._config.provider:
            return f"it is no provider; expected {self._config.provider}"
        day = self.rules.day(message.period)
        if not 1 <= message.isp <= day.count or day.isp_start(message.isp) - self._before < now:
            return "its gate is closed"
        contract = self._contract(message.period)
        if contract is None:
            return "no framework is in force on its day"
        references = [bid.reference for bid in message.bids]
        if len(set(references)) < len(references):
            return "bids: a reference stands twice; expected each once"
        for bid in message.bids:
            if bid.power_w <= 0:
                return f"power_w: {bid.power_w} of bid {bid.reference}; expected more than 0"
            if not 0 <= bid.premium_e4_per_kwh <= contract.volume_price_e4_per_kwh:
                most = contract.volume_price_e4_per_kwh
                return f"premium_e4_per_kwh: {bid.premium_e4_per_kwh} of bid {bid.reference}; expected 0 to {most}"
            if bid.activation_s > self._config.activation_s:
                most = self._config.activation_s
                return f"activation_s: {bid.activation_s} of bid {bid.reference}; expected at most {most}"
        for more, most in ((True, contract.amount_up_w), (False, -contract.amount_down_w)):
            total = sum(bid.power_w for bid in message.bids if bid.more is more)
            if total > most:
                return f"power_w: {total} W in one direction; {most} W are prequalified"
        return None

    def _contract(self, period: date) -> FlexContract | None:
        return self._contracts.contract_on(self._config.provider, period)

    # ---- the gate --------------------------------------------------------------------------------------------------------

    @on(BalancingGate)
    def cleared(self, timer: BalancingGate, now: datetime) -> list[Effect]:
        """The merit order; what of the site's bids is accepted is recorded, and called on the receipt."""
        period, isp = timer.period, timer.isp
        told = self.state.bids.pop(self.rules.day(period).isp_start(isp), None)
        need_w = self._config.needed_w[period][isp - 1]
        bids = () if told is None else told.bids
        found = clear(need_w, bids, self._config.others)
        offered_w = sum(bid.power_w for bid in bids if bid.more == (need_w > 0)) if need_w else 0
        effects = self._next_gate(period, isp + 1, now)
        ordered = None if told is None or not found.accepted_w else self._ordered(told, need_w, found, now)
        if ordered is not None:
            reference = ordered.order.order_reference
            self.state.filed[reference] = ordered
            effects.append(self._filed(ordered))
        cleared = BalancingCleared(
            now,
            period,
            isp,
            need_w,
            found.premium_e4_per_kwh,
            self.rules.domains[self._config.provider],
            None if told is None else told.nomination_w,
            offered_w,
            0 if ordered is None else ordered.order.isps[0].power_w,
            None if ordered is None else ordered.order.order_reference,
        )
        return [Publish(cleared), *effects]

    def _ordered(self, told: BalancingBids, need_w: int, found: Cleared, now: datetime) -> BalancingOrdered:
        premium = found.premium_e4_per_kwh or 0
        power_w = sum(found.accepted_w.values()) * (1 if need_w > 0 else -1)
        isps, provider = (IspPower(told.isp, power_w),), self._config.provider
        reference = self.me.identifier("balancing", told.period.isoformat(), str(told.isp))
        contract = self._contract(told.period)
        order = FlexOrder(
            header=self.me.header(provider, now, None, "BalancingOrdered", reference),
            period=told.period,
            congestion_point=self._config.connection,
            order_reference=reference,
            price=volume_amount(isps, premium, self.rules.isp_minutes),
            currency=self.rules.currency,
            isps=isps,
            timezone=self.rules.timezone,
            isp_minutes=self.rules.isp_minutes,
            contract_id=None if contract is None else contract.contract_id,
        )
        return BalancingOrdered(order, told.nomination_w, premium, tuple(sorted(found.accepted_w.items())))

    def _filed(self, ordered: BalancingOrdered) -> Effect:
        reference, at = ordered.order.order_reference, ordered.order.header.time_stamp
        record = self.me.record(ORDERED, reference, ordered, at)
        return Send(self._config.ledger, Filed(BalancingFiling(reference), (record,)))

    @on(FileAgain)
    def file_again(self, message: FileAgain, sender: str, now: datetime) -> list[Effect]:
        """The keeper has forgotten everything: file once more, to the letter, what waits for a receipt."""
        return [self._filed(one) for one in self.state.filed.values()] if sender == self._config.ledger else []

    @on(BalancingFiling)
    def receipt(self, receipt: Receipt, sender: str, now: datetime) -> list[Effect]:
        """Recorded: now it is called."""
        filing = receipt.reference
        if sender != self._config.ledger or not isinstance(filing, BalancingFiling):
            return []
        ordered = self.state.filed.pop(filing.order_reference, None)
        if ordered is None or receipt.fault is not None:
            return refusal(receipt, sender, now)
        self.state.called[filing.order_reference] = ordered
        return [Send(self._config.provider, ordered)]

    # ---- after the day ---------------------------------------------------------------------------------------------------

    @on(SettleBalancing)
    def settle(self, timer: SettleBalancing, now: datetime) -> list[Effect]:
        """Delivery by the meter against what was nominated; what came in a quarter-hour that nobody metered is left out."""
        period = timer.period
        calls = [one for one in self.state.called.values() if one.order.period == period]
        contract = self._contract(period)
        if not calls or contract is None:
            return []
        calls.sort(key=lambda one: one.order.isps[0].start)
        nominated_w = {one.order.isps[0].start: one.nomination_w for one in calls}
        count, metered_w = self.rules.day(period).count, self._metering.of_day(period)
        rows = settle_balancing([one.order for one in calls], nominated_w, metered_w, contract, count)
        return self._settling.tell(self._config.provider, period, SellerAccount(rows, ()), now)

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.called = {k: one for k, one in self.state.called.items() if one.order.period >= before}
        first = self.rules.day(before).start
        self.state.bids = {at: one for at, one in self.state.bids.items() if at >= first}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What was called is recorded; bids come again for the next quarter-hours."""
        first = self.rules.day_of(now).next(-KEPT_DAYS).day
        for reference, one in history.of(ORDERED, BalancingOrdered).items():
            if one.order.period >= first and one.order.header.sender_domain == self.me.domain:
                self.state.called[reference] = one
        return Recovery(forgotten=("bids of quarter-hours whose gates are still open, until they come again",))
