"""What packed members gain by their dispatch: each one's cost alone, and that of any of them together.

Alone, or in a coalition, members have their share by number of the caps, and pay peak costs as if all were like them
(`sharing.scaled`): the cost of a coalition is then never above what its members cost apart, for any of them. It needs every
member's ratings in one place, as the dispatch of few does; what leaves is money.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from agents.planning.dispatch.packed.answered import dispatch_members
from agents.planning.dispatch.packed.central import dispatch_few
from agents.planning.dispatch.packed.coupling import Coupling
from agents.planning.dispatch.packed.members import Members, PackedHost, Rating
from agents.planning.dispatch.packed.second_order import Dispatch
from agents.planning.dispatch.packed.sharing import scaled
from cim.model.arrays import Floats
from market.community.gains.rule import JointGain

_E4_PER_CT = 100


def joint_gain(members: Members, coupling: Coupling, found: Dispatch) -> JointGain:
    """What a dispatch of the members gained, as sharing rules are asked.

    A member's contribution is by how much what it does is worth more, at the dispatch's price, than what it would do alone.
    """
    size = len(members)
    price = found.price_ct_per_kwh * coupling.hours
    together = PackedHost(members).profiles(found.price_ct_per_kwh)
    alone, contribution = np.zeros(size), np.zeros(size)
    for k in range(size):
        only = some(members, (k,))
        cost, profile = dispatch_few(only, scaled(coupling, 1 / size))
        alone[k] = cost.cost_ct
        contribution[k] = _worth(only, profile[0], price) - _worth(only, together[k], price)

    def coalition(which: tuple[int, ...]) -> int:
        return _e4(dispatch_members(some(members, which), scaled(coupling, len(which) / size)).dispatch.cost_ct)

    return JointGain(
        np.rint(alone * _E4_PER_CT).astype(np.int64),
        _e4(found.cost_ct),
        np.rint(np.maximum(contribution, 0.0) * _E4_PER_CT).astype(np.int64),
        coalition,
    )


def some(members: Members, which: tuple[int, ...]) -> Members:
    """Only the members of these indices."""
    rows = list(which)
    return replace(
        members,
        ratings=members.ratings[rows],
        available_kw=members.available_kw[rows],
        load_kw=members.load_kw[rows],
    )


def _e4(cost_ct: float) -> int:
    return round(cost_ct * _E4_PER_CT)


def _worth(member: Members, profile: Floats, price_ct_per_kw: Floats) -> float:
    """One member's own cost of a profile [3, T], and the price of what its devices draw."""
    r = member.ratings[0]
    curved = r[[Rating.BATTERY_CURVATURE, Rating.VEHICLE_CURVATURE, Rating.PV_CURVATURE]]
    own = float(curved @ (profile**2).sum(axis=1)) / 2 + float(r[Rating.BATTERY_WEAR] * np.abs(profile[0]).sum())
    return own + float(price_ct_per_kw @ profile.sum(axis=0))
