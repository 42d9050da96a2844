"""What the sections need of a run, gathered once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np

from agents.planning.grid_safety.assessment import PointGrid
from cim.model.arrays import Floats
from cim.platform.publications.base import Publication
from cim.platform.publications.settlement import (
    OrderAnswer,
    SettledOrder,
    SettlementAnswered,
    SettlementTold,
    last_revisions,
)
from cim.platform.store import values
from experiments.report.timeline import Timeline
from experiments.run.columns.column import Column, ColumnName
from experiments.run.dispatch.audit import DispatchAudit
from experiments.run.grid import ByKind, GridRecord, Truth
from experiments.run.run import RunResult
from market.settlement.payments import Payment

P = TypeVar("P", bound=Publication)


@dataclass(frozen=True)
class RunData:
    """A run beside the same days run in other ways; see `experiments.report.page.write_report`.

    Attributes:
        columns, grids: every column and its power flow; local and market are among them.
        summary: as summary.json holds it.
        dispatch: what the auditor found of the sessions; None where nobody audited them.
    """

    result: RunResult
    columns: dict[ColumnName, Column]
    grids: dict[ColumnName, GridRecord]
    summary: dict[str, Any]
    dispatch: DispatchAudit | None = None

    @property
    def with_(self) -> GridRecord:
        """The grid with flexibility."""
        return self.grids[ColumnName.MARKET]

    @property
    def without(self) -> GridRecord:
        """The grid under local rules alone."""
        return self.grids[ColumnName.LOCAL]

    @property
    def without_kinds(self) -> ByKind:
        """Power by kind under local rules alone."""
        return self.columns[ColumnName.LOCAL].by_kind

    @property
    def without_truth(self) -> Truth:
        """What really flowed under local rules alone."""
        return self.columns[ColumnName.LOCAL].truth

    @cached_property
    def time(self) -> Timeline:
        """The ISPs of all operated days."""
        return Timeline(self.result.site_agents.rules.periods)

    def values(self, family: type[P]) -> list[P]:
        """All publications of a family, in order."""
        if family not in self._told:
            self._told[family] = values(self.result.store, family)
        return cast("list[P]", self._told[family])

    @cached_property
    def _told(self) -> dict[type[Publication], Sequence[Publication]]:
        return {}

    @cached_property
    def payments(self) -> list[Payment]:
        """Every payment made, in order."""
        return list(self.columns[ColumnName.MARKET].payments)

    def name(self, domain: str) -> str:
        """The agent behind a domain."""
        return self.result.site_agents.rules.name_of(domain) or domain

    @cached_property
    def point_titles(self) -> dict[str, str]:
        """Congestion points by identity, in words."""
        return {point.id: point.title for point in self.result.site.congestion_points}

    @cached_property
    def points(self) -> tuple[PointGrid, ...]:
        """What the DSO watches on behalf of each congestion point."""
        return next((spec.config.points for spec in self.result.site_agents.agents if spec.kind == "dso"), ())

    @cached_property
    def element_kinds(self) -> dict[str, str]:
        """A device's name -> the site file's kind of it."""
        site = self.result.site
        return {p.device_name(device): device.kind for p in site.prosumers for device in p.devices}

    @cached_property
    def dso_settlements(self) -> list[SettlementTold]:
        """Settlements between the DSO and its sellers."""
        domain = self.result.site.dso.domain
        return [told for told in last_revisions(self.values(SettlementTold)) if told.buyer == domain]

    @cached_property
    def member_settlements(self) -> list[SettlementTold]:
        """Settlements between an aggregator and its members."""
        domains = {party.domain for party in self.result.site.aggregators}
        return [told for told in last_revisions(self.values(SettlementTold)) if told.buyer in domains]

    @cached_property
    def answers(self) -> dict[tuple[str, str], OrderAnswer]:
        """What a seller said, by the settlement's and the order's reference."""
        return {
            (told.settlement, answer.order_reference): answer
            for told in self.values(SettlementAnswered)
            for answer in told.answers
        }

    def settled(self, told: Iterable[SettlementTold]) -> Iterator[tuple[SettlementTold, SettledOrder]]:
        """Every settled order with the settlement it came in."""
        for settlement in told:
            for order in settlement.orders:
                yield settlement, order

    def spread(self, orders: Iterable[SettledOrder], field: str) -> Floats:
        """[ISPs of the span] kW: the sum of one field over orders' settlements."""
        row = np.zeros(self.time.count)
        for order in orders:
            first = self.time.offset(order.period)
            if first < 0:
                continue
            for isp in order.isps:
                row[first + isp.start - 1 : first + isp.start - 1 + isp.duration] += getattr(isp, field) / 1000
        return row

    @cached_property
    def ordered_kw(self) -> Floats:
        """[ISPs of the span] kW that the DSO ordered, over all its congestion points."""
        return self.spread((order for _, order in self.settled(self.dso_settlements)), "ordered_flex_power_w")
