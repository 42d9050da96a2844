"""A heat pump and a room with plain arithmetic for physics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest


@dataclass
class Room:
    """A room that cools evenly; the thermostat heats with full power below its set point."""

    temperature_c: float = 20.5
    level_min_c: float = 19.0
    level_max_c: float = 23.0
    set_c: float = 21.0
    max_power_w: float = 4000.0
    target_w: float | None = None
    fill_rate_per_w: float = 1e-7
    energy_import_wh: float = 0.0

    @property
    def power_w(self) -> float:
        """What is drawn now, W."""
        if self.target_w is not None:
            return self.target_w
        return self.max_power_w if self.temperature_c < self.set_c else 0.0

    @property
    def guarded(self) -> bool:
        """A target is overruled outside of the comfort band."""
        return self.target_w is not None and not self.level_min_c <= self.temperature_c <= self.level_max_c

    def usage_forecast(self, now: datetime) -> tuple[datetime, int, tuple[float, ...]]:
        """Even cooling for an hour."""
        return now, 900, (1e-4,) * 4

    def run(self, span: timedelta) -> None:
        """Heat and cool for `span`."""
        seconds = span.total_seconds()
        self.energy_import_wh += self.power_w * seconds / 3600
        self.temperature_c += seconds * (self.power_w * self.fill_rate_per_w - 1e-4)


@pytest.fixture
def room() -> Room:
    """A room a little below its set point."""
    return Room()
