"""What the connection could give, told to its aggregator before each prognosis: the sum of its elements, never one by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np

from agents.planning.dispatch.flexibility import Flexibility
from agents.planning.elements.element import PlanWindow
from agents.planning.instance.bands import BothWays, bands_of, merged
from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.instance_messages import HomeFlexibility
from agents.roles.part import Part, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.filing import NoState
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.day_planning import DayPlanning
from agents.roles.prosumer.supply_limits import SupplyLimits
from agents.roles.prosumer.told import DayForeseen
from cim.model.intervals import LocalDay
from market.contracts.contract import FlexContract
from market.register.providers import aggregator_on

Models = Callable[[PlanWindow, FlexContract], tuple[Flexibility, ...]]


class FlexibilityTelling(Part[NoState]):
    """Adds up what the elements under contract could give from the next ISP on.

    Args:
        models: of the elements that could move in a window.
    """

    def __init__(
        self,
        me: AgentIdentity,
        config: ProsumerConfig,
        *,
        contracts: Contracts,
        planning: DayPlanning,
        supply: SupplyLimits,
        models: Models,
    ) -> None:
        super().__init__(me, NoState())
        self._config, self._contracts, self._planning = config, contracts, planning
        self._supply, self._models = supply, models

    @on(DayForeseen)
    def foreseen(self, event: DayForeseen, now: datetime) -> list[Effect]:
        """Tell it, where flexibility is traded."""
        if not self.rules.flexibility:
            return []
        day = event.day
        to = aggregator_on(self._config, day.day)
        rest = np.rint(self._rest_kw(day) * 1000).astype(np.int64)
        told = HomeFlexibility(self._config.usage_point, day.day, self._gives(to, day, now), tuple(rest.tolist()))
        return [Send(to, told)]

    def _rest_kw(self, day: LocalDay) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        drawn = (np.maximum(self._planning.expected_kw(name, day), 0.0) for name in self._supply.limitable)
        return self._planning.connection_kw(day) - sum(drawn, start=np.zeros(day.count))

    def _gives(self, to: str, day: LocalDay, now: datetime) -> BothWays:
        contract = self._contracts.contract_on(to, day.day)
        first = 1 if now < day.start else day.isp_of(now) + 1
        if contract is None or first > day.count:
            return BothWays()
        models = self._models(PlanWindow(day, first, day.count, now), contract)
        return merged(bands_of(one, contract.price_e4_per_kwh(one.element), first, day.count) for one in models)
