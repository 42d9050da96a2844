"""No member worse off: what a day cost it too much is claimed, recorded and paid once, and never without bounds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from agents.roles.aggregator.making_whole import REASON, MakingWhole
from agents.roles.aggregator.member_orders import MemberOrders
from agents.roles.aggregator.order_records import ElementPart
from agents.roles.effects import Publish, Send
from agents.roles.messages import Filed, MakeWholeClaim
from tests.worlds.players import AHEAD, FIRST, aggregator

CLAIM = MakeWholeClaim("farm-a.example", "agr.example", FIRST, 300, 1300, 1000)


def role_with_orders(moved_w: int) -> Any:
    """An aggregator that ordered so much of farm-a's plant, in one quarter-hour."""
    role = aggregator()
    part = ElementPart("o-1", FIRST, "farm-a", "farm-a.pv", ((50, -9000, moved_w),))
    role.part(MemberOrders).state.parts = (part,)
    return role


def paid(effects: list[Any]) -> list[Any]:
    """The payments that were filed for the ledger."""
    filed = [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, Filed)]
    return [record for message in filed for record in message.records]


def test_a_claim_is_paid_once_and_recorded() -> None:
    """300 ten-thousandths for a day with orders: one remuneration record; the same claim again is told and not paid."""
    role = role_with_orders(4000)
    part = role.part(MakingWhole)
    (record,) = paid(part.claimed(CLAIM, "farm-a", AHEAD))
    assert (record.kind, record.key) == ("remuneration", f"{FIRST}/agr.example/farm-a.example/{REASON}")
    again = part.claimed(CLAIM, "farm-a", AHEAD)
    assert not paid(again)
    assert isinstance(again[0], Publish)


@pytest.mark.parametrize(
    ("claim", "sender"),
    [
        (
            replace(CLAIM, amount_e4=5001),
            "farm-a",
        ),  # 1 kWh was ordered: at 50 ct/kWh it cannot have cost more than 5000
        (replace(CLAIM, amount_e4=0), "farm-a"),
        (replace(CLAIM, amount_e4=-5), "farm-a"),
        (replace(CLAIM, period=date(2016, 1, 1)), "farm-a"),  # nothing was ordered on that day
        (replace(CLAIM, claimant="farm-b.example"), "farm-a"),
        (replace(CLAIM, payer="agr-2.example"), "farm-a"),
        (CLAIM, "farm-b"),
        (CLAIM, "dso"),
    ],
)
def test_what_cannot_be_owed_is_not_paid(claim: MakeWholeClaim, sender: str) -> None:
    """A claim beyond the day's orders, for another, or from who is no member, is told with its reason."""
    part = role_with_orders(4000).part(MakingWhole)
    effects = part.claimed(claim, sender, AHEAD)
    assert not paid(effects)
    assert len(effects) == 1
    assert not part.state.paid


def test_the_edge_of_what_can_be_owed_is_paid() -> None:
    """1 kWh ordered at the highest price there is."""
    assert (
        len(paid(role_with_orders(4000).part(MakingWhole).claimed(replace(CLAIM, amount_e4=5000), "farm-a", AHEAD)))
        == 1
    )
