"""`iles forecast` on Strem: the series, the table it writes and the page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from agents.planning.forecast.bands.walk_forward import Schedule
from cim.model.errors import BadInput
from environment.sites import load_site
from experiments.cli.main import _mount, app
from experiments.forecast.site_series import SiteSeries, series_kinds, series_of_site
from experiments.forecast.study import judge, judge_all


def _nothing(_: str) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def series() -> SiteSeries:
    """A plant that never moves and one of the sun."""
    return series_of_site("strem", ("biogas.chp", "farm-2.pv"), 1, 11, _nothing)


def test_every_building_and_plant_is_forecast_and_no_battery() -> None:
    """Strem has its PCC, 19 buildings, 10 PV plants and a CHP plant, 10 heat pumps and 11 charging stations."""
    kinds = list(series_kinds(load_site("strem")).values())
    counts = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
    assert counts == {"building": 19, "charging": 11, "heat pump": 10, "pcc": 1, "plant": 11}


def test_a_plant_that_never_moves_is_told_and_not_judged(series: SiteSeries) -> None:
    """The CHP plant runs at its plan all year: no skill, one standstill."""
    found = judge("biogas.chp", "plant", series.history("biogas.chp"), 300, Schedule())
    assert found.skill is None
    assert [(one.first.isoformat(), one.last.isoformat()) for one in found.flat] == [("2016-01-02", "2016-12-31")]


def test_dead_days_are_told_and_not_judged(series: SiteSeries) -> None:
    """A PV meter that stands still for three weeks: they are named, and the other days are judged."""
    history = series.history("farm-2.pv")
    values = history.values.copy()
    values[-24:-3] = -100.0
    found = judge("farm-2.pv", "plant", replace(history, values=values), len(values) - 30, Schedule(retrain_days=60))
    assert found.skill is not None
    assert found.skill.days == 9
    assert [(one.first.isoformat(), one.last.isoformat()) for one in found.flat] == [("2016-12-08", "2016-12-28")]


def test_as_many_days_as_have_history(series: SiteSeries) -> None:
    """More days than have sixty before them are refused with the number there is."""
    with pytest.raises(BadInput, match="expected 1 to 305"):
        judge_all(series, days=306, weather=True, schedule=Schedule(), processes=1, tell=_nothing)


def test_the_weather_is_what_was_told_the_day_before(series: SiteSeries) -> None:
    """What the service told differs from what the sun gave, but not by much, and another seed tells otherwise."""
    sun = -series.values["farm-2.pv"] / 24_500
    error = series.weather - sun
    assert 0.01 < np.abs(error[:, 40:60]).mean() < 0.15
    other = series_of_site("strem", ("biogas.chp",), 2, 11, _nothing).weather
    assert not np.array_equal(other, series.weather)


def test_the_command_writes_its_table_and_page(tmp_path: Path) -> None:
    """Ten days of a PV plant: JSON of what is printed, a page with the figures, and a forecast better than naive."""
    _mount()
    words = ["forecast", "strem", "--days", "10", "--series", "farm-2.pv", "--out", str(tmp_path), "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    written = json.loads((tmp_path / "forecast.json").read_text())
    skill = written["series"]["farm-2.pv"]
    assert json.loads(done.stdout) == written
    assert (written["first"], written["last"], skill["days"]) == ("2016-12-22", "2016-12-31", 10)
    assert written["better_on_all"] is (skill["skill_pct"] > 0) is True
    assert skill["coverage"] + skill["below_10"] + skill["above_90"] == pytest.approx(1)
    page = (tmp_path / "forecast.html").read_text()
    assert 'id="fig-skill"' in page
    assert 'id="fig-farm-2-pv"' in page


def test_an_unknown_series_is_told_with_those_there_are() -> None:
    """A battery is no series that is forecast."""
    with pytest.raises(BadInput, match=r"'farm-1.battery' is unknown; expected one of pcc, farm-1, "):
        series_of_site("strem", ("farm-1.battery",), 1, 11, _nothing)
