"""What is agreed of a connection beside the market: its cap, a flexible connection agreement, the DSO's limits on call.

None of it is flexibility that is sold: what it takes is neither paid nor counted as delivered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cim.codec.codec import wire
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay


@wire("market.FlexibleConnection")
@dataclass(frozen=True, slots=True)
class FlexibleConnection:
    """A flexible connection agreement: capacity that is always there, and more that the DSO may withdraw unpaid.

    Attributes:
        firm_import_w, firm_export_w: always there, magnitudes.
        non_firm_import_w, non_firm_export_w: on top; in the hours of the season it can be withdrawn.
        first_month, last_month: the season, both included; from 11 to 2 is a winter.
        start_minute, end_minute: the hours, after local midnight, end excluded.
        notice_min: how long before an ISP begins its withdrawal is told at the latest.
    """

    firm_import_w: int
    firm_export_w: int
    non_firm_import_w: int
    non_firm_export_w: int
    first_month: int = 1
    last_month: int = 12
    start_minute: int = 0
    end_minute: int = 1440
    notice_min: int = 0

    def __post_init__(self) -> None:
        for name in ("firm_import_w", "firm_export_w", "non_firm_import_w", "non_firm_export_w", "notice_min"):
            if getattr(self, name) < 0:
                raise BadInput(f"flexible connection: {name} {getattr(self, name)}; expected 0 or more")
        if not (1 <= self.first_month <= 12 and 1 <= self.last_month <= 12):
            raise BadInput(f"flexible connection: months {self.first_month} to {self.last_month}; expected 1 to 12")
        if not 0 <= self.start_minute < self.end_minute <= 1440:
            hours = f"{self.start_minute} to {self.end_minute}"
            raise BadInput(f"flexible connection: minutes {hours}; expected the first before the second, 0 to 1440")

    def may_withdraw(self, start: datetime, timezone: str, now: datetime) -> bool:
        """Whether non-firm capacity of the ISP that begins at `start` may be withdrawn by a word at `now`."""
        local = start.astimezone(ZoneInfo(timezone))
        minute, first, last = 60 * local.hour + local.minute, self.first_month, self.last_month
        in_season = first <= local.month <= last if first <= last else local.month >= first or local.month <= last
        in_hours = self.start_minute <= minute < self.end_minute
        return in_season and in_hours and now + timedelta(minutes=self.notice_min) <= start


@wire("market.LimitOnCall")
@dataclass(frozen=True, slots=True)
class LimitOnCall:
    """The DSO may limit a connection's feed-in when it must, and never below a stated minimum.

    Attributes:
        least_export_w: what may be fed in whatever happens, a magnitude.
        expires_min: a limit that the DSO does not renew is over after so many minutes.
        fail_safe_export_w: where the DSO falls silent after a limit: what may be fed in until it is over, a magnitude.
    """

    least_export_w: int
    expires_min: int
    fail_safe_export_w: int

    def __post_init__(self) -> None:
        if self.least_export_w < 0 or self.expires_min <= 0:
            told = f"least_export_w {self.least_export_w}, expires_min {self.expires_min}"
            raise BadInput(f"limit on call: {told}; expected 0 or more, and above 0")
        if self.fail_safe_export_w < self.least_export_w:
            raise BadInput(
                f"limit on call: fail_safe_export_w {self.fail_safe_export_w}; expected the minimum of "
                f"{self.least_export_w} or more"
            )


@wire("market.ConnectionTerms")
@dataclass(frozen=True, slots=True)
class ConnectionTerms:
    """All that is agreed of a connection; what is None is not agreed.

    Attributes:
        max_import_w, max_export_w: MaxUsage, magnitudes: no mean of an ISP is beyond.
    """

    max_import_w: int | None = None
    max_export_w: int | None = None
    flexible: FlexibleConnection | None = None
    on_call: LimitOnCall | None = None

    def __post_init__(self) -> None:
        for name in ("max_import_w", "max_export_w"):
            most = getattr(self, name)
            if most is not None and most < 0:
                raise BadInput(f"connection: {name} {most}; expected 0 or more")

    @property
    def import_w(self) -> int | None:
        """The most that it may draw while nothing is withdrawn: the lower of its cap and its agreement; None: not limited."""
        agreed = None if self.flexible is None else self.flexible.firm_import_w + self.flexible.non_firm_import_w
        return min((most for most in (self.max_import_w, agreed) if most is not None), default=None)

    @property
    def export_w(self) -> int | None:
        """The same of what it may feed in, a magnitude."""
        agreed = None if self.flexible is None else self.flexible.firm_export_w + self.flexible.non_firm_export_w
        return min((most for most in (self.max_export_w, agreed) if most is not None), default=None)

    @property
    def least_export_w(self) -> int:
        """What it may feed in whatever the DSO limits, a magnitude."""
        return 0 if self.on_call is None else self.on_call.least_export_w


NOTHING_AGREED = ConnectionTerms()


@dataclass(frozen=True, slots=True)
class Usage:
    """A connection's part in a sum: what it may carry by its terms, and the most that it can (0: nobody knows)."""

    usage_point: str
    terms: ConnectionTerms
    carries_w: int = 0


def usage_fault(levels_w: Mapping[int, int], connections: Iterable[Usage]) -> str | None:
    """Why connections together cannot be at these levels (ISP -> watts) because some of them are capped, or None.

    A connection that is not capped counts with what it can carry; where nobody knows that, nothing is beyond.
    """
    known = tuple(connections)
    for sign, name in ((1, "import_w"), (-1, "export_w")):
        caps = [(c.usage_point, most) for c in known if (most := getattr(c.terms, name)) is not None]
        rest = [c.carries_w for c in known if getattr(c.terms, name) is None]
        if not caps or not all(rest):
            continue
        allowed = sum(most for _, most in caps) + sum(rest)
        for isp, watts in sorted(levels_w.items()):
            if sign * watts > allowed:
                capped = ", ".join(f"{usage_point} at {most} W" for usage_point, most in caps)
                return f"MaxUsage: {watts} W in ISP {isp}; at most {sign * allowed} W (capped: {capped})"
    return None


@dataclass(frozen=True, slots=True)
class NonFirm:
    """A connection of which capacity may be withdrawn, and what it will feed in: [T] watts, <= 0."""

    usage_point: str
    agreement: FlexibleConnection
    expected_w: tuple[int, ...]


def withdrawals(need_w: Mapping[int, int], connections: Iterable[NonFirm], day: LocalDay,
                now: datetime) -> dict[str, dict[int, int]]:  # fmt: skip
    """Which non-firm export capacity meets a need for less feed-in, by usage point: ISP -> what it may still feed in (>= 0).

    No more is withdrawn than is needed, each connection gives the same share of what it would feed in above its firm
    capacity, and none is asked for less than that.

    Args:
        need_w: ISP -> watts by which consumption should be higher; what is not above 0 needs no less feed-in.
        now: when it is told; an agreement's notice, season and hours are kept.
    """
    known, found = tuple(connections), dict[str, dict[int, int]]()
    for isp, need in sorted(need_w.items()):
        start = day.isp_start(isp)
        spare = {
            c.usage_point: spare_w
            for c in known
            if (spare_w := -c.expected_w[isp - 1] - c.agreement.firm_export_w) > 0
            and c.agreement.may_withdraw(start, day.timezone, now)
        }
        total = sum(spare.values())
        if need <= 0 or not total:
            continue
        taken = min(need, total)
        for c in known:
            if c.usage_point in spare:
                less_w = -(-spare[c.usage_point] * taken // total)  # rounded up: together they give all of it
                found.setdefault(c.usage_point, {})[isp] = -c.expected_w[isp - 1] - less_w
    return found
