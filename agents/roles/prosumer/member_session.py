"""A virtual power plant's session from the member's side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from agents.planning.dispatch.flexibility import Flexibility
from cim.codec.codec import wire
from cim.model.arrays import Floats


@wire("prosumer.Session")
@dataclass(frozen=True, slots=True)
class MemberSession:
    """The member's private models on the session's ISPs (1-based, both included), and its last deviations."""

    period: date
    first_isp: int
    last_isp: int
    first_share: float
    models: tuple[Flexibility, ...]
    baselines_kw: tuple[Floats, ...]
    deviations_kw: tuple[Floats, ...]

    @property
    def window(self) -> slice:
        """Where its ISPs are in a whole day's profile."""
        return slice(self.first_isp - 1, self.last_isp)
