"""How a simulated charging station misbehaves on command, each way as real ones were seen to: what `--misbehave` may say.

It is said as words with commas between them, `no-needs` or `no-unit,clock=2`; no word at all means a sound station.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from cim.model.errors import BadInput
from devices.ocpp.payload import instant, stamp
from devices.ocpp.rpc import Rpc
from devices.ocpp.schemas import CALL

_CLOCK, _MOST_HOURS = "clock", 24 * 366
_BEGIN = "Transaction.Begin"


class Way(StrEnum):
    """One way to misbehave, and what it does."""

    QUEUE_LAST = "queue-last"  # after a reconnect it tells what is, and only then what was while it was offline
    SAME_IDS = "same-ids"  # it boots anew now, and counts its message ids from the beginning
    NO_COMPOSITE = "no-composite"  # it knows no GetCompositeSchedule
    NO_NEEDS = "no-needs"  # it never says what a vehicle needs
    KILOWATT_HOURS = "kilowatt-hours"  # its meter tells kW and kWh
    NO_UNIT = "no-unit"  # its meter tells W and Wh without saying so
    WRONG_CONTEXT = "wrong-context"  # all its samples are of the transaction's begin
    # of a station with several EVSEs:
    NO_EVSE = "no-evse"  # it says its EVSE when a transaction begins, and never again
    WRONG_EVSE = "wrong-evse"  # how a vehicle charges it tells of another EVSE
    SAME_NUMBERS = "same-numbers"  # it counts transactions at each EVSE by itself (1.6: the CSMS gives the numbers)


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """What a station does wrong.

    Attributes:
        ways: see `Way`.
        clock: how far its clock is ahead.
    """

    ways: frozenset[Way] = frozenset()
    clock: timedelta = timedelta(0)

    @classmethod
    def of(cls, words: str) -> Misbehaviour:
        """What `words` say. Raises `BadInput` naming the first word that says nothing."""
        ways, hours = set[Way](), 0.0
        for word in filter(None, (part.strip() for part in words.split(","))):
            name, _, value = word.partition("=")
            try:
                if name == _CLOCK:
                    hours = float(value)
                else:
                    ways.add(Way(word))
            except ValueError:
                raise BadInput(f"misbehave: {word!r} is unknown; expected words of {', '.join(WORDS)}") from None
        if not math.isfinite(hours) or abs(hours) > _MOST_HOURS:
            raise BadInput(f"misbehave: {words!r} does not fit; expected at most {_MOST_HOURS} hours of the clock")
        return cls(frozenset(ways), timedelta(hours=hours))

    def frame(self, frame: str, evses: int = 1) -> str:
        """A frame of a station with so many EVSEs as it leaves it."""
        if self == _SOUND:
            return frame
        message = json.loads(frame)
        if message[0] == CALL:
            self._spoil(message[3])
            if evses > 1:
                self._mix_up(message[2], message[3], evses)
        return json.dumps(message, separators=(",", ":"))

    def _spoil(self, part: object) -> None:
        if isinstance(part, list):
            for item in part:
                self._spoil(item)
        if not isinstance(part, dict):
            return
        if self.clock and "timestamp" in part:
            part["timestamp"] = stamp(instant(part["timestamp"], "timestamp") + self.clock)
        for name, value in part.items():
            if name == "sampledValue":
                for sample in value:
                    self._spoil_sample(sample)
            else:
                self._spoil(value)

    def _mix_up(self, action: str, said: dict[str, object], evses: int) -> None:
        kind, place = said.get("eventType"), said.get("evse")
        if Way.NO_EVSE in self.ways and action == "TransactionEvent" and kind != "Started":
            said.pop("evse")
        elif Way.WRONG_EVSE in self.ways and kind == "Updated" and isinstance(place, dict):
            said["evse"] = {**place, "id": place["id"] % evses + 1}
        elif Way.WRONG_EVSE in self.ways and action == "MeterValues" and "transactionId" in said:  # 1.6
            said["connectorId"] = int(str(said["connectorId"])) % evses + 1

    def _spoil_sample(self, sample: dict[str, object]) -> None:
        if Way.WRONG_CONTEXT in self.ways:
            sample["context"] = _BEGIN
        if not self.ways & {Way.KILOWATT_HOURS, Way.NO_UNIT}:
            return
        text = isinstance(sample["value"], str)  # 1.6
        told = sample.pop("unit" if text else "unitOfMeasure")
        unit = str(told["unit"] if isinstance(told, dict) else told)
        value = float(str(sample["value"])) * (1000 if unit.startswith("k") else 1)
        if Way.KILOWATT_HOURS in self.ways:
            value /= 1000
            said = "k" + unit.removeprefix("k")
            sample.update({"unit": said} if text else {"unitOfMeasure": {"unit": said}})
        sample["value"] = f"{value:.9f}" if text else value


WORDS = (*(way.value for way in Way), f"{_CLOCK}=HOURS")
_SOUND = Misbehaviour()


class StationRpc(Rpc):
    """A station's end of the conversation, which can put off what waits in it."""

    def set_aside(self) -> None:
        """What waits, and what was sent without an answer, waits behind what is asked from now on until `bring_back`."""
        waiting = ([self._outstanding] if self._outstanding is not None else []) + list(self._queue)
        self._aside, self._outstanding = [*self._aside, *waiting], None
        self._queue.clear()

    def bring_back(self) -> None:
        """What was set aside is next, after what waits now."""
        self._queue += self._aside
        self._aside = []

    _aside: list[Any] = []  # noqa: RUF012 - replaced, never changed
