"""The microgrid's envelope can be kept at every point inside it, and a split stays within every member's bounds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.planning.dispatch.flexibility import Curtailable, Shiftable, Storable
from agents.planning.instance.bands import BothWays, FlexBand, bands_of, merged, together
from agents.planning.instance.split import split
from cim.model.errors import BadInput

T, HOURS = 5, 0.25
WATTS = st.integers(0, 5_000)
ROWS = st.tuples(*[WATTS] * T)
BANDS = st.builds(
    FlexBand, st.integers(0, 3_000), ROWS, st.one_of(st.just(()), st.tuples(*[st.integers(0, 2_000)] * T))
)
SIDES = st.lists(BANDS, max_size=3).map(tuple)
MEMBERS = st.lists(st.builds(BothWays, SIDES, SIDES), min_size=1, max_size=4).map(
    lambda made: {f"member-{number}": one for number, one in enumerate(made)}
)
ASKED = st.dictionaries(st.integers(1, T), st.integers(-12_000, 12_000), min_size=1)


def reachable(members: Mapping[str, BothWays], asked_w: Mapping[int, int]) -> int:
    """The most that can be given of what is asked in one direction, watts added up, by trying: band by band, cut by cut.

    A flow is as large as the smallest cut: over all sets of intervals, those not in it count with what is asked, and each band
    with the most that it gives to the set, which nested bounds make a running minimum.
    """
    total, isps = 0, sorted(asked_w)
    for sign in (1, -1):
        wanted = [isp for isp in isps if sign * asked_w[isp] > 0]
        bands = [b for one in members.values() for b in (one.up if sign > 0 else one.down)]
        cuts = []
        for chosen in range(1 << len(wanted)):
            inside = [isp for k, isp in enumerate(wanted) if chosen >> k & 1]
            outside = sum(abs(asked_w[isp]) for isp in wanted if isp not in inside)
            cuts.append(outside + sum(_most(band, isps, inside) for band in bands))
        total += min(cuts)
    return total


def _most(band: FlexBand, isps: list[int], inside: list[int]) -> int:
    """What a band gives at most to some of the intervals asked for, nothing being called in the others."""
    given = 0
    for isp in isps:
        if isp in inside:
            given += band.power_w[isp - 1]
        if band.room_wh:
            given = min(given, int(band.room_wh[isp - 1] / HOURS))
    return given


@given(MEMBERS, ASKED)
def test_a_split_sums_to_what_was_asked_and_nobody_goes_beyond_its_bounds(
    members: dict[str, BothWays], asked: dict[int, int]
) -> None:
    """Shares and what is missing add up in each ISP; each member's own share fits its own bands; as much is given as can be."""
    found = split(members, asked, HOURS)
    for isp, watts in asked.items():
        assert sum(share.get(isp, 0) for share in found.shares_w.values()) + found.missing_w.get(isp, 0) == watts
    for name, share in found.shares_w.items():
        assert all(asked[isp] * watts > 0 for isp, watts in share.items())
        assert split({name: members[name]}, share, HOURS).missing_w == {}
    given_w = sum(abs(watts) for share in found.shares_w.values() for watts in share.values())
    assert given_w == reachable(members, asked)


@given(MEMBERS, ASKED)
def test_any_point_inside_the_envelope_can_be_split_among_those_behind_it(
    members: dict[str, BothWays], asked: dict[int, int]
) -> None:
    """What the merged bands can give of whatever is asked, the members' own bands can give in whole watts."""
    whole = {"all": merged(members.values())}
    inside = split(whole, asked, HOURS).shares_w["all"]
    assert split(members, inside, HOURS).missing_w == {}


@given(MEMBERS)
def test_what_has_no_room_to_mind_is_added_up_without_loss(members: dict[str, BothWays]) -> None:
    """Bands that power alone bounds: the sum of the merged ones is the sum of all, in each ISP and direction."""
    free = [
        BothWays(*(tuple(FlexBand(b.price_e4_per_kwh, b.power_w) for b in side) for side in (one.up, one.down)))
        for one in members.values()
    ]
    for side in ("up", "down"):
        rows = [[band.power_w for band in getattr(every, side)] for every in (merged(free), together(free))]
        assert len({tuple(np.sum(row, axis=0).tolist()) if row else (0,) * T for row in rows}) == 1


def test_equal_stores_merge_without_loss_and_the_cheaper_is_called_first() -> None:
    """Two batteries of 2 kW and 1 kWh are one of 4 kW and 2 kWh; of 3 kW asked for an hour 1 kW is the dearer PV's."""
    store = FlexBand(900, (2_000,) * T, (1_000,) * T)
    assert merged([BothWays((store,)), BothWays((store,))]).up == (FlexBand(900, (4_000,) * T, (2_000,) * T),)
    plant = FlexBand(1_200, (5_000,) * T)
    found = split({"home": BothWays((store,)), "park": BothWays((plant,))}, dict.fromkeys(range(1, 5), 3_000), HOURS)
    assert (sum(found.shares_w["home"].values()), sum(found.shares_w["park"].values())) == (4_000, 8_000)
    assert found.cost_e4 == 900 * 1 + 1_200 * 2


def test_a_store_that_would_hold_all_others_back_is_left_out() -> None:
    """A large battery, and a vehicle that is there in one ISP alone: by fixed shares both would give nothing elsewhere."""
    battery = FlexBand(900, (2_000,) * T, (2_000,) * T)
    vehicle = FlexBand(900, (0, 0, 500, 0, 0), (0, 0, 100, 0, 0))
    assert merged([BothWays((battery,)), BothWays((vehicle,))]).up == (battery,)


def test_what_nobody_can_give_is_named_by_its_isp() -> None:
    """1 kW is there and 3 are asked for: 2 are missing, in their direction; nobody at all: all of it."""
    plant = {"park": BothWays(down=(FlexBand(0, (1_000,) * T),))}
    assert split(plant, {2: -3_000}, HOURS).missing_w == {2: -2_000}
    assert split({}, {2: 3_000}, HOURS).missing_w == {2: 3_000}


def test_an_elements_model_becomes_bands_of_the_whole_day() -> None:
    """PV that could be held back by 3 kW from ISP 3 on; a battery of which 1 of 4 kWh is stored; an appliance gives nothing."""
    nothing = np.zeros(3)
    pv = Curtailable("pv", nothing, np.full(3, 3.0), nothing, nothing, 0.0, HOURS)
    assert bands_of(pv, 700, 3, T) == BothWays((FlexBand(700, (0, 0, 3_000, 3_000, 3_000)),))
    battery = Storable(
        "battery",
        nothing,
        np.full(3, -2.0),
        np.full(3, 2.0),
        nothing,
        np.full(3, 4.0),
        1.0,
        0.0,
        0.5,
        0.5,
        0.0,
        0.0,
        HOURS,
    )
    found = bands_of(battery, 700, 3, T)
    assert found.up == (FlexBand(700, (0, 0, 2_000, 2_000, 2_000), (0, 0, 1_500, 1_500, 1_500)),)
    assert found.down == (FlexBand(700, (0, 0, 2_000, 2_000, 2_000), (0, 0, 500, 500, 500)),)
    assert bands_of(Shiftable("washer", nothing, np.ones(1), (0, 1), 0.0, 1.0, HOURS), 700, 3, T) == BothWays()


def test_bands_that_are_none_are_refused() -> None:
    """Rows of two lengths, and a negative power."""
    with pytest.raises(BadInput, match="expected 2"):
        FlexBand(0, (1, 1), (1,))
    with pytest.raises(BadInput, match="expected magnitudes"):
        FlexBand(0, (-1,))


@given(st.floats(0.5, 1.0), st.lists(st.floats(0.0, 1.0), min_size=2 * T, max_size=2 * T))
def test_a_stores_bands_never_promise_what_it_cannot_hold(eta: float, shares: list[float]) -> None:
    """Whatever part of its bands is called in a day that is asked for as a whole, its charge stays between empty and full."""
    plan = np.array([1.0, -1.0, 0.5, 0.0, -0.5])
    full, low, high = np.full(T, 4.0), np.full(T, -2.0), np.full(T, 2.0)
    battery = Storable("battery", plan, low, high, np.zeros(T), full, 2.0, 0.0, eta, eta, 0.0, 0.0, HOURS)
    gives = {"battery": bands_of(battery, 0, 1, T)}
    wanted = {isp: round(12_000 * (shares[isp - 1] - shares[T + isp - 1])) for isp in range(1, T + 1)}
    moved = split(gives, wanted, HOURS).shares_w["battery"]
    power = plan + np.array([moved.get(isp, 0) / 1000 for isp in range(1, T + 1)])
    stored = 2.0 + np.cumsum(np.where(power > 0, power * eta, power / eta) * HOURS)
    assert np.all(power <= high + 1e-9)
    assert np.all(power >= low - 1e-9)
    assert np.all(stored <= 4.0 + 1e-9)
    assert np.all(stored >= -1e-9)
