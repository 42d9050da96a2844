"""What the DSO ordered and did not get is taken apart by cause, and the sum comes out."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from agents.assembly.grid_of_site import usage_point
from cim.platform.memory_store import MemoryStore
from cim.platform.publications.base import IspPower
from cim.platform.publications.grid import FeedInAccounted
from cim.platform.publications.incidents import PointNotMetered
from cim.platform.publications.settlement import SettledIsp, SettledOrder, SettlementTold
from cim.platform.publications.trading import OrderPlaced, OrderRefused
from environment.sites import load_site
from experiments.run.columns.undelivered import Ordered, Place, ordered_and_delivered, ordered_of_dso, undelivered_of
from tests.worlds.players import AHEAD

SITE, DAY = load_site("strem"), date(2016, 5, 20)
HOME = next(one for one in SITE.prosumers if one.aggregator == "agr-east")
SELLER, POINT, DSO = "east.strem.example", HOME.congestion_point, SITE.dso.domain


def row(isp: int, ordered: int, delivered: int, missing: int) -> SettledIsp:
    """A settled ISP."""
    return SettledIsp(isp, -1000, ordered, -600, delivered, missing)


def test_every_cause_by_hand() -> None:
    """400 W each: 300 delivered and 100 fined; 100 and the level held; a lost meter; a limit in the way; delivered and fined."""
    found = [
        Ordered(400, [row(1, 400, 300, 100)]),
        Ordered(400, [row(2, 400, 100, 0)]),
        Ordered(400, [], metered=False),
        Ordered(400, [row(4, -400, -100, 0)], limited_w=200),
        Ordered(400, [row(5, 400, 400, 200)]),
    ]
    causes = undelivered_of(found, 0.25)
    assert (causes.missing_wh, causes.level_held_wh, causes.not_metered_wh) == (25, 75 + 25, 100)
    assert (causes.own_limit_wh, causes.fined_beside_wh) == (50, 50)


@given(st.lists(st.tuples(st.integers(1, 9000), st.integers(0, 9000), st.integers(0, 9000), st.booleans()), max_size=9))
def test_the_sum_comes_out(rows: list[tuple[int, int, int, bool]]) -> None:
    """Delivered and all causes together are what was ordered, whatever was delivered, fined and metered."""
    found = [
        Ordered(ordered, [row(k, ordered, min(delivered, ordered), missing)] if metered else [], metered)
        for k, (ordered, delivered, missing, metered) in enumerate(rows, start=1)
    ]
    told = ordered_and_delivered({Place(SELLER, POINT, DAY, k): one for k, one in enumerate(found)}, 1.0)
    causes = undelivered_of(found, 1.0)
    parts = causes.missing_wh + causes.level_held_wh + causes.not_metered_wh + causes.own_limit_wh
    assert told["ordered_wh"] == told["delivered_wh"] + parts
    assert told["deficiency_wh"] == causes.missing_wh + causes.fined_beside_wh


def test_it_is_read_from_what_was_published() -> None:
    """Orders that were not refused, the last revision of settlements, the limits of the seller's connections, lost meters."""
    store = MemoryStore()
    ean = usage_point(SITE, HOME.name)

    def placed(reference: str, *isps: IspPower) -> OrderPlaced:
        return OrderPlaced(AHEAD, reference, DSO, SELLER, POINT, DAY, 10, "EUR", isps)

    def settled(revision: int, delivered: int) -> SettlementTold:
        order = SettledOrder("a", POINT, DAY, 5, 0, 5, (row(40, 400, delivered, 0),))
        return SettlementTold(AHEAD, f"s{revision}", DSO, SELLER, DAY, DAY, revision, "EUR", (order,))

    for told in (
        placed("a", IspPower(40, 400, 2)),
        placed("b", IspPower(50, 900)),
        OrderRefused(AHEAD, "b", SELLER, "too late"),
        settled(1, 400),
        settled(2, 250),
        PointNotMetered(AHEAD, SELLER, POINT, DAY, (ean,), (), (41,)),
        FeedInAccounted(AHEAD, ean, DAY, 10, 0, 1, (40, 44), (70, 80)),
    ):
        store.put("dso", told)
    found = ordered_of_dso(SITE, store)
    first, second = (Place(SELLER, POINT, DAY, isp) for isp in (40, 41))
    assert set(found) == {first, second}
    assert (found[first].ordered_w, found[first].limited_w, found[first].metered) == (400, 70, True)
    assert [one.delivered_flex_power_w for one in found[first].settled] == [250]
    assert (found[second].ordered_w, found[second].settled, found[second].metered) == (400, [], False)
