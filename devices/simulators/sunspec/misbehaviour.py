"""How a simulated SunSpec device misbehaves on command, each way as real ones were seen to: what `--misbehave` may say.

It is said as words with commas between them, `busy` or `stale,slow=2.5`; no word at all means a sound device.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from cim.model.errors import BadInput
from devices.simulators.sunspec.image import RegisterImage
from devices.sunspec.codec import unimplemented
from devices.sunspec.registers import MAX_READ

JUMP = 1_000_000  # steps of a counter's register, 100 kWh or more


class Way(StrEnum):
    """One way to misbehave, and what it does."""

    BUSY = "busy"  # every request is refused with exception 6
    SHORT = "short"  # an answer has one register fewer than was asked for
    SWAPPED_BYTES = "swapped-bytes"  # of each register
    SWAPPED_WORDS = "swapped-words"  # of each number wider than a register
    STALE = "stale"  # it shows for good what it showed when this began
    HEEDLESS = "heedless"  # it takes and shows a setpoint, and does nothing by it
    PASSES_OVER = "passes-over"  # it confirms a write and keeps nothing of it
    SINGLE_WRITES = "single-writes"  # function 06 only: more registers at once are refused with exception 1
    ZERO_COUNTERS = "zero-counters"  # they show 0
    JUMPING_COUNTERS = "jumping-counters"  # they show JUMP steps more
    WRAPPING_COUNTERS = "wrapping-counters"  # they stand at the end of their registers, and begin again
    UNKNOWN_POWER = "unknown-power"  # its power reads as not implemented, as behind a dead sensor
    OTHER_END = "other-end"  # its chain ends with 0x0000 instead of 0xFFFF


_SLOW, _MOST_READ = "slow", "most-read"
_POWER = ("W", "WphA", "WphB", "WphC", "WL1", "WL2", "WL3")
_COUNTERS = (Way.ZERO_COUNTERS, Way.JUMPING_COUNTERS, Way.WRAPPING_COUNTERS)


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """What a device does wrong.

    Attributes:
        ways: see `Way`.
        slow_s: each answer comes so much later.
        most_read: how many registers it answers at once; more are refused with exception 3.
    """

    ways: frozenset[Way] = frozenset()
    slow_s: float = 0.0
    most_read: int = MAX_READ

    @classmethod
    def of(cls, words: str) -> Misbehaviour:
        """What `words` say. Raises `BadInput` naming the first word that says nothing."""
        ways, slow_s, most_read = set[Way](), 0.0, MAX_READ
        for word in filter(None, (part.strip() for part in words.split(","))):
            name, _, value = word.partition("=")
            try:
                if name == _SLOW:
                    slow_s = float(value)
                elif name == _MOST_READ:
                    most_read = int(value)
                else:
                    ways.add(Way(word))
            except ValueError:
                raise BadInput(f"misbehave: {word!r} is unknown; expected words of {', '.join(WORDS)}") from None
        if not 0 <= slow_s < math.inf or not 1 <= most_read <= MAX_READ:
            raise BadInput(
                f"misbehave: {words!r} does not fit; expected seconds of 0 or more, and 1..{MAX_READ} registers"
            )
        return cls(frozenset(ways), slow_s, most_read)

    def shown(self, image: RegisterImage) -> Callable[[list[int]], list[int]] | None:
        """How all of an image's registers are shown from now on, as a function of what they hold; None: as they are."""
        ways = self.ways
        steps: list[Callable[[list[int]], None]] = []
        if Way.STALE in ways:
            before = image.registers.copy()
            steps.append(lambda registers: _put(registers, [(0, before)]))
        for way in _COUNTERS:
            if way in ways:
                steps.append(_counted(image, way))
        if Way.UNKNOWN_POWER in ways:
            dead = [(start, unimplemented(point)) for start, point in image.numbers() if point.name in _POWER]
            steps.append(lambda registers: _put(registers, dead))
        if Way.OTHER_END in ways:
            steps.append(lambda registers: _put(registers, [(len(registers) - 2, [0, 0])]))
        if Way.SWAPPED_WORDS in ways:
            wide = [(start, point.size) for start, point in image.numbers() if point.size > 1]
            steps.append(lambda registers: _swap(registers, wide))
        if Way.SWAPPED_BYTES in ways:
            steps.append(lambda registers: _put(registers, [(0, [(r & 255) << 8 | r >> 8 for r in registers])]))
        return (lambda registers: _all(steps, registers)) if steps else None


WORDS = (*(way.value for way in Way), f"{_SLOW}=SECONDS", f"{_MOST_READ}=REGISTERS")


def _all(steps: list[Callable[[list[int]], None]], registers: list[int]) -> list[int]:
    found = registers.copy()
    for step in steps:
        step(found)
    return found


def _put(registers: list[int], parts: list[tuple[int, list[int]]]) -> None:
    for start, part in parts:
        registers[start : start + len(part)] = part


def _swap(registers: list[int], places: list[tuple[int, int]]) -> None:
    for start, size in places:
        registers[start : start + size] = registers[start : start + size][::-1]


def _counted(image: RegisterImage, way: Way) -> Callable[[list[int]], None]:
    """Every counter shown as one of the ways says, going on from there."""
    places = [(start, point.size) for start, point in image.numbers() if point.type.startswith("acc")]
    begun = {start: _number(image.registers, start, size) for start, size in places}

    def show(registers: list[int]) -> None:
        for start, size in places:
            end = 1 << 16 * size
            told = _number(registers, start, size)
            if way is Way.ZERO_COUNTERS:
                told = 0
            elif way is Way.JUMPING_COUNTERS:
                told += JUMP
            else:
                told += end - 1 - begun[start]
            registers[start : start + size] = [(told % end) >> 16 * k & 0xFFFF for k in reversed(range(size))]

    return show


def _number(registers: list[int], start: int, size: int) -> int:
    number = 0
    for register in registers[start : start + size]:
        number = number << 16 | register
    return number
