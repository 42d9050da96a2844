"""How far the agents' distributed dispatch is from the central optimum of the same problem, by cvxpy.

Only the auditor of an experiment can measure this, in the run's own process: it needs every member's private model, which is
neither sent nor published. It is the one reader of a role's state outside the role.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.planning.dispatch import central
from agents.planning.dispatch.admm import Band
from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.prosumer.member_session import MemberSession
from agents.roles.prosumer.vpp_member import VppMember, VppMemberState
from cim.codec.codec import decode
from cim.platform.publications.sessions import SessionConcluded
from cim.platform.store import values
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
    members = {name: _ended(data) for name, data in result.snapshots.items()}
    config = next(s.config for s in result.site_agents.agents if isinstance(s.config, AggregatorConfig))
    concluded = values(result.store, SessionConcluded)
    offers = [s for s in concluded if s.members and s.purpose == "offer"]
    rounds = max((s.rounds for s in concluded), default=0)
    offers = [s for s in offers if all(s.session in members[name] for name in s.members)]
    offers.sort(key=lambda s: -_size(s))
    found = best = 0.0
    compared = offers[:LARGEST]
    for session in compared:
        sessions: list[MemberSession] = [members[name][session.session] for name in session.members]
        models = [model for member in sessions for model in member.models]
        moved = [deviation for member in sessions for deviation in member.deviations_kw]
        hours = result.site_agents.rules.hours
        band = Band(np.array(session.low_kw), np.array(session.high_kw), config.shortage_ct_per_kwh, hours)
        found += central.cost_of(models, moved, band)
        best += central.solve(models, band).cost
    return Gap(rounds, (found - best) / abs(best) if best else 0.0, len(compared))


def _ended(snapshot: bytes) -> dict[str, MemberSession]:
    """The last day's sessions in a prosumer's snapshot, by their id."""
    states: dict[str, VppMemberState] = decode(snapshot)[2]
    return states[VppMember.__name__].past_sessions


def _size(session: SessionConcluded) -> float:
    low, high = np.array(session.low_kw), np.array(session.high_kw)
    return float(np.maximum(low, 0).sum() + np.maximum(-high, 0).sum())
