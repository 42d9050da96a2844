"""A pack made for another climate: people's habits dated anew, the weather's columns put in place of another country's."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from environment.profiles.climate_import import import_climate
from environment.profiles.grid import load_grid
from environment.profiles.library import Profiles, load
from environment.weather import load_weather


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Strem's grid and people under Vienna's weather."""
    return import_climate(
        "simbench-rural1", "nsrdb-vienna-2019", "Europe/Vienna", tmp_path_factory.mktemp("pack") / "p"
    )


@pytest.fixture(scope="module")
def made(pack: Path) -> Profiles:
    """Its profiles."""
    return load(str(pack))


def test_people_come_along_and_other_weather_does_not(made: Profiles) -> None:
    """Households, trade, farms and charging stay; SimBench's PV plants and heat pumps are left out."""
    assert {"H0-A", "H0-A.q", "L1-A", "G6-A", "HLS_A_11.0", "PV-S30", "heating", "cooling"} <= set(made.columns)
    assert not [name for name in made.columns if name.startswith(("PV5", "PV6", "PV8", "Air", "Soil"))]


def test_a_day_is_that_of_the_same_weekday_and_nearest_date(made: Profiles) -> None:
    """Wednesday 12 June 2019 has the habits of Wednesday 15 June 2016, value by value."""
    wanted, like = (LocalDay(day, "Europe/Vienna") for day in (date(2019, 6, 12), date(2016, 6, 15)))
    before = load("simbench-rural1").series("H0-A", like.start, like.end)
    assert made.series("H0-A", wanted.start, wanted.end) == pytest.approx(before, abs=1e-7)


def test_the_sun_is_the_weathers(made: Profiles) -> None:
    """The year's yield is Vienna's: 980 kWh for each kilowatt, and it shines when Vienna's sky is light."""
    weather = load_weather("nsrdb-vienna-2019")
    sun = made.column("PV-S30")
    assert sun.sum() / 4 == pytest.approx(980, abs=3)
    lit = np.concatenate([np.zeros(4, bool), weather.ghi_w_m2[:-4] > 0])  # the local year begins an hour earlier
    assert not sun[~lit].any()


def test_grid_licence_and_sources_are_beside_it(pack: Path) -> None:
    """The grid is the pack's; both sources and the assumption stand in the attribution."""
    assert load_grid(str(pack)) == load_grid("simbench-rural1")
    said = (pack / "ATTRIBUTION.md").read_text()
    for text in ("1-LV-rural1--2-no_sw", "SimBench", "NSRDB", "nsrdb-vienna-2019", "ASSUMPTION", "Europe/Vienna"):
        assert text in said
    assert "ODbL" in (pack / "LICENSE.md").read_text()


def test_an_unknown_pack_or_weather_is_told(tmp_path: Path) -> None:
    """One sentence each, and nothing is written."""
    with pytest.raises(BadInput, match="profiles: 'nowhere' is unknown"):
        import_climate("nowhere", "nsrdb-vienna-2019", "Europe/Vienna", tmp_path / "out")
    with pytest.raises(BadInput, match="weather: 'nowhere' is unknown"):
        import_climate("simbench-rural1", "nowhere", "Europe/Vienna", tmp_path / "out")
    assert not (tmp_path / "out").exists()
