"""What is planned and what a plan is, as they travel: no solver is loaded here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.planning.microgrid.exchange import Exchange
from agents.planning.microgrid.resource import FlexResource
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.errors import BadInput, IlesError


class NoPlan(IlesError):
    """The resources' bounds contradict each other."""


@wire("plan.Microgrid")
@dataclass(frozen=True, slots=True)
class Microgrid:
    """What is to be planned.

    Attributes:
        hours: length of an interval.
        scenarios_kw: each [T], all that is not steered, + = consumption; equally likely.
    """

    resources: tuple[FlexResource, ...]
    exchange: Exchange
    scenarios_kw: tuple[Floats, ...]
    hours: float

    def __post_init__(self) -> None:
        counts = {len(self.exchange.buy_ct_per_kwh), *map(len, self.scenarios_kw)}
        counts |= {len(resource.baseline_kw) for resource in self.resources}
        if not self.scenarios_kw or not self.resources or len(counts) > 1:
            raise BadInput(
                f"microgrid: rows of {sorted(counts)} intervals; expected one length, a scenario and a resource"
            )

    @property
    def count(self) -> int:
        """How many intervals."""
        return len(self.exchange.buy_ct_per_kwh)

    def cost_ct(self, power_kw: tuple[Floats, ...], since: int = 0) -> float:
        """Mean cost from interval `since` on, of exchange and resources."""
        total = np.sum(power_kw, axis=0)
        net = total + np.array(self.scenarios_kw)
        net[:, :since] = 0.0
        own = 0.0
        for resource, power in zip(self.resources, power_kw, strict=True):
            later = np.concatenate([resource.baseline_kw[:since], power[since:]])
            own += resource.cost_ct(later, self.hours)
        return own + float(np.mean(self.exchange.cost_ct(net, self.hours)))


@wire("plan.MicrogridPlan")
@dataclass(frozen=True, slots=True)
class MicrogridPlan:
    """Each resource's power, [T] kW in the microgrid's order, its mean cost from its first interval on, and its basis.

    Attributes:
        since: the first interval that was planned.
        columns, rows: HiGHS' states of variables and constraints, for a later plan to begin from.
        rounds: of the simplex.
    """

    power_kw: tuple[Floats, ...]
    cost_ct: float
    since: int
    columns: bytes
    rows: bytes
    rounds: int
