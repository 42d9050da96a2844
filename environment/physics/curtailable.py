"""A generator that gives what the weather lets it give, or less if it is limited."""

from __future__ import annotations

from environment.physics.unit import PhysicalUnit, Series


class CurtailableGenerator(PhysicalUnit):
    """Generates what is available within its limit.

    Args:
        available: per unit of `rated_w`, 0..1.
        rated_w: peak power, a magnitude.
    """

    def __init__(self, name: str, now_s: float, *, available: Series, rated_w: float) -> None:
        super().__init__(name, now_s)
        self._available = available
        self.rated_w = rated_w
        self._limit_w: float | None = None
        self.settle(now_s)

    @property
    def available_w(self) -> float:
        """What it could generate now if not limited, <= 0."""
        return -self.rated_w * self._available.at(self.now_s)

    @property
    def limit_w(self) -> float | None:
        """The setpoint (<= 0): power stays >= it; None lets all through."""
        return self._limit_w

    @limit_w.setter
    def limit_w(self, value: float | None) -> None:
        self._limit_w = None if value is None else min(value, 0.0)
        self.settle(self.now_s)

    def settle(self, now_s: float) -> None:
        """Follow what is available within the limit."""
        self.now_s = now_s
        available = self.available_w
        self.power_w = available if self._limit_w is None else max(available, self._limit_w)
