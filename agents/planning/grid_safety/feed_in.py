"""How far feed-in below a congestion point must be limited, so that the mean of an ISP stays within the point's limit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_STILL_MENDED = 0.5  # of the possible feed-in: so much must be left to whoever waits for others to mend an ISP first


@dataclass(frozen=True, slots=True)
class PlantFeedIn:
    """A connection with plants: their rating, what it feeds in now (below 0: it draws), and what it could, watts.

    `least_w` is what it may feed in whatever happens.
    """

    rated_w: float
    now_w: float
    could_w: float
    least_w: float = 0.0


@dataclass(frozen=True, slots=True)
class PointIsp:
    """A congestion point in a running ISP.

    Attributes:
        allowed_va: apparent power that the mean of the ISP may have.
        power_w, reactive_var: what flows now, + = consumption.
        mean_w: of the ISP so far.
        elapsed: how much of the ISP is over, 0 to below 1.
        step: how much of the ISP passes until one looks again.
        plants: connections below it whose feed-in can be limited.
    """

    allowed_va: float
    power_w: float
    reactive_var: float
    mean_w: float
    elapsed: float
    step: float
    plants: tuple[str, ...]

    @property
    def mean_va(self) -> float:
        """Apparent power of the ISP's mean, if all stays as it is now."""
        return math.hypot(self.mean_w * self.elapsed + self.power_w * (1.0 - self.elapsed), self.reactive_var)

    @property
    def least_w(self) -> float:
        """The least mean power (<= 0 is feed-in) that the rest of the ISP may have."""
        return self._least_w(self.mean_w * self.elapsed, self.elapsed)

    @property
    def least_later_w(self) -> float:
        """The same of what will be left when one looks again, if nothing changes until then.

        Infinite where not two looks are left then: what the first of them sets, the other must be able to put right.
        """
        elapsed = self.elapsed + self.step
        if elapsed > 1.0 - 1.5 * self.step:
            return math.inf
        return self._least_w(self.mean_w * self.elapsed + self.power_w * self.step, elapsed)

    def _least_w(self, taken: float, elapsed: float) -> float:
        active_w = math.sqrt(max(self.allowed_va**2 - self.reactive_var**2, 0.0))
        return (-active_w - taken) / (1.0 - elapsed)


def feed_in_shares(
    points: Sequence[PointIsp], plants: Mapping[str, PlantFeedIn], *, waits: bool
) -> dict[str, float | None]:
    """The share of its plants' rating that each connection may feed in for the rest of the ISP; None: no limit.

    Args:
        points: those furthest down first: what is limited there helps above.
        waits: leave a point alone as long as the rest of the ISP can still be mended at the next look.
    """
    shares: dict[str, float | None] = dict.fromkeys(plants)
    for point in points:
        below = {name: plants[name] for name in point.plants if name in plants}
        rest_w = point.power_w + sum(plant.now_w for plant in below.values())
        could_w = sum(plant.could_w for plant in below.values())
        if waits and rest_w - point.least_later_w >= _STILL_MENDED * could_w:
            continue
        caps = {name: share for name in below if (share := shares[name]) is not None}
        share = _share_above_least(below, caps, rest_w - point.least_w)
        if share is not None:
            least = {name: plant.least_w / plant.rated_w for name, plant in below.items()}
            shares |= {name: max(min(share, caps.get(name, share)), least[name]) for name in below}
    return shares


def _share_above_least(plants: Mapping[str, PlantFeedIn], caps: Mapping[str, float], feed_in_w: float) -> float | None:
    """As `_share_of_rating`, of the connections whose share would not be below their minimum: those give up no more."""
    open_plants, left_w = dict(plants), feed_in_w
    while open_plants:
        share = _share_of_rating(open_plants, caps, left_w)
        held = {name: p for name, p in open_plants.items() if share is not None and share * p.rated_w < p.least_w}
        if not held:
            return share
        left_w -= sum(min(plant.least_w, plant.could_w) for plant in held.values())
        open_plants = {name: plant for name, plant in open_plants.items() if name not in held}
    return 0.0  # everybody is at its minimum


def _share_of_rating(plants: Mapping[str, PlantFeedIn], caps: Mapping[str, float], feed_in_w: float) -> float | None:
    """The share of its rating that each may feed in, so that all together feed in `feed_in_w`; None: no limit.

    `caps` is what a point below leaves; whoever could not use its share leaves the rest to the others.
    """
    most = {name: min(plant.could_w, caps.get(name, math.inf) * plant.rated_w) for name, plant in plants.items()}
    if sum(most.values()) <= feed_in_w:
        return None
    left_w, open_w = max(feed_in_w, 0.0), sum(plant.rated_w for plant in plants.values())
    for name in sorted(plants, key=lambda name: (most[name] / plants[name].rated_w, name)):
        if most[name] * open_w >= left_w * plants[name].rated_w:
            break
        left_w -= most[name]
        open_w -= plants[name].rated_w
    return left_w / open_w
