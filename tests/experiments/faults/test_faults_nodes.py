"""What `iles faults --nodes` says of a lost node: which promise was not kept, and which activation is disturbed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from cim.codec.codec import encode
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from experiments.faults.activation import greatest_activation
from experiments.faults.node_loss import Moved, NodeLoss
from market.ledger.records import Party, Record
from market.ledger.signing import key_from_seed
from market.ledger.store import LedgerStore
from market.uftp import FlexOrder, Header, IspPower

DAY = LocalDay(date(2016, 5, 20), "Europe/Vienna")
KEPT = NodeLoss(
    (32, 28), 2, DAY.isp_start(50), DAY.isp_start(50), (Moved("farm-1", True, 1, 14.0),), 1.5, (), (), ("ab", "ab")
)


def test_each_promise_that_is_not_kept_is_a_sentence() -> None:
    """Another head, lost or doubled events, agents that stayed away, and a loss that hit nobody who delivered."""
    assert KEPT.faults == ()
    assert replace(KEPT, heads=("ab", "cd")).faults == (
        "ledger: head cd is not ab, that of the run without the loss of a node",
    )
    assert replace(KEPT, lost=(("dso", 5, 4),)).faults == ("dso: handled 4 events, 5 without the loss of a node",)
    away = (Moved("farm-1", True, None, None), Moved("farm-2", False, 2, 3.0))
    assert replace(KEPT, moved=away).faults == (
        "1 agents were not back when the day ended: farm-1",
        "1 agents live on the node that was killed: farm-2",
    )
    assert replace(KEPT, moved=()).faults == ("nobody who delivered an order was on node 2: its loss proves nothing",)


def _ledger(path: Path, *orders: tuple[str, tuple[IspPower, ...]]) -> Path:
    store = LedgerStore(path)
    signer = key_from_seed(1, "agr.example")
    store.create([Party("agr.example", signer.public)], {})
    at = datetime(2016, 5, 19, 9, tzinfo=UTC)
    records = []
    for number, (seller, isps) in enumerate(orders):
        header = Header("agr.example", seller, at, f"m-{number}", "c")
        order = FlexOrder(header, DAY.day, "ea1.2016-01.at.test:lv", f"o-{number}", 0, "EUR", isps, DAY.timezone)
        record = Record("member-order", f"o-{number}", at, "agr.example", encode(order))
        records.append(record.signed("agr.example", signer))
    store.append(tuple(records))
    store.close()
    return path


def test_the_greatest_activation_is_the_one_of_most_sellers(tmp_path: Path) -> None:
    """Most sellers first, then most power, then the earlier one; an order of several ISPs counts in each of them."""
    path = _ledger(
        tmp_path / "ledger.db",
        ("farm-1.example", (IspPower(40, 9000), IspPower(50, -100, 2))),
        ("farm-2.example", (IspPower(51, 300),)),
    )
    found = greatest_activation(path)
    assert (found.start, found.end) == (DAY.isp_start(51), DAY.isp_start(52))
    assert found.sellers == {"farm-1.example", "farm-2.example"}


def test_a_day_without_orders_is_one_sentence(tmp_path: Path) -> None:
    """A node whose loss could not disturb any delivery is not killed."""
    with pytest.raises(BadInput, match=r"has no order that is delivered; expected a day with flexibility ordered"):
        greatest_activation(_ledger(tmp_path / "ledger.db", ("farm-1.example", ())))
