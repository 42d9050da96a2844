"""Truth and forecast of a weather year are two things: how large the error is, how it grows, that light stays light."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from typer.testing import CliRunner

from cim.model.errors import BadInput
from environment.weather import load_weather
from environment.weather.forecast import WeatherService, WeatherSpan
from experiments.cli.profiles import app

YEAR = load_weather("nsrdb-malaga-2019")
SERVICE = WeatherService(YEAR, 3)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
JUNE = datetime(2019, 6, 1, tzinfo=UTC)


def errors(lead: timedelta, name: str) -> np.ndarray:
    """Forecast less truth of an afternoon hour of a hundred days, issued so long before its end."""
    found = []
    for day in range(100):
        start = JUNE + day * DAY + 13 * HOUR
        told, true = (getattr(span, name) for span in both(start + HOUR - lead, start, start + HOUR))
        found.append(told - true)
    return np.concatenate(found)


def both(issued: datetime, start: datetime, end: datetime) -> tuple[WeatherSpan, WeatherSpan]:
    """(forecast, truth)."""
    return SERVICE.forecast(issued, start, end), SERVICE.truth(start, end)


@pytest.mark.parametrize(
    ("name", "an_hour", "a_day"), [("ghi_w_m2", 0.04, 0.10), ("temperature_c", 0.5, 1.8), ("wind_m_s", 0.5, 1.4)]
)
def test_errors_are_as_large_as_is_said(name: str, an_hour: float, a_day: float) -> None:
    """An hour and a day ahead the standard deviation is the stated one, to a quarter; a day ahead has no bias to live on."""
    scale = float(YEAR.ghi_w_m2.max()) if name == "ghi_w_m2" else 1.0
    near, far = errors(HOUR, name) / scale, errors(24 * HOUR, name) / scale
    assert near.std() == pytest.approx(an_hour, rel=0.25)
    assert far.std() == pytest.approx(a_day, rel=0.25)
    assert abs(far.mean()) < 0.4 * a_day


def test_light_stays_light() -> None:
    """Never negative, dark at night, and global is still diffuse plus the beam on a level plane: they move in proportion."""
    told, true = both(JUNE, JUNE, JUNE + 2 * DAY)
    for name in ("ghi_w_m2", "dni_w_m2", "dhi_w_m2"):
        assert (getattr(told, name) >= 0).all()
        assert not getattr(told, name)[true.ghi_w_m2 == 0].any()
    lit = true.ghi_w_m2 > 0
    share = told.ghi_w_m2[lit] / true.ghi_w_m2[lit]
    assert told.dni_w_m2[lit] == pytest.approx(true.dni_w_m2[lit] * share)
    assert told.dhi_w_m2[lit] == pytest.approx(true.dhi_w_m2[lit] * share)
    assert share.std() > 0.02


def test_the_wind_is_never_below_calm() -> None:
    """Over two months of three-day forecasts."""
    spans = [SERVICE.forecast(JUNE + k * DAY, JUNE + k * DAY, JUNE + (k + 3) * DAY) for k in range(20)]
    winds = np.concatenate([span.wind_m_s for span in spans])
    assert winds.min() >= 0


def test_the_same_seed_and_issue_give_the_same_forecast() -> None:
    """Whatever was asked before; another seed or another issue give another one, and the truth stays what it is."""
    again = WeatherService(YEAR, 3)
    one, two = (service.forecast(JUNE, JUNE + HOUR, JUNE + DAY) for service in (SERVICE, again))
    assert one.temperature_c.tolist() == two.temperature_c.tolist()
    other = WeatherService(YEAR, 4).forecast(JUNE, JUNE + HOUR, JUNE + DAY)
    later = again.forecast(JUNE + HOUR, JUNE + HOUR, JUNE + DAY)
    assert one.temperature_c.tolist() != other.temperature_c.tolist()
    assert one.temperature_c.tolist() != later.temperature_c.tolist()
    first = (JUNE - YEAR.first) // timedelta(minutes=15)
    assert SERVICE.truth(JUNE, JUNE + DAY).temperature_c.tolist() == YEAR.temperature_c[first : first + 96].tolist()


def test_light_warmth_and_wind_err_apart() -> None:
    """Their errors are not correlated with one another."""
    found = [errors(24 * HOUR, name)[::4] for name in ("ghi_w_m2", "temperature_c", "wind_m_s")]
    assert np.abs(np.corrcoef(found)[np.triu_indices(3, 1)]).max() < 0.3


@pytest.mark.parametrize(
    ("issued", "start", "end", "says"),
    [
        (JUNE, JUNE - HOUR, JUNE, "does not lie within 72 hours"),
        (JUNE, JUNE, JUNE + 73 * HOUR, "does not lie within 72 hours"),
        (JUNE, JUNE + timedelta(minutes=1), JUNE + HOUR, "begins no quarter-hour of nsrdb-malaga-2019"),
        (
            datetime(2019, 12, 31, tzinfo=UTC),
            datetime(2019, 12, 31, tzinfo=UTC),
            datetime(2020, 1, 2, tzinfo=UTC),
            "2020-01-02",
        ),
    ],
)
def test_what_nobody_can_forecast_is_told(issued: datetime, start: datetime, end: datetime, says: str) -> None:
    """The past, more than three days ahead, odd instants and other years."""
    with pytest.raises(BadInput, match=says):
        SERVICE.forecast(issued, start, end)


def test_the_command_shows_a_years_weather() -> None:
    """`iles profiles weather` prints place, span and sums, and beside each hour of a forecast what then came."""
    done = CliRunner().invoke(app, ["weather", "nsrdb-malaga-2019"])
    assert done.exit_code == 0
    assert "36.73 N, -4.42 E" in done.stdout
    assert "1675 kWh/m2" in done.stdout
    assert "5.7 to 36.3" in done.stdout
    told = CliRunner().invoke(app, ["weather", "nsrdb-malaga-2019", "--issued", "2019-06-01T12:00", "--seed", "3"])
    span, true = both(JUNE + 12 * HOUR, JUNE + 12 * HOUR, JUNE + 13 * HOUR)
    wanted = f"2019-06-01 12:00  {span.ghi_w_m2.mean():5.0f} {true.ghi_w_m2.mean():5.0f}"
    assert wanted in told.stdout
    assert len(told.stdout.splitlines()) > 24
    wrong = CliRunner().invoke(app, ["weather", "nsrdb-malaga-2019", "--issued", "noon"])
    assert isinstance(wrong.exception, BadInput)
    assert "--issued: 'noon'" in str(wrong.exception)


def test_what_is_told_of_the_air_lies_within_the_year() -> None:
    """To a tenth of a degree, one for each quarter-hour that the year has; nothing outside it."""
    end = YEAR.first + YEAR.count * timedelta(minutes=15)
    told = SERVICE.temperature_c(end - 2 * HOUR, end - HOUR, end + DAY)
    assert told == tuple(np.round(SERVICE.forecast(end - 2 * HOUR, end - HOUR, end).temperature_c, 1).tolist())
    assert len(told) == 4
    assert SERVICE.temperature_c(end - HOUR, end, end + HOUR) == ()
    before = YEAR.first - 365 * DAY  # a site under another year's profiles
    assert SERVICE.temperature_c(before, before, before + DAY) == ()
