"""How a simulated S2 resource manager misbehaves on command, each way as real ones were seen to: what `--misbehave` may say."""

from __future__ import annotations

import json
import uuid
from enum import StrEnum

from cim.model.errors import BadInput

_ONE_ID = str(uuid.UUID(int=7))


class Way(StrEnum):
    """One way to misbehave, and what it does."""

    SILENT = "silent"  # it stays connected and says nothing any more, no ReceptionStatus either
    LATE = "late"  # everything it says comes with its next report
    HEEDLESS = "heedless"  # it takes an instruction, says that it runs so, and does nothing by it
    NO_STATUS = "no-status"  # it acknowledges an instruction and never says what became of it
    KILOWATTS = "kilowatts"  # it tells kilowatts and calls them watts
    ONE_ID = "one-id"  # all its measurements have the same message id
    NOT_A_NUMBER = "not-a-number"  # its power and its fill level are NaN
    NO_JSON = "no-json"  # its measurements end in the middle


def ways(words: str) -> frozenset[Way]:
    """The ways that `words`, with commas, name. Raises `BadInput`."""
    named = [part.strip() for part in words.split(",") if part.strip()]
    unknown = [word for word in named if word not in set(Way)]
    if unknown:
        raise BadInput(f"misbehave: {unknown[0]!r} is unknown; expected words of {', '.join(Way)}")
    return frozenset(Way(word) for word in named)


class Spoilt:
    """What a manager says, spoilt in some ways."""

    def __init__(self) -> None:
        self.ways: frozenset[Way] = frozenset()
        self._held: list[str] = []

    def say(self, frames: list[str], reports: bool = False) -> list[str]:
        """The frames that leave it now; `reports`: it speaks by itself, which is when what is late leaves."""
        if not self.ways and not self._held:
            return frames
        if Way.SILENT in self.ways:
            return []
        said = [other for frame in frames if (other := self._spoilt(frame)) is not None]
        if Way.LATE in self.ways:
            if not reports:
                self._held += said
                return []
            said, self._held = self._held, said
            return said
        held, self._held = self._held, []
        return [*held, *said]

    def _spoilt(self, frame: str) -> str | None:
        message = json.loads(frame)
        kind = message["message_type"]
        if kind == "InstructionStatusUpdate":
            return None if Way.NO_STATUS in self.ways else frame
        if kind not in ("PowerMeasurement", "FRBC.StorageStatus"):
            return frame
        for value in message.get("values", ()):
            if Way.KILOWATTS in self.ways:
                value["value"] /= 1000
            if Way.NOT_A_NUMBER in self.ways:
                value["value"] = float("nan")
        if Way.NOT_A_NUMBER in self.ways and "present_fill_level" in message:
            message["present_fill_level"] = float("nan")
        if Way.ONE_ID in self.ways:
            message["message_id"] = _ONE_ID
        text = json.dumps(message)
        return text[: len(text) // 2] if Way.NO_JSON in self.ways else text
