"""What a plant could have given: its counter where it ran free, its inverter's word where something held it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from agents.roles.messages import DeviceReport
from agents.roles.prosumer.available_energy import AvailableEnergy
from agents.roles.prosumer.told import FeedInLimited, PlantCounted
from cim.model.counters import Counted
from cim.model.readings import Kind, Reading
from tests.worlds.players import DAY, NOON, farm

PV, INTERVAL = "farm-a.pv", timedelta(minutes=5)
ISP = DAY.isp_of(NOON)
LIMIT_ENDS = DAY.isp_start(ISP + 1)


def shown(part: AvailableEnergy, at: datetime, power_w: float, available_w: float, gave_wh: float | None) -> None:
    """A reading, and what the counter says of the interval before it (None: it is the first)."""
    readings = (Reading(PV, Kind.POWER, power_w, at), Reading(PV, Kind.AVAILABLE_POWER, available_w, at))
    counted = () if gave_wh is None else (Counted(at - INTERVAL, at, -gave_wh, gave_wh),)
    part.counted(PlantCounted(DeviceReport(PV, at, readings, ()), counted), at)


@pytest.mark.parametrize(
    ("first_w", "second_w", "limited", "could_wh"),
    [
        (-6_000.0, -6_000.0, False, 450.0),  # it ran free: the counter, also where the weather was worse in between
        (-5_940.0, -6_000.0, False, 500.0),  # held back by a hundredth at the reading before
        (-6_000.0, -5_940.0, False, 500.0),
        (-6_000.0, -6_000.0, True, 500.0),  # a limit that began after the one reading and did not hold at the other
    ],
)
def test_what_is_held_back_counts_as_available(first_w: float, second_w: float, limited: bool, could_wh: float) -> None:
    """6 kW were available and 450 Wh were given in five minutes, in which 500 would have been."""
    part = farm("farm-a").part(AvailableEnergy)
    shown(part, NOON, first_w, -6_000.0, None)
    if limited:
        part.limited(FeedInLimited(LIMIT_ENDS), NOON)
    shown(part, NOON + INTERVAL, second_w, -6_000.0, 450.0)
    assert part.energy_wh(PV, DAY)[ISP - 1] == pytest.approx(-could_wh)


def test_a_limit_of_an_earlier_quarter_hour_says_nothing_of_a_later_one() -> None:
    """It ended with its own: from then on the counter counts again."""
    part = farm("farm-a").part(AvailableEnergy)
    part.limited(FeedInLimited(LIMIT_ENDS), NOON)
    shown(part, LIMIT_ENDS, -6_000.0, -6_000.0, None)
    shown(part, LIMIT_ENDS + INTERVAL, -6_000.0, -6_000.0, 450.0)
    assert part.energy_wh(PV, DAY)[ISP] == pytest.approx(-450.0)


def test_no_plant_could_have_given_less_than_it_gave() -> None:
    """An inverter that says less than its counter showed."""
    part = farm("farm-a").part(AvailableEnergy)
    shown(part, NOON, -5_000.0, -6_000.0, None)
    shown(part, NOON + INTERVAL, -5_000.0, -6_000.0, 520.0)
    assert part.energy_wh(PV, DAY)[ISP - 1] == pytest.approx(-520.0)
