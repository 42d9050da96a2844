"""Flexible operation in a scenario knows nothing of what homes will draw: another afternoon leaves the morning as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from agents.assembly import simulated_world
from cim.model.intervals import LocalDay
from environment.profiles.library import Profiles, load
from environment.sites import load_site
from experiments.run.columns.column import Column
from experiments.run.settings import RunSettings, ScenarioName
from experiments.scenarios.one_day import _flexible

pytestmark = pytest.mark.slow
DAY = LocalDay(date(2019, 5, 2), "Europe/Madrid")
NOON = 48  # ISPs before it
SITE = load_site("el_realengo")


def another_afternoon(name: str) -> Profiles:
    """What homes draw from noon on comes in another order; neither the sun, of which a service tells, nor heat changes."""
    profiles = load(name)
    first, last = profiles.index(DAY.isp_start(NOON + 1)), profiles.index(DAY.end)
    order, values = np.random.default_rng(1).permutation(last - first), dict(profiles.values)
    for column in sorted({p.base_load.column for p in SITE.prosumers if p.base_load is not None}):
        changed = values[column].copy()
        changed[first:last] = changed[first:last][order]
        values[column] = changed
    return replace(profiles, values=values)


def flexible(scenario: ScenarioName) -> Column:
    """The day as flexible operation runs it."""
    settings = RunSettings("el_realengo", DAY.day, 1, 1, "local", "direct", 1, Path("unused"), scenario=scenario.value)
    return _flexible(settings)[1]


@pytest.mark.parametrize("scenario", [ScenarioName.SELF_CONSUMPTION, ScenarioName.MARKET])
def test_what_comes_in_the_afternoon_changes_nothing_of_the_morning(
    scenario: ScenarioName, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every unit does the same to the watt until noon, though loads differ afterwards; only the world knows the other day."""
    as_it_was = flexible(scenario).devices.power_w
    monkeypatch.setattr(simulated_world, "load", another_afternoon)
    otherwise = flexible(scenario).devices.power_w
    assert as_it_was.keys() == otherwise.keys()
    for name, power_w in as_it_was.items():
        np.testing.assert_array_equal(power_w[:NOON], otherwise[name][:NOON], err_msg=name)
    changed = {name for name, row in as_it_was.items() if (row != otherwise[name]).any()}
    assert sum(name.endswith(".load") for name in changed) > 10
    if scenario is ScenarioName.SELF_CONSUMPTION:
        assert "cooperative.bess" in changed  # it answers what it meets
