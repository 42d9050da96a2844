"""The home's batteries that serve the site: what the ILES manager plans of them, and what it is told for that."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from agents.planning.elements.battery import EFFICIENCY
from agents.planning.microgrid.own_use import SharedStore
from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.parts.filing import NoState
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.day_planning import DayPlanning
from agents.roles.prosumer.element_reports import value
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.prosumer.site_plans import serving
from agents.roles.prosumer.told import DayForeseen, ElementReported
from agents.roles.site_use_messages import HomeOutlook, StoreTold
from cim.model.intervals import LocalDay
from cim.model.readings import Kind


class SiteTelling(Part[NoState]):
    """Tells the manager what the home will draw without such batteries, and what these hold when each ISP begins."""

    def __init__(
        self,
        me: AgentIdentity,
        config: ProsumerConfig,
        *,
        planning: DayPlanning,
        held: HeldOrders,
    ) -> None:
        super().__init__(me, NoState())
        self._config, self._planning, self._held = config, planning, held
        self._serving = serving(config)

    @on(DayForeseen)
    def foreseen(self, event: DayForeseen, now: datetime) -> list[Effect]:
        """The outlook of a day, where the site is served at all."""
        if not self._config.site_served:
            return []
        day = event.day
        shared = (self._planning.expected_kw(name, day) for name in self._serving)
        rest_kw = self._planning.connection_kw(day) - sum(shared, start=np.zeros(day.count))
        stores = tuple(self._store(name, day, now) for name in self._serving)
        return [Send(self._config.market, HomeOutlook(day.day, rest_kw, stores))]

    def _store(self, name: str, day: LocalDay, now: datetime) -> SharedStore:
        known = self._planning.knowledge(name, day, max(now, day.start))
        element = known.config
        return SharedStore(
            name,
            capacity_kwh=element.capacity_wh / 1000,
            floor_kwh=element.reserve_wh / 1000,
            in_kw=element.consumption_w / 1000,
            out_kw=element.generation_w / 1000,
            efficiency=EFFICIENCY,
            stored_kwh=known.stored_kwh,
            held_kw=self._held.held_kw(name, day),
        )

    @on(ElementReported)
    def reported(self, event: ElementReported, now: datetime) -> list[Effect]:
        """What such a battery holds as an ISP begins."""
        report, stored_wh = event.report, value(event.report, Kind.STORED_ENERGY)
        if report.element not in self._serving or stored_wh is None:
            return []
        day = self.rules.day_of(report.at)
        if report.at != day.isp_start(day.isp_of(report.at)):
            return []
        return [Send(self._config.market, StoreTold(report.element, report.at, stored_wh / 1000))]
