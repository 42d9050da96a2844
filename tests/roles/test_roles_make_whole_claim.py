"""What a member claims: the difference between its day and the day by its own rules, of what was measured and paid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agents.roles.effects import Send
from agents.roles.messages import Filed, MakeWholeClaim
from agents.roles.parts.settlement import metering_of
from agents.roles.parts.settlement_as_seller import SettlementAnswered
from agents.roles.prosumer.held_orders import ElementOrder, HeldOrders
from agents.roles.prosumer.make_whole import CLAIM, UNSEEN_E4, MakeWhole
from agents.roles.prosumer.metering_messages import MeteringMessages
from market.uftp import FlexOrder, FlexOrderSettlement, FlexSettlement, IspPower
from tests.worlds.players import AHEAD, FIRST, RULES, farm

LOST_E4 = 824  # 1 kWh at the farms' feed-in of 8.24 ct/kWh


def settled(paid_e4: int, *, lost: tuple[int, ...] = (), orders: int = 1) -> list[Any]:
    """A farm's answer to a day on which its plant was held from 9 to 5 kW in one quarter-hour, 1 kWh, for `paid_e4`."""
    role = farm("farm-a")
    part = role.part(MakeWhole)
    me, energy_wh = part.me, np.zeros(96)
    energy_wh[49] = -1250.0
    role.part(MeteringMessages).state.metered[FIRST] = {
        ean: metering_of(me, "agr", FIRST, ean, energy_wh, AHEAD, lost) for ean in ("ean.farm-a", "farm-a.pv")
    }
    header = me.header("agr", AHEAD, None, "FlexOrder")
    order = FlexOrder(header, FIRST, "ean.farm-a", "o-1", paid_e4, "EUR", (IspPower(50, 4000),), RULES.timezone, 15)
    role.part(HeldOrders).state.received["o-1"] = order
    role.part(HeldOrders).state.parts = (ElementOrder("o-1", FIRST, "farm-a.pv", ((50, -9000, 4000),)),)
    row = FlexOrderSettlement("o-1", FIRST, "farm-a.pv", (), paid_e4, 0, paid_e4)
    told = FlexSettlement(me.header("agr", AHEAD, None, "FlexSettlement"), FIRST, FIRST, "EUR", (row,) * orders)
    return part.settled(SettlementAnswered(told), AHEAD)


@pytest.mark.parametrize("paid_e4", [0, 500, LOST_E4 - 1, LOST_E4, LOST_E4 + UNSEEN_E4 - 1])
def test_what_a_day_cost_too_much_is_claimed_and_recorded(paid_e4: int) -> None:
    """The feed-in lost less what was paid, and a cent; the same claim goes to ledger and aggregator."""
    filed, sent = settled(paid_e4)
    assert isinstance(sent, Send)
    assert isinstance(sent.message, MakeWholeClaim)
    assert sent.to == "agr"
    assert sent.message.amount_e4 == LOST_E4 - paid_e4 + UNSEEN_E4
    assert sent.message.market_e4 - sent.message.local_e4 == LOST_E4 - paid_e4
    assert isinstance(filed, Send)
    assert isinstance(filed.message, Filed)
    assert [(record.kind, record.key) for record in filed.message.records] == [
        (CLAIM, f"{FIRST}/farm-a.example/agr.example")
    ]


def test_who_is_paid_enough_claims_nothing() -> None:
    """From a cent above what it lost on."""
    assert settled(LOST_E4 + UNSEEN_E4) == []
    assert settled(5000) == []


def test_nothing_is_claimed_for_what_nobody_metered_or_ordered() -> None:
    """A day that a meter did not see, or on which nothing was ordered, is compared with nothing."""
    assert settled(0, lost=(50,)) == []
    assert settled(0, orders=0) == []
