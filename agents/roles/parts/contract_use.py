"""What each contract has been called for: how every one of its limits is held at activation, on either side of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from market.contracts.commitments import Stock
from market.contracts.contract import CountedPer, FlexContract
from market.contracts.enforcement import Call, call_fault
from market.contracts.envelope import called_beyond
from market.uftp import FlexOrder, FlexOrderResponse, IspPower


@dataclass(frozen=True, slots=True)
class CallTaken:
    """Told inside a role: an order under a contract is about to be in force."""

    order: FlexOrder


@dataclass(frozen=True, slots=True)
class CallDropped:
    """Told inside a role: an order that was taken is refused, or could not be recorded."""

    order: FlexOrder


@wire("part.ContractUse")
@dataclass(slots=True)
class ContractUseState:
    """By contract id: ISP start (UTC) -> watts ordered under it in sum; what was taken back stays at 0."""

    used_w: dict[str, dict[datetime, int]] = field(default_factory=dict)


class ContractUse(Part[ContractUseState]):
    """Keeps the use of every contract that is in force, as far back as its limits reach.

    Args:
        stock: what this party has to sell; None where it sells nothing.
    """

    def __init__(self, me: AgentIdentity, contracts: Contracts, stock: Callable[[], Stock] | None = None) -> None:
        super().__init__(me, ContractUseState())
        self._contracts, self._stock = contracts, stock

    @property
    def used_w(self) -> Mapping[str, Mapping[datetime, int]]:
        """By contract id, ISP start -> watts."""
        return self.state.used_w

    def fault(self, order: FlexOrder) -> str | None:
        """Why the contract that an order names does not allow it; an order that names none is free."""
        if order.contract_id is None:
            return None
        contract = self._contracts.by_id(order.contract_id, order.period)
        if contract is None:
            return f"ContractID: {order.contract_id} is no contract"
        # A part of an option costs that part of the option's price, which was checked with the offer; watts are rounded.
        price = None if order.flex_offer_message_id and order.activation_factor_pct < 100 else order.price
        call = self.call(contract, order.period, order.congestion_point, order.isps, price)
        return self.call_fault(contract, call)

    def call_fault(self, contract: FlexContract, call: Call) -> str | None:
        """Why a contract does not allow a call beside what it was called for already."""
        fault = call_fault(contract, self.state.used_w.get(contract.contract_id, {}), call)
        if fault is not None:
            return f"ContractID: {contract.contract_id} does not allow it: {fault}"
        return self._beyond(contract, call)

    def _beyond(self, contract: FlexContract, call: Call) -> str | None:
        """Why a seller has not what it is called for, all its contracts together; a buyer does not know what there is."""
        if self._stock is None or contract.seller != self.me.domain:
            return None
        own = {one.contract_id for one in self._contracts.all() if one.seller == self.me.domain}
        used = [used for identity, used in self.state.used_w.items() if identity in own]
        return called_beyond(used, call.power_w, self._stock(), contract.timezone)

    def call(
        self, contract: FlexContract, period: date, place: str, isps: Sequence[IspPower], price_e4: int | None = None
    ) -> Call:
        """What ISPs of an offer or order at a place ask of a contract."""
        return Call(self._power_w(period, isps), place if contract.of_portfolios else None, price_e4)

    def _power_w(self, period: date, isps: Sequence[IspPower]) -> dict[datetime, int]:
        day = self.rules.day(period)
        return {day.isp_start(isp): row.power_w for row in isps for isp in range(row.start, row.start + row.duration)}

    @on(CallTaken)
    def taken(self, event: CallTaken, now: datetime) -> list[Effect]:
        """An order is in force."""
        self._add(event.order, 1)
        return []

    @on(CallDropped)
    def dropped(self, event: CallDropped, now: datetime) -> list[Effect]:
        """An order is none after all: its ISPs were not activated, unless another order is about them."""
        self._add(event.order, -1)
        return []

    def _add(self, order: FlexOrder, sign: int) -> None:
        if order.contract_id is None:
            return
        used = dict(self.state.used_w.get(order.contract_id, {}))
        for start, watts in self._power_w(order.period, order.isps).items():
            used[start] = used.get(start, 0) + sign * watts
            if sign < 0 and not used[start]:
                del used[start]
        self.state.used_w[order.contract_id] = used

    def prune(self, before: date) -> None:
        """Days that are closed for good, where activations are counted by day; contracts that ended before them."""
        begin, kept = self.rules.day(before).start, dict[str, dict[datetime, int]]()
        contracts = {contract.contract_id: contract for contract in self._contracts.all()}
        for identity, used in self.state.used_w.items():
            contract = contracts.get(identity)
            if contract is not None and contract.end_date >= before:
                whole = contract.counted_per is CountedPer.TERM
                kept[identity] = used if whole else {start: watts for start, watts in used.items() if start >= begin}
        self.state.used_w = kept

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Its orders as recorded, but those that were refused."""
        known = {contract.contract_id for contract in self._contracts.all()}
        refused = history.of("flex-order-refusal", FlexOrderResponse)
        for kind in ("flex-order", "member-order"):
            for reference, order in history.of(kind, FlexOrder).items():
                if order.contract_id in known and reference not in refused:
                    self._add(order, 1)
        return Recovery()
