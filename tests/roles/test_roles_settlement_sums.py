"""A day's settlement message shows what has accumulated since the month began; both levels, revisions and losses included."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agents.roles.dso.ordering import Ordering
from agents.roles.dso.prognoses import Prognoses
from agents.roles.effects import Send
from agents.roles.events import Recalled
from agents.roles.messages import Filed
from agents.roles.part import DayClosed
from agents.roles.parts.keys import SellerDay, SellerPointDay
from agents.roles.parts.settlement import SellerAccount, settlement_effects
from agents.roles.parts.settlement_as_buyer import SettlementAsBuyer
from cim.platform.publications.settlement import BaselineChecked, SettlementTold
from market.settlement.baseline_checks import BaselineCheck, accumulated, day_totals
from market.uftp import FlexOrderSettlement, FlexSettlement, SettlementIsp, SettlementSums, SettlementTotals
from tests.worlds import players
from tests.worlds.miniature import Miniature
from tests.worlds.players import AHEAD, DAY, FIRST, POINT

SECOND = DAY.next().day


@cache
def two_days() -> Miniature:
    """Two settled days of four homes."""
    with TemporaryDirectory() as folder:
        market = Miniature(Path(folder) / "ledger.db", days=2)
        market.play(DAY.next().end + timedelta(hours=6))
        market.ledger.close()
    return market


def told(market: Miniature) -> dict[tuple[str, str, str], FlexSettlement]:
    """The last revision of each settlement, by day, buyer and seller."""
    return {
        (m.period_start.isoformat(), m.header.sender_domain, m.header.recipient_domain): m
        for m in sorted(market.said(FlexSettlement), key=lambda m: m.revision)
    }


def test_the_second_day_shows_both() -> None:
    """DSO to aggregator and aggregator to member: the second day's message shows its own totals and those of both days."""
    found = told(two_days())
    pairs = {(buyer, seller) for _, buyer, seller in found}
    assert {("dso.example", "agr.example"), ("agr.example", "home-a.example")} <= pairs
    for buyer, seller in pairs:
        first, second = (found[day.isoformat(), buyer, seller].sums for day in (FIRST, SECOND))
        assert first is not None
        assert second is not None
        assert first.since == second.since == FIRST.replace(day=1)
        assert first.accumulated == first.day
        assert second.accumulated == accumulated((first.day, second.day))


def test_the_totals_are_those_of_the_orders_and_checks() -> None:
    """Volume, price and penalty are the sums over the message's own orders; the deviation that of the published checks."""
    market = two_days()
    checks = market.told(BaselineChecked)
    for (day, buyer, seller), message in told(market).items():
        rows = [
            BaselineCheck(c.place, c.expected_w, c.actual_w, c.unknown)
            for c in checks
            if (c.period.isoformat(), c.buyer, c.seller, c.revision) == (day, buyer, seller, message.revision)
        ]
        assert rows
        assert message.sums is not None
        assert message.sums.day == day_totals(message.order_settlements, rows, 15)
    assert any(m.sums and m.sums.accumulated.price_e4 for m in told(market).values())


def test_the_screen_and_the_portal_are_told_the_same() -> None:
    """What is published of a settlement has the message's accumulated sums."""
    market = two_days()
    by_reference = {m.header.message_id: m.sums for m in market.said(FlexSettlement)}
    published = market.told(SettlementTold)
    assert published
    for one in published:
        sums = by_reference[one.reference]
        assert sums is not None
        assert one.since == sums.since
        total = (one.accumulated_volume_wh, one.accumulated_deviation_wh, one.accumulated_price_e4)
        assert total == (sums.accumulated.volume_wh, sums.accumulated.deviation_wh, sums.accumulated.price_e4)


def test_a_baseline_is_checked_in_every_isp_of_the_day() -> None:
    """Each portfolio at its point and each member at its connection: 96 ISPs, far more than orders are about."""
    market = two_days()
    found = [c for c in market.told(BaselineChecked) if c.period == FIRST and c.revision == 1]
    places = {(c.buyer, c.seller, c.place) for c in found}
    assert ("dso.example", "agr.example", POINT) in places
    assert ("agr-2.example", "home-d.example", "ean.home-d") in places
    ordered = {isp.start for m in market.said(FlexSettlement) for row in m.order_settlements for isp in row.isps}
    for one in found:
        assert len(one.expected_w) == len(one.actual_w) == len(one.deviation_w) == DAY.count
        free = [k for k in range(1, DAY.count + 1) if k not in ordered and k not in one.unknown]
        assert free
        assert all(one.deviation_w[k - 1] == one.actual_w[k - 1] - one.expected_w[k - 1] for k in free)


def test_what_is_expected_is_the_newest_forecast_with_what_was_ordered_since() -> None:
    """Each ISP by the prognosis told last before it began; orders that came later count on top."""
    market = two_days()
    one = next(
        c for c in market.told(BaselineChecked) if (c.period, c.seller, c.place) == (FIRST, "agr.example", POINT)
    )
    dso, place = market.roles["dso"], SellerPointDay("agr", POINT, FIRST)
    final, orders = dso.part(Prognoses).final(place), dso.part(Ordering).at(place)
    assert final is not None
    expected, before = list(final.power_w), 0
    for order in orders:
        for row in order.isps:
            assert row.duration == 1
            if order.header.time_stamp < final.told_at[row.start - 1]:
                before += 1
            else:
                expected[row.start - 1] += row.power_w
    assert before, "and what was ordered before is in the forecast already"
    assert list(one.expected_w) == expected


def test_what_was_foretold_last_is_kept_for_a_revision_and_leaves_with_its_day() -> None:
    """A settled day's prognoses are gone, what they finally foretold is not, until the day is closed for good."""
    market = two_days()
    part = market.roles["dso"].part(Prognoses)
    place = SellerPointDay("agr", POINT, FIRST)
    assert part.all_of(place) == []
    known = part.final(place)
    assert known is not None
    assert len(known.power_w) == DAY.count
    kept = dict(part.state.final)
    part.prune(SECOND)
    assert part.final(place) is None
    part.state.final = kept


SOLD = FlexOrderSettlement("o", FIRST, POINT, (SettlementIsp(9, 0, -4000, -4000, -4000, 0),), 900, 0, 900)


def test_a_revision_counts_in_the_place_of_what_it_corrects() -> None:
    """A day told twice is in the sum once, as it was told last."""
    part = players.dso(players.rules(days=2)).part(SettlementAsBuyer)
    part._sums(SellerDay("agr", FIRST), SellerAccount((SOLD, SOLD), ()))
    part._sums(SellerDay("agr", FIRST), SellerAccount((SOLD,), ()))
    part._sums(SellerDay("agr-2", FIRST), SellerAccount((SOLD,), ()))
    sums = part._sums(SellerDay("agr", SECOND), SellerAccount((SOLD,), ()))
    assert (sums.day.volume_wh, sums.accumulated.volume_wh, sums.accumulated.price_e4) == (1000, 2000, 1800)


@pytest.mark.parametrize(("days", "kept"), [(0, True), (40, False)])
def test_a_months_days_are_kept_as_long_as_the_month_runs(days: int, kept: bool) -> None:
    """Days closed for good still count for their month; those of months before are forgotten."""
    part = players.dso().part(SettlementAsBuyer)
    part._sums(SellerDay("agr", FIRST), SellerAccount((SOLD,), ()))
    part.prune(DayClosed(FIRST + timedelta(days=days)).before)
    assert (SellerDay("agr", FIRST) in part.state.totals) is kept


def test_after_a_loss_of_everything_the_sum_goes_on() -> None:
    """The day's totals stand in the recorded settlement: the next day's message still shows both."""
    market = players.rules(days=30)
    day = SettlementTotals(1000, 70, 900, 5)
    sums = SettlementSums(day, FIRST.replace(day=1), day)
    me = players.dso(market).me
    _, effects = settlement_effects(me, "agr", "ledger", FIRST, SellerAccount((), ()), DAY.end, sums=sums, salted=False)
    records = tuple(
        r for e in effects if isinstance(e, Send) and isinstance(e.message, Filed) for r in e.message.records
    )
    dso = players.dso(market)
    dso.handle(Recalled(records, (), AHEAD, DAY.end), DAY.end)
    part = dso.part(SettlementAsBuyer)
    assert part._sums(SellerDay("agr", SECOND), SellerAccount((), ())).accumulated == day
