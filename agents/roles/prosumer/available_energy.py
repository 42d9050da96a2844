"""What plants could have given without a limit, by ISP, as their inverters say."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.part import on
from agents.roles.prosumer.element_reports import value
from agents.roles.prosumer.energy_counting import EnergyCounting
from agents.roles.prosumer.isp_energy import IspEnergy
from agents.roles.prosumer.told import FeedInLimited, PlantCounted
from cim.codec.codec import wire
from cim.model.intervals import LocalDay
from cim.model.readings import Kind

_HOUR = timedelta(hours=1)
_AT_LIMIT, _AT_LIMIT_W = 0.001, 10.0  # a plant that gives less than it could, by more than this, is limited


@wire("prosumer.PlantShowed")
@dataclass(frozen=True, slots=True)
class PlantShowed:
    """What an inverter showed at a reading: what it could give (<= 0), and whether it gave less."""

    at: datetime
    available_w: float
    limited: bool


@wire("prosumer.AvailableEnergy")
@dataclass(slots=True)
class AvailableEnergyState:
    """What plants could have given.

    Attributes:
        energy, showed: by plant, what it could have given, and what its inverter showed last.
        limited_until: when the DSO's last limit ends, if there was one.
    """

    energy: IspEnergy = field(default_factory=IspEnergy)
    showed: dict[str, PlantShowed] = field(default_factory=dict)
    limited_until: datetime | None = None


class AvailableEnergy(EnergyCounting[AvailableEnergyState]):
    """Counts what plants could have given, as energy <= 0.

    From one reading to the next: where a plant was not limited, what its counter says, to the watt-hour; where it was,
    the available power of the reading before, held to this one as the quarter-hour's weather is.
    """

    def __init__(self, me: AgentIdentity) -> None:
        super().__init__(me, AvailableEnergyState())

    @on(FeedInLimited)
    def limited(self, event: FeedInLimited, now: datetime) -> list[Effect]:
        """The DSO limits the plants from now on."""
        self.state.limited_until = event.until
        return []

    @on(PlantCounted)
    def counted(self, event: PlantCounted, now: datetime) -> list[Effect]:
        """A plant has reported, and its counter told what it gave since it was read last."""
        name, before = event.report.element, self.state.showed.get(event.report.element)
        showed = _showed(event)
        for part in event.counted:
            if part.end <= self.rules.periods[0].start or before is None or before.at != part.start or showed is None:
                continue
            energy_wh, span = part.energy_wh, part.end - part.start
            # A limit that began after one reading may not hold at the next any more.
            limit_ran = self.state.limited_until is not None and part.end <= self.state.limited_until
            if before.limited or showed.limited or limit_ran:
                energy_wh = min(energy_wh, before.available_w * (span / _HOUR))
            known = span <= 2 * self.rules.interval
            self.state.energy.add(self.rules, name, part.start, part.end, energy_wh, known)
        if showed is None:
            self.state.showed.pop(name, None)
        else:
            self.state.showed[name] = showed
        return []

    def knows(self, plant: str, day: LocalDay) -> bool:
        """Whether its inverter said anything of the kind on a day."""
        return len(self.lost_isps(plant, day)) < day.count


def _showed(event: PlantCounted) -> PlantShowed | None:
    power_w, available_w = (value(event.report, kind) for kind in (Kind.POWER, Kind.AVAILABLE_POWER))
    if power_w is None or available_w is None:
        return None
    less_w = power_w - available_w  # both <= 0
    return PlantShowed(event.report.at, available_w, less_w > _AT_LIMIT_W + _AT_LIMIT * abs(available_w))
