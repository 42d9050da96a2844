"""Steps of a split: the cheapest members first, so that a small order costs what is cheap and not a share of all."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from agents.roles.aggregator.vpp_session import VppSession
from market.uftp import IspPower

LEVELS_PCT = (25, 50, 75, 100)  # of the energy that the whole split moves as it is asked for


def merit_steps(
    session: VppSession, isps: tuple[IspPower, ...], price_e4: Callable[[VppSession, tuple[IspPower, ...]], int]
) -> dict[int, VppSession]:
    """By level in percent, the split with only the cheapest members' shares; levels that say nothing new are left out.

    Args:
        isps: what the whole split gives as it is asked for.
        price_e4: what a split asks for these ISPs.
    """
    energy = {name: sum(abs(row.power_w) for row in session.member_isps(name, isps)) for name in session.covered}
    giving = [name for name, moved in energy.items() if moved]
    cost = {name: price_e4(with_shares(session, {name: 100}), isps) / energy[name] for name in giving}
    found: dict[int, VppSession] = {}
    known: list[Mapping[str, int]] = []
    for level in LEVELS_PCT:
        left, shares = sum(energy.values()) * level / 100, dict[str, int]()
        for name in sorted(giving, key=lambda name: (cost[name], name)):
            if left > 0:
                whole = any(element in session.whole_elements for element in session.elements[name])
                shares[name] = 100 if whole else min(math.ceil(100 * left / energy[name]), 100)
                left -= energy[name]
        if level == LEVELS_PCT[-1]:
            shares = dict.fromkeys(session.covered, 100)
        if shares not in known:
            known.append(shares)
            found[level] = with_shares(session, shares)
    return found


def with_shares(session: VppSession, shares_pct: Mapping[str, int]) -> VppSession:
    """The split with each member's part scaled to its share; nothing of members that are not named."""
    profiles = {name: profile * (shares_pct.get(name, 0) / 100) for name, profile in session.profiles_kw.items()}
    return replace(session, profiles_kw=profiles, shares_pct=dict(shares_pct))
