"""What a connection draws that nobody steers."""

from __future__ import annotations

from environment.physics.unit import PhysicalUnit, Series, UnitKind


class BaseLoad(PhysicalUnit):
    """A load that follows its profile.

    Args:
        active, reactive: per unit of `peak_w` and `peak_var`.
    """

    kind = UnitKind.LOAD

    def __init__(
        self, name: str, now_s: float, *, active: Series, peak_w: float, reactive: Series | None, peak_var: float
    ) -> None:
        super().__init__(name, now_s)
        self._active, self._reactive = active, reactive
        self.peak_w, self.peak_var = peak_w, peak_var
        self.settle(now_s)

    def settle(self, now_s: float) -> None:
        """Follow the profile."""
        self.power_w = self.peak_w * self._active.at(now_s)
        self.reactive_var = 0.0 if self._reactive is None else self.peak_var * self._reactive.at(now_s)
