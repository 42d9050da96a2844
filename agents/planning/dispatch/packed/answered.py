"""A dispatch of however many members: in one piece where they are few, else by prices; with what could not be done named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.planning.dispatch.packed import second_order
from agents.planning.dispatch.packed.central import dispatch_few
from agents.planning.dispatch.packed.coupling import Coupling
from agents.planning.dispatch.packed.members import Members, PackedHost, Spread
from agents.planning.dispatch.packed.second_order import Dispatch
from cim.model.arrays import Floats

FEW = 50  # below so many members one piece is faster and safer than rounds
_SERVED_KWH = 1e-9


@dataclass(frozen=True, slots=True)
class Unserved:
    """A vehicle that cannot be charged what it needs while it is there; it is charged all the time, and lacks the rest."""

    member: int
    missing_kwh: float


@dataclass(frozen=True, slots=True)
class Answered:
    """A dispatch, and the vehicles of it that cannot be served; only their own host knows who they are."""

    dispatch: Dispatch
    unserved: tuple[Unserved, ...]

    def said(self) -> Sequence[str]:
        """One sentence for each cap that is broken, and for each vehicle."""
        caps = [
            f"ISP {b.isp + 1}: the {b.cap} cap of {b.cap_kw:.6g} kW cannot be kept; the least beyond it is {b.excess_kw:.3g} kW"
            for b in self.dispatch.broken
        ]
        return [*caps, *(f"member {u.member}: its vehicle lacks {u.missing_kwh:.3g} kWh" for u in self.unserved)]


def dispatch_members(
    members: Members, coupling: Coupling, *, price_ct_per_kwh: Floats | None = None, spread: Spread = map
) -> Answered:
    """The dispatch of members in this process.

    Args:
        price_ct_per_kwh: [T] where the last dispatch of nearly the same members ended.
        spread: as in `PackedHost`.
    """
    if len(members) < FEW:
        found, _ = dispatch_few(members, coupling)
    else:
        found = second_order.dispatch([PackedHost(members, spread)], coupling, price_ct_per_kwh=price_ct_per_kwh)
    missing = members.unserved_kwh()
    return Answered(found, tuple(Unserved(int(k), float(missing[k])) for k in np.flatnonzero(missing > _SERVED_KWH)))
