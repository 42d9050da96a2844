"""What the charge points of one station draw from together, and how the station shares it out."""

from __future__ import annotations

from typing import Protocol


class Drawing(Protocol):
    """A charge point that shares its supply."""

    power_w: float

    @property
    def wanted_w(self) -> float:
        """What it would draw by itself, W; below 0 where it gives back."""
        ...

    @property
    def least_w(self) -> float:
        """With less than this its vehicle does not charge, W."""
        ...

    @property
    def came_s(self) -> float:
        """When its vehicle came, seconds since 1970."""
        ...


class SharedSupply:
    """The grid connection of one station with several EVSEs: their powers together never exceed it.

    Who wants less than an equal share has what it wants, the others share the rest equally. Where that is too little for a
    vehicle to charge at all, who came last waits.

    Args:
        rated_w: the most that it carries.
    """

    def __init__(self, rated_w: float) -> None:
        self.rated_w = rated_w
        self._limit_w: float | None = None
        self._points: list[Drawing] = []

    @property
    def limit_w(self) -> float | None:
        """What the station is told to hold (>= 0); None: what the connection carries."""
        return self._limit_w

    @limit_w.setter
    def limit_w(self, value: float | None) -> None:
        self._limit_w = None if value is None else max(value, 0.0)
        self.share_out()

    @property
    def most_w(self) -> float:
        """What all may draw together now, W."""
        return self.rated_w if self._limit_w is None else min(self._limit_w, self.rated_w)

    def join(self, point: Drawing) -> None:
        """One more charge point."""
        self._points.append(point)

    def share_out(self) -> None:
        """Decide what each charge point draws."""
        wanted = [(point, point.wanted_w) for point in self._points]
        for point, power_w in wanted:
            point.power_w = min(power_w, 0.0)
        drawing = [(point, power_w) for point, power_w in wanted if power_w > 0]
        while drawing:
            shares = _shares([power_w for _, power_w in drawing], self.most_w)
            waiting = [point for (point, _), share in zip(drawing, shares, strict=True) if share < point.least_w]
            if not waiting:
                for (point, _), share in zip(drawing, shares, strict=True):
                    point.power_w = share
                return
            last = max(waiting, key=lambda point: point.came_s)
            drawing = [(point, power_w) for point, power_w in drawing if point is not last]


def _shares(wanted_w: list[float], most_w: float) -> list[float]:
    """What each has, W: what it wants, or else as much as everybody else who has less than that."""
    shares, left, waiting = [0.0] * len(wanted_w), most_w, sorted(range(len(wanted_w)), key=lambda k: wanted_w[k])
    for done, k in enumerate(waiting):
        shares[k] = min(wanted_w[k], left / (len(waiting) - done))
        left -= shares[k]
    return shares
