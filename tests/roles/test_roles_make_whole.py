"""No member worse off: what a day cost it too much is claimed, recorded and paid once, and never without bounds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from agents.roles.aggregator.making_whole import REASON, WAIT, MakingWhole, PayClaims
from agents.roles.aggregator.member_orders import MemberOrders
from agents.roles.aggregator.order_records import ElementPart
from agents.roles.effects import Arm, Publish, Send
from agents.roles.messages import Filed, MakeWholeClaim
from agents.roles.parts.meter_data import MeterDay
from agents.roles.parts.settlement import metering_of
from agents.roles.parts.settlement_as_buyer import DaySettled
from cim.codec.codec import decode
from market.billing.bill import Bill, BillKind, bill_of
from tests.worlds.players import AHEAD, FIRST, aggregator

CLAIM = MakeWholeClaim("farm-a.example", "agr.example", FIRST, 300, 1300, 1000)
OTHER = MakeWholeClaim("farm-b.example", "agr.example", FIRST, 100, 1100, 1000)
PLENTY_E4 = 1_000_000  # 2 % of it are 20,000


@dataclass
class Sums:
    """What the aggregator's accounts say: all payments of a day, a member's energy bill, and what it is paid."""

    moved: int
    bill: Bill | None = None
    earned: int = 0
    heard: bool = True

    def moved_e4(self, period: date) -> int:
        """All payments."""
        return self.moved

    def metered(self, member: str, period: date) -> bool:
        """Whether its meters told."""
        return self.heard

    def energy_bill(self, member: str, period: date) -> Bill | None:
        """A member's energy."""
        return self.bill

    def earned_e4(self, member: str, period: date) -> int:
        """A member's pay."""
        return self.earned


def making_whole(moved_w: int, turnover_e4: int = PLENTY_E4) -> Any:
    """An aggregator that ordered so much of both farms' plants, in one quarter-hour, on a day of such payments."""
    role = aggregator()
    parts = (ElementPart("o-1", FIRST, name, f"{name}.pv", ((50, -9000, moved_w),)) for name in ("farm-a", "farm-b"))
    role.part(MemberOrders).state.parts = tuple(parts)
    part = role.part(MakingWhole)
    part._accounts = Sums(turnover_e4)
    return part


def paid(effects: list[Any]) -> list[Any]:
    """The records that were filed for the ledger."""
    filed = [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, Filed)]
    return [record for message in filed for record in message.records]


def amounts(effects: list[Any]) -> dict[str, int]:
    """By payee's domain, what is paid."""
    return {payment.payee: payment.amount for record in paid(effects) for payment in decode(record.body)}


def test_a_claim_is_paid_once_and_recorded() -> None:
    """300 ten-thousandths for a day with orders: one remuneration record; the same claim again is told and not paid."""
    part = making_whole(4000)
    assert part.claimed(CLAIM, "farm-a", AHEAD) == [Arm(PayClaims(FIRST), AHEAD + WAIT)]
    (record,) = paid(part.pay(PayClaims(FIRST), AHEAD))
    assert (record.kind, record.key) == ("remuneration", f"{FIRST}/agr.example/farm-a.example/{REASON}")
    again = part.claimed(CLAIM, "farm-a", AHEAD)
    assert isinstance(again[0], Publish)
    assert part.pay(PayClaims(FIRST), AHEAD) == []


def test_all_claims_of_a_day_are_paid_together() -> None:
    """Nobody is paid before all have claimed; when the day is settled, the time for that begins."""
    part = making_whole(4000)
    assert part.day_settled(DaySettled(FIRST), AHEAD) == [Arm(PayClaims(FIRST), AHEAD + WAIT)]
    effects = [*part.claimed(CLAIM, "farm-a", AHEAD), *part.claimed(OTHER, "farm-b", AHEAD)]
    assert not paid(effects)
    assert amounts(part.pay(PayClaims(FIRST), AHEAD)) == {"farm-a.example": 300, "farm-b.example": 100}


def test_together_they_are_paid_no_more_than_their_share_and_the_rest_is_told() -> None:
    """400 claimed where 2 % of 10,000 are 200: each gets half, and a late claim finds nothing left."""
    part = making_whole(4000, turnover_e4=10_000)
    part.claimed(CLAIM, "farm-a", AHEAD)
    part.claimed(OTHER, "farm-b", AHEAD)
    effects = part.pay(PayClaims(FIRST), AHEAD)
    assert amounts(effects) == {"farm-a.example": 150, "farm-b.example": 50}
    told = [e.publication for e in effects if isinstance(e, Publish) and "claimed" in str(e.publication)]
    assert len(told) == 2
    late = making_whole(4000, turnover_e4=10_000)
    late.state.paid_e4[FIRST] = {"farm-b": 200}
    late.claimed(CLAIM, "farm-a", AHEAD)
    assert amounts(late.pay(PayClaims(FIRST), AHEAD)) == {}


def test_what_orders_cost_a_member_beyond_its_price_is_in_the_next_offer() -> None:
    """300 for the 1 kWh moved: its next kWh is 300 dearer in an offer, with the margin; on a day without claims no more."""
    part = making_whole(4000)
    part.claimed(CLAIM, "farm-a", AHEAD)
    part.pay(PayClaims(FIRST), AHEAD)
    assert (part.dearer_e4_per_kwh("farm-a"), part.dearer_e4_per_kwh("farm-b")) == (300, 0)
    later = date(2016, 6, 16)
    orders = part._orders.state
    orders.parts = (*orders.parts, replace(orders.parts[0], period=later))
    part.pay(PayClaims(later), AHEAD)
    assert part.dearer_e4_per_kwh("farm-a") == 0


@pytest.mark.parametrize(
    ("claim", "sender"),
    [
        (
            replace(CLAIM, amount_e4=5001, market_e4=6001),
            "farm-a",
        ),  # 1 kWh was ordered: at 50 ct/kWh it cannot have cost more than 5000
        (replace(CLAIM, amount_e4=301), "farm-a"),  # the day cost 300 more
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
    part = making_whole(4000)
    (told,) = part.claimed(claim, sender, AHEAD)
    assert isinstance(told, Publish)
    assert not part.state.claims_e4
    assert part.pay(PayClaims(claim.period), AHEAD) == []


def test_the_edge_of_what_can_be_owed_is_paid() -> None:
    """1 kWh ordered at the highest price there is."""
    part = making_whole(4000)
    part.claimed(replace(CLAIM, amount_e4=5000, market_e4=6000), "farm-a", AHEAD)
    assert amounts(part.pay(PayClaims(FIRST), AHEAD)) == {"farm-a.example": 5000}


def test_what_the_day_came_to_is_checked_by_meter_and_payments() -> None:
    """Energy for 1400 less 100 earned are 1300; who says 1301 is not paid, who says less was paid by the DSO besides."""
    for market_e4, held in ((1300, True), (1250, True), (1301, False)):
        part = making_whole(4000)
        part._accounts = Sums(PLENTY_E4, bill_of({BillKind.ENERGY: 1400}), earned=100)
        part.claimed(replace(CLAIM, amount_e4=200, market_e4=market_e4), "farm-a", AHEAD)
        assert bool(part.state.claims_e4) is held


def test_a_day_that_no_meter_told_of_yet_is_claimed_again_later() -> None:
    """Settled without its meters, a member is paid nothing yet: what it claims then is told with its reason and not paid; the
    claim that it makes once they are counted is."""
    part = making_whole(4000)
    part._accounts = Sums(PLENTY_E4, heard=False)
    (told,) = part.claimed(CLAIM, "farm-a", AHEAD)
    assert "not all of its meters" in str(told.publication)
    assert not paid(part.pay(PayClaims(FIRST), AHEAD))
    part._accounts = Sums(PLENTY_E4, bill_of({BillKind.ENERGY: 1400}), earned=100)
    part.claimed(replace(CLAIM, amount_e4=200, market_e4=1200), "farm-a", AHEAD)
    assert amounts(part.pay(PayClaims(FIRST), AHEAD)) == {"farm-a.example": 200}


@pytest.mark.parametrize("lacking", ["ean.farm-a", "farm-a.pv", None])
def test_meters_told_when_connection_and_ordered_elements_did(lacking: str | None) -> None:
    """Either alone does not say what the member is paid."""
    role = aggregator()
    parts = (ElementPart("o-1", FIRST, "farm-a", "farm-a.pv", ((50, -9000, 4000),)),)
    role.part(MemberOrders).state.parts = parts
    accounts = role.part(MakingWhole)._accounts
    for ean, key in (
        ("ean.farm-a", MeterDay("ean.farm-a", FIRST)),
        ("farm-a.pv", MeterDay("farm-a.pv", FIRST, "farm-a.example")),
    ):
        if ean != lacking:
            told = metering_of(role.part(MakingWhole).me, "agr", FIRST, ean, np.zeros(96), AHEAD)
            accounts._meters.state.metering[key] = told
    assert accounts.metered("farm-a", FIRST) is (lacking is None)
