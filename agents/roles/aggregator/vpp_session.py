"""A session of the virtual power plant: a band of power that is split among the members of a congestion point."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from agents.planning.dispatch.admm import Coordination
from agents.planning.dispatch.session import SplitEvent, SplitParty, SplitState
from agents.roles.coordination_messages import PointRound
from agents.roles.effects import Timer
from cim.codec.codec import wire
from cim.model.arrays import Floats
from market.uftp import IspPower


@wire("aggregator.PointDay")
class PointDay(NamedTuple):
    """A congestion point on a day."""

    congestion_point: str
    period: date


@wire("aggregator.SplitPurpose")
class SplitPurpose(StrEnum):
    """What a session is for."""

    OFFER = "offer"  # the answer to a request of the DSO
    HOLD = "hold"  # keeping a promise that the members would otherwise miss
    BALANCE = "balance"  # balancing energy that the TSO has called


@wire("aggregator.Session")
@dataclass(frozen=True, slots=True)
class VppSession:
    """A split: what for, over which ISPs, who takes part, and how far it is.

    Attributes:
        opened_at: when it was wanted; of those that wait the oldest begins first.
        reference: message id of the request, or what makes the correction necessary.
        first_share: of the first ISP, how much is still to come when it is the running one.
        waiting: members whose answer of this round is still out.
        profiles_kw: last answer by member.
        elements: element names by member.
        whole_elements: those of them that do not move by degrees.
        baselines_w: by element, on the session's ISPs.
        asked_e4_per_kwh: by member, what its contract pays on average for its last answer; None where that would be a loss.
        shares_pct: by member, how much of its last answer `profiles_kw` is; all of it where nothing is said.
        by_point: its rounds are the DSO's, which coordinates all sellers at the point; `coordination` then only follows them.
        state: where it stands in the table `agents.planning.dispatch.session.SPLIT`.
    """

    identity: str
    opened_at: datetime
    purpose: SplitPurpose
    reference: str
    congestion_point: str
    period: date
    first_isp: int
    last_isp: int
    first_share: float
    low_kw: Floats
    high_kw: Floats
    waiting: tuple[str, ...]
    profiles_kw: dict[str, Floats]
    elements: dict[str, tuple[str, ...]]
    baselines_w: dict[str, tuple[int, ...]]
    asked_e4_per_kwh: dict[str, int | None] = field(default_factory=dict)
    whole_elements: tuple[str, ...] = ()
    coordination: Coordination | None = None
    shares_pct: dict[str, int] | None = None
    by_point: bool = False
    state: SplitState = SplitState.QUEUED

    @property
    def rank(self) -> tuple[datetime, bool, date, int, str]:
        """Its place in the queue, by nothing but what it is for: promises before new business."""
        return self.opened_at, self.purpose is not SplitPurpose.HOLD, self.period, self.first_isp, self.identity

    @property
    def wanted(self) -> tuple[int, ...]:
        """For each ISP 1 where more consumption is asked for, -1 where less, 0 where neither."""
        return tuple(int(low > 0) - int(high < 0) for low, high in zip(self.low_kw, self.high_kw, strict=True))

    @property
    def covered(self) -> tuple[str, ...]:
        """The members that take part and lose nothing by it: only theirs can be offered and ordered."""
        return tuple(name for name in self.taking_part if self.asked_e4_per_kwh.get(name) is not None)

    @property
    def losing(self) -> tuple[str, ...]:
        """The members that take part and whose contracts do not cover what their last answers cost them."""
        return tuple(name for name in self.taking_part if self.asked_e4_per_kwh.get(name, 0) is None)

    @property
    def total_kw(self) -> Floats:
        """[T] what the last answers of those that take part come to."""
        profiles = [self.profiles_kw[name] for name in self.taking_part]
        total: Floats = np.sum([np.zeros(len(self.low_kw)), *profiles], axis=0)
        return total

    @property
    def taking_part(self) -> tuple[str, ...]:
        """The members that have an element in it, in order."""
        return tuple(name for name in sorted(self.elements) if self.elements[name])

    @property
    def moving(self) -> int:
        """How many elements of those that take part move by degrees."""
        return sum(name not in self.whole_elements for member in self.taking_part for name in self.elements[member])

    def member_factor_pct(self, name: str, factor_pct: int) -> int:
        """The part of its last answer that a member is asked for when all is ordered by a factor, whole percent."""
        share = 100 if self.shares_pct is None else self.shares_pct.get(name, 0)
        return min(max(round(share * factor_pct / 100), 1), 100)

    def member_w(self, name: str, factor_pct: int = 100) -> list[int]:
        """[ISPs of the session] a member's deviation in watts; the running ISP's by its share to come."""
        moved = [round(x * 10 * factor_pct) for x in self.profiles_kw[name].tolist()]
        if moved:
            moved[0] = round(moved[0] * self.first_share)
        return moved

    def member_isps(self, name: str, isps: tuple[IspPower, ...], factor_pct: int = 100) -> tuple[IspPower, ...]:
        """A member's part on the given ISPs, where it goes in their direction."""
        watts = self.member_w(name, factor_pct)
        rows = ((row.start, watts[row.start - self.first_isp], row.power_w) for row in isps)
        return tuple(IspPower(start, own) for start, own, whole in rows if own * whole > 0)


@wire("aggregator.timer.work")
@dataclass(frozen=True, slots=True)
class InstantHeard(Timer):
    """All that was said at an instant about a congestion point has been heard: correct, then begin a session."""

    congestion_point: str


@dataclass(frozen=True, slots=True)
class SplitWanted:
    """Told inside the role: a band [low, high] kW is to be split over the ISPs from `first_isp` on."""

    purpose: SplitPurpose
    reference: str
    congestion_point: str
    period: date
    first_isp: int
    low_kw: Floats
    high_kw: Floats
    first_share: float = 1.0
    by_point: bool = False


@dataclass(frozen=True, slots=True)
class RoundAnswered:
    """Told inside the role: the members have answered a round of a session whose rounds are the DSO's."""

    session: VppSession


@dataclass(frozen=True, slots=True)
class PointPriced:
    """Told inside the role: the DSO's next round for a session, or how its rounds ended."""

    session: str
    told: PointRound


@dataclass(frozen=True, slots=True)
class SplitConcluded:
    """Told inside the role: a split is found, or nobody takes part."""

    session: VppSession


@dataclass(frozen=True, slots=True)
class SplitMoved:
    """Told inside the role: what happened to a concluded session; with its end the members are free again."""

    session: str
    by: SplitParty
    event: SplitEvent


@dataclass(frozen=True, slots=True)
class SplitChosen:
    """Told inside the role: a session's split is put into force on these ISPs.

    Attributes:
        cause: the DSO's order, or which correction; the members' orders are named after it.
    """

    session: VppSession
    isps: tuple[IspPower, ...]
    factor_pct: int
    cause: str
