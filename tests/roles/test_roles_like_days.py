"""Heat is measured against its last like days, adjusted to the day before its first order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from agents.planning.elements.element import ElementConfig
from agents.roles.effects import Send
from agents.roles.events import Fired, Received
from agents.roles.messages import DeviceReport
from agents.roles.parts.contracts import Contracts
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.element_history import ElementHistory
from agents.roles.prosumer.held_orders import ElementOrder, HeldOrders
from agents.roles.prosumer.metering_messages import TellMetering
from cim.model.devices import DeviceKind
from market.contracts.contract import BaselineKind, FlexElement
from market.contracts.templates import from_template
from market.uftp import FlexOrder, Header, IspPower, Metering
from tests.worlds import players, terms
from tests.worlds.players import AHEAD, DAY, FIRST, POINT

PUMP = "farm-a.pump"


def farm(days_kw: list[float]) -> ProsumerRole:
    """A farm with a heat pump that drew so much on each of its last days, flat."""
    history = tuple(np.full(96, power) for power in days_kw)
    elements = (ElementConfig(PUMP, DeviceKind.GATEWAY, 0, 5000, history_kw=history),)
    config = terms.prosumer_config("farm-a", POINT, "agr", elements, (np.zeros(96),))
    return ProsumerRole("farm-a", players.rules(), players.key("farm-a"), config)


def ordered(role: ProsumerRole, isp: int, watts: int) -> None:
    """An order moves the heat pump in an ISP."""
    header = Header("agr.example", "farm-a.example", AHEAD, "o", "o")
    order = FlexOrder(header, FIRST, "ean.farm-a", "o", 5, "EUR", (IspPower(isp, watts),), "Europe/Vienna")
    state = role.part(HeldOrders).state
    state.received["o"], state.parts = order, (ElementOrder("o", FIRST, PUMP, ((isp, 3000, watts),)),)


def metered(role: ProsumerRole, power_w: float) -> None:
    """The day is metered through at one power."""
    for minutes in range(0, 24 * 60 + 1, 5):
        at = DAY.start + timedelta(minutes=minutes)
        role.handle(Received(PUMP, 1, DeviceReport(PUMP, at, players.good(PUMP, power_w, at), ())), at)


def test_the_baseline_is_the_mean_of_like_days_adjusted_to_the_day() -> None:
    """Days at 1 and 2 kW, and a day that ran 10 % above their mean until its order: 1.65 kW."""
    role = farm([1.0, 2.0] * 5)
    ordered(role, 60, 800)
    metered(role, 1650.0)
    baseline = role.part(ElementHistory).baseline_w(PUMP, DAY)
    assert baseline is not None
    assert baseline == (pytest.approx(round(np.mean([1000, 2000] * 3) * 1.1), abs=120),) * 96


@pytest.mark.parametrize("days_kw", [[], [1.0, 1.0]])
def test_without_enough_like_days_the_told_baseline_counts(days_kw: list[float]) -> None:
    """Two days are no habit."""
    role = farm(days_kw)
    ordered(role, 60, 800)
    assert role.part(ElementHistory).baseline_w(PUMP, DAY) is None


def test_its_metering_says_what_it_is_measured_against() -> None:
    """Aggregator and DSO hear the like days' mean in the ISP that was ordered, under a contract that names them."""
    role = farm([1.0] * 10)
    covered = (FlexElement(PUMP, "gateway", 5000, -5000, BaselineKind.LIKE_DAYS),)
    contract = from_template(
        "household-daily", contract_id="c-1", buyer="agr.example", seller="farm-a.example", start_date=FIRST,
        end_date=FIRST, timezone="Europe/Vienna", flex_elements=covered,
    )  # fmt: skip
    role.part(Contracts).state.contracts["agr"] = (contract,)
    ordered(role, 60, 800)
    metered(role, 1000.0)
    role.handle(Fired(TellMetering(FIRST)), DAY.end + timedelta(hours=1))  # the connection's meter is waited for
    sent: list[Any] = [e for e in role.handle(Fired(TellMetering(FIRST)), DAY.end + timedelta(hours=2))
                       if isinstance(e, Send) and isinstance(e.message, Metering) and e.message.ean == PUMP]  # fmt: skip
    assert [e.to for e in sent] == ["agr", "dso"]
    profiles = {p.profile_type: p.values for p in sent[0].message.profiles}
    assert (profiles["Ordered"][59], profiles["Baseline"][59]) == (800, 1000)
