"""Giving back what an option reserves where the day-ahead analysis lets expect that nothing will be needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from agents.roles.dso.config import DsoConfig
from agents.roles.dso.trading_round import PointAnalysed
from agents.roles.effects import Arm, Effect, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.filing import LedgerFiling
from agents.roles.parts.operated_days import DayNear
from agents.roles.parts.reservations import RECORD, Reservations
from agents.roles.publications import reservation_updated
from cim.codec.codec import wire
from market.contracts.contract import FlexContract
from market.uftp import FlexReservationUpdate, FlexReservationUpdateResponse, IspPower, Result


@wire("dso.timer.release")
@dataclass(frozen=True, slots=True)
class ReleaseReservations(Timer):
    """The day-ahead rounds are over: give back what a day will not need."""

    period: date


@wire("dso.ReservationRelease")
@dataclass(slots=True)
class ReservationReleaseState:
    """What is expected, and what is not answered.

    Attributes:
        idle: by day and congestion point, the ISPs that the newest analysis found far from any limit.
        sent: by message id, updates that the seller has not answered.
    """

    idle: dict[date, dict[str, tuple[int, ...]]] = field(default_factory=dict)
    sent: dict[str, FlexReservationUpdate] = field(default_factory=dict)


class ReservationRelease(Part[ReservationReleaseState]):
    """Sends FlexReservationUpdates the day before; what the seller takes is recorded and counts in settlement."""

    def __init__(
        self,
        me: AgentIdentity,
        config: DsoConfig,
        *,
        contracts: Contracts,
        reservations: Reservations,
        filing: LedgerFiling,
    ) -> None:
        super().__init__(me, ReservationReleaseState())
        self._config, self._contracts, self._reservations, self._filing = config, contracts, reservations, filing

    @on(DayNear)
    def day_near(self, event: DayNear, now: datetime) -> list[Effect]:
        """When to look; nothing is given back of a day whose hour for it is past."""
        release = self._config.option.release
        if release is None or not self.rules.flexibility:
            return []
        at = event.day.next(-1).at(release.hour)
        return [Arm(ReleaseReservations(event.day.day), at)] if now <= at else []

    @on(PointAnalysed)
    def analysed(self, event: PointAnalysed, now: datetime) -> list[Effect]:
        """Where a congestion point is expected to stay far below its limit."""
        release = self._config.option.release
        if release is not None:
            rows = enumerate(zip(event.need_w, event.loading_pct, strict=True), start=1)
            idle = tuple(isp for isp, (need, loading) in rows if not need and loading < release.below_pct)
            self.state.idle.setdefault(event.period, {})[event.point] = idle
        return []

    @on(ReleaseReservations)
    def release(self, timer: ReleaseReservations, now: datetime) -> list[Effect]:
        """Give back what is reserved at a point in ISPs in which neither it nor any point above it needs anything."""
        effects: list[Effect] = []
        for seller in self._config.aggregators:
            contract = self._contracts.contract_on(seller, timer.period)
            if contract is not None and contract.reserved:
                effects += self._released(seller, contract, timer.period, now)
        return effects

    def _released(self, seller: str, contract: FlexContract, period: date, now: datetime) -> list[Effect]:
        reserved, effects = self._reservations.reserved_w(contract, period), list[Effect]()
        for point in (element.name for element in contract.flex_elements):
            isps = tuple(IspPower(isp, 0) for isp in self._idle(point, period) if reserved.get(isp))
            if not isps:
                continue
            reference = self.me.identifier("reservation", contract.contract_id, point, period.isoformat())
            header = self.me.header(seller, now, None, "FlexReservationUpdate", reference)
            update = FlexReservationUpdate(
                header,
                period,
                point,
                contract.contract_id,
                reference,
                isps,
                self.rules.timezone,
                self.rules.isp_minutes,
            )
            if self._reservations.fault(contract, update) is None:
                self.state.sent[header.message_id] = update
                effects.append(Send(seller, update))
        return effects

    def _idle(self, point: str, period: date) -> tuple[int, ...]:
        """The ISPs in which a point and all points above it are far from their limits; none before they are analysed."""
        known = self.state.idle.get(period, {})
        below = next(set(one.below) for one in self._config.points if one.identity == point)
        rows = [known.get(one.identity, ()) for one in self._config.points if set(one.below) >= below]
        return tuple(sorted(set.intersection(*(set(row) for row in rows))))

    @on(FlexReservationUpdateResponse)
    def answered(self, message: FlexReservationUpdateResponse, sender: str, now: datetime) -> list[Effect]:
        """Taken: it is recorded and counts; refused: everything stays reserved."""
        number = message.flex_reservation_update_message_id
        update = self.state.sent.get(number)
        if update is None or update.header.recipient_domain != self.rules.domains.get(sender):
            return [self.me.lapse("FlexReservationUpdateResponse", number, sender, "no such update is open", now)]
        del self.state.sent[number]
        if message.result is not Result.ACCEPTED:
            why = message.rejection_reason or "refused without a reason"
            return [self.me.lapse("FlexReservationUpdate", update.reference, sender, why, now)]
        self._reservations.take(update)
        record = self.me.record(RECORD, update.reference, update, now)
        return [self._filing.file(RECORD, update.reference, record), reservation_updated(update)]

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.idle = {period: idle for period, idle in self.state.idle.items() if period >= before}
        self.state.sent = {number: update for number, update in self.state.sent.items() if update.period >= before}
