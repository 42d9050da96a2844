"""What is known of a running transaction (OCPP 2.0.1, E02; 1.6, 4.8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from devices.ocpp.needs import Needs

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass
class Transaction:
    """A running transaction: the register when it began and when it was last told, Wh; `over_at`, when another began.

    `begun_at` is when we heard that it began, as long as it is not known what its vehicle needs; `needs` is what that told.
    """

    id: str
    started_at: datetime
    first_wh: float | None = None
    last_wh: float | None = None
    over_at: datetime = _NEVER
    begun_at: datetime | None = None
    needs: Needs | None = None

    @property
    def energy_wh(self) -> int:
        """What was delivered so far, as far as the meter told."""
        return round(self.last_wh - self.first_wh) if self.first_wh is not None and self.last_wh is not None else 0
