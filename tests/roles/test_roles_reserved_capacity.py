"""What the DSO has reserved of a portfolio is passed on to the members who are paid to stand by, and held back by them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from agents.planning.elements.element import ElementConfig
from agents.roles.aggregator.reservation_sharing import BEFORE, PassOnReservation, ReservationSharing
from agents.roles.effects import Arm, Effect, Publish
from agents.roles.element_messages import CapacityReserved
from agents.roles.events import Fired, Received
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.operated_days import DayNear
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.day_planning import DayPlanning
from agents.roles.prosumer.reserved_capacity import ReservedCapacity
from cim.model.devices import DeviceKind
from cim.platform.publications.incidents import MessageLapsed
from market.contracts.contract import FlexContract, FlexElement
from market.uftp import IspPower
from tests.roles.test_roles_dso import of
from tests.roles.test_roles_reservations import buyer, released, seller, taken
from tests.worlds import players, terms
from tests.worlds.players import AHEAD, DAY, FIRST, POINT

PAID = replace(players.agreement("farm-a", FIRST, FIRST), capacity_price_e4_per_kw_day=50)
UNPAID = replace(players.agreement("farm-b", contract_id="c-2"), capacity_price_e4_per_kw_day=0)
NIGHT = DAY.start - BEFORE
HOURS = tuple(range(41, 61))  # the option's, 10:00 to 15:00


def portfolio(**contracts: FlexContract) -> Any:
    """An aggregator that has sold the option: 3 kW at the farms' point; its contracts with them."""
    role = seller()
    for name, contract in contracts.items():
        role.part(Contracts).state.contracts[name.replace("_", "-")] = (contract,)
    return role


def told(role: Any, at: datetime = NIGHT) -> dict[str, dict[int, int]]:
    """By member, what it is to keep when the day comes near."""
    effects = role.handle(Fired(PassOnReservation(FIRST)), at)
    return {e.to: {row.start: row.power_w for row in e.message.isps} for e in effects if hasattr(e, "to")}


def test_it_is_told_an_hour_before_the_day() -> None:
    """When the day is near."""
    (armed,) = portfolio().part(ReservationSharing).day_near(DayNear(DAY), AHEAD)
    assert armed == Arm(PassOnReservation(FIRST), NIGHT)


def test_who_is_paid_keeps_its_share_and_who_is_not_keeps_nothing() -> None:
    """3 kW in the option's hours: all on the farm that is paid to stand by."""
    role = portfolio(farm_a=PAID, farm_b=UNPAID)
    assert told(role) == {"farm-a": dict.fromkeys(HOURS, 3_000)}
    assert told(portfolio(farm_b=UNPAID)) == {}


def test_what_was_given_back_is_not_kept() -> None:
    """The DSO keeps ISP 50 alone; what it gives back after that frees the farm, too."""
    role = portfolio(farm_a=PAID)
    (update,) = (u for u in released(buyer(POINT)) if u.congestion_point == POINT)
    taken(role, update)
    assert told(role) == {"farm-a": {50: 3_000}}
    rest = replace(update, reference="r-2", isps=(IspPower(50, 0),))
    header = replace(update.header, message_id="u-2")
    effects = role.handle(Received("dso", 9, replace(rest, header=header)), NIGHT)
    assert [m.isps for m in of(effects, CapacityReserved)] == [()]


def home(contract: FlexContract) -> ProsumerRole:
    """A farm with PV and a battery of 5 kW and 8 kWh."""
    elements = (
        ElementConfig("farm-a.pv", DeviceKind.PV, 10_000),
        ElementConfig("farm-a.bat", DeviceKind.BATTERY, 5_000, 5_000, 8_000),
    )
    config = terms.prosumer_config("farm-a", POINT, "agr", elements, (np.full(96, -4.0),))
    role = ProsumerRole("farm-a", players.RULES, players.key("farm-a"), config)
    role.part(Contracts).state.contracts["agr"] = (contract,)
    return role


ELEMENTS = (FlexElement("farm-a.pv", "pv", 10_000, 0), FlexElement("farm-a.bat", "battery", 10_000, -10_000))
BOTH = replace(PAID, flex_elements=ELEMENTS, amount_up_w=20_000)


def hear(role: ProsumerRole, sender: str = "agr", **changes: Any) -> list[Effect]:
    """What the farm wants when it hears that it keeps 4 kW from 10 to 15."""
    message = CapacityReserved(FIRST, BOTH.contract_id, (IspPower(HOURS[0], 4_000, len(HOURS)),))
    return role.handle(Received(sender, 1, replace(message, **changes)), NIGHT)


def test_a_battery_keeps_its_part_of_what_its_home_is_paid_for() -> None:
    """2 of 4 kW fall on the battery, as much as on the plant: until it is called, its home's sun fills it less."""
    role = home(BOTH)
    assert hear(role) == []
    kept = role.part(ReservedCapacity).kept_kw("farm-a.bat", DAY)
    assert kept is not None
    assert set(kept[HOURS[0] - 1 : HOURS[-1]]) == {2.0}
    assert not kept[: HOURS[0] - 1].any()
    planning = role.part(DayPlanning)
    planning.forecast(DAY, 1, NIGHT)
    full = home(BOTH)
    full.part(DayPlanning).forecast(DAY, 1, NIGHT)
    before = slice(0, HOURS[0] - 1)
    held_kw, free_kw = (p.expected_kw("farm-a.bat", DAY)[before] for p in (planning, full.part(DayPlanning)))
    assert held_kw.sum() < free_kw.sum()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"contract_id": "c-9"}, "expected one that pays"),
        ({"isps": (IspPower(41, 21_000),)}, "reserves 0..20000 W"),
        ({"isps": (IspPower(41, -1),)}, "reserves 0..20000 W"),
        ({"isps": (IspPower(97, 1_000),)}, "expected 1 to 96"),
    ],
)
def test_nobody_keeps_more_than_its_contract_pays_for(changes: dict[str, Any], why: str) -> None:
    """It is told, and nothing is held."""
    role = home(BOTH)
    (effect,) = hear(role, **changes)
    assert isinstance(effect, Publish)
    assert isinstance(effect.publication, MessageLapsed)
    assert why in effect.publication.reason
    assert role.part(ReservedCapacity).kept_kw("farm-a.bat", DAY) is None


def test_only_its_aggregator_reserves_and_only_where_it_pays() -> None:
    """A stranger is not even answered; where standing by is not paid nothing is kept."""
    role = home(BOTH)
    assert hear(role, sender="agr-2") == []
    assert role.part(ReservedCapacity).kept_kw("farm-a.bat", DAY) is None
    unpaid = home(replace(BOTH, capacity_price_e4_per_kw_day=0))
    assert len(hear(unpaid)) == 1
    assert unpaid.part(ReservedCapacity).kept_kw("farm-a.bat", DAY) is None


def test_a_later_word_counts_and_a_closed_day_is_forgotten() -> None:
    """All that a day's message does not name is free again."""
    role = home(BOTH)
    hear(role)
    hear(role, isps=())
    assert role.part(ReservedCapacity).kept_kw("farm-a.bat", DAY) is None
    hear(role)
    role.part(ReservedCapacity).prune(DAY.next().day)
    assert role.part(ReservedCapacity).state.reserved_w == {}
