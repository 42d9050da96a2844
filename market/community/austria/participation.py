"""Participation factors: which part of a metering point takes part in which community, from which day on.

A factor is a whole percentage, 1 to 100; a metering point is in at most so many communities as the law of the day says
(five), with factors that sum to at most 100 and are not normalised. A factor changes at most once a day and community,
by the process EC_PRTFACT_CHANGE: received between 9 and 17 h local time it holds from the next calendar day on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from market.errors import RemoteProtocolError

OPENS, CLOSES = time(9), time(17)
FACTOR_SUM_EXCEEDED = 188  # the DSO's answer code
_WHOLE = 100


class FactorRefused(RemoteProtocolError):
    """The DSO takes no such factor.

    Attributes:
        code: of its answer where that is known: 188 when the sum is exceeded; otherwise None.
    """

    def __init__(self, sentence: str, code: int | None = None) -> None:
        self.code = code
        super().__init__(sentence if code is None else f"{sentence} (code {code})")


@dataclass(frozen=True, slots=True)
class FactorChange:
    """A metering point's factor in a community from a local day on; 0 when it has left (CM_REV_...)."""

    point: str
    community: str
    factor_pct: int
    from_day: date


def effective_day(received: datetime, timezone: str) -> date:
    """The first local day on which a change holds that was received at an instant.

    Before 9 h it counts as received at 9 h. After 17 h it counts as received on the next day: what a distributor does
    with such a message was not seen, so it is taken late rather than early.
    """
    local = received.astimezone(ZoneInfo(timezone))
    days = 1 if local.time() <= CLOSES else 2
    return local.date() + timedelta(days=days)


@dataclass(frozen=True)
class Participation:
    """All factors of some metering points in all their communities, as the DSO keeps them.

    Attributes:
        changes: taken so far, in the order in which they were taken.
        most_communities: of one metering point.
    """

    changes: tuple[FactorChange, ...] = ()
    most_communities: int = 5

    def factor_pct(self, point: str, community: str, day: date) -> int:
        """The factor on a local day; 0 where the point is no member."""
        held = [c for c in self.changes if (c.point, c.community) == (point, community) and c.from_day <= day]
        return max(held, key=lambda change: change.from_day).factor_pct if held else 0

    def communities(self, point: str, day: date) -> dict[str, int]:
        """Community -> factor of a metering point on a local day, those of 0 left out."""
        names = dict.fromkeys(change.community for change in self.changes if change.point == point)
        found = {name: self.factor_pct(point, name, day) for name in names}
        return {name: factor for name, factor in found.items() if factor}

    def with_change(self, change: FactorChange) -> Participation:
        """As it is after a change that is taken.

        Raises:
            FactorRefused: out of range, a second change for the same day and community, too many communities, or a sum above
                100 (code 188) on the change's first day or on a later one for which a change is already taken.
        """
        told = f"{change.point} in {change.community} from {change.from_day}"
        if not 0 <= change.factor_pct <= _WHOLE:
            raise FactorRefused(f"factor of {told}: {change.factor_pct} %; expected 1 to 100, or 0 to leave")
        if any(self._same(change, taken) for taken in self.changes):
            raise FactorRefused(f"factor of {told}: changed already; expected one change a day and community")
        after = Participation((*self.changes, change), self.most_communities)
        later = {c.from_day for c in after.changes if c.point == change.point and c.from_day >= change.from_day}
        for day in sorted(later):
            factors = after.communities(change.point, day)
            if sum(factors.values()) > _WHOLE:
                parts = " + ".join(f"{factor} in {name}" for name, factor in factors.items())
                raise FactorRefused(
                    f"factors of {change.point} on {day}: {parts} = {sum(factors.values())} %; expected at most 100",
                    FACTOR_SUM_EXCEEDED,
                )
            if len(factors) > self.most_communities:
                raise FactorRefused(
                    f"communities of {change.point} on {day}: {len(factors)}; expected at most {self.most_communities}"
                )
        return after

    def with_all(self, changes: Iterable[FactorChange]) -> Participation:
        """As it is after several changes; raises as `with_change`."""
        found = self
        for change in changes:
            found = found.with_change(change)
        return found

    @staticmethod
    def _same(one: FactorChange, other: FactorChange) -> bool:
        return (one.point, one.community, one.from_day) == (other.point, other.community, other.from_day)
