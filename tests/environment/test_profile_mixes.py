"""Many homes are not one home times many: means of several profiles, weeks apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from environment.profiles.library import Profiles, load
from environment.profiles.mix import mean_profile, mean_reactive
from environment.sites import load_site
from environment.sites.loader import SiteFaults, parse_site
from environment.sites.shapes import Shaped

SITE = load_site("strem")
PACK = load(SITE.profiles)
WEEK = 7 * 96


@given(weeks=st.lists(st.integers(0, 40), min_size=1, max_size=5), seed=st.integers(0, 100))
def test_a_mean_keeps_the_energy_and_has_no_higher_peak(weeks: list[int], seed: int) -> None:
    """Over the year the mean of shifted profiles has their energy; nobody's peak is exceeded."""
    made = np.random.default_rng(seed).random(52 * WEEK)
    pack = Profiles("made", PACK.first, {"H": made})
    mean = mean_profile(pack, [("H", number) for number in weeks])
    assert mean.sum() == pytest.approx(made.sum())
    assert mean.max() <= made.max() + 1e-12


def test_weeks_later_is_the_same_weekday_and_hour() -> None:
    """Two weeks later: the first quarter-hour shows what the profile shows fourteen days on; the year goes round."""
    shifted = mean_profile(PACK, [("H0-A", 2)])
    whole = PACK.column("H0-A")
    np.testing.assert_array_equal(shifted[: -2 * WEEK], whole[2 * WEEK :])
    np.testing.assert_array_equal(shifted[-2 * WEEK :], whole[: 2 * WEEK])


def test_one_profile_alone_is_itself_and_reactive_power_goes_with_it() -> None:
    """Nothing is copied or changed where nothing is mixed; a part without reactive power counts as none of it."""
    assert mean_profile(PACK, [("H0-A", 0)]) is PACK.column("H0-A")
    assert mean_reactive(PACK, [("HLS_A_3.7", 0)]) is None
    half = mean_reactive(PACK, [("H0-A", 0), ("HLS_A_3.7", 0)])
    assert half is not None
    np.testing.assert_allclose(half, PACK.column("H0-A.q") / 2)


def test_the_estate_is_many_homes_and_the_park_many_stations() -> None:
    """The estate's load and heat swing less than their single profiles; no two stations of the park have one year."""
    estate, park = SITE.prosumer("estate"), SITE.prosumer("charging-park")
    assert estate.base_load is not None
    for shape in (estate.base_load, *estate.devices):
        assert isinstance(shape, Shaped)
        assert len(shape.strands) >= 4
        swings = [np.abs(np.diff(mean_profile(PACK, [strand]))).mean() for strand in shape.strands]
        assert np.abs(np.diff(mean_profile(PACK, shape.strands))).mean() < 0.9 * np.mean(swings)
    assert mean_profile(PACK, estate.base_load.strands).max() < 0.5
    years = [mean_profile(PACK, [(s.column, s.weeks)]) for s in park.devices if s.kind == "station"]
    assert len(years) == 4
    for number, year in enumerate(years):
        assert all(not np.array_equal(year, other) for other in years[:number])


def test_an_unknown_profile_in_a_mix_is_named() -> None:
    """A part of a mix that the pack does not have, and a part of a week, are faults with their places."""
    text = (Path(__file__).parents[2] / "environment/sites/strem.yaml").read_text(encoding="utf-8")
    broken = text.replace("- {column: H0-B}", "- {column: H9}").replace(
        "{column: H0-A, weeks_later: {value: 1, assumed: true}}",
        "{column: H0-A, weeks_later: {value: 0.5, assumed: true}}",
    )
    with pytest.raises(SiteFaults) as found:
        parse_site(broken, "strem")
    said = "\n".join(found.value.faults)
    assert "base_load.others[1].column: value 'H9': expected one of" in said
    assert "base_load.others[3].weeks_later" in said
