"""Limits of somebody else that a station holds: charging profiles that are not ours, found when the driver opens.

Profiles for the whole station (ChargingStationMaxProfile, ChargingStationExternalConstraints) it keeps itself beside any of
ours (2.0.1 part 2, K01: the smallest counts). A profile of ours overrules a TxDefaultProfile or TxProfile below it, so those
are remembered, and nothing that ILES asks for is looser than they are.
"""

from __future__ import annotations

from collections.abc import Container
from datetime import UTC, datetime, timedelta
from math import inf
from typing import NamedTuple

from cim.mapping.ocpp import NOMINAL_V
from devices.ocpp.payload import Payload

_OVERRULED, _WHOLE = ("TxDefaultProfile", "TxProfile"), ("ChargingStationMaxProfile",)
_BEGINNING, _END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_LONGEST_S = 10 * 366 * 86_400  # nobody means a schedule of more than ten years


class ForeignLimit(NamedTuple):
    """At most `limit_w` from `begin` to `end`, in the running transaction of this id, or ("") in any."""

    limit_w: float
    begin: datetime
    end: datetime
    transaction: str = ""


def foreign_limits(profile: Payload, ours: Container[int]) -> list[ForeignLimit]:
    """What a ChargingProfileType says, unless it is one of `ours` or one that ours does not overrule.

    Where a schedule has no fixed begin (Recurring, Relative), the smallest of its limits counts all the time.

    Raises:
        PeerFault: a field has another type than the schema says.
    """
    return _limits(profile, ours, _OVERRULED)


def station_limits(profile: Payload, ours: Container[int]) -> list[ForeignLimit]:
    """What it says of the whole station, where a limit of ours for that would overrule it. Raises as `foreign_limits`."""
    return _limits(profile, ours, _WHOLE)


def _limits(profile: Payload, ours: Container[int], purposes: Container[str]) -> list[ForeignLimit]:
    if profile.whole("id") in ours or profile.text("chargingProfilePurpose") not in purposes:
        return []
    valid = (
        profile.instant("validFrom") if "validFrom" in profile else _BEGINNING,
        profile.instant("validTo") if "validTo" in profile else _END,
    )
    number = profile.text("transactionId", "")
    fixed = profile.text("chargingProfileKind") == "Absolute"
    found = []
    for schedule in profile.parts("chargingSchedule"):
        limits = _limits_w(schedule)
        if fixed and "startSchedule" in schedule:
            spans = _spans(schedule, [start for start, _ in limits])
            held = [(limit, *span) for (_, limit), span in zip(limits, spans, strict=True)]
        else:
            held = [(limit, *valid) for _, limit in limits]
        found += [
            ForeignLimit(w, max(begin, valid[0]), min(end, valid[1]), number) for w, begin, end in held if 0 <= w < inf
        ]
    return found


def _limits_w(schedule: Payload) -> list[tuple[int, float]]:
    """(start of the period in s, limit in W) of a schedule; where 2.1 names none in a period it has none (infinite)."""
    in_watts = schedule.text("chargingRateUnit") == "W"
    return [
        (
            period.whole("startPeriod"),
            period.number("limit", inf) * (1.0 if in_watts else NOMINAL_V * period.whole("numberPhases", 3)),
        )
        for period in schedule.parts("chargingSchedulePeriod")
    ]


def _spans(schedule: Payload, starts: list[int]) -> list[tuple[datetime, datetime]]:
    """From when to when each period holds."""
    begin = schedule.instant("startSchedule")
    last = schedule.whole("duration") if "duration" in schedule else None
    ends: list[int | None] = [*starts[1:], last]
    return [
        (_after(begin, start), _END if end is None else _after(begin, end))
        for start, end in zip(starts, ends, strict=True)
    ]


def _after(begin: datetime, seconds: int) -> datetime:
    try:
        return begin + timedelta(seconds=min(max(seconds, 0), _LONGEST_S))
    except OverflowError:
        return _END
