"""The EV Flexibility Manager: which vehicle stands at which station, and what it has taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.messages import DeviceReport
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.prosumer.element_reports import ElementReports, value
from agents.roles.prosumer.energy_metering import EnergyMetering
from agents.roles.prosumer.told import ElementReported, VehicleChanged
from cim.codec.codec import wire
from cim.model.devices import VehiclePlugged, VehicleUnplugged
from cim.model.readings import Kind


@wire("prosumer.EvFlexibilityManager")
@dataclass(slots=True)
class EvFlexibilityManagerState:
    """By station: the vehicle that is plugged, and the station's register when it was."""

    vehicles: dict[str, VehiclePlugged] = field(default_factory=dict)
    plugged_wh: dict[str, float] = field(default_factory=dict)


class EvFlexibilityManager(Part[EvFlexibilityManagerState]):
    """Keeps the vehicles at the stations.

    Args:
        metering: hears each report after this part.
    """

    def __init__(self, me: AgentIdentity, reports: ElementReports, metering: EnergyMetering) -> None:
        super().__init__(me, EvFlexibilityManagerState())
        self._reports, self._metering = reports, metering

    @on(ElementReported)
    def reported(self, event: ElementReported, now: datetime) -> list[Effect]:
        """A vehicle may have come or left."""
        report, effects = event.report, list[Effect]()
        for news in report.news:
            if isinstance(news, VehiclePlugged):
                effects += self._plugged(report, news, now)
            elif isinstance(news, VehicleUnplugged):
                effects += self._unplugged(report.element, news, now)
        return effects

    def _unplugged(self, element: str, left: VehicleUnplugged, now: datetime) -> list[Effect]:
        known = self.state.vehicles.get(element)
        if known is None or not left.ends(known):
            return []  # told late: another vehicle stands there
        del self.state.vehicles[element]
        return self.emit(VehicleChanged(element), now)

    def _plugged(self, report: DeviceReport, vehicle: VehiclePlugged, now: datetime) -> list[Effect]:
        element = report.element
        known = self.state.vehicles.get(element)
        self.state.vehicles[element] = vehicle
        if known is not None and known.same_stay(vehicle):
            return []  # the same vehicle, told again: perhaps what it needs is known better now
        # The register as it stood before: by this report the vehicle may have taken something already.
        before = self._metering.register_wh(element)
        register = value(report, Kind.ENERGY_IMPORT) if before is None else before
        self.state.plugged_wh[element] = register or 0.0
        return self.emit(VehicleChanged(element), now)

    def vehicle(self, element: str) -> VehiclePlugged | None:
        """The vehicle at a station."""
        return self.state.vehicles.get(element)

    def delivered_wh(self, element: str) -> float:
        """What the vehicle at a station took since it was plugged."""
        now = self._reports.last_value(element, Kind.ENERGY_IMPORT)
        return 0.0 if now is None else max(now - self.state.plugged_wh.get(element, now), 0.0)

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Only the stations know."""
        return Recovery(forgotten=("vehicles, as far as their stations do not tell of them again",))
