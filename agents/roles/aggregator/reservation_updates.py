"""What the DSO gives back of what it had reserved: checked, kept, and held against what it settles."""

from __future__ import annotations

from datetime import datetime

from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.filing import NoState
from agents.roles.parts.reservations import Reservations, ReservationsReduced
from agents.roles.parts.settlement_as_seller import SettlementAnswered
from market.uftp import FlexReservationUpdate, FlexReservationUpdateResponse, fault_of_isps, header_faults


class ReservationUpdates(Part[NoState]):
    """Takes a FlexReservationUpdate that only reduces, before its day; what stays reserved is owed and paid for."""

    def __init__(self, me: AgentIdentity, dso: str, contracts: Contracts, reservations: Reservations) -> None:
        super().__init__(me, NoState())
        self._dso, self._contracts, self._reservations = dso, contracts, reservations

    @on(FlexReservationUpdate)
    def updated(self, message: FlexReservationUpdate, sender: str, now: datetime) -> list[Effect]:
        """The DSO needs less than it has reserved."""
        if sender != self._dso:
            return []
        fault = self._fault(message, now)
        answer = Send(sender, FlexReservationUpdateResponse(*self.me.reply(sender, now, message, fault)))
        if fault is not None:
            return [answer]
        self._reservations.take(message)
        return [answer, *self.emit(ReservationsReduced(message.period), now)]

    def _fault(self, message: FlexReservationUpdate, now: datetime) -> str | None:
        day = self.rules.day(message.period)
        fault = header_faults(message, timezone=self.rules.timezone, isp_minutes=self.rules.isp_minutes)
        fault = fault or fault_of_isps([(row.start, row.duration) for row in message.isps], day.count)
        if fault is not None:
            return fault
        if now >= day.start:
            return f"Period: {message.period} has begun; expected an update before its day"
        contract = self._contracts.contract_on(self._dso, message.period)
        if contract is None or contract.contract_id != message.contract_id:
            return f"ContractID: {message.contract_id} is not in force on {message.period}"
        return self._reservations.fault(contract, message)

    @on(SettlementAnswered)
    def settled(self, event: SettlementAnswered, now: datetime) -> list[Effect]:
        """Availability is paid by what the DSO says was reserved: where that is not what we hold, it is told."""
        effects: list[Effect] = []
        for part in event.settlement.contract_settlements:
            contract = self._contracts.contract_on(self._dso, part.period)
            if contract is None or contract.contract_id != part.contract_id:
                continue
            ours = self._reservations.reserved_w(contract, part.period)
            for row in part.isps:
                if row.reserved_power_w != ours.get(row.start, 0):
                    why = f"ISP {row.start}: reserved ours {ours.get(row.start, 0)} W, yours {row.reserved_power_w} W"
                    effects.append(self.me.lapse("ContractSettlement", part.contract_id, self._dso, why, now))
                    break
        return effects
