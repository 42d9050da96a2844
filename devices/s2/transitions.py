"""When an operation mode can be changed: the transitions of an OMBC system or an FRBC actuator, and the timers that block them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from s2python.common import Timer, Transition

ALWAYS = datetime.min.replace(tzinfo=UTC)
Timers = Mapping[uuid.UUID, datetime]  # when each is over


def free_at(ways: Sequence[Transition], start: uuid.UUID, end: uuid.UUID, timers: Timers) -> datetime | None:
    """From when on a normal transition leads from `start` to `end`: when no timer of one runs any more.

    Returns:
        `ALWAYS` where no timer is in the way, or both are one mode; None where no transition leads there.
    """
    if start == end:
        return ALWAYS
    leading = [way for way in ways if way.from_ == start and way.to == end and not way.abnormal_condition_only]
    over = [max((timers.get(timer, ALWAYS) for timer in way.blocking_timers), default=ALWAYS) for way in leading]
    return min(over, default=None)


def started(
    ways: Sequence[Transition],
    lengths: Sequence[Timer],
    start: uuid.UUID,
    end: uuid.UUID,
    timers: Timers,
    at: datetime,
) -> dict[uuid.UUID, datetime]:
    """The timers after going from `start` to `end` at an instant: those that the transition starts run their whole length."""
    begun = {timer for way in ways if (way.from_, way.to) == (start, end) for timer in way.start_timers}
    return {**timers, **{one.id: at + timedelta(milliseconds=one.duration.root) for one in lengths if one.id in begun}}
