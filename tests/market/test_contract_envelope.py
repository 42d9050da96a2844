"""Nothing is sold beyond what there is, call by call: an element's level in its envelope, all contracts' calls in the stock."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.assets.capability import PowerBand
from market.assets.publication import AssetPublication
from market.contracts.commitments import Stock
from market.contracts.envelope import ROUNDING_W, ElementCall, beyond_envelope, called_beyond
from tests.worlds.players import DAY, FIRST

PV = AssetPublication("farm.pv", "pv", "farm.example", "ean.farm", "point", 0, -10_000, can_decrease=False)
BATTERY = replace(
    PV, name="farm.bat", kind="battery", max_consumption_w=5000, max_generation_w=-5000, can_decrease=True
)
NIGHT, NOON = 5, 49  # ISPs


def test_pv_at_night_sells_nothing() -> None:
    """Its nameplate is 10 kW; from a baseline of nothing it can be curtailed by nothing, at noon by what it feeds in."""
    fault = beyond_envelope(PV, [ElementCall(NIGHT, 0, 10_000)], DAY)
    assert fault is not None
    assert "farm.pv would be at 10000 W at" in fault
    assert fault.endswith("expected -10000..0 W")
    assert beyond_envelope(PV, [ElementCall(NOON, -7000, 7000)], DAY) is None
    assert beyond_envelope(PV, [ElementCall(NOON, -7000, 7000 + ROUNDING_W + 1)], DAY) is not None


def test_what_was_ordered_before_counts() -> None:
    """A battery that an order has brought from 0 to 4 kW can take 1 kW more, not 2, whoever asks."""
    assert beyond_envelope(BATTERY, [ElementCall(NOON, 0, 4000), ElementCall(NOON, 4000, 1000)], DAY) is None
    assert beyond_envelope(BATTERY, [ElementCall(NOON, 4000, 2000)], DAY) is not None


def test_the_band_of_the_hour_counts_not_the_rating() -> None:
    """Between noon and one a user keeps the battery below 1 kW: there 2 kW are too much, an hour later they are not."""
    kept = replace(BATTERY, envelope=(PowerBand(720, 780, -5000, 1000),))
    assert beyond_envelope(kept, [ElementCall(NOON, 0, 2000)], DAY) is not None
    assert beyond_envelope(kept, [ElementCall(NOON + 4, 0, 2000)], DAY) is None


@given(st.integers(-30_000, 30_000), st.integers(-30_000, 30_000))
def test_a_move_is_beyond_exactly_where_it_ends_outside_in_its_own_direction(baseline_w: int, moved_w: int) -> None:
    """Up to the highest level and down to the lowest, with whole watts' rounding; back towards the band always."""
    level = baseline_w + moved_w
    outside = (moved_w > 0 and level > 5000 + ROUNDING_W) or (moved_w < 0 and level < -5000 - ROUNDING_W)
    assert (beyond_envelope(BATTERY, [ElementCall(NOON, baseline_w, moved_w)], DAY) is not None) is outside


def stock(down_w: int = -3000, up_w: int = 3000, night_up_w: int = 0) -> Stock:
    """What there is to sell, by day and (upwards) by night."""

    def room(day: date, minute: int) -> tuple[int, int]:
        assert day == FIRST
        return down_w, up_w if 360 <= minute < 1200 else night_up_w

    return Stock(room)


AT = DAY.isp_start(NOON)


@pytest.mark.parametrize(("watts", "fits"), [(1000, True), (1001, False), (-5000, True), (-5001, False)])
def test_the_calls_of_all_contracts_are_summed(watts: int, fits: bool) -> None:
    """An option is called for 1.5 kW, a framework for 0.5: of 3 kW there is 1 kW left upwards, and 5 kW downwards from there."""
    used: list[dict[datetime, int]] = [{AT: 1500}, {AT: 500}, {}]
    fault = called_beyond(used, {AT: watts}, stock(), DAY.timezone)
    assert (fault is None) is fits
    if fault is not None:
        assert fault.startswith("sold twice: ")
        assert fault.endswith(f"there are {3000 if watts > 0 else -3000} W")


def test_what_there_is_is_that_of_the_isp() -> None:
    """What is there at noon is not there at night."""
    assert called_beyond([], {AT: 3000}, stock(), DAY.timezone) is None
    assert called_beyond([], {AT: 3000, DAY.isp_start(NIGHT): 1}, stock(), DAY.timezone) is not None


def test_taking_back_is_never_too_much() -> None:
    """What was called beyond what there is (it has shrunk since) may be taken back, in parts, too."""
    assert called_beyond([{AT: 9000}], {AT: -2000}, stock(), DAY.timezone) is None
