"""The dispatch of a run, audited: each session, and the sellers of a request together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

from agents.planning.dispatch.admm import Band, Outcome
from agents.planning.dispatch.flexibility import Flexibility, Storable
from agents.planning.dispatch.storage_step import stored
from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.prosumer.member_session import MemberSession
from cim.codec.codec import decode
from cim.model.arrays import Floats
from cim.platform.publications.sessions import SessionConcluded
from cim.platform.store import values
from experiments.run.dispatch.gaps import Gap, gap_of, together
from experiments.run.run import RunResult
from market.ledger.reader import LedgerReader
from market.uftp import FlexOrder

Factors = Mapping[tuple[str, str], float]  # (session, member's domain) -> share of its deviation that was ordered


@dataclass(frozen=True, slots=True)
class SystemGap:
    """What was ordered of the offers for a request, beside the same amount from the models of all who answered it at once.

    Attributes:
        gap: over the models of all.
        called: over those alone of members that were ordered something.
    """

    congestion_point: str
    sessions: tuple[str, ...]
    gap: Gap
    called: Gap

    @property
    def choice_ct(self) -> float:
        """What it would have saved to call other members too: they are chosen by their contracts' prices, not by costs."""
        return self.called.bound_ct - self.gap.bound_ct


@dataclass(frozen=True, slots=True)
class DispatchAudit:
    """All sessions of a run.

    Attributes:
        concluded: those in which somebody took part, in order.
        gaps: of those of them that did not fail, by session.
        system: of each request of which something was ordered.
    """

    concluded: tuple[SessionConcluded, ...]
    gaps: dict[str, Gap]
    system: tuple[SystemGap, ...]

    def ended(self, outcome: Outcome) -> int:
        """How many sessions ended so."""
        return sum(session.status == outcome for session in self.concluded)

    @property
    def rounds(self) -> int:
        """Of the longest session."""
        return max((session.rounds for session in self.concluded), default=0)

    @property
    def worst(self) -> float:
        """The largest relative gap of a session."""
        return max((gap.relative for gap in self.gaps.values()), default=0.0)

    @property
    def worst_e4(self) -> int:
        """The gap of that session as money, ten-thousandths."""
        return max((gap.relative, gap.absolute_e4) for gap in self.gaps.values())[1] if self.gaps else 0

    @property
    def largest_e4(self) -> int:
        """The largest gap of a session as money, ten-thousandths."""
        return max((gap.absolute_e4 for gap in self.gaps.values()), default=0)

    @property
    def overall_e4(self) -> int:
        """All sessions' gaps together as money, ten-thousandths."""
        return round(100 * sum(gap.found_ct - gap.bound_ct for gap in self.gaps.values()))

    @property
    def median(self) -> float:
        """The median of the sessions' relative gaps."""
        return median(gap.relative for gap in self.gaps.values()) if self.gaps else 0.0

    @property
    def overall(self) -> float:
        """The relative gap of all sessions as one."""
        return together(list(self.gaps.values()))

    @property
    def system_gap(self) -> float:
        """The relative gap of all requests as one: all sellers' models together against what was ordered."""
        return together([one.gap for one in self.system])

    @property
    def choice_gap(self) -> float:
        """The part of it that is who was called; the rest is how what they were asked for was split among them."""
        over = sum(one.gap.over_ct for one in self.system)
        return sum(one.choice_ct for one in self.system) / over if self.system else 0.0


def audit(result: RunResult, ledger: Path) -> DispatchAudit:
    """Solve every session again, and every request that led to an order with all its sellers together."""
    told = tuple(s for s in values(result.store, SessionConcluded) if s.members)
    kept = [
        s
        for s in told
        if s.status != Outcome.FAILED and set(s.members) <= set(result.ended_sessions.get(s.session, {}))
    ]
    gaps = {s.session: _gap(result, [s], {}) for s in kept}
    factors = ordered_shares(ledger)
    requests: dict[tuple[object, ...], list[SessionConcluded]] = {}
    for s in kept:
        if s.purpose == "offer":
            about = (s.at.replace(microsecond=0), s.congestion_point, s.period, s.first_isp, *map(tuple, asked_kw(s)))
            requests.setdefault(about, []).append(s)
    system = tuple(
        _system_gap(result, sessions, factors)
        for sessions in requests.values()
        if any(session == s.session for session, _ in factors for s in sessions)
    )
    return DispatchAudit(told, gaps, system)


def ordered_shares(ledger: Path) -> Factors:
    """What was ordered of each member's part of a split, by the recorded orders."""
    with LedgerReader(ledger) as reader:
        orders: list[FlexOrder] = [decode(record.body) for record in reader.records(kind="member-order")]
    return {
        (order.option_reference or "", order.header.recipient_domain): order.activation_factor_pct / 100
        for order in orders
    }


def _system_gap(result: RunResult, sessions: Sequence[SessionConcluded], factors: Factors) -> SystemGap:
    all_of_them, called = (_gap(result, sessions, factors, called) for called in (False, True))
    return SystemGap(sessions[0].congestion_point, tuple(s.session for s in sessions), all_of_them, called)


def _gap(result: RunResult, sessions: Sequence[SessionConcluded], factors: Factors, called: bool = False) -> Gap:
    """The gap of one session, or of several that answered one request: of them only what was ordered was done.

    Args:
        called: with the models of those alone who were ordered something.
    """
    rules, config = result.site_agents.rules, _aggregator(result)
    models: list[Flexibility] = []
    moved: list[Floats] = []
    for s in sessions:
        for name in s.members:
            own: MemberSession = result.ended_sessions[s.session][name]
            share = factors.get((s.session, rules.domains[name]), 0.0) if factors else 1.0
            if called and not share:
                continue
            models += [with_plan(model) for model in own.models] if factors else own.models
            moved += [share * deviation for deviation in own.deviations_kw]
    band = Band(*shared_band_kw(sessions), config.shortage_ct_per_kwh, rules.hours)
    return gap_of(models, moved, as_ordered(band, np.sum(moved, axis=0)) if factors else band)


def asked_kw(session: SessionConcluded) -> tuple[Floats, Floats]:
    """[T] kW asked for upwards and downwards: the same of every seller, unlike the room for what else they do."""
    return np.maximum(session.low_kw, 0.0), np.minimum(session.high_kw, 0.0)


def shared_band_kw(sessions: Sequence[SessionConcluded]) -> tuple[Floats, Floats]:
    """[T] least and most of the sellers together: what is asked for once, and the room that each was left."""
    up, down = asked_kw(sessions[0])
    low = np.where(up > 0, up, np.sum([session.low_kw for session in sessions], axis=0))
    high = np.where(down < 0, down, np.sum([session.high_kw for session in sessions], axis=0))
    return low, high


def with_plan(model: Flexibility) -> Flexibility:
    """The model in whose bounds its plan is too: what nobody orders runs by it, whatever its owner thought it could hold."""
    if not isinstance(model, Storable):
        return model
    path = model.energy_kwh + np.cumsum(stored(model.store, model.plan_kw))
    floor, ceiling = np.minimum(model.floor_kwh, path), np.maximum(model.ceiling_kwh, path)
    return replace(model, floor_kwh=floor, ceiling_kwh=ceiling)


def as_ordered(band: Band, ordered_kw: Floats) -> Band:
    """The band of a request that asks for no more than was ordered: how much the DSO takes is its own choice."""
    low = np.where(band.low_kw > 0, np.minimum(band.low_kw, ordered_kw), band.low_kw)
    high = np.where(band.high_kw < 0, np.maximum(band.high_kw, ordered_kw), band.high_kw)
    return replace(band, low_kw=low, high_kw=high)


def _aggregator(result: RunResult) -> AggregatorConfig:
    return next(spec.config for spec in result.site_agents.agents if isinstance(spec.config, AggregatorConfig))
