"""Balancing energy in a whole market: offers, bids, a call, members' orders, delivery by the meter, and money that sums to zero."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from agents.roles.balancing_messages import CALLED, ORDERED, BalancingBids, BalancingCalled, PoolOffer
from cim.codec.codec import decode
from cim.platform.publications.balancing import BalancingCleared
from cim.platform.publications.incidents import MessageLapsed, RuleBroken
from cim.platform.publications.ledger import RecordRefused
from market.ledger.reader import LedgerReader
from market.settlement.payments import Payment, balance
from market.uftp import AcceptedDisputed, FlexOrder
from tests.worlds.miniature import DEAREST_E4, GATE_MIN, SMALLEST_W, Miniature
from tests.worlds.players import DAY, FIRST

CALLS = {28: -9_000_000, 44: 9_000_000, 68: 9_000_000, 80: -1_500}  # far more than there is; a kilowatt and a half
NEEDED_W = tuple(CALLS.get(isp, 0) for isp in range(1, 97))


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    """Four homes with PV and a battery, two aggregators, a TSO; the day is settled."""
    made = Miniature(tmp_path_factory.mktemp("balancing") / "ledger.db", needed_w=NEEDED_W)
    made.play(DAY.end + timedelta(hours=7))
    return made


def bodies(path: Path, kind: str) -> list[Any]:
    """What records of a kind say."""
    with LedgerReader(path) as reader:
        return [decode(record.body) for record in reader.records() if record.kind == kind]


def test_a_framework_is_agreed_and_stands_in_the_ledger(market: Miniature) -> None:
    """Between TSO and ILES manager, signed by both."""
    (contract,) = [one for one in bodies(market.path, "contract") if one.buyer == "tso.example"]
    assert (contract.seller, contract.reserved, contract.template) == ("iles.example", False, "balancing-framework")


def test_all_quarter_hours_are_cleared_and_nothing_is_called_where_nothing_is_needed(market: Miniature) -> None:
    """Ninety-six of them; bids came by their gates, two minutes after the offers."""
    told: list[BalancingCleared] = market.told(BalancingCleared)
    assert [one.isp for one in told] == list(range(1, 97))
    called = {one.isp: one.called_w for one in told if one.called_w}
    assert set(called) == {28, 68, 80}  # the DSO has ordered at 44
    assert called[28] < called[80] == -1_500
    assert called[68] > 0
    assert all(one.at == DAY.isp_start(one.isp) - timedelta(minutes=GATE_MIN) for one in told)
    assert all(one.order_reference for one in told if one.called_w)


def test_bids_are_what_was_offered_and_no_more(market: Miniature) -> None:
    """Of each quarter-hour and direction: the pool bids at most what its portfolios offered, never below its smallest."""
    offered: dict[tuple[int, bool], int] = {}
    for offer in market.said(PoolOffer):
        for step in offer.steps:
            offered[offer.isp, step.more] = offered.get((offer.isp, step.more), 0) + step.power_w
    bids: list[BalancingBids] = market.said(BalancingBids)
    assert len(bids) == 96
    for told in bids:
        assert all(bid.power_w >= SMALLEST_W and bid.premium_e4_per_kwh <= DEAREST_E4 for bid in told.bids)
        for more in (True, False):
            total = sum(bid.power_w for bid in told.bids if bid.more is more)
            assert total <= offered.get((told.isp, more), 0)


def test_what_is_called_is_ordered_of_members_and_never_more(market: Miniature) -> None:
    """All portfolios together are called for what the TSO ordered; members' orders of a call are within it."""
    for told in bodies(market.path, ORDERED):
        reference, (row,) = told.order.order_reference, told.order.isps
        calls: list[BalancingCalled] = [c for c in market.said(BalancingCalled) if c.order_reference == reference]
        assert sum(call.power_w for call in calls) == row.power_w
        assert sum(watts for _, watts in told.accepted_w) == abs(row.power_w)
    moved: dict[int, int] = {}
    for order in market.said(FlexOrder):
        if order.order_reference.startswith("balance-"):
            for row in order.isps:
                moved[row.start] = moved.get(row.start, 0) + row.power_w
    called = {one.isp: one.called_w for one in market.told(BalancingCleared) if one.called_w}
    assert set(moved) == {isp for isp in called if moved.get(isp)}
    assert all(0 < watts / called[isp] <= 1.01 for isp, watts in moved.items())


def test_who_could_not_order_what_it_was_called_for_offers_nothing_of_the_kind_for_two_hours(market: Miniature) -> None:
    """In the evening owners need what their batteries hold, and no contract covers that: ISP 80 is ordered of nobody."""
    (call,) = [call for call in market.said(BalancingCalled) if call.isp == 80]
    (seller,) = {to for _, to, message in market.sent if message is call}
    assert not any(
        row.start == 80 for o in market.said(FlexOrder) if o.order_reference.startswith("balance-") for row in o.isps
    )
    offers = [message for sender, _, message in market.sent if sender == seller and isinstance(message, PoolOffer)]
    less = {offer.isp: [step for step in offer.steps if not step.more] for offer in offers}
    assert less[80]
    assert not any(less[isp] for isp in range(81, 88))


def test_the_dso_comes_first(market: Miniature) -> None:
    """Where the DSO has ordered anything by then, nothing is offered; where it has not, something is."""
    ordered = {
        row.start
        for order in market.said(FlexOrder)
        if order.header.sender_domain == "dso.example"
        for row in order.isps
    }
    assert ordered
    assert not any(offer.steps for offer in market.said(PoolOffer) if offer.isp in ordered)
    assert any(offer.steps for offer in market.said(PoolOffer))


def test_a_sceptic_finds_the_same_payments_from_the_ledger_alone(market: Miniature) -> None:
    """Delivered and missing from what was nominated and metered; paid at the premium; divided by the recorded shares."""
    orders = {one.order.order_reference: one for one in bodies(market.path, ORDERED)}
    shares = {one.order_reference: dict(one.shares_w) for one in bodies(market.path, CALLED)}
    (contract,) = [one for one in bodies(market.path, "contract") if one.buyer == "tso.example"]
    told = {(s.header.sender_domain, s.header.recipient_domain): s for s in bodies(market.path, "flex-settlement")}
    whole = told["tso.example", "iles.example"]
    assert {row.order_reference for row in whole.order_settlements} == set(orders)
    due: dict[tuple[str, str], int] = {}
    for row in whole.order_settlements:
        order, (isp,) = orders[row.order_reference], row.isps
        called_w, change_w = order.order.isps[0].power_w, isp.actual_power_w - order.nomination_w
        came_w = max(min(change_w / called_w, 1), 0) * abs(called_w)
        price = round(Fraction(round(came_w) * order.order.price, abs(called_w)))
        fine = round(Fraction(round(abs(called_w) - came_w) * contract.penalty_e4_per_kwh, 4000))
        assert (row.price, row.penalty) == (price, fine)
        due["tso.example", "utilisation"] = due.get(("tso.example", "utilisation"), 0) + price
        due["iles.example", "penalty"] = due.get(("iles.example", "penalty"), 0) + fine
        parts = [
            (one.price, one.penalty, abs(one.isps[0].ordered_flex_power_w))
            for (buyer, _), settlement in told.items()
            if buyer == "iles.example"
            for one in settlement.order_settlements
            if one.order_reference.startswith(f"{row.order_reference}/")
        ]
        assert (sum(p for p, _, _ in parts), sum(f for _, f, _ in parts)) == (price, fine)
        assert sorted(watts for _, _, watts in parts) == sorted(shares[row.order_reference].values())
    payments: list[Payment] = [one for paid in bodies(market.path, "remuneration") for one in paid]
    for (payer, reason), amount in due.items():
        of_tso = [one for one in payments if {one.payer, one.payee} == {"tso.example", "iles.example"}]
        assert sum(one.amount for one in of_tso if (one.payer, one.reason) == (payer, reason)) == amount
    gained = balance(payments)
    assert sum(gained.values()) == 0
    assert gained["iles.example"] == 0  # the pool keeps nothing


def test_all_sums_are_accepted_and_nothing_is_broken(market: Miniature) -> None:
    """Both sides read one meter, so the TSO's sums are the pool's; no rule is broken, nothing is refused by the ledger."""
    mine = [
        one
        for one in bodies(market.path, "flex-settlement-response")
        if {one.header.sender_domain, one.header.recipient_domain} & {"tso.example", "iles.example"}
    ]
    assert len(mine) >= 2
    assert {status.disposition for one in mine for status in one.statuses} == {AcceptedDisputed.ACCEPTED}
    assert market.told(RuleBroken, RecordRefused) == []
    lapses: list[MessageLapsed] = market.told(MessageLapsed)
    assert not any(one.what in ("BalancingBids", "PoolOffer", "BalancingOrdered") for one in lapses)


def test_the_call_shows_at_the_meter(market: Miniature) -> None:
    """Of what was called at seven in the morning and at five most came, by the meter of all four homes."""
    (whole,) = [s for s in bodies(market.path, "flex-settlement") if s.header.sender_domain == "tso.example"]
    rows = {row.isps[0].start: row.isps[0] for row in whole.order_settlements}
    for isp in (28, 68):
        assert abs(rows[isp].delivered_flex_power_w) >= 0.8 * abs(rows[isp].ordered_flex_power_w), rows[isp]
    assert whole.period_start == FIRST
