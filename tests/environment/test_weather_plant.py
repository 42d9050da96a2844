"""Sun, tilted planes and PV plants against pvlib, and what heat and cold make houses ask for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from environment.weather import load_weather
from environment.weather.climate import cooling_per_unit, felt_c, heating_per_unit
from environment.weather.plant import PvPlant, pv_per_unit
from environment.weather.sun import Plane, on_plane_w_m2, sun_place

GOLDEN = Path(__file__).parent.parent / "golden" / "weather" / "sun_and_plane"
GIVEN = json.loads((GOLDEN / "input.json").read_text())
EXPECTED = json.loads((GOLDEN / "expected.json").read_text())
MALAGA, VIENNA = load_weather("nsrdb-malaga-2019"), load_weather("nsrdb-vienna-2019")


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_sun_plane_and_plant_are_pvlibs(name: str) -> None:
    """At chosen instants the sun within 0.01 degrees, the plane within 0.1 W/m2, the plant within 0.0001; the year to 0.02 kWh."""
    year, plane = load_weather(name), Plane(GIVEN["tilt_deg"], GIVEN["azimuth_deg"])
    plant = PvPlant(plane, GIVEN["per_k"], GIVEN["losses"])
    sun = sun_place(year.starts_s, year.latitude_deg, year.longitude_deg)
    received, given_power = on_plane_w_m2(year, plane), pv_per_unit(year, plant)
    for quarter, said in zip(GIVEN["quarters"][name], EXPECTED[name]["instants"], strict=True):
        assert np.degrees(sun.elevation[quarter]) == pytest.approx(said["elevation_deg"], abs=0.01)
        assert np.degrees(sun.azimuth[quarter]) == pytest.approx(said["azimuth_deg"], abs=0.01)
        assert received[quarter] == pytest.approx(said["plane_w_m2"], abs=0.1)
        assert given_power[quarter] == pytest.approx(said["per_unit"], abs=1e-4)
    assert received.sum() / 4000 == pytest.approx(EXPECTED[name]["plane_kwh_m2"], abs=0.02)
    assert given_power.sum() / 4 == pytest.approx(EXPECTED[name]["yield_kwh_per_kw"], abs=0.02)


def test_a_level_plane_receives_what_is_measured_on_one() -> None:
    """Without a tilt the plane's sum is the global horizontal irradiance, to the rounding of the source's watts."""
    assert on_plane_w_m2(VIENNA, Plane(0, 0)).sum() == pytest.approx(VIENNA.ghi_w_m2.sum(), rel=1e-3)


@settings(max_examples=15, deadline=None)
@given(st.floats(0, 90), st.floats(0, 360), st.floats(0.0, 0.5))
def test_a_plant_never_gives_more_than_its_panels(tilt_deg: float, azimuth_deg: float, losses: float) -> None:
    """Whatever way it faces: between 0 and 1 per unit, nothing while there is no light, and less the more is lost."""
    plane = Plane(tilt_deg, azimuth_deg)
    power = pv_per_unit(MALAGA, PvPlant(plane, losses=losses))
    dark = (MALAGA.ghi_w_m2 == 0) & (MALAGA.dni_w_m2 == 0) & (MALAGA.dhi_w_m2 == 0)
    assert ((power >= 0) & (power <= 1)).all()
    assert not power[dark].any()
    assert (pv_per_unit(MALAGA, PvPlant(plane, losses=losses + 0.1)) <= power + 1e-12).all()


def test_heat_makes_panels_give_less() -> None:
    """With the same light a hotter panel gives less: a factor of 0.4 % a kelvin costs about a sixteenth of Malaga's year."""
    cold, hot = (pv_per_unit(MALAGA, PvPlant(Plane(30, 180), per_k=per_k)).sum() for per_k in (0.0, 0.004))
    assert 0.02 < 1 - hot / cold < 0.10


def test_a_house_feels_the_weather_late() -> None:
    """The felt temperature has the year's mean, smaller swings, and its warmest hour after the air's."""
    felt = felt_c(MALAGA)
    assert felt.mean() == pytest.approx(MALAGA.temperature_c.mean(), abs=0.1)
    assert felt.std() < MALAGA.temperature_c.std()
    air_by_hour, felt_by_hour = (values.reshape(-1, 96).mean(axis=0) for values in (MALAGA.temperature_c, felt))
    assert 4 <= int(felt_by_hour.argmax()) - int(air_by_hour.argmax()) <= 24


def test_vienna_heats_and_malaga_cools() -> None:
    """Heating hours are many times as many in Vienna, cooling hours more in Malaga; no house needs both at once."""
    heat = {name: heating_per_unit(year) for name, year in (("at", VIENNA), ("es", MALAGA))}
    cool = {"at": cooling_per_unit(VIENNA, "Europe/Vienna"), "es": cooling_per_unit(MALAGA, "Europe/Madrid")}
    assert heat["at"].sum() > 3 * heat["es"].sum()
    assert cool["es"].sum() > 1.5 * cool["at"].sum()
    for place in ("at", "es"):
        assert not ((heat[place] > 0) & (cool[place] > 0)).any()
        assert 0 <= min(heat[place].min(), cool[place].min()) <= max(heat[place].max(), cool[place].max()) <= 1


def test_coolness_is_asked_for_at_home() -> None:
    """By the local clock: at 13:00 in Madrid's summer (11:00 UTC) the need is whole, a quarter-hour earlier three tenths of it."""
    asked, felt = cooling_per_unit(MALAGA, "Europe/Madrid"), felt_c(MALAGA)
    noon = (31 + 28 + 31 + 30 + 31 + 30 + 15) * 96 + 11 * 4  # 16 July, 11:00 UTC
    need = (felt - 24) / 12
    assert asked[noon] == pytest.approx(need[noon])
    assert asked[noon - 1] == pytest.approx(0.3 * need[noon - 1])
    assert asked[noon] > 0
