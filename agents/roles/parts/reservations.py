"""What the buyer of options has given back of their reservations: kept alike by either side of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from market.contracts.contract import FlexContract
from market.contracts.reservations import Kept, reserved_at, reserved_on, update_fault
from market.uftp import FlexReservationUpdate

RECORD = "flex-reservation-update"  # the kind of its record, which the buyer files when the seller has taken it


@wire("part.ContractPointDay")
@dataclass(frozen=True, slots=True)
class ContractPointDay:
    """A contract's reservation at a congestion point on a day."""

    contract_id: str
    congestion_point: str
    period: date


@dataclass(frozen=True, slots=True)
class ReservationsReduced:
    """Told inside the seller: the buyer has given back part of what it had reserved on a day."""

    period: date


@wire("part.Reservations")
@dataclass(slots=True)
class ReservationsState:
    """ISP (1-based) -> watts that stay reserved, where an update was taken."""

    kept_w: dict[ContractPointDay, dict[int, int]] = field(default_factory=dict)


class Reservations(Part[ReservationsState]):
    """Answers what a contract reserves on a day."""

    def __init__(self, me: AgentIdentity) -> None:
        super().__init__(me, ReservationsState())

    def reserved_w(self, contract: FlexContract, period: date) -> dict[int, int]:
        """ISP -> watts that a contract reserves on a day."""
        return reserved_on(contract, self._kept(contract, period), self.rules.day(period))

    def at_point_w(self, contract: FlexContract, congestion_point: str, period: date) -> dict[int, int]:
        """The same of one of its portfolios."""
        return reserved_at(contract, self._kept(contract, period), congestion_point, self.rules.day(period))

    def fault(self, contract: FlexContract, update: FlexReservationUpdate) -> str | None:
        """Why an update does not fit its contract beside those taken before."""
        kept = self._kept(contract, update.period).get(update.congestion_point, {})
        day = self.rules.day(update.period)
        return update_fault(contract, update.congestion_point, kept, update.isps, day)

    def take(self, update: FlexReservationUpdate) -> None:
        """An update is agreed."""
        key = ContractPointDay(update.contract_id, update.congestion_point, update.period)
        rows = {isp: row.power_w for row in update.isps for isp in range(row.start, row.start + row.duration)}
        self.state.kept_w[key] = {**self.state.kept_w.get(key, {}), **rows}

    def _kept(self, contract: FlexContract, period: date) -> Kept:
        found: dict[str, Mapping[int, int]] = {}
        for element in contract.flex_elements:
            kept = self.state.kept_w.get(ContractPointDay(contract.contract_id, element.name, period))
            if kept is not None:
                found[element.name] = kept
        return found

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.kept_w = {key: kept for key, kept in self.state.kept_w.items() if key.period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The updates of open days, as the buyer recorded them."""
        days = {day.day for day in history.open_days(now)}
        for update in history.of(RECORD, FlexReservationUpdate).values():
            if update.period in days:
                self.take(update)
        return Recovery()
