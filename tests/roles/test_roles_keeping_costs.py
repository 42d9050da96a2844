"""An offer holds what keeping it costs: by the site's assumption first, then by what it did cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from agents.roles.aggregator import AggregatorRole, Member
from agents.roles.aggregator.keeping_costs import ASSUMED_DAYS, KEPT_DAYS, KeepingCosts, OrderAsked
from agents.roles.aggregator.making_whole import ClaimsAnswered, MakingWhole, PayClaims
from agents.roles.aggregator.promises import OrderDropped
from market.uftp import FlexOrder, FlexOrderSettlement, IspPower
from tests.worlds import players, terms
from tests.worlds.players import AHEAD, DAY, FIRST, POINT, RULES, UPPER, aggregator, dso

ISPS = tuple(IspPower(isp, 6000) for isp in range(45, 49))
SHARE = 0.1  # as Strem's site file assumes


@dataclass
class Sums:
    """What the aggregator's accounts say: what each member is paid, and what its orders to the DSO came to."""

    earned: dict[str, int]
    rows: tuple[FlexOrderSettlement, ...] = ()
    moved: dict[date, int] = field(default_factory=dict)

    def earned_e4(self, member: str, period: date) -> int:
        """A member's pay, less its fines."""
        return self.earned[member]

    def of_dso(self, period: date) -> tuple[FlexOrderSettlement, ...]:
        """The DSO's orders."""
        return self.rows


def order(reference: str = "o-1", point: str = POINT) -> FlexOrder:
    """The DSO's order of some ISPs for 1,320."""
    header = dso().me.header("agr", AHEAD, None, "FlexOrder", reference)
    return FlexOrder(header, FIRST, point, reference, 1320, "EUR", ISPS, RULES.timezone, 15)


def row(price: int = 1320, penalty: int = 0, point: str = POINT, reference: str = "o-1") -> FlexOrderSettlement:
    """What the DSO pays of it."""
    return FlexOrderSettlement(reference, FIRST, point, (), price, penalty, price - penalty)


def closed(
    earned: int, rows: tuple[FlexOrderSettlement, ...] = (row(),), claims: dict[str, int] | None = None
) -> KeepingCosts:
    """The part after a day whose one order was asked 1,000, and on which each farm earned so much."""
    part = aggregator().part(KeepingCosts)
    part.taken(OrderAsked(order(), 1000), AHEAD)
    sums: Any = Sums(dict.fromkeys(players.FARMS, earned), rows)
    part._accounts = sums
    part.closed(ClaimsAnswered(FIRST, claims or {}), DAY.end)
    return part


def test_before_anything_is_learned_the_sites_assumption_counts() -> None:
    """A tenth of what members ask: 1,000 become 1,100."""
    part = aggregator().part(KeepingCosts)
    assert part.share(POINT) == SHARE
    assert part.with_keeping_e4(POINT, 1000) == 1100


@pytest.mark.parametrize(
    ("earned", "rows", "claims", "learned"),
    [
        (500, (row(),), {}, (1000, 0)),  # two farms are paid what they asked: it was kept for nothing
        (650, (row(),), {}, (1000, 300)),  # corrections cost 300 more
        (500, (row(penalty=30),), {"farm-a": 50}, (1000, 80)),  # fined, and a farm made whole
        (250, (row(660),), {}, (500, 0)),  # half was delivered and paid: half of what was asked is what was sold
        (400, (row(),), {}, (1000, -200)),  # members are paid for less than the DSO pays for
    ],
)
def test_a_days_keeping_is_what_went_beyond_what_members_asked(
    earned: int, rows: tuple[FlexOrderSettlement, ...], claims: dict[str, int], learned: tuple[int, int]
) -> None:
    """(Asked for what was delivered, spent beyond it); the site's share weighs as much as ten such days."""
    part = closed(earned, rows, claims)
    assert part.state.days == {POINT: (learned,)}
    asked, spent = learned
    assert part.share(POINT) == pytest.approx((ASSUMED_DAYS * SHARE * asked + spent) / ((ASSUMED_DAYS + 1) * asked))


def test_each_congestion_point_pays_for_its_own_weather() -> None:
    """What was spent on a farm's feeder makes no offer dearer on another one."""
    members = (Member("farm-a", "ean.farm-a", POINT), Member("farm-b", "ean.farm-b", UPPER))
    part = AggregatorRole("agr", RULES, players.key("agr"), terms.aggregator_config(members)).part(KeepingCosts)
    part.taken(OrderAsked(order(), 1000), AHEAD)
    part.taken(OrderAsked(order("o-2", UPPER), 1000), AHEAD)
    sums: Any = Sums({"farm-a": 1900, "farm-b": 1000}, (row(), row(point=UPPER, reference="o-2")))
    part._accounts = sums
    part.closed(ClaimsAnswered(FIRST, {}), DAY.end)
    assert part.state.days == {POINT: ((1000, 900),), UPPER: ((1000, 0),)}
    assert part.share(UPPER) < SHARE < part.share(POINT)


def test_neither_a_good_nor_a_bad_time_is_without_bounds() -> None:
    """Never less than nothing, never more than twice what members ask."""
    part = aggregator().part(KeepingCosts)
    part.state.days = {POINT: ((100, 10**6),) * KEPT_DAYS}
    assert part.with_keeping_e4(POINT, 1000) == 2000
    part.state.days = {POINT: ((100, -(10**6)),) * KEPT_DAYS}
    assert part.with_keeping_e4(POINT, 1000) == 1000


def test_a_day_is_learned_once_and_forgotten_in_time() -> None:
    """A revision of its settlement changes nothing; the last days are kept, and no order of a day that is closed for good."""
    part = closed(650)
    part.closed(ClaimsAnswered(FIRST, {"farm-a": 500}), DAY.end)
    assert part.state.days == {POINT: ((1000, 300),)}
    part.state.days, part.state.closed = {POINT: ((1, 1),) * KEPT_DAYS}, ()
    part.closed(ClaimsAnswered(FIRST, {}), DAY.end)
    assert part.state.days == {POINT: (*((1, 1),) * (KEPT_DAYS - 1), (1000, 300))}
    part.prune(DAY.next(1).day)
    assert (part.state.orders, part.state.closed) == ({}, ())


def test_a_refused_order_costs_nothing() -> None:
    """What is dropped is not among the day's orders; a day without orders says nothing of keeping them."""
    part = aggregator().part(KeepingCosts)
    part.taken(OrderAsked(order(), 600), AHEAD)
    part.dropped(OrderDropped(order()), AHEAD)
    part.closed(ClaimsAnswered(FIRST, {}), DAY.end)
    assert part.state.days == {}


def test_a_day_is_answered_for_when_its_claims_are() -> None:
    """The role's own timer of claims, with none heard, closes the day for what keeping cost."""
    role = aggregator()
    part = role.part(KeepingCosts)
    part.taken(OrderAsked(order(), 1000), AHEAD)
    sums: Any = Sums(dict.fromkeys(players.FARMS, 500), (row(),))
    part._accounts = sums
    role.part(MakingWhole).pay(PayClaims(FIRST), DAY.end)
    assert part.state.days == {POINT: ((1000, 0),)}
