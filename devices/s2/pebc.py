"""Writing a PEBC.Instruction: a power limit as an envelope that ends by itself."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

from s2python.common import CommodityQuantity, Duration
from s2python.pebc import (
    PEBCInstruction,
    PEBCPowerConstraints,
    PEBCPowerEnvelope,
    PEBCPowerEnvelopeElement,
    PEBCPowerEnvelopeLimitType,
)

from devices.s2.frbc import whole_milliseconds
from devices.s2.session import MOST_W, Refused, Status, expect_within

UPPER, LOWER = PEBCPowerEnvelopeLimitType.UPPER_LIMIT, PEBCPowerEnvelopeLimitType.LOWER_LIMIT
_PHASES = (
    CommodityQuantity.ELECTRIC_POWER_L1,
    CommodityQuantity.ELECTRIC_POWER_L2,
    CommodityQuantity.ELECTRIC_POWER_L3,
)
_SYMMETRIC = CommodityQuantity.ELECTRIC_POWER_3_PHASE_SYMMETRIC


def allowed(
    constraints: PEBCPowerConstraints, limit: PEBCPowerEnvelopeLimitType
) -> dict[CommodityQuantity, tuple[float, float]]:
    """For each electric quantity the range in which its limit may be put, W."""
    ranges: dict[CommodityQuantity, tuple[float, float]] = {}
    for item in constraints.allowed_limit_ranges:
        if item.limit_type is limit and not item.abnormal_condition_only:
            low, high = item.range_boundary.start_of_range, item.range_boundary.end_of_range
            known = ranges.get(item.commodity_quantity, (low, high))
            ranges[item.commodity_quantity] = (min(low, known[0]), max(high, known[1]))
    return ranges


def expect_possible(constraints: PEBCPowerConstraints) -> None:
    """Refuse constraints with powers that nothing real has. Raises `Refused`."""
    for item in constraints.allowed_limit_ranges:
        ends = (item.range_boundary.start_of_range, item.range_boundary.end_of_range)
        expect_within("PEBC.PowerConstraints: limit range", -MOST_W, MOST_W, *ends)


def largest_power_w(constraints: PEBCPowerConstraints) -> int:
    """The largest upper limit that the constraints know: what the resource can draw, W."""
    ranges = allowed(constraints, UPPER)
    if _SYMMETRIC in ranges:
        return max(0, round(ranges[_SYMMETRIC][1]))
    return max(0, round(sum(ranges[phase][1] for phase in _PHASES if phase in ranges)))


def instruction(
    new_id: Callable[[], uuid.UUID],
    constraints: PEBCPowerConstraints,
    power_w: int,
    now: datetime,
    valid_until: datetime,
) -> PEBCInstruction:
    """`power_w` >= 0 caps consumption, `power_w` < 0 caps generation, from `now` to `valid_until`.

    Raises:
        Refused: the constraints do not allow a limit there.
    """
    upper, lower = allowed(constraints, UPPER), allowed(constraints, LOWER)
    quantities = [_SYMMETRIC] if _SYMMETRIC in upper else [phase for phase in _PHASES if phase in upper]
    share = power_w / len(quantities) if quantities else 0.0
    envelopes = []
    for quantity in quantities:
        top, bottom = upper[quantity], lower.get(quantity, (min(0.0, share), min(0.0, share)))
        bounded = top if power_w >= 0 else bottom
        if not bounded[0] - 0.5 <= share <= bounded[1] + 0.5:
            raise Refused(
                Status.INVALID_CONTENT,
                f"a limit of {share:g} W for {quantity.value} is not within {bounded[0]:g}..{bounded[1]:g} W",
            )
        element = PEBCPowerEnvelopeElement(
            duration=Duration(whole_milliseconds(valid_until - now)),
            upper_limit=share if power_w >= 0 else top[1],
            lower_limit=min(bottom[0], share) if power_w >= 0 else share,
        )
        envelopes.append(
            PEBCPowerEnvelope.from_dict(
                {"id": str(new_id()), "commodity_quantity": quantity, "power_envelope_elements": [element]}
            )
        )
    if not envelopes:
        raise Refused(Status.INVALID_CONTENT, "the power constraints allow no upper limit of an electric power")
    return PEBCInstruction(
        message_id=new_id(),
        id=new_id(),
        execution_time=now,
        abnormal_condition=False,
        power_constraints_id=constraints.id,
        power_envelopes=envelopes,
    )
