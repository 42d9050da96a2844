"""What a DSO expects to need in a year, and that the site file says the same."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from environment.sites import load_site
from experiments.cli.days import app
from experiments.run.columns.year_needs import Season, YearNeeds, shortest_season, year_needs

SITE = load_site("strem")
MONTHS, HOURS = (grid.ravel() for grid in np.meshgrid(np.arange(1, 13), np.arange(24), indexing="ij"))


@pytest.fixture(scope="module")
def strem() -> YearNeeds:
    """Of Strem."""
    found = year_needs("strem", 95)
    assert found is not None
    return found


def test_the_site_file_says_what_the_year_says(strem: YearNeeds) -> None:
    """Season and hours as they are found, the share and the energy as the file rounds them; all name their source."""
    market = SITE.market
    season = market.dso_option_season
    told = season.first_month, season.last_month, season.from_hour, season.to_hour
    assert Season(*(int(rating.value) for rating in told)) == strem.season
    share, energy = market.dso_option_share_up, market.outside_options.over_limit_kwh_per_year
    assert share.value == pytest.approx(strem.median_share, abs=0.0005)
    assert energy.value == pytest.approx(strem.moved_kwh, abs=5)
    assert {rating.source for rating in (*told, share, energy)} == {"year"}
    assert "iles days needs strem" in SITE.sources["year"]


def test_what_is_moved_below_counts_once(strem: YearNeeds) -> None:
    """Less than both points' energies together, no less than either's alone."""
    each = strem.over_limit_kwh.values()
    assert max(each) < strem.moved_kwh < sum(each)
    assert strem.season_pct >= 95


def test_the_shortest_season_is_found() -> None:
    """All of it lies in two months and three hours; a tenth in one hour of December is left out where 90 % are enough."""
    moved = np.where(np.isin(MONTHS, (5, 6)) & np.isin(HOURS, (11, 12, 13)), 15.0, 0.0)
    assert shortest_season(MONTHS, HOURS, moved, 1.0) == (Season(5, 6, 11, 14), 1.0)
    moved[(MONTHS == 12) & (HOURS == 3)] = 10.0
    assert shortest_season(MONTHS, HOURS, moved, 0.9) == (Season(5, 6, 11, 14), 0.9)
    assert shortest_season(MONTHS, HOURS, moved, 0.95)[0] == Season(5, 12, 3, 14)


def test_the_command_shows_it(strem: YearNeeds) -> None:
    """`iles days needs` prints season, hours, amount and energy."""
    done = CliRunner().invoke(app, ["needs", "strem"])
    assert done.exit_code == 0
    assert f"{strem.moved_kwh:.0f} kWh" in done.stdout
    assert "months 4 to 9, hours 10 to 15" in done.stdout
    assert f"median {strem.median_w / 1000:.1f} kW" in done.stdout
