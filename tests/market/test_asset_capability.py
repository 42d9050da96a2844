"""What a published asset can do and when: bands by time of day, offered times, and taking it back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.codec.codec import decode, encode
from cim.model.errors import BadInput
from market.assets.capability import OfferedTimes, PowerBand, UserSetting
from market.assets.publication import AssetPublication, AssetRegister
from market.contracts.contract import BaselineKind

ASSET = AssetPublication("bess", "battery", "care.example", "AT001", "ea1.2026-01.example:mv", 6000, -4000)


@pytest.mark.parametrize(
    ("start", "end", "good"), [(0, 1, True), (1439, 1440, True), (0, 1440, True), (0, 0, False), (5, 4, False),
                               (-1, 5, False), (0, 1441, False)],
)  # fmt: skip
def test_a_part_of_the_day_lies_in_it_and_has_a_length(start: int, end: int, good: bool) -> None:
    """From 0 to 1440 minutes, the end after the start: of bands and of offered times alike, in one sentence."""
    if good:
        assert PowerBand(start, end, 0, 0).end_minute == end
        assert OfferedTimes((1,), start, end).covers(1, start)
        return
    words = f"minutes {start} to {end}; expected 0 <= start < end <= 1440"
    with pytest.raises(BadInput, match=f"band: {words}"):
        PowerBand(start, end, 0, 0)
    with pytest.raises(BadInput, match=f"offered times: {words}"):
        OfferedTimes((1,), start, end)


def test_a_band_begins_with_its_lower_power() -> None:
    """One power is a band too."""
    assert PowerBand(0, 60, 5, 5).max_w == 5
    with pytest.raises(BadInput, match="band: 6 W to 5 W; expected the lower power first"):
        PowerBand(0, 60, 6, 5)


@pytest.mark.parametrize(
    ("days", "good"),
    [((1,), True), ((7,), True), ((1, 7), True), ((), False), ((0, 1), False), ((7, 8), False), ((2, 1), False),
     ((3, 3), False)],
)  # fmt: skip
def test_days_of_the_week_are_ascending_and_exist(days: tuple[int, ...], good: bool) -> None:
    """ISO numbers, each once."""
    if good:
        assert OfferedTimes(days, 0, 60).days_of_week == days
        return
    with pytest.raises(BadInput, match=r"offered times: days of week .*; expected ascending numbers of 1"):
        OfferedTimes(days, 0, 60)


@given(times=st.lists(st.tuples(st.integers(1, 7), st.integers(0, 1439), st.integers(1, 200)), max_size=4),
       day=st.integers(1, 7), minute=st.integers(0, 1439))  # fmt: skip
def test_an_asset_is_offered_in_any_of_its_times_or_always(
    times: list[tuple[int, int, int]], day: int, minute: int
) -> None:
    """Against plain counting: the start included, the end not; without times it is offered at every minute."""
    spans = [(of, start, min(start + length, 1440)) for of, start, length in times]
    asset = replace(ASSET, offered=tuple(OfferedTimes((of,), start, end) for of, start, end in spans))
    wanted = not spans or any(of == day and start <= minute < end for of, start, end in spans)
    assert asset.is_offered(day, minute) is wanted


BANDS = st.lists(
    st.tuples(st.integers(0, 300), st.integers(1, 300), st.integers(-4000, 6000), st.integers(-4000, 6000)), max_size=4
)


def envelope(drawn: list[tuple[int, int, int, int]]) -> tuple[PowerBand, ...]:
    """Bands one after the other, each after a gap."""
    bands, at = [], 0
    for gap, length, one, other in drawn:
        start = at + gap
        if start + length > 1440:
            break
        bands.append(PowerBand(start, start + length, min(one, other), max(one, other)))
        at = start + length
    return tuple(bands)


@given(drawn=BANDS, start=st.integers(0, 1439), length=st.integers(1, 240))
def test_through_a_part_of_the_day_an_asset_holds_what_it_can_in_each_minute(
    drawn: list[tuple[int, int, int, int]], start: int, length: int
) -> None:
    """Minute by minute the ratings, or the band's; what it can hold throughout is the narrowest of these."""
    asset = replace(ASSET, envelope=envelope(drawn))
    low, high = asset.band_w(start, start + length)
    minutes = [
        next(((b.min_w, b.max_w) for b in asset.envelope if b.start_minute <= m < b.end_minute), (-4000, 6000))
        for m in range(start, start + length)
    ]
    assert (low, high) == (max(one for one, _ in minutes), min(two for _, two in minutes))


@pytest.mark.parametrize(
    ("bands", "why"),
    [
        ((PowerBand(0, 60, 0, 1), PowerBand(59, 90, 0, 1)), "envelope from minute 59 overlaps the band before it"),
        ((PowerBand(60, 90, 0, 1), PowerBand(0, 30, 0, 1)), "envelope from minute 0 overlaps the band before it"),
        ((PowerBand(0, 60, -4001, 0),), r"envelope -4001\.\.0 W is beyond its ratings"),
        ((PowerBand(0, 60, 0, 6001),), r"envelope 0\.\.6001 W is beyond its ratings"),
    ],
)
def test_an_envelope_lies_within_the_ratings_and_once_over_each_minute(bands: tuple[PowerBand, ...], why: str) -> None:
    """Touching bands and the ratings themselves are fine; an overlap or more than the rating is named."""
    assert replace(ASSET, envelope=(PowerBand(0, 60, -4000, 6000), PowerBand(60, 90, 0, 0))).envelope
    with pytest.raises(BadInput, match=f"asset bess: {why}"):
        replace(ASSET, envelope=bands)


@pytest.mark.parametrize("name", ["cost_e4_per_kwh", "capacity_wh", "ramp_w_per_min"])
def test_what_cannot_be_below_nothing_is_not(name: str) -> None:
    """Cost, store and ramp: 0 is fine, -1 is named."""
    assert replace(ASSET, **{name: 0}) == ASSET  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=f"asset bess: {name} -1; expected 0 or more"):
        replace(ASSET, **{name: -1})  # type: ignore[arg-type]


def test_what_a_prequalification_is_about_has_no_price_settings_or_times() -> None:
    """These three are taken out, everything else stays."""
    full = replace(
        ASSET, cost_e4_per_kwh=9, settings=(UserSetting("reserve_pct", "20"),), offered=(OfferedTimes((1,), 0, 60),),
        place="LV 3", capacity_wh=8, ramp_w_per_min=7, envelope=(PowerBand(0, 60, 0, 1),), can_increase=False,
        baseline=BaselineKind.LIKE_DAYS,
    )  # fmt: skip
    kept = full.kept_in_prequalification
    assert kept == replace(full, cost_e4_per_kwh=0, settings=(), offered=())
    assert (kept.place, kept.capacity_wh, kept.ramp_w_per_min, kept.envelope) == ("LV 3", 8, 7, full.envelope)
    assert full.element.baseline is BaselineKind.LIKE_DAYS
    assert decode(encode(full)) == full


def test_an_asset_is_taken_back_by_its_owner_only() -> None:
    """What the register does not hold is passed over; another's asset is refused by name, and nothing is taken."""
    pv = replace(ASSET, name="pv", owner="farm.example")
    register = AssetRegister().published([ASSET, pv])
    gone = register.withdrawn(["bess", "heat pump"], "care.example")
    assert dict(gone.assets) == {"pv": pv}
    assert dict(register.assets) == {"bess": ASSET, "pv": pv}
    with pytest.raises(BadInput, match=r"asset pv: withdrawn by care\.example; it is published by farm\.example"):
        register.withdrawn(["bess", "pv"], "care.example")
    assert register.withdrawn([], "care.example") == register
    # A name that was taken back is free for another owner.
    assert gone.published([replace(ASSET, owner="farm.example")]).assets["bess"].owner == "farm.example"
