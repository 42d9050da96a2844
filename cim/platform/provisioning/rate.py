"""How often somebody may ask: a bucket of tokens each, which fills at a steady rate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from threading import Lock

from cim.model.errors import IlesError

_MOST = 10_000  # callers that are remembered before full buckets are dropped


class TooOften(IlesError):
    """Somebody asked too often.

    Attributes:
        wait_s: whole seconds until it may ask again.
    """

    def __init__(self, words: str, wait_s: int) -> None:
        super().__init__(words)
        self.wait_s = wait_s


class RateLimit:
    """Of each caller.

    Args:
        burst: how many requests at once.
        per_s: how many a second in the long run.
        seconds: a clock that only goes forward.
        what: is asked; opens the sentence.
    """

    def __init__(
        self,
        burst: int = 20,
        per_s: float = 5.0,
        seconds: Callable[[], float] = time.monotonic,
        what: str = "query",
    ) -> None:
        self._burst, self._per_s, self._seconds, self._what = burst, per_s, seconds, what
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = Lock()

    def take(self, name: str) -> None:
        """Count a request.

        Raises:
            TooOften: there were too many.
        """
        with self._lock:
            now = self._seconds()
            left, at = self._left.get(name, (float(self._burst), now))
            left = min(self._burst, left + (now - at) * self._per_s)
            if left < 1:
                wait = math.ceil((1 - left) / self._per_s)
                raise TooOften(
                    f"{self._what}: {name!r} asks too often; expected at most {self._per_s:g} requests a second", wait
                )
            self._left[name] = (left - 1, now)
            if len(self._left) > _MOST:  # who has not asked for long has a full bucket, as who never asked
                full_s = self._burst / self._per_s
                self._left = {one: kept for one, kept in self._left.items() if now - kept[1] < full_s}
