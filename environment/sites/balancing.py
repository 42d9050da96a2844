"""A site file's `balancing`: the transmission system operator (TSO) that buys balancing energy, and the system it balances.

Units stand in the names. `ct` is a hundredth of the site's currency unit; premiums are paid beside the day-ahead price.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from environment.sites.ratings import Count, Name, NotNegative, Part, Positive, ShareOrNone


class SystemImbalance(Part):
    """A system of which this site is a grain: how far it is off balance, and what others offer. No measured series is packed,
    so it is a seeded process (`environment.system_imbalance`).

    Attributes:
        deviation_mw: standard deviation of the imbalance of a quarter-hour.
        persistence: its correlation with that of the quarter-hour before.
        other_reserves_mw: what faster reserves take; only what is beyond is bought here.
        first_premium_per_mwh: of others' cheapest bid.
        premium_per_mwh_and_mw: by how much each further megawatt of theirs is dearer.
        step_mw: in such steps.
        offered_mw: all that others offer, in either direction.
    """

    deviation_mw: Positive
    persistence: ShareOrNone
    other_reserves_mw: NotNegative
    first_premium_per_mwh: NotNegative
    premium_per_mwh_and_mw: NotNegative
    step_mw: Positive
    offered_mw: Positive


class Balancing(Part):
    """Who buys balancing energy, by which clock, and what is agreed.

    Attributes:
        name, domain: the TSO's.
        gate_minutes: before its quarter-hour a bid must be there.
        activation_seconds: before its quarter-hour it is called, in which it must be reached in full.
        smallest_bid_w: of the pool; the standard product asks for 1 MW.
        penalty_ct_per_kwh: of what was called and not delivered.
        highest_premium_per_mwh: that a bid may ask for.
    """

    name: Name
    domain: Annotated[str, Field(pattern=r"^([a-z0-9-]+\.)+[a-z]{2,}$")]
    gate_minutes: Count
    activation_seconds: Count
    smallest_bid_w: Count
    penalty_ct_per_kwh: NotNegative
    highest_premium_per_mwh: Positive
    system: SystemImbalance
