"""The registers of a metering point in a community, under the names by which distributors deliver them (EDA)."""

from __future__ import annotations

from cim.model.arrays import Ints
from market.community.austria.allocation import Allocation
from market.community.bill import RegisterLine

CONSUMED, TAKING_PART = "1-1:1.9.0 G.01", "1-1:1.9.0 G.01T"
SHARE, OWN_COVER, RENEWABLE = "1-1:2.9.0 G.02", "1-1:2.9.0 G.03", "1-1:2.9.0 G.03R"
PRODUCED, FED_PART = "1-1:2.9.0 G.01", "1-1:2.9.0 G.01T"
RESIDUAL, RESIDUAL_PART = "1-1:2.9.0 P.01", "1-1:2.9.0 P.01T"


def consumer_registers(allocation: Allocation, index: int, renewable: bool) -> tuple[RegisterLine, ...]:
    """Those of a consumption point; all that it used of the community is renewable where the community's plants are."""
    own = _sum(allocation.own_cover_wh, index)
    return (
        RegisterLine(CONSUMED, "Consumption by the meter", _sum(allocation.consumed_wh, index)),
        RegisterLine(TAKING_PART, "Consumption that takes part, by factor", _sum(allocation.taking_part_wh, index)),
        RegisterLine(SHARE, "Share in the community's generation", _sum(allocation.share_wh, index)),
        RegisterLine(OWN_COVER, "Own cover from the community", own),
        RegisterLine(RENEWABLE, "of which renewable", own if renewable else 0),
    )


def producer_registers(allocation: Allocation, index: int) -> tuple[RegisterLine, ...]:
    """Those of a feed-in point. P.01 is all that its community did not use, P.01T of that what takes part."""
    produced, used = _sum(allocation.produced_wh, index), _sum(allocation.used_wh, index)
    return (
        RegisterLine(PRODUCED, "Feed-in by the meter", produced),
        RegisterLine(FED_PART, "Feed-in that takes part, by factor", _sum(allocation.fed_part_wh, index)),
        RegisterLine(RESIDUAL, "Feed-in left to the buyer of surplus", produced - used),
        RegisterLine(RESIDUAL_PART, "of which takes part and was not used", _sum(allocation.surplus_wh, index)),
    )


def _sum(energies: Ints, index: int) -> int:
    return int(energies[:, index].sum())
