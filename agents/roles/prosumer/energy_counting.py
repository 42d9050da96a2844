"""What parts that count energy by day, source and ISP have in common."""

from __future__ import annotations

from datetime import date, datetime
from typing import Protocol, TypeVar

from agents.roles.effects import Effect
from agents.roles.part import Part, on
from agents.roles.prosumer.isp_energy import IspEnergy
from agents.roles.prosumer.told import DayMeteringTold
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay


class CountedEnergy(Protocol):
    """A state that holds what was counted."""

    energy: IspEnergy


C = TypeVar("C", bound=CountedEnergy)


class EnergyCounting(Part[C]):
    """Knows what its sources were counted with, until their day's metering was told."""

    def energy_wh(self, source: str, day: LocalDay) -> Floats:
        """[T] energy of a source on a day, as counted so far."""
        return self.state.energy.of(source, day)

    def lost_isps(self, source: str, day: LocalDay) -> tuple[int, ...]:
        """The ISPs of a day that a source was not read through: lost, refused, or still to come."""
        return self.state.energy.lost_isps(source, day)

    @on(DayMeteringTold)
    def told(self, event: DayMeteringTold, now: datetime) -> list[Effect]:
        """Days before the one that was told, and told themselves, are not counted any more."""
        for period in event.done:
            self.state.energy.forget(period)
        return []

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.energy.prune(before)
