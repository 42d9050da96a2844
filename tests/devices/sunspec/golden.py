"""The golden SunSpec devices of `tests/golden/sunspec`: register images, what is expected of them, and where from.

A case is a folder: `image.json` (hexadecimal registers from `base` on, and what they were made of), `expected.json`,
`source.md` (where image and expectation come from), and for images of our own values `points.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devices.sunspec.registers import ExceptionReply

FOLDER = Path(__file__).parents[2] / "golden" / "sunspec"
CASES = tuple(sorted(folder.name for folder in FOLDER.iterdir() if folder.is_dir()))


@dataclass(frozen=True)
class Golden:
    """One case; `expected` is its `expected.json`, `made_of` a file of the folder or a test fixture of pysunspec2."""

    name: str
    made_of: str
    base: int
    registers: list[int]
    expected: dict[str, Any]


def golden(name: str) -> Golden:
    """The case called `name`."""
    image = json.loads((FOLDER / name / "image.json").read_text(encoding="utf-8"))
    registers = [int(word, 16) for line in image["registers"] for word in line.split()]
    expected = json.loads((FOLDER / name / "expected.json").read_text(encoding="utf-8"))
    return Golden(name, image["made_of"], image["base"], registers, expected)


class Memory:
    """Registers from a list; what is outside is refused with exception 2, as a real device does."""

    def __init__(self, registers: list[int], base: int = 40000) -> None:
        self.registers, self.base = registers, base

    async def read(self, address: int, count: int) -> list[int]:
        """As `Registers.read`."""
        start = address - self.base
        if start < 0 or start + count > len(self.registers):
            raise ExceptionReply("memory", f"reading {count} registers at {address}", 2)
        return self.registers[start : start + count]

    async def write(self, address: int, values: list[int]) -> None:
        """Refuses everything."""
        raise ExceptionReply("memory", f"writing {len(values)} registers at {address}", 1)

    async def close(self) -> None:
        """Nothing to close."""
        return
