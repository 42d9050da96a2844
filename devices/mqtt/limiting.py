"""How a power limit is written to the one number, select or switch of a building that takes it, and known again."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from devices.mqtt.discovery import Entity
from devices.port.errors import DeviceFault
from devices.port.told_number import told_number

WATTS = {"W": 1.0, "kW": 1000.0, "MW": 1e6}
_OPTION = re.compile(r"(?P<number>\d+(?:[.,]\d+)?)\s*(?P<unit>W|kW|%)", re.IGNORECASE)
_OFF = ("off", "aus", "0")


@dataclass(frozen=True, slots=True)
class Limiter:
    """What takes a limit.

    Attributes:
        entity: a number in watts or kilowatts, a select whose options say watts or shares, or a switch.
        levels_w: by option of a select, or by on and off of a switch, the watts that it stands for, falling; () for a number.
    """

    entity: Entity
    levels_w: tuple[tuple[str, float], ...] = ()

    @property
    def most_w(self) -> float:
        """The largest limit that it knows: what the building draws at most."""
        return self.levels_w[0][1] if self.levels_w else self.entity.bounds[1] * WATTS[self.entity.unit]

    def value(self, power_w: int) -> str:
        """The largest value that lets it draw no more than `power_w` (>= 0). Raises `DeviceFault` where there is none."""
        if self.levels_w:
            found = next((word for word, watts in self.levels_w if watts <= power_w), None)
            if found is None:
                least = self.levels_w[-1]
                raise DeviceFault(
                    f"{power_w} W is below {least[0]!r} of {self.entity.object_id}; expected {least[1]:g} W or more"
                )
            return found
        low, high, step = self.entity.bounds
        wanted = min(power_w / WATTS[self.entity.unit], high)
        if wanted < low:
            raise DeviceFault(
                f"{power_w} W is below the least of {self.entity.object_id}, {low:g} {self.entity.unit}; expected that or more"
            )
        return _plain(low + math.floor((wanted - low) / step + 1e-9) * step)

    def payload(self, value: str) -> str:
        """The command's payload for a value."""
        on, off, *_ = self.entity.words
        if self.entity.component == "switch":
            return self.entity.write(on if value == "on" else off)
        return self.entity.write(value)

    def told(self, payload: str) -> str | None:
        """The value that a state says; None where it says none that can be commanded."""
        state = self.entity.read(payload)
        if state is None:
            return None
        if self.entity.component == "switch":
            return {self.entity.words[2]: "on", self.entity.words[3]: "off"}.get(state)
        if self.entity.component == "select":
            return state if state in self.entity.options else None
        number = told_number(state)
        low, high, _ = self.entity.bounds
        return _plain(number) if low <= number <= high else None

    def same(self, told: str | None, value: str) -> bool:
        """Whether a state says what was written; a number may come back rounded, never above by more than half a step."""
        if told is None or self.levels_w:
            return told == value
        return abs(float(told) - float(value)) <= self.entity.bounds[2] / 2

    def watts(self, value: str) -> float:
        """What a value (of `value` or `told`) lets it draw; infinite where that is not known."""
        return dict(self.levels_w).get(value, math.inf) if self.levels_w else float(value) * WATTS[self.entity.unit]

    @property
    def widest(self) -> str | None:
        """What lets it draw all it can; None where only its own state can say how it ran before."""
        return None if self.levels_w else _plain(self.entity.bounds[1])


def limiter(entity: Entity, rated_w: int) -> Limiter | None:
    """What an entity takes as a limit; None where it takes none. It must tell its state, or a limit could not be read back."""
    if not entity.command_topic or not entity.state_topic:
        return None
    if entity.component == "number" and entity.unit in WATTS:
        return Limiter(entity) if entity.bounds[0] >= 0 and entity.bounds[1] * WATTS[entity.unit] <= MOST_W else None
    if entity.component == "switch" and rated_w:
        return Limiter(entity, (("on", float(rated_w)), ("off", 0.0)))
    if entity.component == "select":
        known = [(option, _watts(option, rated_w)) for option in entity.options]
        levels = [(option, watts) for option, watts in known if watts is not None]
        return Limiter(entity, tuple(sorted(levels, key=lambda level: -level[1]))) if len(levels) > 1 else None
    return None


MOST_W = 1e6  # assumed: the connection of no building carries more


def _watts(option: str, rated_w: int) -> float | None:
    if option.strip().casefold() in _OFF:
        return 0.0
    match = _OPTION.fullmatch(option.strip())
    if match is None:
        return None
    number, unit = float(match["number"].replace(",", ".")), match["unit"].casefold()
    if unit == "%":
        return number / 100 * rated_w if rated_w and number <= 100 else None
    watts = number * (1000.0 if unit == "kw" else 1.0)
    return watts if watts <= MOST_W else None


def _plain(number: float) -> str:
    return format(round(number, 6), ".10g")
