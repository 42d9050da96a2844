"""Outages within a day: the same for every column, and what a column had stored and drew decides what they leave unserved."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from environment.outages import Cause, Outage
from environment.physics.device_truth import DeviceTruth
from environment.physics.world import World
from experiments.island.model import IslandSite, island_site
from experiments.run.columns.column import Column
from experiments.run.columns.foresight.aims import aims_of
from experiments.run.judging.outages import OUTAGES_A_DAY, not_served, outages_of, year_as_lived
from experiments.run.run import OPENING_HOUR
from experiments.run.settings import RunSettings

FORMING = "cooperative.bess"


@pytest.fixture(scope="module")
def model() -> IslandSite:
    """El Realengo."""
    return island_site("el_realengo")


@pytest.fixture(scope="module")
def day(model: IslandSite) -> LocalDay:
    """Its default day."""
    return LocalDay(model.site.default_day, model.site.timezone)


@pytest.fixture(scope="module")
def alone(model: IslandSite, day: LocalDay) -> Column:
    """The day with every device left to its own rule."""
    world = World(model.site, model.profiles, day.next(-1).at(OPENING_HOUR), 1)
    world.advance(day.end)
    return Column(world.truth(day.start, day.end), {}, world.device_truth(day.start, day.end))


def holding(column: Column, stored_wh: float, share: float = 1.0) -> Column:
    """The same with so much in the forming battery, which rests, and so large a share of all loads."""
    of, count = column.devices, len(column.devices.power_w[FORMING])
    rows = {name: row * (share if row.sum() > 0 else 1.0) for name, row in of.power_w.items()}
    rows[FORMING] = np.zeros(count)
    devices = DeviceTruth(
        of.kinds, rows, of.available_w, 0.0, 0.0, stored_wh=of.stored_wh | {FORMING: np.full(count, stored_wh)}
    )
    return replace(column, devices=devices)


def test_outages_lie_within_the_day_and_are_the_same_again(model: IslandSite, day: LocalDay) -> None:
    """So many a day, each beginning on it; another seed or another day draws others."""
    found = outages_of(model, (day,), 1)
    assert len(found) == OUTAGES_A_DAY
    assert all(day.start <= outage.start < day.end for outage in found)
    assert outages_of(model, (day,), 1) == found
    assert outages_of(model, (day,), 2) != found
    following = outages_of(model, (day.next(),), 1)
    assert [o.start - day.next().start for o in following] != [o.start - day.start for o in found]
    both = outages_of(model, (day, day.next()), 1)
    assert both == found + following


def test_days_without_a_day_before_or_enough_after_are_refused(model: IslandSite) -> None:
    """5 January is judged, the year's first day is not."""
    assert outages_of(model, (LocalDay(date(2019, 1, 5), model.site.timezone),), 1)
    with pytest.raises(BadInput, match="expected 2019-01-0"):
        outages_of(model, (LocalDay(date(2019, 1, 1), model.site.timezone),), 1)


def test_what_is_stored_is_what_the_world_had(model: IslandSite, day: LocalDay, alone: Column) -> None:
    """A battery's content at each ISP's begin follows from its power, with the losses of one way."""
    stored, power = alone.devices.stored_wh[FORMING], alone.devices.power_w[FORMING]
    inside = np.where(power > 0, power * 0.95, power / 0.95) / 4
    np.testing.assert_allclose(np.diff(stored), inside[:-1], atol=1.0)
    assert np.ptp(stored) > 1000


def test_the_year_is_the_columns_on_its_days_and_the_profiles_elsewhere(
    model: IslandSite, day: LocalDay, alone: Column
) -> None:
    """All loads below the point are in one stage each; sun is what could be had; the days around are untouched."""
    lived = year_as_lived(model, alone, (day,))
    first = (day.start - model.year.first) // timedelta(minutes=15)
    span = slice(first, first + 96)
    generators = {FORMING, *alone.devices.available_w}
    loads = [
        row
        for name, row in alone.devices.power_w.items()
        if name not in generators and alone.devices.kinds[name] != "battery"
    ]
    np.testing.assert_allclose(lived.load_w[:, span].sum(axis=0), np.sum(loads, axis=0))
    np.testing.assert_allclose(lived.sun_w[span], -np.sum(list(alone.devices.available_w.values()), axis=0))
    assert np.array_equal(lived.load_w[:, :first], model.year.load_w[:, :first])
    assert np.array_equal(lived.sun_w[first + 96 :], model.year.sun_w[first + 96 :])


def test_more_stored_leaves_less_unserved(model: IslandSite, day: LocalDay, alone: Column) -> None:
    """The less a battery holds at night the less is served; of an empty one half of the loads lack half as much."""
    night = day.at(3)
    outages = tuple(Outage(night + timedelta(minutes=5 * k), 2400, Cause.OWN) for k in range(2))
    full_wh = model.limits.capacity_wh
    empty, half, full = (
        not_served(model, holding(alone, stored_wh), (day,), outages) for stored_wh in (0.0, full_wh / 20, full_wh)
    )
    assert empty.promised_kwh > half.promised_kwh > full.promised_kwh
    assert empty.all_kwh > half.all_kwh > full.all_kwh
    assert all(found.all_kwh >= found.promised_kwh >= 0 for found in (empty, half, full))
    fewer = not_served(model, holding(alone, 0.0, share=0.5), (day,), outages)
    assert fewer.all_kwh == pytest.approx(empty.all_kwh / 2, rel=0.05)


def test_foresight_holds_what_the_outages_will_need(model: IslandSite, day: LocalDay) -> None:
    """It holds more than nothing and no more than the battery has, before outages alone; other scenarios hold nothing."""
    settings = RunSettings("el_realengo", day.day, 1, 1, "local", "direct", 1, Path("unused"))
    assert not aims_of(settings, model.site)(day).hold_wh
    hold_wh = aims_of(replace(settings, scenario="islanding"), model.site)(day).hold_wh[FORMING]
    before = {max(_isp(day, outage.start) - 1, 0) for outage in outages_of(model, (day,), 1)}
    assert set(np.flatnonzero(hold_wh)) == before
    assert model.limits.empty_wh <= hold_wh[sorted(before)].min() <= hold_wh.max() <= model.limits.capacity_wh
    rates = aims_of(replace(settings, scenario="market"), model.site)(day).rates("cooperative")
    assert 0 < (rates.retail_ct_per_kwh - rates.feed_in_ct_per_kwh).max() < 0.02


def _isp(day: LocalDay, instant: datetime) -> int:
    return day.isp_of(instant) - 1
