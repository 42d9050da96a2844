"""What of its contract a prosumer keeps available on a day, because its aggregator has sold it and pays for it to stand by."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from agents.roles.effects import Effect
from agents.roles.element_messages import CapacityReserved
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.prosumer.config import ProsumerConfig
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from market.contracts.contract import FlexContract
from market.register.providers import aggregator_on


@wire("prosumer.ReservedCapacity")
@dataclass(slots=True)
class ReservedCapacityState:
    """By day, ISP -> watts to keep available, positive towards consumption."""

    reserved_w: dict[date, dict[int, int]] = field(default_factory=dict)


class ReservedCapacity(Part[ReservedCapacityState]):
    """Holds back what the own use would take.

    A plant's curtailment is there whenever the sun is. What a battery stores or could store is used by its home unless it is
    held back; each keeps its part of the contract's amount, by what its element can move.
    """

    def __init__(self, me: AgentIdentity, config: ProsumerConfig, contracts: Contracts) -> None:
        super().__init__(me, ReservedCapacityState())
        self._config, self._contracts = config, contracts

    @on(CapacityReserved)
    def reserved(self, message: CapacityReserved, sender: str, now: datetime) -> list[Effect]:
        """What counts on a day from now on; never more than the contract pays for."""
        period = message.period
        if sender != aggregator_on(self._config, period):
            return []
        fault = self._fault(message, now)
        if fault is not None:
            return [self.me.lapse("CapacityReserved", period.isoformat(), sender, fault, now)]
        rows = {isp: row.power_w for row in message.isps for isp in range(row.start, row.start + row.duration)}
        self.state.reserved_w = {**self.state.reserved_w, period: rows}
        return []

    def _fault(self, message: CapacityReserved, now: datetime) -> str | None:
        day, contract = self.rules.day(message.period), self._contract(message.period)
        if now >= day.end:
            return f"{message.period.isoformat()} is over"
        if not message.isps:
            return None
        if contract is None or contract.contract_id != message.contract_id or not contract.capacity_price_e4_per_kw_day:
            return (
                f"contract_id: {message.contract_id}; expected one that pays for what it reserves on {message.period}"
            )
        for row in message.isps:
            if not 1 <= row.start <= row.start + row.duration - 1 <= day.count:
                return f"ISP: {row.start}; expected 1 to {day.count}"
            if not contract.amount_down_w <= row.power_w <= contract.amount_up_w:
                most = f"{contract.amount_down_w}..{contract.amount_up_w} W"
                return f"Power: {row.power_w} W in ISP {row.start}; contract {contract.contract_id} reserves {most}"
        return None

    def _contract(self, period: date) -> FlexContract | None:
        return self._contracts.contract_on(aggregator_on(self._config, period), period)

    def kept_kw(self, element: str, day: LocalDay) -> Floats | None:
        """[T] kW that an element keeps available; None where nothing is reserved of it."""
        rows = self.state.reserved_w.get(day.day)
        contract = self._contract(day.day)
        known = None if contract is None else contract.element(element)
        if not rows or contract is None or known is None:
            return None
        up = sum(e.max_increase_w for e in contract.flex_elements)
        down = sum(e.max_decrease_w for e in contract.flex_elements)
        kept = np.zeros(day.count)
        for isp, watts in rows.items():
            own, whole = (known.max_increase_w, up) if watts > 0 else (known.max_decrease_w, down)
            kept[isp - 1] = watts * own / whole / 1000 if whole else 0.0
        return kept

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.reserved_w = {period: rows for period, rows in self.state.reserved_w.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The aggregator tells each day anew before it begins."""
        return Recovery(forgotten=("what it keeps available of today, if anything",))
