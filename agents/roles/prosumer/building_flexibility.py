"""The Building Flexibility Manager: what heated buildings and appliances told of themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.prosumer.told import ElementReported
from cim.codec.codec import wire
from cim.model.devices import Programme, ThermalDescription, ThermalUsage


@wire("prosumer.BuildingFlexibilityManager")
@dataclass(slots=True)
class BuildingFlexibilityManagerState:
    """By element: the building behind it, how it is used, and an appliance's last programme."""

    rooms: dict[str, ThermalDescription] = field(default_factory=dict)
    usages: dict[str, ThermalUsage] = field(default_factory=dict)
    programmes: dict[str, Programme] = field(default_factory=dict)


class BuildingFlexibilityManager(Part[BuildingFlexibilityManagerState]):
    """Keeps each building's thermal description and its use, and each appliance's programme."""

    def __init__(self, me: AgentIdentity) -> None:
        super().__init__(me, BuildingFlexibilityManagerState())

    @on(ElementReported)
    def reported(self, event: ElementReported, now: datetime) -> list[Effect]:
        """A building may tell what it is or how it will be used, an appliance how far it is with what programme."""
        for news in event.report.news:
            if isinstance(news, ThermalDescription):
                self.state.rooms[event.report.element] = news
            elif isinstance(news, ThermalUsage):
                self.state.usages[event.report.element] = news
            elif isinstance(news, Programme):
                self.state.programmes[event.report.element] = news
        return []

    def room(self, element: str) -> ThermalDescription | None:
        """What a building told of itself."""
        return self.state.rooms.get(element)

    def usage(self, element: str) -> ThermalUsage | None:
        """How a building told it will be used."""
        return self.state.usages.get(element)

    def programme(self, element: str) -> Programme | None:
        """The programme that an appliance was made ready for last."""
        return self.state.programmes.get(element)

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Only the buildings and appliances themselves know."""
        return Recovery(forgotten=("buildings, as far as their devices do not tell of them again",))
