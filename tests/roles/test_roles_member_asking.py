"""A member tells what its contract pays on average, and takes no part at a loss."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from agents.planning.dispatch.flexibility import Curtailable
from agents.roles.messages import NetProfile, VppInvitation
from agents.roles.prosumer.member_session import MemberSession
from market.uftp import FlexOffer, FlexOrder
from tests.roles.test_roles_vpp_session import order, receipts
from tests.worlds.players import AHEAD, FARMS, market_of_farms, request


def session(cost_ct: float, price_e4: int, moved_kw: list[float], wanted: list[int]) -> MemberSession:
    """A session about one plant that loses so much for each kWh, on quarter-hours."""
    size, move = len(moved_kw), np.array(moved_kw)
    price = np.full(size, cost_ct)
    model = Curtailable("pv", np.full(size, -9.0), np.full(size, 9.0), price, price, 0.0, 0.25)
    return MemberSession(
        date(2026, 5, 20), 1, size, 1.0, (model,), (np.zeros(size),), (move,), tuple(wanted), (price_e4,)
    )


@pytest.mark.parametrize(
    ("cost_ct", "moved_kw", "wanted", "asked"),
    [
        (8.0, [4.0, 0.0], [1, 1], 1000),  # 8 ct lost for 10 ct paid
        (10.0, [4.0, 0.0], [1, 1], 1000),
        (10.1, [4.0, 0.0], [1, 1], None),
        (4.0, [4.0, -4.0], [1, 0], 1000),  # the rebound costs as much again, and nobody pays for it
        (6.0, [4.0, -4.0], [1, 0], None),
        (4.0, [-4.0, 0.0], [1, 1], None),  # against what is asked for: not paid
        (8.0, [0.0, 0.0], [1, 1], 0),
        (8.0, [-4.0, 0.0], [-1, 0], 1000),
    ],
)
def test_no_member_takes_part_at_a_loss(
    cost_ct: float, moved_kw: list[float], wanted: list[int], asked: int | None
) -> None:
    """At 10 ct/kWh it asks 10 where that covers all it does, its rebound included, else it takes no part."""
    assert session(cost_ct, 1000, moved_kw, wanted).asked_e4_per_kwh() == asked


@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_an_offer_is_what_its_members_are_paid_keeping_it_and_the_margin(step: int) -> None:
    """Each step of it: what the members ordered by it are paid, a tenth for keeping it, and of both 10 % for the aggregator."""
    pump = market_of_farms()
    pump.tell("agr", "dso", request(), AHEAD)
    (offer,) = pump.said(FlexOffer)
    assert pump.said(VppInvitation)[0].wanted[:5] == (1, 1, 1, 1, 0)
    option = offer.options[step]
    pump.tell("agr", "dso", order(replace(offer, options=(option,))), AHEAD)
    receipts(pump)
    due, wh = 0, 0.0
    for name in FARMS:
        asked_e4 = pump.said(NetProfile, sender=name)[-1].asked_e4_per_kwh
        for member_order in pump.said(FlexOrder, to=name):
            kwh = sum(row.power_w for row in member_order.isps) / 4000
            assert member_order.price == pytest.approx(kwh * asked_e4, abs=1)
            due, wh = due + member_order.price, wh + kwh * 1000
    assert option.price == pytest.approx(due * 1.1 * 1.1, abs=3)
    assert wh == pytest.approx(sum(row.power_w for row in option.isps) / 4, abs=len(FARMS))
    assert due


def test_a_member_that_would_lose_is_neither_offered_nor_ordered() -> None:
    """One farm says that it takes no part: every step of the offer is the other's alone, and no order reaches it."""
    pump = market_of_farms()
    pump.changes["farm-a", NetProfile] = lambda message: replace(message, asked_e4_per_kwh=None)
    pump.tell("agr", "dso", request(), AHEAD)
    (offer,) = pump.said(FlexOffer)
    mine = pump.said(NetProfile, sender="farm-b")[-1].deviation_kw
    for share, option in zip((0.25, 0.5, 0.75, 1.0), offer.options, strict=True):
        own_w = [round(float(mine[row.start - 45]) * share * 1000) for row in option.isps]
        assert [row.power_w for row in option.isps] == own_w
    pump.tell("agr", "dso", order(offer), AHEAD)
    receipts(pump)
    assert [member_order.isps for member_order in pump.said(FlexOrder, to="farm-b")] == [offer.options[-1].isps]
    assert not pump.said(FlexOrder, to="farm-a")
