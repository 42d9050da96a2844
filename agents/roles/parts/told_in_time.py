"""What was told to be ready in an ISP, as it stood its response time before; both sides of a service keep it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from agents.roles.service_messages import ServiceTold
from cim.model.intervals import LocalDay


def told_in_time(
    known: Mapping[int, int], message: ServiceTold, day: LocalDay, *, up: bool, response_min: int, now: datetime
) -> dict[int, int]:
    """ISP (from 1) -> watts in a direction, with what is told now of those that begin no sooner than the response time."""
    row, earliest = (message.up_w if up else message.down_w), now + timedelta(minutes=response_min)
    return {**known, **{isp: row[isp - 1] for isp in range(1, day.count + 1) if day.isp_start(isp) >= earliest}}
