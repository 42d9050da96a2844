"""What the DSO expects its grid to carry: promises where something is ordered, else prognoses, else usual days."""

from __future__ import annotations

import numpy as np

from agents.roles.dso.config import DsoConfig
from agents.roles.dso.meter_history import MeterHistory
from agents.roles.dso.ordering import Ordering
from agents.roles.dso.prognoses import Prognoses
from agents.roles.parts.keys import SellerPointDay
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay


class ExpectedPower:
    """Answers from what the DSO's parts hold; it remembers nothing itself."""

    def __init__(self, config: DsoConfig, prognoses: Prognoses, ordering: Ordering, history: MeterHistory) -> None:
        self.config, self._prognoses, self._ordering, self._history = config, prognoses, ordering, history

    def of_portfolio_w(self, seller: str, point: str, day: LocalDay) -> Floats:
        """[T] what a seller's portfolio will draw: what it promised where something is ordered, else its prognosis."""
        place = SellerPointDay(seller, point, day.day)
        prognosis = self._prognoses.newest(place)
        if prognosis is None:
            members = self.config.of_seller(seller, point)
            usual = [self._history.usual_kw(c.usage_point, day.count) for c in members]
            expected: Floats = np.sum(usual, axis=0) * 1000
        else:
            expected = np.array(prognosis.power_w, dtype=np.float64)
        for isp, promised_w in self._ordering.promised_w(place).items():
            expected[isp - 1] = promised_w
        return expected

    def of_nodes_w(self, day: LocalDay) -> tuple[tuple[str, ...], tuple[Floats, ...]]:
        """Nodes and their net power [T] each: prognoses shared out by what the meters showed on the last days."""
        nodes: dict[str, Floats] = {}
        for seller, point in self.config.pairs:
            members = self.config.of_seller(seller, point)
            usual = np.array([self._history.usual_kw(c.usage_point, day.count) for c in members]) * 1000
            rest = self.of_portfolio_w(seller, point, day) - usual.sum(axis=0)
            size_w = sum(c.contracted_w for c in members)
            for connection, power in zip(members, usual, strict=True):
                own = power + rest * (connection.contracted_w / size_w)
                known = nodes.get(connection.node)
                nodes[connection.node] = own if known is None else known + own
        names = tuple(sorted(nodes))
        return names, tuple(nodes[name] for name in names)
