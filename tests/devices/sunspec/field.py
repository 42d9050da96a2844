"""Devices from the field (`tests/golden/field`): their registers, and how they behave when they are asked and written to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from devices.sunspec.registers import ExceptionReply, NoAnswer, PatientRegisters

FOLDER = Path(__file__).parents[2] / "golden" / "field"


class FieldDevice(PatientRegisters):
    """Registers as the device of a file has them, with its quirks; `written` is what reached it, by function."""

    def __init__(self, file: str, **quirks: Any) -> None:
        dump = json.loads((FOLDER / file).read_text(encoding="utf-8"))
        self.quirks: dict[str, Any] = {**dump["quirks"], **quirks}
        self.at: dict[int, int] = {}
        for part in dump["registers"]:
            for offset, word in enumerate(part["hex"].split()):
                self.at[part["at"] + offset] = int(word, 16)
        self.written: list[tuple[int, int, list[int]]] = []
        self.largest_read = 0

    async def _read_once(self, address: int, count: int) -> list[int]:
        what = f"reading {count} registers at {address}"
        if count > self.quirks.get("max_read", 125):
            raise ExceptionReply("field", what, self.quirks.get("refuses_with", 3))
        self.largest_read = max(self.largest_read, count)
        if any(place not in self.at for place in range(address, address + count)):
            if self.quirks.get("outside") == "silence":
                raise NoAnswer(f"field: no answer to {what}")
            raise ExceptionReply("field", what, 2)
        return [self.at[place] for place in range(address, address + count)]

    async def _write_together(self, address: int, values: list[int]) -> None:
        if self.quirks.get("one_register_writes"):
            raise ExceptionReply("field", f"writing {len(values)} registers at {address}", 1)
        self._take(16, address, values)

    async def _write_one(self, address: int, value: int) -> None:
        self._take(6, address, [value])

    def _take(self, function: int, address: int, values: list[int]) -> None:
        self.written.append((function, address, values))
        for place, value in enumerate(values, address):
            if place not in self.quirks.get("passes_over", ()):
                self.at[place] = value

    async def close(self) -> None:
        """Nothing to close."""
        return
