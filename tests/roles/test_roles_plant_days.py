"""What a plant's last days say of a clear sky: which days count, and for how long."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from agents.planning.elements.element import ElementConfig
from agents.roles.events import Fired, Received
from agents.roles.messages import DeviceReport
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.held_orders import ElementOrder, HeldOrders
from agents.roles.prosumer.metering_messages import TellMetering
from agents.roles.prosumer.plant_days import LEAST, PlantDays
from cim.model.devices import DeviceKind
from cim.model.readings import Kind, Reading
from market.uftp import FlexOrder, Header, IspPower
from tests.worlds import players, terms
from tests.worlds.players import AHEAD, DAY, FIRST, POINT

PLANT = "farm-a.pv"


def farm(days_kw: list[float]) -> ProsumerRole:
    """A farm with 10 kW of PV that gave so much on each of its last days, flat."""
    history = tuple(np.full(96, -power) for power in days_kw)
    elements = (ElementConfig(PLANT, DeviceKind.PV, 10_000, history_kw=history),)
    config = terms.prosumer_config("farm-a", POINT, "agr", elements, (np.zeros(96),))
    return ProsumerRole("farm-a", players.rules(), players.key("farm-a"), config)


def lived(role: ProsumerRole, gives_w: float, could_w: float | None) -> None:
    """The day passes: the plant gives so much, and its inverter says what it could give, if it says anything of it."""
    for minutes in range(0, 24 * 60 + 1, 5):
        at = DAY.start + timedelta(minutes=minutes)
        shown = {Kind.POWER: -gives_w, Kind.ENERGY_EXPORT: gives_w * minutes / 60}
        if could_w is not None:
            shown[Kind.AVAILABLE_POWER] = -could_w
        readings = tuple(Reading(PLANT, kind, value, at) for kind, value in shown.items())
        role.handle(Received(PLANT, 1 + minutes, DeviceReport(PLANT, at, readings, ())), at)
    for hours in (1, 2):  # the connection's meter is waited for
        role.handle(Fired(TellMetering(FIRST)), DAY.end + timedelta(hours=hours))


def ordered(role: ProsumerRole) -> None:
    """An order takes something of the plant at noon."""
    header = Header("agr.example", "farm-a.example", AHEAD, "o", "o")
    order = FlexOrder(header, FIRST, "ean.farm-a", "o", 5, "EUR", (IspPower(49, 2000),), "Europe/Vienna")
    state = role.part(HeldOrders).state
    state.received["o"], state.parts = order, (ElementOrder("o", FIRST, PLANT, ((49, -4000, 2000),)),)


def most_kw(role: ProsumerRole) -> float:
    """The highest of the plant's clear day."""
    clear = role.part(PlantDays).clear_kw(PLANT, DAY.next())
    assert clear is not None
    return float(clear.max())


def test_the_days_before_the_first_one_count_at_once() -> None:
    """Ten days, the best of them at 6 kW: 6 kW; of eleven the oldest is forgotten."""
    assert most_kw(farm([2.0] * 9 + [6.0])) == 6.0
    assert most_kw(farm([9.0] + [2.0] * 9 + [6.0])) == 6.0


@pytest.mark.parametrize("days_kw", [[], [5.0] * (LEAST - 1), [0.0] * 10])
def test_too_few_days_bound_nothing(days_kw: list[float]) -> None:
    """Four days may all have been cloudy, and a plant that was off tells nothing of the sky."""
    assert farm(days_kw).part(PlantDays).clear_kw(PLANT, DAY) is None


def test_a_clearer_day_raises_it() -> None:
    """What the meter counted is known from then on."""
    role = farm([2.0] * 10)
    lived(role, 5000.0, 5000.0)
    assert most_kw(role) == pytest.approx(5.0, rel=0.01)


def test_what_orders_took_counts_as_given() -> None:
    """Held to 3 kW where it could have given 7: 7."""
    role = farm([2.0] * 10)
    ordered(role)
    lived(role, 3000.0, 7000.0)
    assert most_kw(role) == pytest.approx(7.0, rel=0.01)


def test_a_day_under_order_of_which_nothing_else_is_known_is_left_out() -> None:
    """An inverter that does not say what it could give: the day with an order does not count, one without does."""
    for order, highest in ((True, 2.0), (False, 3.0)):
        role = farm([2.0] * 10)
        if order:
            ordered(role)
        lived(role, 3000.0, None)
        assert most_kw(role) == pytest.approx(highest, rel=0.01)


def test_days_of_another_season_are_forgotten() -> None:
    """What lies three weeks back goes when a new day is told, and alone that one is too little."""
    role = farm([6.0] * 10)
    part = role.part(PlantDays)
    part.state.days[PLANT] = tuple((day - timedelta(days=21), row) for day, row in part.state.days[PLANT])
    lived(role, 3000.0, 3000.0)
    assert [day for day, _ in part.state.days[PLANT]] == [FIRST]
    assert part.clear_kw(PLANT, DAY.next()) is None
