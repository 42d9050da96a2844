"""What one EVSE of a charging station has told, whatever version of OCPP it speaks.

Market time is put into `now` by the caller; where the station gives a time of its own, that one is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cim.mapping.ocpp import AT_BEGIN, SampledValue, readings
from cim.model.devices import VehicleUnplugged
from cim.model.readings import Kind, Quality
from devices.ocpp.foreign import ForeignLimit
from devices.ocpp.needs import Needs, assumed, plugged
from devices.ocpp.transaction import Transaction
from devices.port.last_told import LastTold
from devices.port.tells import NewsBox

_AHEAD = timedelta(minutes=30)  # less than any time zone's offset
_GIVEN_UP_AFTER = timedelta(minutes=15)  # assumed: so long an Ended event that was lost may come again
_NEEDS_WITHIN = timedelta(minutes=2)  # assumed: a station that has told no needs by then tells none
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_LIMITS, _DIGITS = 256, 6  # limits of somebody else that are remembered; digits of a stack level
_IDLE = ("Available", "Unavailable", "Faulted")  # of a connector beside which another one of the EVSE may be in use
_CONNECTORS = 8  # of one EVSE, as many as are remembered
_NAMED = 16  # transactions that wait for their lost end


class MeterValue(NamedTuple):
    """Samples of one instant."""

    at: datetime
    samples: list[SampledValue]


@dataclass(slots=True)
class StationWide:
    """What holds for all EVSEs of a station.

    Attributes:
        now: market time.
        report_ended: whether the report that was asked for last is complete.
        in_amperes: it takes limits in amperes only.
        stack_level: the highest at which it takes profiles.
    """

    now: datetime
    report_ended: bool = False
    in_amperes: bool = False
    stack_level: int = 0

    def takes_levels(self, text: str) -> None:
        """It says up to which stack level it takes profiles."""
        self.stack_level = int(text) if text.isdecimal() and len(text) < _DIGITS else 0


class EvseState:
    """Readings, connectors, transaction and news of the EVSE `number` of a station, in whose name (`name`) readings are.

    Attributes:
        wide: what holds for the whole station.
        running: it was running when this driver first met it: what went before is to be asked for.
        caught_up: whether a transaction runs is known.
        foreign: limits of somebody else that it holds.
        discharge_w: the most that the plugged vehicle can give back.
    """

    def __init__(self, name: str, interval_s: int, wide: StationWide, number: int = 1) -> None:
        self.name, self.wide, self.number = name, wide, number
        now = wide.now
        self._connectors: dict[int, str] = {}
        self.max_power_w: int | None = None
        self.transaction: Transaction | None = None
        self.news = NewsBox()
        self.last = LastTold(name, 2 * interval_s)  # a value that two reports in a row missed is stale
        self.running = self.caught_up = False
        self.discharge_w = 0
        self.foreign: list[ForeignLimit] = []
        self._coming: Needs | None = None  # of a vehicle whose transaction has not begun
        self._heard_at = now  # when they were heard
        self._ended_at = _LONG_AGO  # the latest end of a transaction
        self._told_at = now  # the latest time the station gave
        self._ended: list[str] = []
        self._lost: dict[str, Transaction] = {}  # over, as another began; their Ended events are still to come

    @property
    def now(self) -> datetime:
        """Market time."""
        return self.wide.now

    @property
    def status(self) -> str:
        """Of its connectors, in the words of OCPP 2.0.1: Occupied where one is; else what was told last; "" before that."""
        told = list(self._connectors.values())
        return "" if not told else next((one for one in told if one not in _IDLE), told[-1])

    # -- time --------------------------------------------------------------------------------------------------------

    def clock(self, now: datetime) -> None:
        """It is `now`: what a clock far ahead of it said (local time called UTC) counts as now, or it would shut out the present.

        Judged here and not when it is said: between two calls our `now` stands still, and a station may tell hours later.
        """
        self.wide.now = now
        self._set_right(now)
        for tx in [tx for tx in self._lost.values() if now - tx.over_at >= _GIVEN_UP_AFTER]:
            self._end(tx, tx.over_at)  # its own Ended will not come: what is known of it is told
        tx_now = self.transaction
        if tx_now is not None and tx_now.begun_at is not None and now - tx_now.begun_at >= _NEEDS_WITHIN:
            self.assume_needs()

    def tell(self, at: datetime) -> datetime:
        """When it was said, by the station's clock; it may have been ahead until now."""
        if at <= self.now + _AHEAD:
            self._set_right(at)
        self._told_at = max(self._told_at, at)
        return at

    def _set_right(self, at: datetime) -> None:
        """What was told for an instant far ahead of our `now` counts as told at `at`."""
        latest = self.now + _AHEAD
        if self._told_at <= latest:
            return
        self._told_at, self._ended_at = at, min(self._ended_at, at)
        self.last.not_after(latest, at)
        if self.transaction is not None:
            self.transaction.started_at = min(self.transaction.started_at, at)

    # -- its limits ---------------------------------------------------------------------------------------------------

    def holds(self, limits: list[ForeignLimit]) -> None:
        """It holds these limits of somebody else; of a great many the smallest are kept."""
        self.foreign = sorted({*self.foreign, *limits})[:_LIMITS]

    def foreign_w(self, until: datetime) -> float | None:
        """The smallest limit (W) of somebody else that holds at some time from now to `until`; None where none does."""
        mine = ("",) if self.transaction is None else ("", self.transaction.id)
        held = (f.limit_w for f in self.foreign if f.begin < until and self.now < f.end and f.transaction in mine)
        return min(held, default=None)

    # -- what it says ------------------------------------------------------------------------------------------------

    def connector(self, at: datetime, status: str, connector: int = 1) -> None:
        """The state of one of its connectors, in the words of OCPP 2.0.1 (`Available`, `Occupied`, ...)."""
        self.tell(at)
        self._connectors.pop(connector, None)
        self._connectors = {**dict(list(self._connectors.items())[1 - _CONNECTORS :]), connector: status}
        status = self.status
        self.caught_up = self.caught_up or not self.running or status == "Available"
        if status == "Available" and self._coming is not None and self.transaction is None:
            self._coming, self.discharge_w = None, 0
            self.news.put(VehicleUnplugged(0, at))  # it said what it needs, and left before any transaction

    def measure(self, values: list[MeterValue]) -> None:
        """What its meter says."""
        for value in values:
            at = self.tell(value.at)
            for reading in readings(self.name, at, value.samples):
                self.last.take(reading)

    def needs(self, needs: Needs) -> None:
        """What the vehicle needs that is plugged in; it holds until that has gone, or newer needs are told."""
        if needs.told_at is not None and needs.told_at < self._ended_at:
            return  # from the station's queue: of a vehicle that has gone
        tx = self.transaction
        if tx is None:
            self._coming, self._heard_at = needs.after(self._coming), self.now
            self._tell_needs(self._coming, max(self.now, self._told_at), "")
        else:
            tx.needs, tx.begun_at = needs.after(tx.needs), None
            self._tell_needs(tx.needs, tx.started_at, tx.id)

    def assume_needs(self) -> None:
        """Nothing will be said of what the vehicle of the running transaction needs: what is assumed then."""
        tx = self.transaction
        if tx is not None and tx.needs is None:
            tx.begun_at = None
            self._tell_needs(assumed(self.max_power_w), tx.started_at, tx.id)

    def _tell_needs(self, needs: Needs, at: datetime, number: str) -> None:
        self.discharge_w = needs.discharge_w
        self.news.put(plugged(needs, self.max_power_w, at=at, now=self.now, transaction=number))

    def _begin(self, tx: Transaction, event_type: str) -> None:
        """A transaction runs that is new here; what its vehicle needs may have been told before it."""
        self.transaction = tx
        if self._coming is not None:
            tx.needs, self._coming = self._coming, None
            self._tell_needs(tx.needs, tx.started_at, tx.id)
        elif event_type == "Started" or not self.running:  # of one that ran before us the prosumer knows what it needs
            tx.begun_at = self.now

    def transaction_event(
        self, number: str, event_type: str, at: datetime, values: list[MeterValue], *, queued: bool
    ) -> None:
        """A transaction began (`Started`) here, goes on (`Updated`) or is over (`Ended`).

        Args:
            number: its identity.
            values: in the order in which they were told.
            queued: whether it may have waited in the station while that was offline.
        """
        self.tell(at)
        self.caught_up = True
        if number in self._lost:
            self._of_lost(self._lost[number], event_type, at, values)
            return
        if number in self._ended:
            return  # a late or repeated event of a transaction that is over
        tx = self.transaction
        if tx is not None and tx.id != number and at < tx.started_at and queued:
            return  # from the station's queue: it was over before this one began
        if tx is None or tx.id != number:
            if tx is not None:
                self._lose(tx, at)
            tx = Transaction(number, at)
            self._begin(tx, event_type)
        self._meter(tx, values)
        if event_type == "Ended":
            for lost in list(self._lost.values()):
                self._end(lost, lost.over_at)
            self._end(tx, at)
            self._coming = tx.needs if queued and at < self._heard_at else None  # heard later: of who is there now

    def _meter(self, tx: Transaction, values: list[MeterValue]) -> None:
        """What a transaction's event says of the meter; its energy is by its own words, whatever its clock says of now."""
        for value in sorted(values, key=lambda value: value.at):
            self.measure([value])
            told_wh = self._register_wh(value)
            if told_wh is not None:
                tx.first_wh = told_wh if tx.first_wh is None else tx.first_wh
                tx.last_wh = told_wh
        for value in values:
            begin = self._register_wh(MeterValue(value.at, [s for s in value.samples if s.context == AT_BEGIN]))
            if (
                begin is not None
            ):  # told again, for those who missed it; a register does not fall, so what is more is no begin
                tx.first_wh = begin if tx.first_wh is None else min(tx.first_wh, begin)

    def is_known(self, number: str) -> bool:
        """Whether a transaction of this identity runs here, or did, as far as that is remembered."""
        return self.runs(number) or number in self._lost or number in self._ended

    def runs(self, number: str) -> bool:
        """Whether a transaction of this identity runs here."""
        return self.transaction is not None and self.transaction.id == number

    def is_over(self, number: str) -> bool:
        """Whether a transaction of this identity is over, as far as that is remembered."""
        return number in self._ended

    def _register_wh(self, value: MeterValue) -> float | None:
        """The import register that a meter value tells, Wh; None where it tells none."""
        told = readings(self.name, value.at, value.samples)
        return next((r.value for r in told if r.kind is Kind.ENERGY_IMPORT and r.quality is Quality.GOOD), None)

    def _lose(self, tx: Transaction, at: datetime) -> None:
        """Another transaction began: its Ended event was lost; it may come again, and says best what was delivered."""
        tx.over_at = at
        self._lost[tx.id] = tx
        if len(self._lost) > _NAMED:
            oldest = next(iter(self._lost.values()))
            self._end(oldest, oldest.over_at)

    def _of_lost(self, tx: Transaction, event_type: str, at: datetime, values: list[MeterValue]) -> None:
        """A late event of a transaction after which another has begun: its registers are its own, not the present ones."""
        for value in sorted(values, key=lambda value: value.at):
            told_wh = self._register_wh(value)
            if told_wh is not None:
                tx.first_wh = told_wh if tx.first_wh is None else tx.first_wh
                tx.last_wh = told_wh if tx.last_wh is None else max(told_wh, tx.last_wh)
        if event_type == "Ended":
            self._end(tx, at)

    def _end(self, tx: Transaction, at: datetime) -> None:
        self._ended_at = max(self._ended_at, at)
        self.news.put(VehicleUnplugged(tx.energy_wh, at, tx.id))
        if self._lost.pop(tx.id, None) is None:
            self.transaction, self.discharge_w = None, 0
        self._ended = [*self._ended[-15:], tx.id]
