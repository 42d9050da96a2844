"""An appliance runs each programme once, whole and in time, whenever and by whomever it is started."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from environment.physics import Appliance, Connection
from environment.profiles.library import QUARTER, load
from environment.profiles.programmes import ApplianceUse, ProgrammeSteps, daily_uses, unmoved
from environment.sites.loader import SiteFaults, load_site, parse_site

START = 1_463_695_200.0  # a whole quarter-hour
HOUR_S = 3600.0
FOLDER = Path(load_site.__code__.co_filename).parent
STEPS = ((300.0, 100.0), (1500.0, 2000.0), (5400.0, 130.0))
PROGRAMME = ProgrammeSteps(STEPS)
ENERGY_WH = (300 * 100 + 1500 * 2000 + 5400 * 130) / 3600
USE = ApplianceUse(START + HOUR_S, START + 10 * HOUR_S)  # ready after one hour, done after ten


def washer(*uses: ApplianceUse, interruptible: bool = False) -> tuple[Appliance, Connection]:
    """An appliance alone behind its connection."""
    unit = Appliance("w", START, uses=uses or (USE,), programme=ProgrammeSteps(STEPS, interruptible))
    return unit, Connection("p", (unit,))


def run(connection: Connection, to_h: float, from_h: float = 0.0) -> list[tuple[float, float]]:
    """Advance; where the power changed: (hours since the start, watts)."""
    seen: list[tuple[float, float]] = []

    def record(now_s: float, _seconds: float) -> None:
        if not seen or seen[-1][1] != connection.power_w:
            seen.append(((now_s - START) / HOUR_S, connection.power_w))

    connection.advance(START + from_h * HOUR_S, START + to_h * HOUR_S, record)
    return seen


def test_what_nobody_starts_begins_at_its_latest_start() -> None:
    """Two hours before ten: eight hours after the start, step by step at the exact second."""
    unit, connection = washer()
    seen = run(connection, 12)
    assert seen == [(0, 0), (8, 100), (8 + 1 / 12, 2000), (8.5, 130), (10, 0)]
    assert unit.import_wh == pytest.approx(ENERGY_WH)
    assert unit.ended_s == USE.latest_end_s


def test_without_control_it_begins_as_soon_as_it_is_ready() -> None:
    """Somebody pushes the button and it runs."""
    unit, connection = washer()
    unit.waits = False
    assert run(connection, 12)[1] == (1, 100)
    unit, connection = washer()
    run(connection, 3)
    unit.waits = False
    assert unit.power_w == 100, "what waited begins when nobody is waited for any more"


def test_a_scheduled_start_is_kept_to_the_second() -> None:
    """Also one between two quarter-hours; one that is over means now; one too late does not hold up the latest start."""
    unit, connection = washer()
    run(connection, 2)
    unit.start_at_s = START + 2.51 * HOUR_S
    assert run(connection, 12, 2)[1] == (pytest.approx(2.51), 100)
    unit, connection = washer()
    run(connection, 2)
    unit.start_at_s = START
    assert unit.power_w == 100
    unit, connection = washer()
    run(connection, 2)
    unit.start_at_s = START + 9 * HOUR_S
    assert run(connection, 12, 2)[1] == (8, 100)


def test_what_has_begun_is_not_stopped() -> None:
    """Neither a new schedule nor a pause changes anything of what may not be interrupted."""
    unit, connection = washer()
    run(connection, 2)
    unit.start_at_s = START + 2 * HOUR_S
    run(connection, 3, 2)
    unit.start_at_s = None
    unit.paused = True
    assert not unit.paused
    assert run(connection, 12, 3) == [(3, 130), (4, 0)]


def test_an_interruptible_one_goes_on_in_time() -> None:
    """Paused with an hour and a half left it goes on by itself at half past eight, and not before it is let."""
    unit, connection = washer(interruptible=True)
    unit.waits = False
    run(connection, 1.5)
    unit.paused = True
    assert run(connection, 12, 1.5) == [(1.5, 0), (8.5, 130), (10, 0)]
    assert unit.import_wh == pytest.approx(ENERGY_WH)
    unit, connection = washer(interruptible=True)
    unit.waits = False
    run(connection, 1.5)
    unit.paused = True
    run(connection, 2, 1.5)
    unit.paused = False
    assert run(connection, 12, 2) == [(2, 130), (3.5, 0)]


def test_it_can_be_used_again() -> None:
    """The next use begins with nothing of the one before: no schedule, no progress."""
    again = ApplianceUse(START + 24 * HOUR_S, START + 34 * HOUR_S)
    unit, connection = washer(USE, again)
    run(connection, 2)
    unit.start_at_s = START + 3 * HOUR_S
    run(connection, 25, 2)
    assert unit.ready
    assert (unit.use, unit.start_at_s, unit.done_s) == (again, None, 0.0)
    run(connection, 35, 25)
    assert unit.import_wh == pytest.approx(2 * ENERGY_WH)


def test_a_use_from_before_the_world_is_left_out() -> None:
    """Nobody knows whether it ran by then."""
    unit, connection = washer(ApplianceUse(START - 1, START + 9 * HOUR_S))
    assert run(connection, 12) == [(0, 0)]
    assert unit.use is None


@settings(max_examples=80, deadline=None)
@given(
    cuts=st.lists(st.floats(0.001, 12.0), max_size=12),
    start_h=st.one_of(st.none(), st.floats(0.0, 12.0)),
    pauses=st.lists(st.booleans(), max_size=12),
)
def test_it_draws_its_whole_programme_once_and_in_time(
    cuts: list[float], start_h: float | None, pauses: list[bool]
) -> None:
    """However time is cut, whenever it is started and however often it is paused and let go on."""
    unit, connection = washer(interruptible=True)
    at, scheduled = 0.0, False
    for number, cut in enumerate([*sorted(cuts), 12.0]):
        run(connection, cut, at)
        at = cut
        if unit.ready and not scheduled and start_h is not None:
            scheduled, unit.start_at_s = True, START + start_h * HOUR_S
        if number < len(pauses):
            unit.paused = pauses[number]
    assert unit.import_wh == pytest.approx(ENERGY_WH, rel=1e-6)
    assert unit.ended_s is not None
    assert unit.ended_s <= USE.latest_end_s + 0.01


def test_what_history_tells_is_what_it_does_when_nobody_moves_it() -> None:
    """The record of a week by quarter-hours, and the physics over the same week, agree."""
    first = datetime(2016, 3, 23, 23, tzinfo=UTC)  # the clocks go forward within it
    uses = daily_uses(first, 7 * 96, "Europe/Vienna", 20, 6)
    assert len(uses) == 6, "the last night's end lies behind the span"
    told = unmoved(uses, PROGRAMME, first, 7 * 96)
    unit = Appliance("w", first.timestamp(), uses=uses, programme=PROGRAMME)
    connection, done = Connection("p", (unit,)), []
    for quarter in range(7 * 96):
        before, at_s = unit.import_wh, (first + quarter * QUARTER).timestamp()
        connection.advance(at_s, at_s + 900)
        done.append((unit.import_wh - before) * 4)
    np.testing.assert_allclose(told, done, atol=1e-6)


def test_people_live_by_the_clock() -> None:
    """Ready at 20:00 and done by 06:00 on the wall, also in the night in which an hour is missing."""
    first = datetime(2016, 3, 23, 23, tzinfo=UTC)
    lengths = [(use.latest_end_s - use.ready_s) / HOUR_S for use in daily_uses(first, 7 * 96, "Europe/Vienna", 20, 6)]
    assert lengths == [10, 10, 9, 10, 10, 10]


def test_strems_appliances_fit_their_day() -> None:
    """Both run within every day of the profiles, for a whole year."""
    site = load_site("strem")
    profiles = load(site.profiles)
    devices = [device for p in site.prosumers for device in p.devices if device.kind == "appliance"]
    assert len(devices) == 2
    for device in devices:
        hours = device.ready_hour.value, device.latest_end_hour.value
        minutes = sum(step.minutes.value for step in device.programme)
        for use in daily_uses(profiles.first, profiles.count, site.timezone, *hours):
            assert use.latest_end_s - use.ready_s >= timedelta(minutes=minutes).total_seconds()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"latest_end_hour": {"value": 9, "assumed": True}}, "at least an hour more between"),
        ({"ready_hour": {"value": 24, "assumed": True}}, "a whole hour from 0 to 23"),
        ({"ready_hour": {"value": 7.5, "assumed": True}}, "a whole hour from 0 to 23"),
        ({"rated_w": {"value": 1999, "assumed": True}}, "no step of the programme above rated_w"),
        ({"programme": []}, "programme"),
    ],
)
def test_an_appliance_that_cannot_be_is_told(change: dict[str, object], expected: str) -> None:
    """A site file with such an appliance is refused, with the place and what was expected."""
    raw = yaml.safe_load((FOLDER / "strem.yaml").read_text(encoding="utf-8"))
    home = next(p for p in raw["prosumers"] if any(d["kind"] == "appliance" for d in p["devices"]))
    next(d for d in home["devices"] if d["kind"] == "appliance").update(change)
    with pytest.raises(SiteFaults, match=expected):
        parse_site(yaml.safe_dump(raw), "mine.yaml")
