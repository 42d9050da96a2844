"""How much of what members claim to be made whole is paid: together a small share of all payments of a day (pure)."""

from __future__ import annotations

from collections.abc import Mapping

SHARE_PCT = 2  # of all payments of a day that an aggregator knows of: so much it adds at most to make members whole


def granted(claims_e4: Mapping[str, int], moved_e4: int, before_e4: int = 0) -> dict[str, int]:
    """By claimant, what is paid of its claim: all, or pro rata and rounded down where the share does not reach.

    Args:
        claims_e4: by claimant, > 0.
        moved_e4: all other payments of the day that the payer knows of: its own, and its members' for energy.
        before_e4: what was granted for the same day before.
    """
    room = max(SHARE_PCT * moved_e4 // 100 - before_e4, 0)
    claimed = sum(claims_e4.values())
    if claimed <= room:
        return dict(claims_e4)
    return {name: amount * room // claimed for name, amount in claims_e4.items()}
