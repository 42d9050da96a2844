"""Windows follow the place's calendar, over the changes of the clock as well."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.errors import BadInput
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.table import ReadingsTable
from cim.platform.readings.windows import Window, offsets_of, zone_of
from tests.worlds.meters import QUARTER, START, batch, row

VIENNA = ZoneInfo("Europe/Vienna")
instants = st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
zones = st.sampled_from(
    ["Europe/Vienna", "Europe/Madrid", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
)


@given(instants, st.integers(0, 700), zones, st.floats(0, 1))
def test_offsets_are_the_zones_at_every_instant(begin: datetime, days: int, name: str, part: float) -> None:
    """The offset that holds since the last change is the time zone's own, at any instant of the span."""
    zone, end = ZoneInfo(name), begin + timedelta(days=days)
    offsets = offsets_of(zone, begin, end)
    at = begin + (end - begin) * part
    known = [seconds for since, seconds in offsets if since <= at][-1]
    assert timedelta(seconds=known) == at.astimezone(zone).utcoffset()
    assert len(offsets) <= 2 * days / 150 + 2


@pytest.fixture(scope="module")
def october(tmp_path_factory: pytest.TempPathFactory) -> ReadingQueries:
    """1 kWh in each quarter-hour of the local days 24 to 26 October 2026 at Vienna; the clock goes back on the 25th."""
    folder: Path = tmp_path_factory.mktemp("october")
    begin = datetime(2026, 10, 24, tzinfo=VIENNA).astimezone(UTC)
    first = round((begin - START) / QUARTER)
    with ReadingsTable(folder) as table:
        table.append(batch([row(quarter=first + k) for k in range(96 + 100 + 96)]), "s", 1)
        table.compact()
    return ReadingQueries(folder)


def sums(queries: ReadingQueries, window: Window) -> list[tuple[str, float]]:
    """Local begin and sum of each window."""
    found = queries.aggregates(Selection(), window, VIENNA)
    return [
        (at.astimezone(VIENNA).strftime("%d %H:%M%z"), value)
        for at, value in zip(found["begin"].to_pylist(), found["sum"].to_pylist(), strict=True)
    ]


def test_a_day_of_25_hours_has_100_quarter_hours(october: ReadingQueries) -> None:
    """Days begin at local midnight, whatever the clock does between."""
    assert sums(october, Window.DAY) == [("24 00:00+0200", 96.0), ("25 00:00+0200", 100.0), ("26 00:00+0100", 96.0)]


def test_the_hour_that_comes_twice_is_two_windows(october: ReadingQueries) -> None:
    """From two to three there are two hours, told apart by their instant."""
    found = sums(october, Window.HOUR)
    assert [at for at, _ in found if at.startswith("25 02")] == ["25 02:00+0200", "25 02:00+0100"]
    assert Counter(value for _, value in found) == {4.0: 73}
    assert len(sums(october, Window.QUARTER_HOUR)) == 292


def test_months_are_the_calendars(october: ReadingQueries) -> None:
    """A month begins at the local midnight of its first day."""
    assert sums(october, Window.MONTH) == [("01 00:00+0200", 292.0)]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1)), min_size=1, max_size=20, unique=True), zones)  # noqa: DTZ001
def test_every_reading_is_summed_in_its_month(found: list[datetime], name: str) -> None:
    """Months are those that the place's own calendar says of each instant, at any time in any zone, over several years."""
    zone, begins = ZoneInfo(name), [at.replace(tzinfo=UTC) for at in found]
    with TemporaryDirectory() as folder:
        with ReadingsTable(folder) as table:
            table.append(batch([row()._replace(begin=at) for at in begins]), "s", 1)
            table.compact()
        sums = ReadingQueries(folder).aggregates(Selection(), Window.MONTH, zone)
    months = Counter((at.astimezone(zone).year, at.astimezone(zone).month) for at in begins)
    assert [
        (at.astimezone(zone).replace(tzinfo=None), value)
        for at, value in zip(sums["begin"].to_pylist(), sums["sum"].to_pylist(), strict=True)
    ] == [(datetime(*month, 1), count) for month, count in sorted(months.items())]  # noqa: DTZ001 - local


def test_hours_of_a_zone_with_half_an_hour_begin_at_its_own_full_hours(tmp_path: Path) -> None:
    """The zone's own clock cuts the hours, not that of UTC."""
    with ReadingsTable(tmp_path) as table:
        table.append(batch([row(quarter=k) for k in range(8)]), "s", 1)
    found = ReadingQueries(tmp_path).aggregates(Selection(), Window.HOUR, ZoneInfo("Asia/Kathmandu"))
    assert [at.strftime("%H:%M") for at in found["begin"].to_pylist()] == ["23:15", "00:15", "01:15"]
    assert found["sum"].to_pylist() == [1.0, 4.0, 3.0]


def test_windows_sum_what_has_a_value(tmp_path: Path) -> None:
    """Absent and invalid readings are counted, but add nothing to a sum, a mean or an extreme."""
    qualities = {"GOOD": 2.0, "STALE": 4.0, "ABSENT": 0.0, "INVALID": 900.0}
    with ReadingsTable(tmp_path) as table:
        table.append(
            batch([row(quarter=k, value=value, quality=name) for k, (name, value) in enumerate(qualities.items())]),
            "s",
            1,
        )
        table.append(batch([row(quarter=96, value=0.0, quality="ABSENT")]), "s", 2)
    for window in (Window.DAY, Window.MONTH):
        found = ReadingQueries(tmp_path).aggregates(Selection(), window, ZoneInfo("UTC"), ()).to_pylist()
        first = found[0]
        assert (first["sum"], first["mean"], first["min"], first["max"], first["used"]) == (6.0, 3.0, 2.0, 4.0, 2)
    days = ReadingQueries(tmp_path).aggregates(Selection(), Window.DAY, ZoneInfo("UTC"), ()).to_pylist()
    assert [(day["readings"], day["sum"]) for day in days] == [(4, 6.0), (1, None)]


def test_windows_keep_reading_types_meters_and_connections_apart(tmp_path: Path) -> None:
    """Sums are by what is asked for, and never over two reading types."""
    power = "0.0.0.12.4.1.37.0.0.0.0.0.0.0.0.0.38.0"
    with ReadingsTable(tmp_path) as table:
        names = ("a.x", "a.y", "b.x")
        table.append(
            batch([row(name, reading_type=code) for name in names for code in (row().reading_type, power)]), "s", 1
        )
    queries = ReadingQueries(tmp_path)
    assert [
        queries.aggregates(Selection(), Window.DAY, VIENNA, by).num_rows for by in (("meter",), ("usage_point",), ())
    ] == [
        6,
        4,
        2,
    ]


def test_an_unknown_zone_is_refused() -> None:
    """A time zone that nobody knows is one sentence."""
    for name in ("Europe/Strem", "", "../etc/passwd"):
        with pytest.raises(BadInput, match="expected an IANA name"):
            zone_of(name)
