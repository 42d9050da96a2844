"""A bid is never beyond the envelope, never of what is ordered already, and what comes back of a store is in its premium."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.planning.balancing.offers import BalancingTerms, rebound_ct_per_kwh, steps
from agents.planning.instance.bands import BothWays, FlexBand
from agents.planning.instance.split import split
from market.billing.hourly_prices import HourlyPrices

PRICES = HourlyPrices(datetime(2019, 1, 1, tzinfo=UTC), "Europe/Madrid", np.zeros(8784, dtype=np.int64))
TERMS = BalancingTerms(PRICES, 0.2, 0.95, 10, 25, 10_000)
FLAT, COUNT, HOURS = np.full(96, 5.0), 96, 0.25
ALL = (-1e6, 1e6)


def band(price: int, power_w: int, room_wh: int | None = None) -> FlexBand:
    """The same all day."""
    return FlexBand(price, (power_w,) * COUNT, () if room_wh is None else (room_wh,) * COUNT)


def bid(gives: BothWays, isp: int = 40, moved=(), room_w=ALL, price_ct=FLAT):  # type: ignore[no-untyped-def]
    """What is bid for an interval."""
    found = steps(gives, isp, moved_kw=moved, room_w=room_w, price_ct=price_ct, terms=TERMS, hours=HOURS)
    return [(one.more, one.power_w, one.premium_e4_per_kwh) for one in found]


def test_what_comes_back_is_bought_dearer_and_sold_cheaper() -> None:
    """Now 5 ct, later 6: given back it costs (6 + .2) / .9025 - 5; taken it is worth .9025 * (6 - .2), so it costs nothing where
    that is more than 5. In the last interval later is now.
    """
    rising = np.where(np.arange(96) < 40, 5.0, 6.0)
    assert rebound_ct_per_kwh(False, rising, 40, TERMS) == pytest.approx(6.2 / 0.9025 - 5)
    assert rebound_ct_per_kwh(True, rising, 40, TERMS) == pytest.approx(max(5 - 0.9025 * 5.8, 0))
    assert rebound_ct_per_kwh(True, FLAT, 40, TERMS) == pytest.approx(5 - 0.9025 * 4.8)
    assert rebound_ct_per_kwh(False, FLAT, 96, TERMS) == pytest.approx(5.2 / 0.9025 - 5)


def test_margin_and_rebound_stand_in_the_premium_of_a_store_alone() -> None:
    """A plant at 8 ct asks 8.8; a store at 8 ct asks 8.8 and what comes back, rounded up to the unit."""
    back = 5.2 / 0.9025 - 5
    found = bid(BothWays(down=(band(800, 4000), band(800, 3000, 750))))
    assert found == [(False, 4000, 880), (False, 3000, int(np.ceil(880 + 100 * back)))]


def test_a_store_is_bid_no_more_where_nothing_could_come_back() -> None:
    """In the last eight quarter-hours of a day only what needs nothing back is bid."""
    gives = BothWays(up=(band(300, 3000, 750), band(400, 1000)))
    assert [row[1] for row in bid(gives, 88)] == [3000, 1000]
    assert [row[1] for row in bid(gives, 89)] == [1000]


def test_what_the_dso_does_not_leave_free_is_not_bid() -> None:
    """2 kW are free towards more and nothing towards less: the cheaper 1.5 kW, then half a kilowatt."""
    gives = BothWays(up=(band(500, 3000), band(300, 1500)), down=(band(100, 9000),))
    assert bid(gives, room_w=(0.0, 2000.0)) == [(True, 1500, 330), (True, 500, 550)]


def test_what_was_ordered_since_is_taken_off_the_cheapest_and_off_every_store() -> None:
    """1 kW less now and 2 kWh less in all: the cheap store's room of 2.5 kWh has half a kWh left, 2 kW in a quarter-hour, one of
    which is ordered already.
    """
    moved = np.zeros(96)
    moved[36:40] = [-2.0, -3.0, -2.0, -1.0]
    found = bid(BothWays(down=(band(300, 4000, 2500), band(900, 5000))), moved=(moved,))
    assert [row[1] for row in found] == [1000, 5000]


def test_a_band_above_the_highest_premium_is_not_bid() -> None:
    """10,000 is the most that may be asked for: 9,091 with a margin of a tenth is above it."""
    assert bid(BothWays(up=(band(9091, 1000),))) == []


@given(
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 9000), st.none() | st.integers(0, 4000)), max_size=5),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 9000), st.none() | st.integers(0, 4000)), max_size=5),
    st.integers(1, 96),
    st.tuples(st.integers(-20_000, 0), st.integers(0, 20_000)),
)
def test_a_bid_is_within_the_envelope_and_can_be_split(
    up: list[tuple[int, int, int | None]],
    down: list[tuple[int, int, int | None]],
    isp: int,
    room: tuple[int, int],
) -> None:
    """All that is bid in a direction lies within the room and within what the bands give there at once, so it can be split."""
    gives = BothWays(tuple(band(*row) for row in up), tuple(band(*row) for row in down))
    found = bid(gives, isp, room_w=room)
    for more, bands, free in ((True, gives.up, room[1]), (False, gives.down, -room[0])):
        total = sum(watts for way, watts, _ in found if way is more)
        assert total <= free
        assert total <= sum(one.once_w(HOURS)[isp - 1] for one in bands)
        if total:
            assert not split({"all": gives}, {isp: total if more else -total}, HOURS).missing_w
