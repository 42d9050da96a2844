"""What an aggregator knows of a day: its payments, its members' energy by meters and tariffs, and what holds their elements."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from agents.roles.aggregator import AggregatorRole
from agents.roles.aggregator.accounts import Accounts
from agents.roles.aggregator.config import Member
from agents.roles.aggregator.making_whole import MakingWhole
from agents.roles.aggregator.member_orders import MemberOrders
from agents.roles.aggregator.order_records import ElementPart, MemberOrder
from agents.roles.element_messages import OrderReleased
from agents.roles.events import Received
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.meter_data import MeterData, MeterDay
from agents.roles.parts.settlement import SellerAccount, metering_of
from market.billing.tariff import Tariff, TariffRow
from market.contracts.contract import BaselineKind, FlexElement
from market.uftp import FlexOrder, FlexOrderSettlement, IspPower
from tests.worlds import players, terms
from tests.worlds.players import AHEAD, DAY, FIRST, POINT, agreement

TARIFF = Tariff((TariffRow(FIRST, 500_000, 600_000, 900_000, 800_000),))  # 20 ct from the grid, 8 ct for feed-in


def accounts_of(tariff: Tariff | None, lost: tuple[int, ...] = ()) -> Accounts:
    """Of an aggregator with one member that drew 1 kWh in one quarter-hour and fed 0.5 in in another."""
    members = (Member("farm-a", "ean.farm-a", POINT, 0, tariff),)
    role = AggregatorRole("agr", players.RULES, players.key("agr"), terms.aggregator_config(members))
    energy_wh = np.zeros(96)
    energy_wh[10], energy_wh[50] = 1000.0, -500.0
    me = players.farm("farm-a").part(Contracts).me
    metering = metering_of(me, "agr", FIRST, "ean.farm-a", energy_wh, AHEAD, lost)
    role.part(MeterData).state.metering[MeterDay("ean.farm-a", FIRST)] = metering
    role.part(Contracts).agreed(agreement("farm-a"), AHEAD)
    return role.part(MakingWhole)._accounts


def test_a_members_energy_is_billed_by_its_meter_and_tariff() -> None:
    """1 kWh at 20 ct less half a kWh at 8."""
    bill = accounts_of(TARIFF).energy_bill("farm-a", FIRST)
    assert bill is not None
    assert bill.total_e4 == 2000 - 400


@pytest.mark.parametrize(("tariff", "lost"), [(None, ()), (TARIFF, (50,))])
def test_what_nobody_knows_is_not_billed(tariff: Tariff | None, lost: tuple[int, ...]) -> None:
    """Without a tariff, or with a quarter-hour that the meter did not see."""
    accounts = accounts_of(tariff, lost)
    assert accounts.energy_bill("farm-a", FIRST) is None
    assert accounts.moved_e4(FIRST) == 0


def test_all_payments_count_whoever_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members' energy both ways (2400), what they are paid (700) and fined (100), what the DSO pays (900) and fines (50)."""
    accounts = accounts_of(TARIFF)
    mine = FlexOrderSettlement("o-1", FIRST, "farm-a.pv", (), 700, 100, 600)
    dsos = FlexOrderSettlement("o-2", FIRST, POINT, (), 900, 50, 850)
    monkeypatch.setattr(accounts, "of_member", lambda member, period, shares_at=None: SellerAccount((mine,), ()))
    monkeypatch.setattr(accounts, "of_dso", lambda period: (dsos,))
    assert accounts.earned_e4("farm-a", FIRST) == 600
    assert accounts.moved_e4(FIRST) == 2400 + 700 + 100 + 900 + 50


@pytest.mark.parametrize(
    ("kind", "released", "kept"),
    [
        (BaselineKind.SESSION, (48, 52), (47,)),
        (BaselineKind.RUNNING_PLAN, (48, 52), (47, 48, 52)),
        (BaselineKind.SESSION, (47, 48, 52), (47,)),
        (BaselineKind.SESSION, (-3, 0, 52, 900), (47, 48)),
    ],
)
def test_a_freed_station_is_settled_no_more(
    kind: BaselineKind, released: tuple[int, ...], kept: tuple[int, ...]
) -> None:
    """Only what is settled by session is freed by its member's word, and no ISP that is over."""
    members = (Member("farm-a", "ean.farm-a", POINT, 0, TARIFF),)
    role = AggregatorRole("agr", players.RULES, players.key("agr"), terms.aggregator_config(members))
    element = FlexElement("farm-a.car", "station", 9000, 0, kind)
    role.part(Contracts).agreed(replace(agreement("farm-a"), flex_elements=(element,)), AHEAD)
    orders = role.part(MemberOrders)
    rows = ((47, 2000, 1000), (48, 2000, 3000), (52, 2000, 3000))
    isps = tuple(IspPower(isp, watts) for isp, _, watts in rows)
    header = role.part(Contracts).me.header("farm-a", AHEAD, None, "FlexOrder", "o-1")
    order = FlexOrder(header, FIRST, "ean.farm-a", "o-1", 100, "EUR", isps, "Europe/Vienna", 15)
    orders.state.orders["o-1"] = MemberOrder("farm-a", order)
    orders.state.parts = (ElementPart("o-1", FIRST, "farm-a", "farm-a.car", rows),)
    now = DAY.isp_start(48) + timedelta(minutes=5)
    stranger = role.handle(Received("farm-b", 1, OrderReleased("o-1", "farm-a.car", released)), now)
    assert stranger
    assert orders.parts_of("farm-a", FIRST)[0].isps == rows
    role.handle(Received("farm-a", 1, OrderReleased("o-1", "farm-a.car", released)), now)
    assert tuple(isp for part in orders.parts_of("farm-a", FIRST) for isp, _, _ in part.isps) == kept
