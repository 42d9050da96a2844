"""Physics of the market in miniature: sun, base load, plants that can be limited, batteries that can be steered."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from cim.model.devices import Setpoint
from cim.model.readings import Kind, Reading
from tests.worlds import players

HOMES = ("home-a", "home-b", "home-c", "home-d")
RATED_W = 14_000
BATTERY_W, BASE_W = 3000, 700  # the most that a battery, and a home's base load, can draw
_HOUR = timedelta(hours=1)
FEEDER = "feeder.meter"  # all homes together
_METERED = (*(f"{home}.{what}" for home in HOMES for what in ("meter", "pv", "bat")), FEEDER)


class Physics:
    """Sun, a base load, plants that can be limited and batteries that can be steered; energy counted to the watt-hour."""

    def __init__(self, start: datetime) -> None:
        self.now = start
        self.setpoints: dict[str, tuple[Setpoint, datetime]] = {}
        self.energy: dict[str, list[float]] = {}
        self.stored = dict.fromkeys((f"{h}.bat" for h in HOMES), 4000.0)

    def power(self, device: str, at: datetime) -> float:
        """Net power of a device, watts."""
        if device == FEEDER:
            return sum(self.power(f"{home}.meter", at) for home in HOMES)
        home, _, what = device.partition(".")
        if what == "meter":
            base = 400.0 + 50.0 * HOMES.index(home)
            return base + self.power(f"{home}.pv", at) + self.power(f"{home}.bat", at)
        held, until = self.setpoints.get(device, (None, at))
        target = held.power_w if held is not None and at < until else None
        if what == "bat":
            rest = 400.0 + 50.0 * HOMES.index(home) + self.power(f"{home}.pv", at)
            wanted = min(max(-rest if target is None else float(target), -BATTERY_W), BATTERY_W)
            return (
                0.0 if (wanted > 0 and self.stored[device] >= 8000) or (wanted < 0 >= self.stored[device]) else wanted
            )
        sun = -RATED_W * sunshine(at) * (0.97 if HOMES.index(home) % 2 else 1.02)
        return sun if target is None else max(sun, float(target))

    def advance(self, to: datetime) -> None:
        """Move on in steps of at most five minutes, and never across the end of a setpoint."""
        while self.now < to:
            edges = [until for _, until in self.setpoints.values() if until > self.now]
            after = min([to, self.now + timedelta(minutes=5), *edges])
            hours = (after - self.now) / _HOUR
            powers = {name: self.power(name, self.now) for name in _METERED}
            for name, power in powers.items():
                counter = self.energy.setdefault(name, [0.0, 0.0])
                counter[0 if power > 0 else 1] += abs(power) * hours
                if name.endswith(".bat"):
                    self.stored[name] += power * hours
            self.now = after

    def readings(self, device: str) -> tuple[Reading, ...]:
        """What it shows now."""
        taken, given = self.energy.get(device, [0.0, 0.0])
        found = [
            Reading(device, Kind.POWER, round(self.power(device, self.now)), self.now),
            Reading(device, Kind.ENERGY_IMPORT, float(round(taken)), self.now),
            Reading(device, Kind.ENERGY_EXPORT, float(round(given)), self.now),
        ]
        if device.endswith(".bat"):
            found.append(Reading(device, Kind.STORED_ENERGY, round(self.stored[device]), self.now))
        return tuple(found)


def sunshine(at: datetime) -> float:
    """Per unit of a plant's rating."""
    hour = (at - players.DAY.start) / _HOUR % 24
    return max(0.0, math.sin((hour - 6) / 12 * math.pi))
