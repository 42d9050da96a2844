"""A virtual power plant's session from the member's side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import ceil

import numpy as np

from agents.planning.dispatch.flexibility import Flexibility
from cim.codec.codec import wire
from cim.model.arrays import Floats

_E4_PER_CT = 100
_ROUNDING_E4 = 1.0  # a hundredth of a cent: what the price rounds' tolerance may leave
_ROUNDING = 1e-6
_NOTHING_KWH = 1e-6


@wire("prosumer.Session")
@dataclass(frozen=True, slots=True)
class MemberSession:
    """The member's private models on the session's ISPs (1-based, both included), and its last deviations.

    Attributes:
        wanted: for each ISP 1 where more consumption is asked for, -1 where less, 0 where nothing is paid.
        prices_e4_per_kwh: by contract, of each model's element.
        checked: it has told once how far its last answers are above its best ones.
    """

    period: date
    first_isp: int
    last_isp: int
    first_share: float
    models: tuple[Flexibility, ...]
    baselines_kw: tuple[Floats, ...]
    deviations_kw: tuple[Floats, ...]
    wanted: tuple[int, ...] = ()
    prices_e4_per_kwh: tuple[int, ...] = ()
    checked: bool = False

    @property
    def window(self) -> slice:
        """Where its ISPs are in a whole day's profile."""
        return slice(self.first_isp - 1, self.last_isp)

    def asked_e4_per_kwh(self) -> int | None:
        """What the contract pays on average for what moves as wanted, rounded up.

        None where it does not cover what all deviations cost, the elements' rebound and their comfort included: no member
        takes part at a loss.
        """
        kwh = due_e4 = cost_ct = 0.0
        sign = np.array(self.wanted, dtype=np.float64)
        for model, deviation, price in zip(self.models, self.deviations_kw, self.prices_e4_per_kwh, strict=True):
            moved = float(np.maximum(deviation * sign, 0.0).sum()) * model.hours
            kwh, due_e4, cost_ct = kwh + moved, due_e4 + moved * price, cost_ct + model.cost(deviation)
        if cost_ct * _E4_PER_CT > due_e4 + _ROUNDING_E4:
            return None
        return ceil(due_e4 / kwh - _ROUNDING) if kwh > _NOTHING_KWH else 0
