"""The time axis of profiles, sessions and histories: no gap, no double, true across both clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from environment.profiles.history import History
from environment.profiles.library import QUARTER, QUARTER_S, Profiles, load, pack_dir
from environment.profiles.present import of_the_present
from environment.profiles.sessions import sessions_of, uncontrolled
from environment.profiles.simbench_import import utc_instants
from environment.sites import Site, load_site

PACK, ZONE = "simbench-rural1", "Europe/Vienna"
SPRING, AUTUMN = date(2016, 3, 27), date(2016, 10, 30)
SITE: Site = load_site("strem")


def local(day: date) -> LocalDay:
    """A local day of the site."""
    return LocalDay(day, ZONE)


def test_the_year_is_made_of_whole_local_days() -> None:
    """366 local days, one of 92 and one of 100 quarter-hours, meet without gap and end where the pack ends."""
    profiles, at, counts = load(PACK), load(PACK).first, []
    day = local(date(2016, 1, 1))
    while at < profiles.last:
        assert day.start == at
        counts.append(profiles.index(day.end) - profiles.index(day.start))
        at, day = day.end, day.next()
    assert at == profiles.last
    assert {count: counts.count(count) for count in set(counts)} == {92: 1, 96: 364, 100: 1}


def test_every_column_is_whole_finite_and_read_only() -> None:
    """No hole in any profile; active power within 0 and the rating, as SimBench defines it; nobody changes what all share."""
    profiles = load(PACK)
    for name in profiles.columns:
        column = profiles.column(name)
        assert column.shape == (profiles.count,)
        assert np.isfinite(column).all()
        if not name.endswith(".q"):
            assert 0.0 <= column.min() < column.max() <= 1.0 + 1e-6
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 0.0


@given(st.integers(0, 35_136), st.integers(0, 200))
def test_index_and_instant_are_each_others_inverse(number: int, span: int) -> None:
    """The quarter-hour `number` begins at first + number * 15 min, and a series is as long as its span."""
    profiles = load(PACK)
    start = profiles.first + number * QUARTER
    assert profiles.index(start) == number
    end = min(start + span * QUARTER, profiles.last)
    assert profiles.series("PV5", start, end).size == (end - start) // QUARTER


@pytest.mark.parametrize(("day", "count"), [(SPRING, 92), (AUTUMN, 100)])
def test_local_times_of_a_whole_clock_change_become_instants_in_a_row(day: date, count: int) -> None:
    """What SimBench writes for such a day (German local time) is read as `count` instants without gap or double."""
    zone, start = ZoneInfo("Europe/Berlin"), LocalDay(day, "Europe/Berlin").start
    texts = [(start + k * QUARTER).astimezone(zone).strftime("%d.%m.%Y %H:%M") for k in range(count)]
    instants = utc_instants(texts)
    assert all(after - before == QUARTER for before, after in pairwise(instants))
    assert (instants[0], instants[-1] + QUARTER) == (start, LocalDay(day, "Europe/Berlin").end)
    del texts[40]
    with pytest.raises(BadInput, match=r"^time\[40\]"):
        utc_instants(texts)


@pytest.mark.parametrize("fault", ["gap", "double", "empty"])
def test_a_pack_with_a_hole_is_refused(tmp_path: Path, fault: str) -> None:
    """A missing quarter-hour, one that comes twice, or none at all: one sentence with the pack's name."""
    seconds = {"gap": [0, 900, 2700], "double": [0, 900, 900], "empty": []}[fault]
    instants = [datetime.fromtimestamp(1_451_602_800 + second, UTC) for second in seconds]
    time = pa.array(instants, type=pa.timestamp("s", tz="UTC"))
    table = pa.table({"time": time, "PV1": pa.array([0.5] * len(seconds), type=pa.float32())})
    pq.write_table(table, tmp_path / "profiles.parquet")
    assert pack_dir(str(tmp_path)) == tmp_path
    with pytest.raises(BadInput, match="are not quarter-hours in a row"):
        load(str(tmp_path))


@given(st.dates(date(2016, 1, 2), date(2016, 12, 30)), st.integers(0, 95), st.integers(1, 20), st.floats(0, 23.75))
def test_vehicles_leave_by_the_wall_clock(day: date, quarter: int, length: int, hour: float) -> None:
    """A session that need not be longer ends at the local departure hour, on days of clock changes too."""
    start = local(day).start + quarter * QUARTER
    profile = np.concatenate([np.ones(length), np.zeros(4)])
    (session,) = sessions_of(profile, start, 11_000.0, hour, ZONE)
    assert session.start_s == start.timestamp()
    charged_s = session.start_s + length * QUARTER_S
    left = datetime.fromtimestamp(session.departure_s, UTC).astimezone(ZoneInfo(ZONE))
    if session.departure_s > charged_s:
        wall = left.hour + left.minute / 60 + left.second / 3600
        shifted = day in (SPRING, AUTUMN) or left.date() in (SPRING, AUTUMN)  # 02:30 does not exist, or twice
        assert wall == pytest.approx(hour, abs=1.001 if shifted else 1e-3)
        assert session.departure_s - session.start_s <= 25 * 3600
    else:
        assert session.departure_s == charged_s


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.floats(2000, 22_000))
def test_uncontrolled_charging_keeps_each_vehicles_energy_in_its_stay(gaps: list[int], rated_w: float) -> None:
    """Energy appears only between coming and leaving, at most at the rating, and all of it."""
    profile = np.concatenate([np.concatenate([np.zeros(gap + 1), [0.4, 1.0, 0.7]]) for gap in gaps] + [np.zeros(120)])
    first = datetime(2016, 3, 26, 18, tzinfo=UTC)
    sessions = sessions_of(profile, first, rated_w, 7.5, ZONE)
    power_w = uncontrolled(sessions, first, profile.size, rated_w)
    assert len(sessions) == len(gaps)
    for session in sessions:
        begin, end = (session.start_s - first.timestamp()) / QUARTER_S, (session.departure_s - first.timestamp()) / 900
        inside = power_w[int(begin) : int(np.ceil(end))].sum() / 4
        assert inside >= session.energy_wh - 1e-6
    assert power_w.max() <= rated_w + 1e-6
    assert power_w.sum() / 4 == pytest.approx(sum(session.energy_wh for session in sessions))


def _numbered(day: date) -> Profiles:
    """A year in which PV5 counts the quarter-hours since the local midnight of `day`, scaled to per unit."""
    year = load(PACK)
    origin = year.index(local(day).start)
    values = dict(year.values)
    values["PV5"] = (np.arange(year.count, dtype=np.float64) - origin) / 1e6
    return Profiles("numbered", year.first, values)


@pytest.mark.parametrize("day", [SPRING, AUTUMN, date(2016, 5, 20)])
def test_a_history_row_is_a_wall_clock_day(day: date) -> None:
    """Slot by slot: the missing hour repeats the quarter-hour before it, the double hour is averaged, the rest is as it was."""
    device = next(d for p in SITE.prosumers for d in p.devices if d.kind == "pv" and d.column == "PV5")
    owner = next(p for p in SITE.prosumers if device in p.devices)
    history = History(SITE, _numbered(day))
    (row,) = history.days(owner.device_name(device), 1, local(day).next())
    told = np.rint(-row / device.rated_w.value * 1e7) / 10
    zone, start, wanted = ZoneInfo(ZONE), local(day).start, {}
    for quarter in range((local(day).end - start) // QUARTER):
        at = (start + quarter * QUARTER).astimezone(zone)
        wanted.setdefault(at.hour * 4 + at.minute // 15, []).append(quarter)
    for slot in range(96):
        if slot in wanted:
            assert told[slot] == np.mean(wanted[slot]), slot
        else:
            assert told[slot] == told[slot - 1], slot
    assert len(wanted) == (92 if day == SPRING else 96)


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
def test_a_history_over_a_clock_change_has_no_gap(day: date) -> None:
    """Each day of the fortnight around it equals that day asked for alone, for every prosumer and device."""
    history, last = History(SITE, load(PACK)), local(day).next(7)
    for prosumer in SITE.prosumers:
        for name in (prosumer.name, *map(prosumer.device_name, prosumer.devices)):
            rows = history.days(name, 14, last)
            assert rows.shape == (14, 96)
            assert np.isfinite(rows).all()
            for back in (6, 7, 8):
                np.testing.assert_array_equal(rows[14 - back], history.days(name, 1, last.next(1 - back))[0])


def test_a_meters_history_is_the_sum_of_what_is_behind_it() -> None:
    """Base load and devices add up to the connection; a battery only brings it nearer to zero."""
    history, day = History(SITE, load(PACK)), local(date(2016, 5, 20))
    for prosumer in SITE.prosumers:
        parts = [history.days(prosumer.device_name(device), 3, day) for device in prosumer.devices]
        total = history.days(f"{prosumer.name}.load", 3, day) + sum(parts, np.zeros((3, 96)))
        np.testing.assert_allclose(history.days(prosumer.meter, 3, day), total, atol=1e-6)
        for device, part in zip(prosumer.devices, parts, strict=True):
            if device.kind == "battery":
                rest = total - part
                assert (np.abs(total) <= np.abs(rest) + 1e-6).all()
                assert part.any()
            assert np.abs(part).max() <= device.rated_w.value * (1 + 1e-6)


@pytest.mark.parametrize("first", [date(2024, 2, 29), date(2025, 3, 29), date(2026, 10, 24), date(2026, 12, 31)])
def test_the_present_has_no_gap_either(first: date) -> None:
    """Around leap days, both clock changes and the year's end: whole local days, every column, values of the year."""
    year = load(PACK)
    made = of_the_present(year, ZONE, first, 3)
    assert (made.first, made.last) == (local(first).start, local(first).next(2).end)
    assert made.columns == year.columns
    for name in made.columns:
        assert np.isin(made.column(name), year.column(name)).all()
    assert timedelta(0) == (made.last - made.first) % QUARTER
