"""The CSMS side of one charging station with one EVSE: OCPP 2.0.1 without I/O.

What the station says becomes readings and news; what is asked of it becomes calls, whose answers are data. Market time
is put into `now` by the caller; where the station gives a time of its own, that one is used.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cim.mapping.ocpp import readings
from cim.model.devices import VehiclePlugged, VehicleUnplugged
from cim.model.readings import Kind, Quality
from devices.ocpp.payload import Payload, stamp
from devices.ocpp.rpc import Answer, Handler, Rpc
from devices.ocpp.schemas import Message
from devices.ocpp.v201 import requests
from devices.ocpp.v201.acknowledged import ACKNOWLEDGED, anyone
from devices.ocpp.v201.messages import SCHEMAS, call, call_result, enums
from devices.ocpp.v201.transaction import Transaction
from devices.port.last_told import LastTold
from devices.port.tells import NewsBox

LOST = "the connection was lost before the answer"
# A vehicle that names no departure: an assumption, short enough that it is rather charged too early than too late.
_AHEAD = timedelta(minutes=30)  # less than any time zone's offset
_GIVEN_UP_AFTER = timedelta(minutes=15)  # assumed: so long an Ended event that was lost may come again
_NAMED = 16  # EVSEs that are not ours; and transactions that wait for their lost end
_log = logging.getLogger("iles.devices.ocpp")
ASSUMED_STAY = timedelta(hours=4)


@dataclass
class CsmsMachine:
    """Protocol state of one station; the charging station's `name` is its identity."""

    name: str
    interval_s: int = 900  # heartbeat interval that the station is given at boot
    run: str = ""  # tells our message ids from those of the drivers that this station had before
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    booted: bool = False
    station: Payload = field(default_factory=Payload)
    status: str = ""
    max_power_w: int | None = None
    transaction: Transaction | None = None
    news: NewsBox = field(default_factory=NewsBox)
    answers: dict[str, Answer] = field(default_factory=dict)
    report_ended: bool = False
    running: bool = False  # it was running when this driver first met it: what went before is to be asked for
    caught_up: bool = False  # whether a transaction runs is known

    closed = False

    def __post_init__(self) -> None:
        self.last = LastTold(self.name, 2 * self.interval_s)  # a value that two reports in a row missed is stale
        self._told_at = self.now  # the latest time the station gave
        self._ended: list[str] = []
        self._lost: dict[str, Transaction] = {}  # over, as another began; their Ended events are still to come
        self._elsewhere: list[str] = []  # transactions of other EVSEs
        self._others: set[int] = set()  # EVSEs that are not ours, as far as they were named
        self._triggered = False
        self.recent_actions: list[str] = []  # the last actions of the station
        handlers: dict[str, Handler] = {
            **ACKNOWLEDGED,
            "StatusNotification": self._status_notification,
            "MeterValues": self._meter_values,
            "TransactionEvent": self._transaction_event,
            "NotifyReport": self._notify_report,
            "NotifyEVChargingNeeds": self._charging_needs,
            "Heartbeat": lambda _: call_result.Heartbeat(current_time=stamp(self.now)),
        }
        guarded = {action: self._after_boot(action, handler) for action, handler in handlers.items()}
        # OCPP 2.0.1 part 4, 4.1.4: a message id is unique over all connections of a station, so over all our drivers' runs as well.
        begin = f"{self.name[:15]}:{self.run[:8]}" if self.run else self.name
        self._rpc = Rpc(SCHEMAS, begin, {"BootNotification": self._boot, **guarded}, self.answers.__setitem__)

    # -- the wire's side -------------------------------------------------------------------------------------------

    def attached(self) -> list[str]:
        """A session begins; the station speaks first."""
        self._triggered = False
        return self._rpc.flush()

    def detached(self) -> None:
        """The session ended: what we asked stays unanswered."""
        self._rpc.abandon(LOST)

    def receive(self, frame: str) -> list[str]:
        """Take one frame; the frames to send back."""
        return self._rpc.receive(frame)

    # -- the driver's side -----------------------------------------------------------------------------------------

    def clock(self, now: datetime) -> None:
        """It is `now`: what a clock far ahead of it said (local time called UTC) counts as now, or it would shut out the present.

        Judged here and not when it is said: between two calls our `now` stands still, and a station may tell hours later.
        """
        self.now = now
        self._set_right(now)
        for tx in [tx for tx in self._lost.values() if now - tx.over_at >= _GIVEN_UP_AFTER]:
            self._end(tx, tx.over_at)  # its own Ended will not come: what is known of it is told

    def _set_right(self, at: datetime) -> None:
        """What was told for an instant far ahead of our `now` counts as told at `at`."""
        latest = self.now + _AHEAD
        if self._told_at <= latest:
            return
        self._told_at = at
        self.last.not_after(latest, at)
        if self.transaction is not None:
            self.transaction.started_at = min(self.transaction.started_at, at)

    def set_limit(self, power_w: int, valid_until: datetime, *, in_amperes: bool = False) -> str:
        """Ask for at most `power_w` until `valid_until`; the message id of the call."""
        transaction = self.transaction.id if self.transaction else None
        return self._rpc.call(
            requests.set_charging_profile(power_w, self.now, valid_until, transaction, in_amperes=in_amperes)
        )

    def read_back(self, valid_until: datetime) -> str:
        """Ask what applies now."""
        return self._rpc.call(requests.get_composite_schedule(self.now, valid_until))

    def clear_limit(self) -> str:
        """Drop our profiles."""
        return self._rpc.call(requests.clear_charging_profile())

    def ask_boot(self) -> list[str]:
        """Ask a station that is connected, but was booted before we were, for a BootNotification; the frames to send."""
        self._trigger_boot()
        return self._rpc.flush()

    def _trigger_boot(self) -> None:
        if not self._triggered:
            self._triggered = True
            self._rpc.call(call.TriggerMessage(requested_message=enums.MessageTriggerEnumType.boot_notification))

    def ask_state(self, what: str) -> str:
        """Ask for a message of this kind now (F06): StatusNotification, MeterValues or TransactionEvent."""
        return self._rpc.call(requests.trigger(what))

    def ask_report(self) -> str:
        """Ask for the device model."""
        self.report_ended = False
        return self._rpc.call(requests.get_base_report())

    def flush(self) -> list[str]:
        """What may be sent now."""
        return self._rpc.flush()

    def abandon(self, unique_id: str) -> None:
        """Give up a call that was not answered in time."""
        self._rpc.abandon("no answer in time", unique_id)

    # -- what the station says -------------------------------------------------------------------------------------

    def _after_boot(self, action: str, handler: Handler) -> Handler:
        def guarded(payload: Payload) -> Message:
            self.recent_actions = [*self.recent_actions[-15:], action]
            if not self.booted:
                # Every station that has the password is accepted (A00, B01), also by the driver before this one. So it
                # has booted already, and what it says counts; a refusal would lose it, as only events of a transaction
                # are sent again (E13). What it is must be asked for.
                self.running = True
                self._trigger_boot()
            return handler(payload)

        return guarded

    def _boot(self, payload: Payload) -> Message:
        self.station = payload.part("chargingStation")
        triggered = payload.text("reason") == enums.BootReasonEnumType.triggered
        self.running = self.running or triggered
        if not triggered:
            self._rpc.forget()
        self.booted = True
        accepted = enums.RegistrationStatusEnumType.accepted
        return call_result.BootNotification(current_time=stamp(self.now), interval=self.interval_s, status=accepted)

    def _status_notification(self, payload: Payload) -> Message:
        self._tell(payload.instant("timestamp"))
        if self._is_other(payload.whole("evseId")):
            return call_result.StatusNotification()
        self.status = payload.text("connectorStatus")
        self.caught_up = self.caught_up or not self.running or self.status == "Available"
        return call_result.StatusNotification()

    def _meter_values(self, payload: Payload) -> Message:
        if not self._is_other(payload.whole("evseId")):
            self._measure(payload.parts("meterValue"))
        return call_result.MeterValues()

    def _notify_report(self, payload: Payload) -> Message:
        for item in payload.parts("reportData"):
            if (item.part("component").text("name"), item.part("variable").text("name")) == ("EVSE", "Power"):
                limit_w = item.part("variableCharacteristics").number("maxLimit", -1.0)
                if 0 <= limit_w < 1e9:
                    self.max_power_w = round(limit_w)
        self.report_ended = not payload.flag("tbc", default=False)
        return call_result.NotifyReport()

    def _charging_needs(self, payload: Payload) -> Message:
        needs = payload.part("chargingNeeds")
        if self._is_other(payload.whole("evseId")):
            return call_result.NotifyEVChargingNeeds(status=enums.NotifyEVChargingNeedsStatusEnumType.rejected)
        at = self.transaction.started_at if self.transaction else max(self.now, self._told_at)
        departure = needs.instant("departureTime") if "departureTime" in needs else at + ASSUMED_STAY
        energy_wh, max_power_w, least_w = requests.vehicle_needs(needs)
        if self.max_power_w:
            max_power_w = min(max_power_w, self.max_power_w)  # the EVSE may be weaker than the vehicle
        transaction = self.transaction.id if self.transaction else ""
        self.news.put(VehiclePlugged(energy_wh, max_power_w, departure, at, transaction, least_w))
        return call_result.NotifyEVChargingNeeds(status=enums.NotifyEVChargingNeedsStatusEnumType.accepted)

    def _transaction_event(self, payload: Payload) -> Message:
        at = self._tell(payload.instant("timestamp"))
        number = payload.part("transactionInfo").text("transactionId")
        if "evse" in payload and self._is_other(payload.part("evse").whole("id")):
            self._elsewhere = [*self._elsewhere[-15:], number]
        if number in self._elsewhere:
            return call_result.TransactionEvent()  # of another EVSE, whose vehicle and register are its own
        self.caught_up = True
        samples = [(m.instant("timestamp"), m) for m in payload.parts("meterValue")]
        if number in self._lost:
            self._of_lost(self._lost[number], payload.text("eventType"), at, samples)
            return call_result.TransactionEvent()
        if number in self._ended:
            return call_result.TransactionEvent()  # a late or repeated event of a transaction that is over
        tx = self.transaction
        if tx is not None and tx.id != number and at < tx.started_at and payload.flag("offline", default=False):
            return call_result.TransactionEvent()  # from the station's queue: it was over before this one began
        if tx is None or tx.id != number:
            if tx is not None:
                self._lose(tx, at)
            tx = self.transaction = Transaction(number, at)
        for _, sample in sorted(samples, key=lambda pair: pair[0]):
            self._measure([sample])
        energy = self.last.values.get(Kind.ENERGY_IMPORT)
        if samples and energy is not None and energy.told is Quality.GOOD:
            tx.first_wh = energy.value if tx.first_wh is None else tx.first_wh
            tx.last_wh = energy.value
        for at_sample, sample in samples:
            begin = requests.register_at_begin(self.name, at_sample, sample)
            tx.first_wh = tx.first_wh if begin is None else begin  # told again, for those who missed it
        if payload.text("eventType") == "Ended":
            for lost in list(self._lost.values()):
                self._end(lost, lost.over_at)
            self._end(tx, at)
        token = anyone() if "idToken" in payload else None
        return call_result.TransactionEvent(id_token_info=token)

    def _is_other(self, evse: int) -> bool:
        """Whether an EVSE is none that this driver is for; said once of each, of the first ones."""
        if evse == requests.EVSE:
            return False
        if evse not in self._others and len(self._others) < _NAMED:  # a station may make up numbers for good
            self._others.add(evse)
            _log.warning("charging station %s: EVSE %d is not steered and not read; only EVSE 1 is", self.name, evse)
        return True

    def _lose(self, tx: Transaction, at: datetime) -> None:
        """Another transaction began: its Ended event was lost; it may come again, and says best what was delivered."""
        tx.over_at = at
        self._lost[tx.id] = tx
        if len(self._lost) > _NAMED:
            oldest = next(iter(self._lost.values()))
            self._end(oldest, oldest.over_at)

    def _of_lost(self, tx: Transaction, event_type: str, at: datetime, samples: list[tuple[datetime, Payload]]) -> None:
        """A late event of a transaction after which another has begun: its registers are its own, not the present ones."""
        for at_sample, sample in sorted(samples, key=lambda pair: pair[0]):
            told_wh = requests.register_wh(self.name, at_sample, sample)
            if told_wh is not None:
                tx.first_wh = told_wh if tx.first_wh is None else tx.first_wh
                tx.last_wh = told_wh if tx.last_wh is None else max(told_wh, tx.last_wh)
        if event_type == "Ended":
            self._end(tx, at)

    def _end(self, tx: Transaction, at: datetime) -> None:
        self.news.put(VehicleUnplugged(tx.energy_wh, at, tx.id))
        if self._lost.pop(tx.id, None) is None:
            self.transaction = None
        self._ended = [*self._ended[-15:], tx.id]

    def _measure(self, meter_values: list[Payload]) -> None:
        for meter_value in meter_values:
            at = self._tell(meter_value.instant("timestamp"))
            for reading in readings(self.name, at, requests.samples(meter_value.parts("sampledValue"))):
                self.last.take(reading)

    def _tell(self, at: datetime) -> datetime:
        """When it was said, by the station's clock; it may have been ahead until now."""
        if at <= self.now + _AHEAD:
            self._set_right(at)
        self._told_at = max(self._told_at, at)
        return at
