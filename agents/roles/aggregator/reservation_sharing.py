"""What the DSO has reserved is passed on to the members who are paid to keep it available, an hour before their day begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.effects import Arm, Effect, Send, Timer
from agents.roles.element_messages import CapacityReserved
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.operated_days import DayNear
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.reservations import Reservations, ReservationsReduced
from cim.codec.codec import wire
from market.contracts.reservations import passed_on
from market.uftp import IspPower

BEFORE = timedelta(hours=1)  # the day: by then the DSO has given back what it will not need


@wire("aggregator.timer.reserve")
@dataclass(frozen=True, slots=True)
class PassOnReservation(Timer):
    """A day comes near: tell the members what they keep available on it."""

    period: date


@wire("aggregator.ReservationSharing")
@dataclass(slots=True)
class ReservationSharingState:
    """By day, which members were told that they keep something."""

    told: dict[date, tuple[str, ...]] = field(default_factory=dict)


class ReservationSharing(Part[ReservationSharingState]):
    """Tells it once, and again where the DSO gives back more after that."""

    def __init__(
        self, me: AgentIdentity, config: AggregatorConfig, contracts: Contracts, reservations: Reservations
    ) -> None:
        super().__init__(me, ReservationSharingState())
        self._config, self._contracts, self._reservations = config, contracts, reservations

    @on(DayNear)
    def day_near(self, event: DayNear, now: datetime) -> list[Effect]:
        """An hour before it begins."""
        return [Arm(PassOnReservation(event.day.day), max(event.day.start - BEFORE, now))]

    @on(PassOnReservation)
    def pass_on(self, timer: PassOnReservation, now: datetime) -> list[Effect]:
        """Each member its share at its congestion point."""
        period, sale = timer.period, self._contracts.contract_on(self._config.dso, timer.period)
        if now >= self.rules.day(period).end:
            return []
        shares: dict[str, Mapping[int, int]] = {}
        if sale is not None and sale.reserved:
            for point in self._config.congestion_points:
                bought = ((name, self._contracts.contract_on(name, period)) for name in self._config.at(point, period))
                known = {name: contract for name, contract in bought if contract is not None}
                shares |= passed_on(self._reservations.at_point_w(sale, point, period), known, self.rules.day(period))
        before = self.state.told.pop(period, ())
        if shares:
            self.state.told[period] = tuple(sorted(shares))
        return [self._told(name, period, shares.get(name, {})) for name in sorted({*shares, *before})]

    def _told(self, member: str, period: date, watts: Mapping[int, int]) -> Effect:
        contract = self._contracts.contract_on(member, period)
        rows = tuple(IspPower(isp, power_w) for isp, power_w in sorted(watts.items()))
        return Send(member, CapacityReserved(period, "" if contract is None else contract.contract_id, rows))

    @on(ReservationsReduced)
    def reduced(self, event: ReservationsReduced, now: datetime) -> list[Effect]:
        """The DSO has given back more: who was told already keeps less."""
        return self.pass_on(PassOnReservation(event.period), now) if event.period in self.state.told else []

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.told = {period: names for period, names in self.state.told.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Contracts and what was given back stand in the ledger: it is told again with the day."""
        return Recovery()
