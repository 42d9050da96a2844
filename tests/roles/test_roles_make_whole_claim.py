"""What a member claims: the difference between its day and the day by its own rules, of what was measured and paid."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agents.roles.effects import Send
from agents.roles.messages import Filed, MakeWholeClaim
from agents.roles.parts.settlement import metering_of
from agents.roles.parts.settlement_as_seller import SettlementAnswered
from agents.roles.prosumer.grid_limits import GridLimits
from agents.roles.prosumer.held_orders import ElementOrder, HeldOrders
from agents.roles.prosumer.make_whole import CLAIM, LEAST_E4, MakeWhole
from agents.roles.prosumer.metering_messages import MeteringMessages
from market.settlement.elements import AVAILABLE
from market.uftp import FlexOrder, FlexOrderSettlement, FlexSettlement, IspPower, MeteringProfile
from tests.worlds.players import AHEAD, FIRST, RULES, farm

LOST_E4 = 824  # 1 kWh at the farms' feed-in of 8.24 ct/kWh


def settled(
    paid_e4: int,
    *,
    lost: tuple[int, ...] = (),
    orders: int = 1,
    ordered: int = 1,
    accounted: tuple[tuple[int, int, int], ...] = (),
    available_w: int | None = None,
) -> list[Any]:
    """A farm's answer to a day on which its plant was held from 9 to 5 kW in one quarter-hour, 1 kWh, for `paid_e4`."""
    role = farm("farm-a")
    part = role.part(MakeWhole)
    me, energy_wh = part.me, np.zeros(96)
    energy_wh[49] = -1250.0
    role.part(MeteringMessages).state.metered[FIRST] = {
        ean: metering_of(me, "agr", FIRST, ean, energy_wh, AHEAD, lost) for ean in ("ean.farm-a", "farm-a.pv")
    }
    if available_w is not None:
        told = role.part(MeteringMessages).state.metered[FIRST]["farm-a.pv"]
        profile = MeteringProfile(AVAILABLE, "W", tuple(available_w if k == 49 else 0 for k in range(96)))
        role.part(MeteringMessages).state.metered[FIRST]["farm-a.pv"] = replace(
            told, profiles=(*told.profiles, profile)
        )
    role.part(GridLimits).state.accounted = {FIRST: accounted}
    header = me.header("agr", AHEAD, None, "FlexOrder")
    order = FlexOrder(header, FIRST, "ean.farm-a", "o-1", paid_e4, "EUR", (IspPower(50, 4000),), RULES.timezone, 15)
    role.part(HeldOrders).state.received["o-1"] = order
    parts = (ElementOrder("o-1", FIRST, "farm-a.pv", ((50, -9000, 4000),)),)
    role.part(HeldOrders).state.parts = parts * ordered
    row = FlexOrderSettlement("o-1", FIRST, "farm-a.pv", (), paid_e4, 0, paid_e4)
    answered = FlexSettlement(me.header("agr", AHEAD, None, "FlexSettlement"), FIRST, FIRST, "EUR", (row,) * orders)
    return part.settled(SettlementAnswered(answered), AHEAD)


@pytest.mark.parametrize("paid_e4", [0, 500, LOST_E4 - LEAST_E4])
def test_what_a_day_cost_too_much_is_claimed_and_recorded(paid_e4: int) -> None:
    """The feed-in lost less what was paid, to the ten-thousandth; the same claim goes to ledger and aggregator."""
    filed, sent = settled(paid_e4)
    assert isinstance(sent, Send)
    assert isinstance(sent.message, MakeWholeClaim)
    assert sent.to == "agr"
    assert sent.message.amount_e4 == LOST_E4 - paid_e4
    assert sent.message.market_e4 - sent.message.local_e4 == LOST_E4 - paid_e4
    assert isinstance(filed, Send)
    assert isinstance(filed.message, Filed)
    assert [(record.kind, record.key) for record in filed.message.records] == [
        (CLAIM, f"{FIRST}/farm-a.example/agr.example")
    ]


def test_who_is_paid_enough_claims_nothing() -> None:
    """Less than a tenth of a cent is not worth a record."""
    assert settled(LOST_E4 - LEAST_E4 + 1) == []
    assert settled(LOST_E4) == []
    assert settled(5000) == []


def test_nothing_is_claimed_for_what_nobody_metered_or_ordered() -> None:
    """A day that a meter did not see, or on which nothing was ordered, is compared with nothing."""
    assert settled(0, lost=(50,)) == []
    assert settled(0, orders=0, ordered=0) == []


def test_what_the_dso_pays_for_its_limits_is_not_claimed_once_more() -> None:
    """It limited the plant in that quarter-hour from 7 to 5 kW and pays half a kWh: only the other half is claimed."""
    role_limits = ((50, -7000, -5000),)
    (_, sent) = settled(0, accounted=role_limits)
    assert sent.message.amount_e4 == LOST_E4 // 2
    assert sent.message.local_e4 == settled(0)[1].message.local_e4


def test_a_plant_that_says_what_it_could_have_given_is_compared_with_that() -> None:
    """Told 9 kW, held to 5, but 11 were there: 1.5 kWh of feed-in are lost, not the 1 kWh that was ordered."""
    (_, sent) = settled(0, available_w=-11_000)
    assert sent.message.amount_e4 == LOST_E4 * 3 // 2


def test_an_order_that_was_settled_with_nothing_may_have_cost_something() -> None:
    """It moved the plant, and in the end nothing was owed for it: what it cost is claimed all the same."""
    (_, sent) = settled(0, orders=0)
    assert sent.message.amount_e4 == LOST_E4
