"""The modelled wind has a real wind's statistics and is the same for everybody; a turbine makes power of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cim.model.intervals import LocalDay
from environment.physics import Connection, PowerCurve, Series, UnitKind, WindTurbine
from environment.physics.world import World
from environment.profiles.library import load
from environment.sites import SiteFaults, load_site
from environment.sites.loader import parse_site
from environment.wind_model import wind_speed
from tests import worlds

FILE = Path(worlds.__file__).parent / "wind_farm.yaml"
SITE = load_site(str(FILE))
YEAR, COUNT = datetime(2016, 1, 1, tzinfo=UTC), 366 * 96
CURVE = PowerCurve(3.0, 12.0, 25.0)


def test_ten_years_of_wind_are_rayleigh_distributed() -> None:
    """Mean as asked, spread and quantiles of a Rayleigh distribution to a few percent."""
    speed = wind_speed(YEAR, 10 * COUNT, 6.5)
    scale = 6.5 / np.sqrt(np.pi / 2)
    assert speed.mean() == pytest.approx(6.5, rel=0.02)
    assert speed.std() == pytest.approx(scale * np.sqrt(2 - np.pi / 2), rel=0.03)
    for share in (0.1, 0.25, 0.5, 0.75, 0.9, 0.99):
        assert np.quantile(speed, share) == pytest.approx(scale * np.sqrt(-2 * np.log(1 - share)), rel=0.08)
    assert speed.min() >= 0


def test_the_wind_persists_for_hours_and_not_for_days() -> None:
    """An hour later it is nearly the same, half a day later it says little, two days later nothing."""
    speed = wind_speed(YEAR, COUNT, 6.5)
    deviation = speed - speed.mean()

    def correlation(hours: int) -> float:
        return float(np.corrcoef(deviation[: -hours * 4], deviation[hours * 4 :])[0, 1])

    assert correlation(1) > 0.95
    assert 0.5 < correlation(6) < 0.8
    assert correlation(12) < 0.45
    assert abs(correlation(48)) < 0.15


def test_winters_and_afternoons_are_windier() -> None:
    """By the mean over ten years."""
    speed = wind_speed(YEAR, 10 * 365 * 96, 6.5).reshape(-1, 96)
    by_day = speed[: 10 * 365].mean(axis=1).reshape(10, 365).mean(axis=0)
    assert by_day[:60].mean() > by_day[150:240].mean() * 1.2
    by_hour = speed.mean(axis=0)
    assert by_hour[14 * 4 : 16 * 4].mean() > by_hour[2 * 4 : 4 * 4].mean() * 1.1


def test_everybody_sees_the_same_wind_wherever_a_span_begins() -> None:
    """A quarter-hour's speed depends on its instant alone, and on the mean in proportion."""
    year = wind_speed(YEAR, COUNT, 6.5)
    part = wind_speed(YEAR + timedelta(days=100), 96, 6.5)
    np.testing.assert_allclose(part, year[100 * 96 : 101 * 96], rtol=1e-9)
    np.testing.assert_allclose(wind_speed(YEAR, 96, 13.0), 2 * year[:96])
    with pytest.raises(ValueError, match="read-only"):
        part[0] = 0.0


@pytest.mark.parametrize(
    ("speed_m_s", "per_unit"),
    [(0.0, 0.0), (3.0, 0.0), (6.0, 189 / 1701), (9.0, 702 / 1701), (12.0, 1.0), (20.0, 1.0), (25.0, 1.0), (25.1, 0.0)],
)
def test_power_rises_with_the_cube_between_cut_in_and_rated_speed(speed_m_s: float, per_unit: float) -> None:
    """By hand: (v^3 - 27) / (1728 - 27)."""
    assert float(CURVE.per_unit(np.array([speed_m_s]))[0]) == pytest.approx(per_unit)


@given(st.lists(st.floats(0, 60), min_size=2, max_size=20))
def test_more_wind_is_never_less_power_below_the_cut_out(speeds: list[float]) -> None:
    """And always between nothing and the rating."""
    power = CURVE.per_unit(np.array(sorted(speeds)))
    assert ((power >= 0) & (power <= 1)).all()
    running = np.array(sorted(speeds)) <= 25.0
    assert (np.diff(power[running]) >= 0).all()


def test_a_turbine_is_limited_but_never_raised() -> None:
    """A limit lets less through, one beyond the wind changes nothing, and what it gives is counted."""
    unit = WindTurbine("w", 0.0, available=Series(np.array([0.5, 0.25]), 0.0), rated_w=1000.0)
    unit.limit_w = -200.0
    assert (unit.power_w, unit.available_w) == (-200, -500)
    unit.limit_w = -900.0
    assert unit.power_w == -500
    unit.limit_w = None
    Connection("p", (unit,)).advance(0.0, 1800.0)
    assert unit.export_wh == pytest.approx(500 / 4 + 250 / 4)
    assert unit.kind is UnitKind.WIND


def test_what_the_world_shows_is_what_its_history_recorded() -> None:
    """A day lived through uncontrolled and the record of that day are the same to the watt."""
    profiles = load(SITE.profiles)
    day = LocalDay(SITE.default_day, SITE.timezone)
    world = World(SITE, profiles, day.start)
    world.advance(day.end)
    by_kind = world.truth_by_kind(day.start, day.end)
    assert set(by_kind) == {"load", "wind", "pv"}
    np.testing.assert_allclose(world.history("farm.wind", 1, day.next())[0], by_kind["wind"], atol=1e-6)
    assert by_kind["wind"].min() == -300_000


def test_a_turbine_that_cannot_be_is_refused_with_its_place() -> None:
    """Speeds out of order, a model that is not built and a missing speed are each told."""
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    turbine = raw["prosumers"][0]["devices"][0]
    turbine["cut_in_m_s"] = {"value": 13, "assumed": True}
    with pytest.raises(SiteFaults, match=r"devices\[0\]: .*expected cut_in_m_s < rated_m_s < cut_out_m_s"):
        parse_site(yaml.safe_dump(raw), "wind.yaml")
    turbine["sunspec"] = "123"
    del turbine["mean_wind_m_s"]
    with pytest.raises(SiteFaults) as caught:
        parse_site(yaml.safe_dump(raw), "wind.yaml")
    faults = "\n".join(caught.value.faults)
    assert "prosumers[0].devices[0].sunspec: value '123'" in faults
    assert "prosumers[0].devices[0].mean_wind_m_s: value missing" in faults
