"""The timers of a host's agents: one heap, in which a timer that was moved leaves a dead entry behind."""

from __future__ import annotations

import heapq
from datetime import datetime

from agents.roles.effects import Timer, timer_order

Key = tuple[str, Timer]


class Timers:
    """(agent, timer) -> instant, the earliest first."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, str, tuple[str, ...], Timer]] = []
        self._armed: dict[Key, datetime] = {}

    def arm(self, agent: str, timer: Timer, at: datetime) -> None:
        """Set a timer, or move it."""
        key = (agent, timer)
        self._armed[key] = at
        heapq.heappush(self._heap, (at, agent, timer_order(timer), timer))

    def disarm(self, agent: str, timer: Timer) -> None:
        """It is not to fire."""
        self._armed.pop((agent, timer), None)

    def due(self, now: datetime) -> list[Key]:
        """(agent, timer) of all that are due, in the order of their instants; they are armed no more."""
        found: list[Key] = []
        while self._heap and self._heap[0][0] <= now:
            at, agent, _, timer = heapq.heappop(self._heap)
            key = (agent, timer)
            if self._armed.get(key) == at:
                del self._armed[key]
                found.append(key)
        return found

    def waiting(self, now: datetime) -> bool:
        """Whether one is due already."""
        if not self._heap or self._heap[0][0] > now:
            return False
        first = self.next()
        return first is not None and first <= now

    def next(self) -> datetime | None:
        """The earliest instant, or None."""
        heap, armed = self._heap, self._armed
        while heap:
            at, agent, _, timer = heap[0]
            if armed.get((agent, timer)) == at:
                return at
            heapq.heappop(heap)
        return None
