"""What the DSO's safety analysis tries of a congestion point's day: forecasts' quantiles, and something lost beside each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from agents.planning.forecast.like_day import fit
from agents.planning.grid_safety.assessment import PointGrid
from agents.planning.grid_safety.cases import SafetyCase, restores
from agents.roles.dso.config import DsoConfig, GridConnection
from agents.roles.dso.expected_power import ExpectedPower
from agents.roles.dso.meter_history import MeterHistory
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from environment.feeder import Line
from market.register.providers import aggregator_on

# Of all portfolios at once: errors of one sky go together, so this is the wide side.
BANDS: tuple[tuple[str, float | None], ...] = (("10 %", 0.1), ("expected", None), ("90 %", 0.9))
CHANCES = (0.1, 0.5, 0.9)  # of the bands that are published
NOTHING = "nothing lost"

Powers = Mapping[str, Floats]  # usage point -> [T] watts


@dataclass(frozen=True, slots=True)
class NodesExpected:
    """What is expected of some nodes, [T] watts and vars each."""

    nodes: tuple[str, ...]
    p_w: tuple[Floats, ...]
    q_var: tuple[Floats, ...]


class CaseBuilding:
    """Answers from what the DSO's parts hold; it remembers nothing itself."""

    def __init__(self, config: DsoConfig, expected: ExpectedPower, history: MeterHistory) -> None:
        self._config, self._expected, self._history = config, expected, history
        self._connections = {c.usage_point: c for c in config.connections}

    def expected(self, point: str, day: LocalDay) -> NodesExpected:
        """[T] watts and vars that are expected of each node in the point's part of the network."""
        powers = self._powers(point, day, None)
        nodes = tuple(sorted({self._connections[ean].node for ean in powers}))
        usual = {ean: self._history.usual_kvar(ean, day.count) * 1000 for ean in powers}
        return NodesExpected(nodes, self.by_node(nodes, powers, day), self.by_node(nodes, usual, day))

    def portfolio_bands(self, point: str, day: LocalDay) -> list[tuple[str, tuple[Floats, ...]]]:
        """(seller, [T] watts with each of `CHANCES`) of the portfolios at a point."""
        found = []
        for seller, place in self._config.pairs(day.day):
            if place == point:
                expected = self._expected.of_portfolio_w(seller, place, day)
                band = tuple(expected + self._expected.error_w(seller, place, day, chance) for chance in CHANCES)
                found.append((seller, band))
        return found

    def of(self, point: PointGrid, day: LocalDay) -> tuple[tuple[str, ...], tuple[SafetyCase, ...]]:
        """(the nodes, the cases of a point's day): each quantile of the forecasts, as it is and with each thing lost."""
        inside = set(point.below)
        expected, found = self.expected(point.identity, day), list[SafetyCase]()
        nodes, q_var = expected.nodes, expected.q_var
        for band, chance in BANDS:
            base = self._powers(point.identity, day, chance)
            below = [self._connections[ean] for ean in base if self._connections[ean].node in inside]
            for lost, powers in self._losses(day, below, base):
                found.append(SafetyCase(f"{lost}, {band}", self.by_node(nodes, powers, day), q_var))
            p_w = self.by_node(nodes, base, day)
            found += [
                SafetyCase(f"{point.branch} out, over {tie.name}, {band}", p_w, q_var, point.branch, tie)
                for tie in self._restoring(point)
            ]
        return nodes, tuple(found)

    def _restoring(self, point: PointGrid) -> tuple[Line, ...]:
        """The normally open lines that supply all nodes of the point's part of the network when its branch is out."""
        network = self._config.part_of(point.identity)
        return tuple(tie for tie in self._config.ties if restores(network, point.branch, tie))

    def _losses(self, day: LocalDay, below: list[GridConnection], base: Powers) -> Iterator[tuple[str, Powers]]:
        """(what is lost, the powers then)."""
        yield NOTHING, base
        if not below:
            return
        unit = max(below, key=lambda c: c.largest_unit_w)
        if unit.largest_unit_w:
            yield f"{unit.largest_unit} lost", {**base, unit.usage_point: self._without_unit(unit, day, base)}
        feeds_in = np.sum([base[c.usage_point] for c in below], axis=0) < 0
        blind = max(below, key=lambda c: c.contracted_w)
        yield (
            f"meter of {blind.usage_point} lost",
            {**base, blind.usage_point: self._unseen(blind, day, base, feeds_in)},
        )
        yield "communication lost", {**base, **{c.usage_point: self._uncontrolled(c, day, base) for c in below}}

    def _powers(self, point: str, day: LocalDay, chance: float | None) -> Powers:
        """What is expected of each connection, or at a quantile of its portfolio's error, shared by size."""
        found = {}
        for seller, place in self._config.pairs_near(point, day.day):
            members = self._config.of_seller(seller, place, day.day)
            usual = [self._history.usual_kw(c.usage_point, day.count) * 1000 for c in members]
            beside = self._expected.of_portfolio_w(seller, place, day) - np.sum(usual, axis=0)
            if chance is not None:
                beside = beside + self._expected.error_w(seller, place, day, chance)
            size_w = sum(c.contracted_w for c in members)
            for connection, own in zip(members, usual, strict=True):
                found[connection.usage_point] = own + beside * (connection.contracted_w / size_w)
        return found

    def _without_unit(self, connection: GridConnection, day: LocalDay, base: Powers) -> Floats:
        """Of what its connection usually does up to the unit's rating is gone, and of what is ordered there as much."""
        most_w = connection.largest_unit_w
        usual = self._history.usual_kw(connection.usage_point, day.count) * 1000
        ordered = self._expected.ordered_w(aggregator_on(connection, day.day), connection.congestion_point, day)
        gone: Floats = np.clip(usual, -most_w, most_w) + np.clip(ordered, -most_w, most_w)
        return base[connection.usage_point] - gone

    def _unseen(self, connection: GridConnection, day: LocalDay, base: Powers, feeds_in: Floats) -> Floats:
        """Nobody sees what it does: the most that it showed on the last days at that time, the way the point is loaded."""
        own = base[connection.usage_point]
        days = [fit(row, day.count) * 1000 for row in self._history.days_kw(connection.usage_point)]
        found: Floats = np.where(feeds_in, np.min([own, *days], axis=0), np.max([own, *days], axis=0))
        return found

    def _uncontrolled(self, connection: GridConnection, day: LocalDay, base: Powers) -> Floats:
        """Nothing that was ordered is done, and who has a limit on call is at its fail-safe."""
        seller, place = aggregator_on(connection, day.day), connection.congestion_point
        size_w = sum(c.contracted_w for c in self._config.of_seller(seller, place, day.day))
        share = connection.contracted_w / size_w
        own: Floats = base[connection.usage_point] - self._expected.ordered_w(seller, place, day) * share
        on_call = connection.terms.on_call
        return own if on_call is None else np.maximum(own, -float(on_call.fail_safe_export_w))

    def by_node(self, nodes: tuple[str, ...], powers: Powers, day: LocalDay) -> tuple[Floats, ...]:
        """[T] of each of these nodes; what has no power is 0."""
        found = {node: np.zeros(day.count) for node in nodes}
        for ean, power in powers.items():
            found[self._connections[ean].node] += power
        return tuple(found[node] for node in nodes)
