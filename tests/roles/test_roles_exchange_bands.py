"""The manager's band at the point of common coupling: what it is forecast by, when, and what it publishes."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np

from agents.planning.forecast.bands.history import KnownDays
from agents.roles.effects import Compute, Publish
from agents.roles.events import Computed, JobFailed, Measured, Received
from agents.roles.iles_manager import IlesConfig, IlesRole
from agents.roles.messages import DeviceReport
from agents.roles.parts.exchange_bands import BandOf, ExchangeBands, ExchangeConfig, wall_clock_slot
from cim.model.devices import WeatherForecast
from cim.model.readings import Kind, Quality, Reading
from cim.platform.publications.grid import ExchangeBand
from tests.worlds import players
from tests.worlds.players import RULES

FIRST = RULES.periods[0]
EVE = FIRST.next(-1)
ISSUE = EVE.at(11)
KNOWN = KnownDays(
    FIRST.next(-3).day,
    tuple(np.full(96, 100.0 * k) for k in (1, 2, 3)),
    tuple(np.full(96, 0.1 * k) for k in (1, 2, 3)),
    "AT",
)


def manager(known: KnownDays | None = KNOWN) -> IlesRole:
    """A manager that knows three days, the day before the first one being the last."""
    exchange = None if known is None else ExchangeConfig("point.meter", known)
    return IlesRole("iles", RULES, players.key("iles"), IlesConfig("weather", (), "ledger", "dso", exchange))


def weather(at: datetime, sun: float = 0.5) -> Measured:
    """The weather service's word: 60 hours of the same sun."""
    return Measured("weather", (), (WeatherForecast(at, at, 900, (sun,) * 240),))


def report(at: datetime, net_wh: float, quality: Quality = Quality.GOOD) -> Received:
    """What the meter at the point of common coupling shows."""
    values = ((Kind.ENERGY_IMPORT, net_wh + 1000), (Kind.ENERGY_EXPORT, 1000.0))
    readings = tuple(Reading("point.meter", kind, value, at, quality) for kind, value in values)
    return Received("point.meter", 1, DeviceReport("point.meter", at, readings, ()))


def asked(role: IlesRole, at: datetime, sun: float = 0.5) -> KnownDays | None:
    """What a job is asked to forecast by when the weather service speaks."""
    jobs = [e for e in role.handle(weather(at, sun), at) if isinstance(e, Compute)]
    assert len(jobs) <= 1
    return jobs[0].arguments[0] if jobs else None


def test_a_band_is_asked_for_at_the_hour_of_issue_and_once() -> None:
    """Not at ten; at eleven; not again at noon."""
    role = manager()
    assert asked(role, EVE.at(10)) is None
    known = asked(role, ISSUE, 0.7)
    assert known is not None
    assert asked(role, EVE.at(12)) is None
    assert (known.first, len(known.days_w)) == (KNOWN.first, 4)
    assert [float(day[0]) for day in known.days_w[:3]] == [100.0, 200.0, 300.0]
    assert np.isnan(known.days_w[3]).all()
    assert [round(float(day[0]), 3) for day in known.told] == [0.1, 0.2, 0.3, 0.7]


def test_what_was_metered_counts_over_what_was_assumed() -> None:
    """A kWh between nine and a quarter past: 4 kW in that quarter-hour, the others as they were known."""
    role = manager()
    for minutes, net_wh in ((0, 5000.0), (15, 6000.0)):
        assert role.handle(report(EVE.at(9) + timedelta(minutes=minutes), net_wh), ISSUE) == []
    known = asked(role, ISSUE)
    assert known is not None
    slot = wall_clock_slot(EVE.at(9), RULES.timezone)
    assert (slot, known.days_w[2][slot], known.days_w[2][slot + 1]) == (36, 4000.0, 300.0)


def test_readings_that_are_not_good_and_gaps_meter_nothing() -> None:
    """Between readings of other than two neighbouring quarter-hours nothing is known; a bad reading is none."""
    role = manager()
    role.handle(report(EVE.at(8), 0.0), ISSUE)
    role.handle(report(EVE.at(8, 15), 100.0, Quality.INVALID), ISSUE)
    role.handle(report(EVE.at(8, 30), 200.0), ISSUE)
    role.handle(Received("other.meter", 1, report(EVE.at(8, 45), 900.0).message), ISSUE)
    assert role.part(ExchangeBands).state.days_w == {}


def test_the_band_is_published_by_isp() -> None:
    """Three profiles become whole watts of each ISP; an empty result says that too little is known."""
    role = manager()
    asked(role, ISSUE)
    band = tuple(np.linspace(low, low + 95, 96) for low in (-300.4, -200.0, 10.6))
    (told,) = role.handle(Computed(BandOf(FIRST.day), band), ISSUE)
    assert isinstance(told, Publish)
    assert isinstance(told.publication, ExchangeBand)
    assert (told.publication.at, told.publication.period) == (ISSUE, FIRST.day)
    assert told.publication.low_w == tuple(-300 + k for k in range(96))
    assert told.publication.high_w[0] == 11
    assert role.handle(Computed(BandOf(FIRST.day), ()), ISSUE) == []


def test_a_band_that_comes_a_day_late_is_not_told() -> None:
    """A result for a day that has begun says nothing any more."""
    role = manager()
    asked(role, ISSUE)
    assert role.handle(Computed(BandOf(FIRST.day), (np.zeros(96),) * 3), FIRST.at(1)) == []


def test_a_job_that_failed_is_asked_for_again() -> None:
    """With the next hour's weather."""
    role = manager()
    asked(role, ISSUE)
    role.handle(Computed(BandOf(FIRST.day), None, "no memory"), ISSUE)
    assert asked(role, EVE.at(12)) is not None
    assert JobFailed in role.part(ExchangeBands).handlers


def test_without_a_meter_nothing_is_forecast() -> None:
    """A site whose point of common coupling nobody meters has no band."""
    assert asked(manager(None), ISSUE) is None


def test_no_band_is_made_of_a_day_that_is_not_operated() -> None:
    """On the last operated day nobody needs the next one's."""
    assert asked(manager(), RULES.periods[-1].at(11)) is None


def test_what_it_knows_survives_a_snapshot() -> None:
    """A manager that goes on from a snapshot forecasts by the same days."""
    role, other = manager(), manager()
    for minutes, net_wh in ((0, 5000.0), (15, 6000.0)):
        role.handle(report(EVE.at(9) + timedelta(minutes=minutes), net_wh), ISSUE)
    other.restore(role.snapshot())
    before, after = asked(role, ISSUE), asked(other, ISSUE)
    assert before is not None
    assert after is not None
    assert all(np.array_equal(x, y, equal_nan=True) for x, y in zip(before.days_w, after.days_w, strict=True))
    assert other.part(ExchangeBands).state.asked == FIRST.day


def test_days_that_no_forecast_looks_at_are_dropped() -> None:
    """A year later the first day is gone."""
    role = manager()
    asked(role, ISSUE)
    role.prune(FIRST.day + timedelta(days=100))
    assert FIRST.day in role.part(ExchangeBands).state.told
    role.prune(FIRST.day + timedelta(days=200))
    assert role.part(ExchangeBands).state.told == {}


def test_wall_clock_slots_follow_the_clocks() -> None:
    """On the last Sunday of March, three o'clock comes right after two."""
    begun = datetime.fromisoformat("2016-03-27T00:45:00+00:00")
    assert [wall_clock_slot(begun + timedelta(minutes=15 * k), "Europe/Vienna") for k in (0, 1)] == [7, 12]
    assert date(2016, 3, 27).weekday() == 6
