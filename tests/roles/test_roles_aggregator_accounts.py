"""What an aggregator knows of a day's payments: its own, and its members' energy by their meters and tariffs."""

from __future__ import annotations

import numpy as np
import pytest

from agents.roles.aggregator import AggregatorRole
from agents.roles.aggregator.accounts import Accounts
from agents.roles.aggregator.config import Member
from agents.roles.aggregator.making_whole import MakingWhole
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.meter_data import MeterData, MeterDay
from agents.roles.parts.settlement import SellerAccount, metering_of
from market.billing.tariff import Tariff, TariffRow
from market.uftp import FlexOrderSettlement
from tests.worlds import players, terms
from tests.worlds.players import AHEAD, FIRST, POINT, agreement

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
    monkeypatch.setattr(accounts, "of_member", lambda member, period: SellerAccount((mine,), ()))
    monkeypatch.setattr(accounts, "of_dso", lambda period: (dsos,))
    assert accounts.earned_e4("farm-a", FIRST) == 600
    assert accounts.moved_e4(FIRST) == 2400 + 700 + 100 + 900 + 50
