"""A day of a site whose parts share two processes, held against the same day in one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cim.model.errors import BadInput
from cim.platform.memory_store import MemoryStore
from cim.platform.publications.trading import OrderPlaced
from cim.platform.store import values
from experiments.run.run import check
from experiments.run.settings import RunSettings
from tests.worlds.market_days import head_and_money, market_day, two_grids_apart


@pytest.mark.slow
def test_several_processes_change_nothing(tmp_path: Path) -> None:
    """The same seed ends in the same ledger head and money, with orders to both parts; all agents have handled as much."""
    site, store = two_grids_apart(tmp_path), MemoryStore(keep_readings=False)
    one = market_day(site, tmp_path / "one", store)
    two = market_day(site, tmp_path / "two", processes=2)
    assert values(store, OrderPlaced)
    assert head_and_money(tmp_path / "two", two) == head_and_money(tmp_path / "one", one)
    assert two.handled == one.handled
    assert all((two.truth[name][0] == one.truth[name][0]).all() for name in one.truth)


def test_what_several_processes_cannot_do_is_said(tmp_path: Path) -> None:
    """Another runtime or wire, a journal, planted copies, more processes than the site has parts."""
    settings = RunSettings(str(two_grids_apart(tmp_path)), None, 1, 1, "local", "direct", 1, tmp_path, processes=2)
    check(settings)
    for other, words in (
        (replace(settings, runtime="ray"), "expected runtime local"),
        (replace(settings, wire="tcp"), "wire direct"),
        (replace(settings, durable=True), "durable; expected one process"),
        (replace(settings, processes=3), "processes: 3; expected at most 2"),
    ):
        with pytest.raises(BadInput, match=words):
            check(other)
