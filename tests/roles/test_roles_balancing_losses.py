"""TSO and ILES manager lose everything at midday: calls are known from the ledger, what was metered is not, and no kWh is paid
that one of them cannot see.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.roles.balancing_messages import CALLED, ORDERED
from agents.roles.iles_manager.balancing_pool import BalancingPool
from agents.roles.iles_manager.service_selling import ServiceSelling
from agents.roles.tso.market import BalancingMarket
from cim.codec.codec import decode
from cim.platform.publications.incidents import RuleBroken
from cim.platform.publications.ledger import RecordRefused
from market.contracts.service_level import LEVEL
from market.ledger.reader import LedgerReader
from market.settlement.payments import balance
from market.uftp import AcceptedDisputed
from tests.roles.test_roles_rebuild import Forgetful
from tests.worlds.miniature import Miniature
from tests.worlds.players import DAY

EARLY, LATE = 28, 68
NEEDED_W = tuple({EARLY: -9_000_000, LATE: 9_000_000}.get(isp, 0) for isp in range(1, 97))
NOON = DAY.at(12) + timedelta(minutes=2)


def bodies(path: Path, kind: str) -> list[Any]:
    """What records of a kind say."""
    with LedgerReader(path) as reader:
        return [decode(record.body) for record in reader.records() if record.kind == kind]


def lost(path: Path, *names: str) -> Forgetful:
    """A day with a call before and after these agents lose everything."""
    market = Forgetful(path, needed_w=NEEDED_W, service=True)
    market.play(NOON)
    market.lose(*names)
    market.go_on(DAY.end + timedelta(hours=7))
    return market


def settled_isps(market: Forgetful) -> tuple[list[int], list[AcceptedDisputed]]:
    """The quarter-hours that the TSO settled, and what the pool said of each."""
    (told,) = [s for s in bodies(market.path, "flex-settlement") if s.header.sender_domain == "tso.example"]
    number = told.header.message_id
    answers = bodies(market.path, "flex-settlement-response")
    (answer,) = [one for one in answers if one.flex_settlement_message_id == number]
    said = {one.order_reference: one.disposition for one in answer.statuses}
    rows = sorted(told.order_settlements, key=lambda row: row.isps[0].start)
    return [row.isps[0].start for row in rows], [said[row.order_reference] for row in rows]


@pytest.mark.parametrize(
    ("names", "isps", "said"),
    [
        (("tso",), [LATE], [AcceptedDisputed.ACCEPTED]),
        (("tso", "iles"), [LATE], [AcceptedDisputed.ACCEPTED]),
        (("iles",), [EARLY, LATE], [AcceptedDisputed.DISPUTED, AcceptedDisputed.ACCEPTED]),
    ],
)
def test_what_only_one_side_saw_is_not_paid(
    tmp_path: Path, names: tuple[str, ...], isps: list[int], said: list[AcceptedDisputed]
) -> None:
    """The morning's call is left out by a TSO that metered it no more, and disputed by a pool that cannot check it."""
    market = lost(tmp_path / "ledger.db", *names)
    assert settled_isps(market) == (isps, said)
    payments = [one for paid in bodies(market.path, "remuneration") for one in paid]
    gained = balance(payments)
    assert sum(gained.values()) == 0
    assert gained.get("iles.example", 0) == 0
    late = next(o.order.order_reference for o in bodies(market.path, ORDERED) if o.order.isps[0].start == LATE)
    assert {p.reference for p in payments if "tso.example" in (p.payer, p.payee)} == {late}
    assert market.told(RuleBroken, RecordRefused) == []


def test_calls_shares_and_levels_come_back_from_the_ledger(tmp_path: Path) -> None:
    """Just after the loss both know the morning's call, the pool its shares, and the level that was signed the day before."""
    market = Forgetful(tmp_path / "ledger.db", needed_w=NEEDED_W, service=True)
    market.play(NOON)
    market.lose("tso", "iles")
    (order,), (call,) = bodies(market.path, ORDERED), bodies(market.path, CALLED)
    reference = order.order.order_reference
    pool = market.roles["iles"].part(BalancingPool).state
    assert market.roles["tso"].part(BalancingMarket).state.called == {reference: order}
    assert (pool.ordered, pool.shares_w) == ({reference: order}, {reference: dict(call.shares_w)})
    (level,) = bodies(market.path, LEVEL)
    assert market.roles["iles"].part(ServiceSelling).state.levels == {level.contract_id: level}


def test_in_any_order_of_delivery_the_ledger_is_the_same(tmp_path: Path) -> None:
    """Whatever arrives first of what is said at an instant: calls, shares, levels, settlements and payments are the same."""

    def records(number: int | None) -> dict[tuple[str, str], bytes]:
        market = Miniature(tmp_path / f"{number}.db", seed=number, needed_w=NEEDED_W, service=True)
        market.play(DAY.end + timedelta(hours=7))
        with LedgerReader(market.path) as reader:
            return {(record.kind, record.key): record.body for record in reader.records()}

    first = records(None)
    assert {ORDERED, CALLED, LEVEL} <= {kind for kind, _ in first}
    for number in (1, 2):
        assert records(number) == first
