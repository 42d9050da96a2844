"""What a pure function gave last, for those who ask the very same again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """A function whose newest answers are kept, found again by the identity of its arguments.

    A home asks its elements several times about one plan, each time with the same objects in hand; to compare what is in
    them would cost more than it saves. Arguments and answers are kept and shared, so neither may be changed afterwards.

    Args:
        work: gives the same for the same arguments.
        most: answers kept; when there are more, all are forgotten.
    """

    def __init__(self, work: Callable[..., T], most: int = 1) -> None:
        self._work, self._most = work, most
        self._known: dict[tuple[int, ...], tuple[tuple[object, ...], T]] = {}

    def __call__(self, *given: object) -> T:
        """What `work` gives for these."""
        key = tuple(map(id, given))
        found = self._known.get(key)  # what is kept keeps its arguments, so that nothing else has their identities
        if found is None:
            found = given, self._work(*given)
            if len(self._known) >= self._most:
                self._known = {}
            self._known[key] = found
        return found[1]
