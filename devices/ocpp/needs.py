"""What a plugged vehicle says that it needs, and what is assumed of one that does not say it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cim.mapping.ocpp import NOMINAL_V
from cim.model.devices import VehiclePlugged

# Of a vehicle that does not say what it needs, all assumed. The stay is short, so that it is rather charged too early than
# too late; what it takes beyond the energy is not held back (`agents.planning.elements.vehicle`).
ASSUMED_STAY = timedelta(hours=4)
ASSUMED_ENERGY_WH = 10_000
ASSUMED_MAX_W = round(3 * 32 * NOMINAL_V)  # mode 3 from a 32 A socket: the site's rating says what is less
ASSUMED_MIN_W = round(3 * 6 * NOMINAL_V)  # IEC 61851-1: with less than 6 A in each phase it does not charge
_LATEST = datetime.max.replace(tzinfo=UTC) - ASSUMED_STAY


class Needs(NamedTuple):
    """What a vehicle said.

    Attributes:
        energy_wh: what it wants, Wh; None where that is not said.
        max_power_w, min_power_w: the most and the least with which it charges, W.
        departure: when it leaves; None where that is not said.
        discharge_w: the most that it can give back, W.
        told_at: when the station heard it, if that is said (2.1).
    """

    energy_wh: int | None
    max_power_w: int
    min_power_w: int = 0
    departure: datetime | None = None
    discharge_w: int = 0
    told_at: datetime | None = None

    def after(self, earlier: Needs | None) -> Needs:
        """These needs, told after `earlier` ones of the same vehicle: what is not said this time is as it was."""
        if earlier is None:
            return self
        if self.told_at is not None and earlier.told_at is not None and self.told_at < earlier.told_at:
            return earlier
        return self._replace(
            energy_wh=earlier.energy_wh if self.energy_wh is None else self.energy_wh,
            departure=earlier.departure if self.departure is None else self.departure,
        )


def assumed(rated_w: int | None) -> Needs:
    """What is assumed at an EVSE of a rating (W; None: it is not known)."""
    most_w = min(ASSUMED_MAX_W, rated_w or ASSUMED_MAX_W)
    return Needs(ASSUMED_ENERGY_WH, most_w, min(ASSUMED_MIN_W, most_w))


def plugged(needs: Needs, rated_w: int | None, *, at: datetime, now: datetime, transaction: str) -> VehiclePlugged:
    """The news of a vehicle with such needs.

    Args:
        needs: where they leave out energy or departure, that is assumed; so is a departure that is over at `now`, which a
            vehicle or a station with a wrong clock says.
        rated_w: of the EVSE, which may be weaker than the vehicle, W.
        at: when it came.
        transaction: of its stay; "" where none has begun.
    """
    departure = needs.departure
    if departure is None or departure <= now:
        departure = min(at, _LATEST) + ASSUMED_STAY
    energy_wh = ASSUMED_ENERGY_WH if needs.energy_wh is None else needs.energy_wh
    max_power_w = min(needs.max_power_w, rated_w) if rated_w else needs.max_power_w
    return VehiclePlugged(energy_wh, max_power_w, departure, at, transaction, min(needs.min_power_w, max_power_w))
