"""A limit on call: it has an end, its caller must go on being heard, and where it is not, a fail-safe limit holds.

The fail-safe ends only when both a heartbeat and a limit have come since, and then at once, and only into that limit: never
into none. The order in which the two come does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cim.codec.codec import wire


@wire("plan.CalledLimit")
@dataclass(frozen=True, slots=True)
class CalledLimit:
    """A limit as it was called.

    Attributes:
        number: of the request.
        import_w: the most net power at the point of common coupling, + = import.
        until: it ends by itself then, while its caller is heard.
        failsafe_w: what holds instead when its caller is heard no more.
    """

    number: str
    import_w: int
    until: datetime
    failsafe_w: int


@wire("plan.OnCall")
@dataclass(frozen=True, slots=True)
class OnCall:
    """What is called, and whether its caller is heard.

    Attributes:
        limit: called last and in force; None: none.
        heard_at: when the caller was heard last; None: never.
        failed_at: since when the fail-safe limit holds; None: it does not.
        next_limit: called since then.
    """

    limit: CalledLimit | None = None
    heard_at: datetime | None = None
    failed_at: datetime | None = None
    next_limit: CalledLimit | None = None

    @property
    def import_w(self) -> int | None:
        """The limit that holds, W; None: none does."""
        if self.limit is None:
            return None
        return self.limit.import_w if self.failed_at is None else self.limit.failsafe_w

    def called(self, limit: CalledLimit, now: datetime, patience: timedelta) -> OnCall:
        """A limit is called: it holds at once, in the fail-safe once a heartbeat has come since it began."""
        if self.failed_at is None:
            return OnCall(limit, now)  # the caller is heard by its call
        return replace(self, next_limit=limit)._left(now, patience)

    def beaten(self, now: datetime, patience: timedelta) -> OnCall:
        """A heartbeat."""
        return replace(self, heard_at=now)._left(now, patience)

    def lifted(self, now: datetime) -> OnCall:
        """The limit is taken back; in the fail-safe that is no limit, so it stays, and a limit called since is forgotten."""
        return OnCall(None, now) if self.failed_at is None else replace(self, next_limit=None)

    def looked(self, now: datetime, patience: timedelta) -> OnCall:
        """As time goes by: it ends by itself, or its caller is missed."""
        if self.limit is None or self.failed_at is not None:
            return self
        if self.heard_at is None or now - self.heard_at > patience:
            return replace(self, failed_at=now, next_limit=None)
        return OnCall(None, self.heard_at) if self.limit.until <= now else self

    def _left(self, now: datetime, patience: timedelta) -> OnCall:
        """The limit called since the fail-safe began, if a heartbeat came since too, and neither is stale."""
        failed, heard, limit = self.failed_at, self.heard_at, self.next_limit
        if failed is None or limit is None or heard is None or heard < failed or now - heard > patience:
            return self
        return OnCall(limit, heard) if limit.until > now else replace(self, next_limit=None)


def percent(import_w: int, rest_w: int, limitable_w: int) -> int:
    """Which share of their ratings the devices that can be limited may draw, so that with the rest the limit is kept.

    Args:
        rest_w: what the site draws most while they draw nothing.
        limitable_w: their ratings, added up.
    """
    if limitable_w <= 0:
        return 0
    return max(0, min(100, 100 * (import_w - rest_w) // limitable_w))
