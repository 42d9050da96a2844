"""How far the agents' distributed dispatch is from the central optimum of the same problem, by cvxpy.

Only the operator of an experiment can ask this: it takes every member's private model from its own snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.planning.dispatch import central
from agents.planning.dispatch.admm import Band
from agents.roles.aggregator.state import AggregatorConfig
from agents.roles.prosumer.state import MemberSession
from cim.codec.codec import decode
from experiments.run.run import RunResult

LARGEST = 4  # sessions of the last day that are solved again; the others are alike and smaller


@dataclass(frozen=True)
class Gap:
    """ADMM against central optimum over the sessions compared.

    Attributes:
        rounds: of the longest.
        relative_gap: (cost found - optimal cost) / optimal cost over all of them.
        sessions: how many were compared.
    """

    rounds: int
    relative_gap: float
    sessions: int


def measure(result: RunResult) -> Gap:
    """Solve the largest offer sessions of the last day centrally and compare the cost."""
    members = {name: decode(data)[1].past_sessions for name, data in result.snapshots.items()}
    config = next(s.config for s in result.site_agents.agents if isinstance(s.config, AggregatorConfig))
    offers = [v for v in result.collector.values("dispatch") if v["members"] and v["purpose"] == "offer"]
    rounds = max((v["rounds"] for v in result.collector.values("dispatch")), default=0)
    offers = [v for v in offers if all(v["session"] in members[name] for name in v["members"])]
    offers.sort(key=lambda v: -_size(v))
    found = best = 0.0
    compared = offers[:LARGEST]
    for figures in compared:
        sessions: list[MemberSession] = [members[name][figures["session"]] for name in figures["members"]]
        models = [model for session in sessions for model in session.models]
        moved = [deviation for session in sessions for deviation in session.deviations_kw]
        hours = result.site_agents.rules.hours
        band = Band(figures["low_kw"], figures["high_kw"], config.shortage_ct_per_kwh, hours)
        found += central.cost_of(models, moved, band)
        best += central.solve(models, band).cost
    return Gap(rounds, (found - best) / abs(best) if best else 0.0, len(compared))


def _size(figures: dict[str, Any]) -> float:
    low, high = np.asarray(figures["low_kw"]), np.asarray(figures["high_kw"])
    return float(np.maximum(low, 0).sum() + np.maximum(-high, 0).sum())
