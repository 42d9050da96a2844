"""What a day's balancing energy came to, by hand from what was cleared and settled; who knows every call earns no less."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest

from cim.model.intervals import LocalDay
from cim.platform.publications.balancing import BalancingCleared
from cim.platform.publications.settlement import SettledIsp, SettledOrder, SettlementTold
from environment.sites import load_site
from experiments.run.columns.sold_balancing import balancing_figures, known_before, sold_balancing

SITE = load_site("el_realengo")
DAY = LocalDay(date(2019, 8, 10), SITE.timezone)
TSO, POOL = "tso.el-realengo.example", "iles.el-realengo.example"


def cleared(isp: int, needed_w: int, premium: int | None, offered_w: int, called_w: int) -> BalancingCleared:
    """A quarter-hour."""
    reference = f"o-{isp}" if called_w else None
    at = datetime.fromisoformat("2019-08-10T00:00:00+00:00")
    return BalancingCleared(at, DAY.day, isp, needed_w, premium, POOL, 0, offered_w, called_w, reference)


def settled(isp: int, ordered_w: int, delivered_w: int, price: int, penalty: int) -> SettledOrder:
    """A call's settlement."""
    row = SettledIsp(isp, 0, ordered_w, delivered_w, delivered_w, abs(ordered_w) - abs(delivered_w))
    return SettledOrder(f"o-{isp}", "pcc", DAY.day, price, penalty, price - penalty, (row,))


CLEARED = (
    cleared(1, 0, None, 0, 0),
    cleared(2, -9, 1000, 30_000, -20_000),
    cleared(3, 9, 2000, 40_000, 40_000),
    cleared(4, 9, 500, 8000, 0),
)
TOLD = SettlementTold(
    datetime.fromisoformat("2019-08-11T00:00:00+00:00"), "s", TSO, POOL, DAY.day, DAY.day, 1, "EUR",
    (settled(2, -20_000, -15_000, 3750, 2500), settled(3, 40_000, 10_000, 5000, 15_000)),
)  # fmt: skip


def test_calls_deliveries_premiums_and_penalties_are_added_up() -> None:
    """Offered 78 kW for a quarter-hour each, called 60, delivered 25; 20 kW at 10 ct and 40 at 20 would be 0.50 + 2.00; one failed.

    What others settle, among them the pool with its sellers, does not count once more.
    """
    of_pool = SettlementTold(TOLD.at, "p", POOL, "village.el-realengo.example", DAY.day, DAY.day, 1, "EUR", TOLD.orders)
    sold = sold_balancing(SITE, (DAY,), CLEARED, (TOLD, of_pool))
    assert sold is not None
    found = balancing_figures(sold, 0.25)
    assert found == (0.875, 1.75, 19.5, 15.0, 6.25, 2, 1)
    assert sold.worth == pytest.approx(2.5)
    assert sold.delivered_kw[1:3].tolist() == [-15.0, 10.0]


def test_who_knows_every_call_earns_all_premiums_and_moves_nothing() -> None:
    """So perfect foresight is above whoever was given the same calls."""
    sold = sold_balancing(SITE, (DAY,), CLEARED, (TOLD,))
    assert sold is not None
    best = known_before(sold)
    assert (best.earned, best.fined, best.failed) == (pytest.approx(2.5), 0.0, 0)
    assert not np.any(best.delivered_kw)
    assert best.earned - best.fined >= sold.earned - sold.fined


def test_a_day_without_a_tso_sold_nothing() -> None:
    """Nothing was cleared: there is nothing to show."""
    assert sold_balancing(SITE, (DAY,), (), (TOLD,)) is None
