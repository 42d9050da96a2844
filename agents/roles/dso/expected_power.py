"""What the DSO expects its grid to carry: promises where something is ordered, else prognoses, else usual days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from agents.roles.dso.config import DsoConfig, GridConnection
from agents.roles.dso.forecast_errors import ForecastErrors
from agents.roles.dso.meter_history import MeterHistory
from agents.roles.dso.ordering import Ordering
from agents.roles.dso.prognoses import Prognoses
from agents.roles.parts.keys import SellerPointDay
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from market.register.providers import aggregator_on


@dataclass(frozen=True, slots=True)
class NodePowers:
    """What is expected at each node with connections, [T] each: watts and vars.

    Attributes:
        sure_w: watts as they will be almost surely, nearer to zero.
        most_w: watts as they may well be, further from zero.
    """

    nodes: tuple[str, ...]
    p_w: tuple[Floats, ...]
    q_var: tuple[Floats, ...]
    sure_w: tuple[Floats, ...]
    most_w: tuple[Floats, ...]


class ExpectedPower:
    """Answers from what the DSO's parts hold; it remembers nothing itself."""

    def __init__(
        self,
        config: DsoConfig,
        *,
        prognoses: Prognoses,
        ordering: Ordering,
        history: MeterHistory,
        errors: ForecastErrors,
    ) -> None:
        self.config, self._prognoses, self._ordering = config, prognoses, ordering
        self._history, self._errors = history, errors

    def of_portfolio_w(self, seller: str, point: str, day: LocalDay) -> Floats:
        """[T] what a seller's portfolio will draw: what it promised where something is ordered, else its prognosis."""
        expected = self._prognosis_w(seller, point, day)
        for isp, promised_w in self._ordering.promised_w(SellerPointDay(seller, point, day.day)).items():
            expected[isp - 1] = promised_w
        return expected

    def _prognosis_w(self, seller: str, point: str, day: LocalDay) -> Floats:
        prognosis = self._prognoses.newest(SellerPointDay(seller, point, day.day))
        if prognosis is not None:
            return np.array(prognosis.power_w, dtype=np.float64)
        members = self.config.of_seller(seller, point, day.day)
        usual = [self._history.usual_kw(c.usage_point, day.count) for c in members]
        expected: Floats = np.sum(usual, axis=0) * 1000
        return expected

    def of_connection_w(self, connection: GridConnection, day: LocalDay) -> Floats:
        """[T] what one connection will draw: usual days, and its share by size of what its seller expects beside them."""
        seller, point = aggregator_on(connection, day.day), connection.congestion_point
        members = self.config.of_seller(seller, point, day.day)
        usual = [self._history.usual_kw(c.usage_point, day.count) * 1000 for c in members]
        rest = self.of_portfolio_w(seller, point, day) - np.sum(usual, axis=0)
        share = connection.contracted_w / sum(c.contracted_w for c in members)
        own: Floats = self._history.usual_kw(connection.usage_point, day.count) * 1000 + rest * share
        return own

    def sure_w(self, seller: str, point: str, day: LocalDay, now: datetime, chances: Floats) -> Floats:
        """[T] the power beyond which (seen from zero) a portfolio will be with these chances ([T], 0 to 1).

        Where something is ordered the level is held: nobody is beyond what is promised.
        """
        place = SellerPointDay(seller, point, day.day)
        prognosis, foretold = self._prognoses.newest(place), self._prognosis_w(seller, point, day)
        foretold += self._ordered_since_w(place, day)
        at = now if prognosis is None else prognosis.header.time_stamp
        feeds_in = foretold < 0
        error = self._errors.quantiles_w(seller, point, day, at, np.where(feeds_in, chances, 1 - chances))
        sure = np.where(feeds_in, np.minimum(foretold + error, 0.0), np.maximum(foretold + error, 0.0))
        promised, ordered = self._ordering.promised_w(place), self._ordering.ordered_w(place)
        for isp, level in promised.items():
            held = max if ordered.get(isp, 0) > 0 else min
            sure[isp - 1] = held(float(sure[isp - 1]), float(level))
        return sure

    def error_w(self, seller: str, point: str, day: LocalDay, chance: float) -> Floats:
        """[T] what the error of a portfolio's newest prognosis (metered less foretold) does not exceed with a chance of 0 to 1."""
        prognosis = self._prognoses.newest(SellerPointDay(seller, point, day.day))
        at = day.start if prognosis is None else prognosis.header.time_stamp
        return self._errors.quantiles_w(seller, point, day, at, np.full(day.count, chance))

    def ordered_w(self, seller: str, point: str, day: LocalDay) -> Floats:
        """[T] what is ordered of a portfolio."""
        found = np.zeros(day.count)
        for isp, power_w in self._ordering.ordered_w(SellerPointDay(seller, point, day.day)).items():
            found[isp - 1] = power_w
        return found

    def _ordered_since_w(self, place: SellerPointDay, day: LocalDay) -> Floats:
        """[T] what was ordered after the newest prognosis was sent, which so says nothing of it: it is not bought again."""
        prognosis, moved = self._prognoses.newest(place), np.zeros(day.count)
        for order in self._ordering.at(place):
            if prognosis is None or order.header.time_stamp >= prognosis.header.time_stamp:
                for row in order.isps:
                    moved[row.start - 1 : row.start - 1 + row.duration] += row.power_w
        return moved

    def of_nodes(
        self, day: LocalDay, now: datetime, chances: Floats, pairs: Sequence[tuple[str, str]] | None = None
    ) -> NodePowers:
        """Prognoses (and what is sure with these chances) shared out by what the meters showed on the last days.

        Of the portfolios of these pairs of seller and congestion point, for example of one part of the grid; else of all.

        What may well be is what comes with the chance that the DSO leaves to its own right when it buys what is sure.
        """
        p_w, q_var, sure_w, most_w = dict[str, Floats](), dict[str, Floats](), dict[str, Floats](), dict[str, Floats]()
        zero, unlikely = np.zeros(day.count), np.full(day.count, 1 - self.config.buying_rules.sure_pct / 100)
        for seller, point in self.config.pairs(day.day) if pairs is None else pairs:
            members = self.config.of_seller(seller, point, day.day)
            usual = np.array([self._history.usual_kw(c.usage_point, day.count) for c in members]) * 1000
            expected = self.of_portfolio_w(seller, point, day)
            rest, surely = expected - usual.sum(axis=0), self.sure_w(seller, point, day, now, chances) - expected
            at_most = self.sure_w(seller, point, day, now, unlikely) - expected
            size_w = sum(c.contracted_w for c in members)
            for connection, power in zip(members, usual, strict=True):
                node, share = connection.node, connection.contracted_w / size_w
                own = power + rest * share
                p_w[node] = p_w.get(node, zero) + own
                sure_w[node] = sure_w.get(node, zero) + own + surely * share
                most_w[node] = most_w.get(node, zero) + own + at_most * share
                q_var[node] = q_var.get(node, zero) + self._history.usual_kvar(connection.usage_point, day.count) * 1000
        names = tuple(sorted(p_w))
        return NodePowers(names, *(tuple(of[name] for name in names) for of in (p_w, q_var, sure_w, most_w)))
