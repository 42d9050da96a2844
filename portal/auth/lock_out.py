"""Lock-out: who fails to log in too often waits, longer each time, whether there is such a user or not."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

FREE = 5  # tries that may fail in a row
_FIRST_S, _LONGEST_S = 30.0, 900.0
_NAMES = 10_000  # remembered at once; the oldest are forgotten


class LockOut:
    """Failed log-ins by name.

    Args:
        seconds: a clock that only goes forward.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._failed: OrderedDict[str, tuple[int, float]] = (
            OrderedDict()
        )  # name -> tries in a row, when the next may be
        self._lock = Lock()

    def wait_s(self, name: str) -> int:
        """Whole seconds until this name may try again; 0: now."""
        with self._lock:
            _, until = self._failed.get(name, (0, 0.0))
            return max(0, math.ceil(until - self._seconds()))

    def failed(self, name: str) -> int:
        """Count a failure; whole seconds that the name is locked out for."""
        with self._lock:
            tries = self._failed.pop(name, (0, 0.0))[0] + 1
            wait = 0.0 if tries < FREE else min(_LONGEST_S, _FIRST_S * 2.0 ** min(tries - FREE, 16))
            self._failed[name] = (tries, self._seconds() + wait)
            while len(self._failed) > _NAMES:
                self._failed.popitem(last=False)
            return math.ceil(wait)

    def succeeded(self, name: str) -> None:
        """Forget the failures."""
        with self._lock:
            self._failed.pop(name, None)
