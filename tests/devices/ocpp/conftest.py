"""A charge point with plain arithmetic for physics, and a station in front of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest


@dataclass
class Stay:
    """A vehicle that is plugged in."""

    plugged_at: datetime
    departure: datetime
    energy_wh: float
    delivered_wh: float = 0.0


@dataclass
class Point:
    """An EVSE that charges as fast as it may."""

    max_power_w: float = 11_040.0
    session: Stay | None = None
    limit_w: float | None = None
    energy_import_wh: float = 1000.0

    @property
    def power_w(self) -> float:
        """What is drawn now, W."""
        if self.session is None or self.session.delivered_wh >= self.session.energy_wh:
            return 0.0
        return self.max_power_w if self.limit_w is None else min(self.max_power_w, self.limit_w)

    def run(self, span: timedelta) -> None:
        """Charge for `span` at the present power."""
        energy = self.power_w * span.total_seconds() / 3600
        self.energy_import_wh += energy
        if self.session is not None:
            self.session.delivered_wh += energy

    def plug(self, now: datetime, energy_wh: float = 20_000.0) -> None:
        """A vehicle comes for five hours."""
        self.session = Stay(now, now + timedelta(hours=5), energy_wh)


@pytest.fixture
def point() -> Point:
    """An empty charge point."""
    return Point()
