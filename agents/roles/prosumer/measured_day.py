"""What was measured of a day's elements beside their energy: what stores held, how warm buildings were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from agents.planning.without_orders import MeasuredElement, own_rules
from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.parts.contracts import Contracts
from agents.roles.prosumer.building_flexibility import BuildingFlexibilityManager
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.element_reports import ElementReports, value
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.prosumer.told import ElementReported
from cim.codec.codec import wire
from cim.model.arrays import Floats, Ints
from cim.model.intervals import LocalDay
from cim.model.readings import Kind
from market.register.providers import aggregator_on
from market.settlement.day import lost_isps
from market.settlement.elements import AVAILABLE, contract_baseline, contract_method, moved
from market.uftp import Metering


@wire("prosumer.MeasuredDays")
@dataclass(slots=True)
class MeasuredDaysState:
    """By day and element.

    Attributes:
        stored_kwh: what a battery held at its first reading.
        temperature_c: of a building, ISP -> at the reading with which it began.
    """

    stored_kwh: dict[date, dict[str, float]] = field(default_factory=dict)
    temperature_c: dict[date, dict[str, dict[int, float]]] = field(default_factory=dict)


class MeasuredDays(Part[MeasuredDaysState]):
    """Notes what a day without orders is reconstructed from."""

    def __init__(
        self,
        me: AgentIdentity,
        config: ProsumerConfig,
        *,
        contracts: Contracts,
        held: HeldOrders,
        buildings: BuildingFlexibilityManager,
        reports: ElementReports,
    ) -> None:
        super().__init__(me, MeasuredDaysState())
        self._config, self._elements, self._kinds = config, config.by_name(), config.kinds()
        self._contracts, self._held, self._buildings, self._reports = contracts, held, buildings, reports

    @on(ElementReported)
    def reported(self, event: ElementReported, now: datetime) -> list[Effect]:
        """Note what a battery holds when a day begins, and how warm a building is when an ISP does."""
        report, day = event.report, self.rules.day_of(event.report.at)
        stored_wh, warm_c = value(report, Kind.STORED_ENERGY), value(report, Kind.TEMPERATURE)
        if stored_wh is not None:
            self.state.stored_kwh.setdefault(day.day, {}).setdefault(report.element, stored_wh / 1000)
        isp = day.isp_of(report.at)
        if warm_c is not None and report.at - day.isp_start(isp) < self.rules.interval:
            of_day = self.state.temperature_c.setdefault(day.day, {})
            of_day.setdefault(report.element, {}).setdefault(isp, warm_c)
        return []

    def of(self, element: str, metering: Metering, day: LocalDay) -> MeasuredElement:
        """An element's day, as it was metered and told."""
        told_w = moved(self._held.moves(element, day.day))[1]
        contract = self._contracts.contract_on(aggregator_on(self._config, day.day), day.day)
        method = contract_method(contract, element)
        profiles = {profile.profile_type: profile.values for profile in metering.profiles}
        baseline_w, available = contract_baseline(told_w, method, profiles), profiles.get(AVAILABLE)
        return MeasuredElement(
            self._reports.config(element),
            self._kinds[element],
            power_w(metering) / 1000,
            {isp: watts / 1000 for isp, watts in baseline_w.items()},
            available_kw=None if available is None else np.array(available, dtype=np.float64) / 1000,
            stored_kwh=self.state.stored_kwh.get(day.day, {}).get(element),
            room=self._buildings.room(element),
            temperature_c=self._temperature_c(element, day),
        )

    def own_rules_w(
        self, connection: Metering, elements: Mapping[str, Metering], day: LocalDay
    ) -> dict[str, tuple[int, ...]]:
        """[T] watts that the own rule of each battery under order would have come to; nothing where a meter did not see all."""
        if lost_isps([connection, *elements.values()]):
            return {}
        ordered = {name for name in elements if self._held.moves(name, day.day)}
        if not any(self._elements[name].capacity_wh for name in ordered):
            return {}
        measured = [self.of(name, metering, day) for name, metering in elements.items()]
        rules = own_rules(power_w(connection) / 1000, measured, self.rules.hours)
        return {name: tuple(round(float(kw) * 1000) for kw in row) for name, row in rules.items() if name in ordered}

    def _temperature_c(self, element: str, day: LocalDay) -> Floats | None:
        """[T + 1] at the begin of each ISP and the day's end; None where one is not known."""
        known = self.state.temperature_c.get(day.day, {}).get(element, {})
        end = self.state.temperature_c.get(day.next().day, {}).get(element, {}).get(1)
        if end is None or len(known) < day.count:
            return None
        return np.array([*(known[isp] for isp in range(1, day.count + 1)), end])

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        state = self.state
        state.stored_kwh = {period: one for period, one in state.stored_kwh.items() if period >= before}
        state.temperature_c = {period: one for period, one in state.temperature_c.items() if period >= before}


def power_w(metering: Metering) -> Ints:
    """[T] watts of a metering; nothing where it holds none."""
    profile = metering.profile("Power")
    return np.array(() if profile is None else profile.values, dtype=np.int64)
