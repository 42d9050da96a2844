"""A ledger on a full disk takes all of a batch or nothing, says so, and goes on when there is room."""

from __future__ import annotations

from pathlib import Path

import pytest

from market.ledger.errors import NotRecorded
from market.ledger.store import LedgerStore
from market.ledger.verify import verify
from tests.market.ledgers import AGR, DAY, PARTIES, START, fill, record
from tests.worlds.full_disk import room_for


def test_it_goes_on_as_if_the_disk_had_never_been_full(tmp_path: Path) -> None:
    """Records, a block's closing and a co-signature are refused without room, and taken afterwards: the same head, record
    for record, as of a ledger that was never disturbed."""
    with LedgerStore(tmp_path / "undisturbed.db") as ledger:
        fill(ledger)
        ledger.append([record(k, "late") for k in range(60)])
        expected = ledger.close_block(3, START + 2 * DAY, START + 3 * DAY, START + 3 * DAY)
        ledger.cosign(3, "agr", AGR.sign(expected.message))
    with LedgerStore(tmp_path / "full.db") as ledger:
        fill(ledger)
        for _ in range(2):
            with room_for(0), pytest.raises(NotRecorded, match=r"ledger .*full.db: it took nothing \(.*\); try again"):
                ledger.append([record(k, "late") for k in range(60)])
        ledger.append([record(k, "late") for k in range(60)])
        ledger.append([record(k, "late") for k in range(60)])  # whoever was not told repeats it
        with room_for(0), pytest.raises(NotRecorded):
            ledger.close_block(3, START + 2 * DAY, START + 3 * DAY, START + 3 * DAY)
        head = ledger.close_block(3, START + 2 * DAY, START + 3 * DAY, START + 3 * DAY)
        with room_for(0), pytest.raises(NotRecorded):
            ledger.cosign(3, "agr", AGR.sign(head.message))
        ledger.cosign(3, "agr", AGR.sign(head.message))
    assert head == expected
    assert verify(tmp_path / "full.db").head == verify(tmp_path / "undisturbed.db").head == head.digest


def test_one_that_cannot_be_made_for_lack_of_room_can_be_made_later(tmp_path: Path) -> None:
    """No half ledger is left that would be refused as broken, or taken for one with other parties."""
    with LedgerStore(tmp_path / "a.db") as ledger:
        with room_for(0), pytest.raises(NotRecorded):
            ledger.create(PARTIES, {"site": "test"})
        ledger.create(PARTIES, {"site": "test"})
        ledger.append([record(1)])
    assert verify(tmp_path / "a.db").records == 1
