"""What was ordered counts at once: before any new prognosis says it, nobody buys or splits it a second time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.roles.aggregator.flex_trading import FlexTrading
from agents.roles.aggregator.prognosis_sums import ForecastsDue, PrognosisSums
from agents.roles.dso import DsoRole
from agents.roles.dso.forecast_errors import ForecastErrors
from agents.roles.dso.ordering import Ordering
from agents.roles.dso.trading_rounds import TradingRounds
from agents.roles.messages import OrderSplit, Receipt
from cim.model.arrays import Floats
from market.uftp import DPrognosis, FlexOrder
from tests.roles.test_roles_dso import hear, hear_all, ordering, prognosis
from tests.roles.test_roles_vpp_session import offered, order, receipts
from tests.worlds.players import AHEAD, DAY, FARMS, FIRST, POINT, Pump, dso, market_of_farms, request

LATER = AHEAD + timedelta(minutes=30)


def ordered() -> Pump:
    """Both farms are ordered to feed in less in the ISPs 45 to 48."""
    pump = market_of_farms()
    pump.tell("agr", "dso", order(offered(pump)), AHEAD)
    receipts(pump)
    assert pump.said(OrderSplit)
    return pump


def moved_w(pump: Pump, farm: str) -> dict[int, int]:
    """ISP -> watts, as a farm told how its order falls on its elements."""
    rows = [row for split in pump.said(OrderSplit, sender=farm) for _, isps in split.parts for row in isps]
    return {row.start: row.power_w for row in rows}


def last_told(pump: Pump, sender: str, to: str) -> DPrognosis:
    """The newest prognosis that was told."""
    told: DPrognosis = pump.said(DPrognosis, to=to, sender=sender)[-1]
    return told


def test_a_sum_holds_the_orders_that_members_have_not_told_yet() -> None:
    """One farm's news call for a new sum: of the other one its old forecast and its order since count together."""
    pump = ordered()
    news = replace(last_told(pump, "farm-a", "agr"), revision=2, power_w=(-1_000,) * 96)
    pump.tell("agr", "farm-a", news, LATER)
    pump.fire("agr", ForecastsDue(FIRST), LATER)
    old, moved = last_told(pump, "farm-b", "agr"), moved_w(pump, "farm-b")
    assert set(moved) == {45, 46, 47, 48}
    told = last_told(pump, "agr", "dso")
    assert told.power_w == tuple(w - 1_000 + moved.get(isp, 0) for isp, w in enumerate(old.power_w, start=1))


def test_a_forecast_made_after_an_order_holds_it() -> None:
    """Both farms tell anew: their forecasts know what they are held to, and nothing is added to them."""
    pump = ordered()
    for farm in FARMS:
        pump.tell("agr", farm, replace(last_told(pump, farm, "agr"), revision=2, power_w=(-2_000,) * 96), LATER)
    assert last_told(pump, "agr", "dso").power_w == (-4_000,) * 96
    assert pump.roles["agr"].part(PrognosisSums).state.moved_w == {FIRST: {}}


def test_what_is_moved_of_days_closed_for_good_is_dropped() -> None:
    """A month later nothing is left of it."""
    role = ordered().roles["agr"]
    role.prune(FIRST + timedelta(days=30))
    assert role.part(PrognosisSums).state.moved_w == {}


def test_a_request_leaves_no_room_in_what_it_does_not_name() -> None:
    """Asked from ISP 45 on: what runs before may be full already, so no correction may feed in or draw more there."""
    pump = market_of_farms()
    pump.tell("agr", "dso", request(first=45), AHEAD)
    down, up = pump.roles["agr"].part(FlexTrading).room_kw(POINT, DAY)
    assert (down[:44], up[:44]) == (pytest.approx(np.zeros(44)), pytest.approx(np.zeros(44)))
    assert (down[44], up[44]) == (6.0, 7.0)


# ---- the DSO's side ------------------------------------------------------------------------------------------------------


def sure_w(role: DsoRole, chance: float) -> Floats:
    """What the portfolio of `agr` will surely do, with a chance."""
    return role.part(TradingRounds)._expected.sure_w("agr", POINT, DAY, AHEAD, np.full(96, chance))


def buyer(swing_kw: float) -> tuple[DsoRole, FlexOrder]:
    """A DSO that has ordered in ISP 48 of `agr`, whose portfolio showed this swing on the last day."""
    role = dso()
    role.part(ForecastErrors)._history.state.history_kw["ean.farm-a"] = (np.full(96, -swing_kw),)
    filed, _ = ordering(role)
    hear(role, "ledger", Receipt(filed.reference))
    (placed,) = [
        o for place, orders in role.part(Ordering).state.orders.items() for o in orders if place.seller == "agr"
    ]
    return role, placed


@given(st.floats(0.5, 0.95), st.floats(0.0, 30.0))
def test_an_order_counts_whole_however_sure_one_is(chance: float, swing_kw: float) -> None:
    """Until the next prognosis an order moves what is sure by what was ordered, so that it is not bought again."""
    role, placed = buyer(swing_kw)
    before = dso()
    before.part(ForecastErrors)._history.state.history_kw["ean.farm-a"] = (np.full(96, -swing_kw),)
    hear_all(before)
    sure = sure_w(before, chance)
    expected = [min(sure[row.start - 1] + row.power_w, 0.0) for row in placed.isps]
    assert [sure_w(role, chance)[row.start - 1] for row in placed.isps] == pytest.approx(expected)


def test_a_newer_prognosis_holds_the_order() -> None:
    """Told after the order that it will be at -4.5 kW: the order is in it, and is not added once more."""
    role, placed = buyer(0.0)
    told = prognosis("agr", POINT, 2, -4_500)
    sent = replace(told.header, time_stamp=placed.header.time_stamp + timedelta(minutes=5))
    hear(role, "agr", replace(told, header=sent), LATER)
    assert sure_w(role, 0.5)[placed.isps[0].start - 1] == pytest.approx(-4_500.0)
