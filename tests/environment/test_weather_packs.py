"""Packed weather: whole years, with the sums and extremes that their source has; what can be no weather file is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from cim.model.errors import BadInput
from environment.weather import known_weather, load_weather
from environment.weather.nsrdb_import import pack, weather_table
from environment.weather.sun import sun_place

HEAD = (
    "Source,Location ID,Latitude,Longitude,Time Zone,GHI Units,DNI Units,DHI Units,Temperature Units,Wind Speed Units",
    "NSRDB,7,38.25,-0.8,0,w/m2,w/m2,w/m2,c,m/s",
    "Year,Month,Day,Hour,Minute,DHI,GHI,Temperature,DNI,Wind Speed",
)
ROWS = ("2019,1,1,0,0,0,0,11.700000000000001,0,2.7", "2019,1,1,0,15,1,2,-0.04,3,2.749")


@pytest.mark.parametrize(
    ("name", "ghi_kwh_m2", "coldest_c", "warmest_c", "place"),
    [
        ("nsrdb-vienna-2019", 1059, -9.1, 36.6, (48.21, 16.38)),
        ("nsrdb-malaga-2019", 1675, 5.7, 36.3, (36.73, -4.42)),
    ],
)
def test_the_packed_years_are_those_of_their_source(
    name: str, ghi_kwh_m2: float, coldest_c: float, warmest_c: float, place: tuple[float, float]
) -> None:
    """A whole year of UTC quarter-hours with the yearly sum of GHI and the extremes of temperature that NSRDB's file has."""
    year = load_weather(name)
    assert (year.first, year.count) == (datetime(2019, 1, 1, tzinfo=UTC), 35_040)
    assert year.ghi_w_m2.sum() / 4000 == pytest.approx(ghi_kwh_m2, abs=1)
    assert (year.temperature_c.min(), year.temperature_c.max()) == pytest.approx((coldest_c, warmest_c), abs=1e-4)
    assert (year.latitude_deg, year.longitude_deg) == place
    assert not year.ghi_w_m2.flags.writeable
    assert (year.starts_s[1:] - year.starts_s[:-1] == 900).all()


def test_every_pack_says_where_it_is_from() -> None:
    """Source and licence lie beside the file, and none is larger than 130 kB."""
    import environment.weather.pack as module

    data = Path(module.__file__).parent / "data"
    assert known_weather() == ("nsrdb-malaga-2019", "nsrdb-vienna-2019")
    for name in known_weather():
        assert "NSRDB" in (data / name / "ATTRIBUTION.md").read_text()
        assert "MIT License" in (data / name / "NOTICE.md").read_text()
        assert (data / name / "weather.parquet").stat().st_size < 130_000


def test_a_file_is_packed_and_read_again(tmp_path: Path) -> None:
    """Place and values come back; tenths of a degree and of a metre per second are kept, whatever order the columns have."""
    source = tmp_path / "in.csv"
    source.write_text("\n".join([*HEAD, *ROWS]) + "\n")
    pack(source, tmp_path / "packed")
    year = load_weather(str(tmp_path / "packed"))
    assert (year.name, year.latitude_deg, year.longitude_deg) == ("packed", 38.25, -0.8)
    assert year.first == datetime(2019, 1, 1, tzinfo=UTC)
    assert year.ghi_w_m2.tolist() == [0, 2]
    assert year.dni_w_m2.tolist() == [0, 3]
    assert year.dhi_w_m2.tolist() == [0, 1]
    assert np.round(year.temperature_c, 3).tolist() == [11.7, 0.0]
    assert np.round(year.wind_m_s, 3).tolist() == [2.7, 2.7]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ((HEAD[0], HEAD[1], HEAD[2].replace("GHI", "Glow")), "header: GHI missing"),
        ((HEAD[0], HEAD[1].replace(",0,w", ",1,w"), HEAD[2], *ROWS), "Time Zone: '1'; expected 0"),
        ((HEAD[0], HEAD[1].replace(",c,", ",K,"), HEAD[2], *ROWS), "Temperature Units: 'K'; expected c"),
        ((*HEAD, ROWS[0], ROWS[0]), "row 5: .* does not lie a quarter-hour after"),
        ((*HEAD, ROWS[0].replace("11.7", "91.7")), "row 4: Temperature 91.7"),
        (HEAD, "no rows"),
        ((), "header: Year, Month"),
    ],
)
def test_what_is_no_weather_is_one_sentence(lines: tuple[str, ...], says: str) -> None:
    """Missing columns, other zones and units, gaps and impossible values are refused with their row."""
    with pytest.raises(BadInput, match=says):
        weather_table(lines)


def test_an_unknown_pack_is_told() -> None:
    """The packs there are stand in the sentence."""
    with pytest.raises(BadInput, match="weather: 'nowhere' is unknown; expected nsrdb-malaga-2019, nsrdb-vienna-2019"):
        load_weather("nowhere")


def test_holes_in_a_pack_are_told(tmp_path: Path) -> None:
    """A packed file whose quarter-hours are not in a row is not read."""
    import pyarrow.parquet as pq

    table = weather_table([*HEAD, *ROWS, ROWS[1].replace(",15,", ",30,")])
    pq.write_table(table.take([0, 2]), tmp_path / "weather.parquet")
    with pytest.raises(BadInput, match="are not quarter-hours in a row"):
        load_weather(str(tmp_path))


@pytest.mark.parametrize(("late_s", "least", "most"), [(0, 0.0, 0.5), (900, 5.0, 20.0)])
def test_the_sun_is_where_the_irradiance_says(late_s: float, least: float, most: float) -> None:
    """Global is diffuse plus the beam on a level plane at the very instant of each row, and no more a quarter-hour later."""
    year = load_weather("nsrdb-malaga-2019")
    up = np.sin(sun_place(year.starts_s + late_s, year.latitude_deg, year.longitude_deg).elevation)
    wrong = year.ghi_w_m2 - year.dhi_w_m2 - year.dni_w_m2 * np.maximum(up, 0)
    assert least <= float(np.sqrt(np.mean(wrong**2))) < most
