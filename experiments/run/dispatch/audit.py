"""The dispatch of a run, audited: each session, and the sellers of a request together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

from agents.planning.dispatch.admm import Band, Outcome
from agents.planning.dispatch.flexibility import Flexibility, Storable
from agents.planning.dispatch.sellers import LEAST_CT, shared_band
from agents.planning.dispatch.storage_step import stored
from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.prosumer.member_session import MemberSession
from cim.codec.codec import decode
from cim.model.arrays import Floats
from cim.platform.publications.sessions import PointCoordinated, SessionConcluded
from cim.platform.store import values
from experiments.run.dispatch.gaps import Gap, gap_of, together
from experiments.run.run import RunResult
from market.ledger.reader import LedgerReader
from market.uftp import FlexOrder

Prices = Mapping[str, tuple[int, int]]  # session -> what the DSO pays, and what members get, ten-thousandths
Factors = Mapping[tuple[str, str], float]  # (session, member's domain) -> share of its deviation that was ordered


@dataclass(frozen=True, slots=True)
class SystemGap:
    """What was ordered of the offers for a request, beside the same amount from the models of all who answered it at once.

    Attributes:
        gap: over the models of all.
        called: over those alone of members that were ordered something.
        dso_pays_e4, members_get_e4: for these orders, wholly delivered; what costs are is not in them, nor they in any gap.
    """

    congestion_point: str
    sessions: tuple[str, ...]
    gap: Gap
    called: Gap
    dso_pays_e4: int = 0
    members_get_e4: int = 0

    @property
    def choice_ct(self) -> float:
        """What it would have saved to call other members too: they are chosen by their contracts' prices, not by costs."""
        return self.called.bound_ct - self.gap.bound_ct


@dataclass(frozen=True, slots=True)
class DispatchAudit:
    """All sessions of a run.

    Attributes:
        concluded: those in which somebody took part, in order.
        gaps: of those of them that did not fail, by session; those of a coordinated request are one split of all its
            sellers and have one gap.
        system: of each request of which something was ordered.
        coordinated: of each request that the DSO coordinated, what it told of it.
    """

    concluded: tuple[SessionConcluded, ...]
    gaps: dict[str, Gap]
    system: tuple[SystemGap, ...]
    coordinated: tuple[PointCoordinated, ...] = ()

    @property
    def splits(self) -> list[Gap]:
        """The gap of each split: of a session by itself, or of all that kept to a request together."""
        return list({id(gap): gap for gap in self.gaps.values()}.values())

    def ended(self, outcome: Outcome) -> int:
        """How many sessions ended so."""
        return sum(session.status == outcome for session in self.concluded)

    @property
    def rounds(self) -> int:
        """Of the longest session."""
        return max((session.rounds for session in self.concluded), default=0)

    @property
    def worst(self) -> float:
        """The largest relative gap of a split."""
        return max((gap.relative for gap in self.splits), default=0.0)

    @property
    def worst_e4(self) -> int:
        """The gap of that split as money, ten-thousandths."""
        return max((gap.relative, gap.absolute_e4) for gap in self.splits)[1] if self.gaps else 0

    @property
    def largest_e4(self) -> int:
        """The largest gap of a split as money, ten-thousandths."""
        return max((gap.absolute_e4 for gap in self.splits), default=0)

    @property
    def overall_e4(self) -> int:
        """All splits' gaps together as money, ten-thousandths."""
        return round(100 * sum(gap.found_ct - gap.bound_ct for gap in self.splits))

    @property
    def median(self) -> float:
        """The median of the splits' relative gaps."""
        return median(gap.relative for gap in self.splits) if self.gaps else 0.0

    @property
    def overall(self) -> float:
        """The relative gap of all splits as one."""
        return together(self.splits)

    @property
    def system_gap(self) -> float:
        """The relative gap of all requests as one: all sellers' models together against what was ordered."""
        return together([one.gap for one in self.system])

    @property
    def system_gap_e4(self) -> int:
        """The same as money, ten-thousandths: what owners would save together."""
        return round(100 * sum(one.gap.found_ct - one.gap.bound_ct for one in self.system))

    @property
    def ordered_cost_e4(self) -> int:
        """What all that was ordered costs its owners, ten-thousandths."""
        return round(100 * sum(one.gap.found_ct for one in self.system))

    @property
    def certified(self) -> tuple[PointCoordinated, ...]:
        """The coordinated requests whose gap the DSO could bound."""
        return tuple(one for one in self.coordinated if one.gap_ct is not None)

    @property
    def certified_gap(self) -> float | None:
        """The bound of their gaps as one, by the sums that were told alone; None where nothing was certified."""
        over = sum(max(abs(one.worth_ct), LEAST_CT) for one in self.certified)
        return sum(one.gap_ct or 0.0 for one in self.certified) / over if over else None

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
    factors, prices = ordered_shares(ledger), ordered_prices(ledger)
    requests: dict[tuple[object, ...], list[SessionConcluded]] = {}
    for s in kept:
        if s.purpose == "offer":
            about = (s.at.replace(microsecond=0), s.congestion_point, s.period, s.first_isp, *map(tuple, asked_kw(s)))
            requests.setdefault(about, []).append(s)
    gaps = {s.session: _gap(result, [s], {}) for s in kept if not s.coordinated}
    for sessions in requests.values():
        # Their rooms add up, so that one may use what another leaves: only together can they be told from the best.
        at_once = [s for s in sessions if s.coordinated]
        if at_once:
            gaps |= dict.fromkeys((s.session for s in at_once), _gap(result, at_once, {}))
    system = tuple(
        _system_gap(result, sessions, factors, prices)
        for sessions in requests.values()
        if any(session == s.session for session, _ in factors for s in sessions)
    )
    return DispatchAudit(told, gaps, system, tuple(values(result.store, PointCoordinated)))


def ordered_prices(ledger: Path) -> Prices:
    """What the DSO pays for each session's split, and what the members get of it, by the recorded orders."""
    prices: dict[str, tuple[int, int]] = {}
    with LedgerReader(ledger) as reader:
        for kind, pays, gets in (("flex-order", 1, 0), ("member-order", 0, 1)):
            for record in reader.records(kind=kind):
                order: FlexOrder = decode(record.body)
                session = (order.option_reference or "").partition("/")[0]
                paid, got = prices.get(session, (0, 0))
                prices[session] = paid + pays * order.price, got + gets * order.price
    return prices


def ordered_shares(ledger: Path) -> Factors:
    """What was ordered of each member's part of a split, by the recorded orders."""
    with LedgerReader(ledger) as reader:
        orders: list[FlexOrder] = [decode(record.body) for record in reader.records(kind="member-order")]
    return {
        (order.option_reference or "", order.header.recipient_domain): order.activation_factor_pct / 100
        for order in orders
    }


def _system_gap(result: RunResult, sessions: Sequence[SessionConcluded], factors: Factors, prices: Prices) -> SystemGap:
    all_of_them, called = (_gap(result, sessions, factors, called) for called in (False, True))
    names = tuple(s.session for s in sessions)
    paid, got = (sum(prices.get(name, (0, 0))[k] for name in names) for k in (0, 1))
    return SystemGap(sessions[0].congestion_point, names, all_of_them, called, paid, got)


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
    total_kw = np.sum(moved, axis=0)
    if factors:
        band = as_ordered(band, total_kw)
    return gap_of(models, moved, band)


def asked_kw(session: SessionConcluded) -> tuple[Floats, Floats]:
    """[T] kW asked for upwards and downwards: the same of every seller, unlike the room for what else they do."""
    return np.maximum(session.low_kw, 0.0), np.minimum(session.high_kw, 0.0)


def shared_band_kw(sessions: Sequence[SessionConcluded]) -> tuple[Floats, Floats]:
    """[T] least and most of the sellers together: what is asked for once, and the room that each was left."""
    bands = [Band(np.array(session.low_kw), np.array(session.high_kw), 0.0, 0.0) for session in sessions]
    shared = shared_band(bands)
    return shared.low_kw, shared.high_kw


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
