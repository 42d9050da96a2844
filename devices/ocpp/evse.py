"""Where an EVSE is that shares its charging station with others."""

from __future__ import annotations

from dataclasses import dataclass

from cim.codec.codec import wire


@wire("device.Evse")
@dataclass(frozen=True, slots=True)
class Evse:
    """Where one of several EVSEs of a charging station is.

    Attributes:
        station: the identity by which that dials in.
        number: of the EVSE there.
        limit_w: what all of its EVSEs may draw together.
    """

    station: str
    number: int
    limit_w: int
