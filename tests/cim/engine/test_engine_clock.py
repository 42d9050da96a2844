"""Local times: the hour that is there twice, the one that is missing, ends of intervals, numbered hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.mapping.engine.local_clock import Passes, Series, to_utc
from cim.mapping.engine.mapper import State
from tests.cim.engine.mappings import HOURLY, taken, utc

OCTOBER = ["01:00", "02:00", "02:00", "03:00"]


def lines(times: list[str], day: str = "27.10.2024", meter: str = "m") -> str:
    """A file of one meter's hours."""
    return "meter;time;kwh\n" + "".join(f"{meter};{day} {time};{k}\n" for k, time in enumerate(times))


def test_octobers_doubled_hour_goes_by_the_order_of_the_file() -> None:
    """The first 02:00 is summer time, the second winter time, and no reading is lost or doubled."""
    rows, rejects = taken(HOURLY, lines(OCTOBER))
    assert rejects == []
    assert [(utc(row), row["value"]) for row in rows] == [
        ("10-26T23:00Z", 0.0), ("10-27T00:00Z", 1000.0), ("10-27T01:00Z", 2000.0), ("10-27T02:00Z", 3000.0)
    ]  # fmt: skip


def test_a_file_with_the_newest_first_is_understood_too() -> None:
    """Where a meter's times run backwards, the first 02:00 is winter time."""
    rows, _ = taken(HOURLY, lines(OCTOBER[::-1]))
    assert [utc(row) for row in rows] == ["10-27T02:00Z", "10-27T01:00Z", "10-27T00:00Z", "10-26T23:00Z"]


def test_meters_that_are_mixed_have_each_their_own_order() -> None:
    """Two meters line by line: each has the hour twice."""
    data = "meter;time;kwh\n" + "".join(f"{m};27.10.2024 {t};1\n" for t in OCTOBER for m in ("a", "b"))
    rows, rejects = taken(HOURLY, data)
    assert rejects == []
    assert len({(row["meter"], row["begin"]) for row in rows}) == 8


def test_a_third_time_is_refused() -> None:
    """A clock shows no hour three times: the line is refused, the others are taken."""
    rows, rejects = taken(HOURLY, lines(["01:00", "02:00", "02:00", "02:00", "03:00"]))
    assert len(rows) == 4
    assert rejects == [
        (5, "local time 2024-10-27 02:00:00 stands there a third time; the clock of Europe/Vienna shows it twice")
    ]


def test_marchs_missing_hour_is_refused_with_the_reason() -> None:
    """02:30 on the day the clock is put forward does not exist."""
    rows, rejects = taken(HOURLY, lines(["01:30", "02:30", "03:30"], day="31.03.2024"))
    assert [utc(row) for row in rows] == ["03-31T00:30Z", "03-31T01:30Z"]
    assert rejects == [
        (3, "local time 2024-03-31 02:30:00 does not exist in Europe/Vienna: the clock is put forward over it")
    ]


def test_an_hour_once_belongs_to_the_pass_that_can_be() -> None:
    """A poll in winter time that asked from 00:30Z on is told 02:00 of winter time, though it stands there once."""
    asked = Passes(not_before_us=int(datetime(2024, 10, 27, 0, 30, tzinfo=UTC).timestamp() * 1e6))
    rows, _ = taken(HOURLY, lines(["02:00"]), State(asked))
    assert [utc(row) for row in rows] == ["10-27T01:00Z"]
    early = Passes(not_after_us=int(datetime(2024, 10, 27, 0, 30, tzinfo=UTC).timestamp() * 1e6))
    rows, _ = taken(HOURLY, lines(["02:00"]), State(early))
    assert [utc(row) for row in rows] == ["10-27T00:00Z"]


def test_a_column_that_tells_the_season_goes_before_the_order() -> None:
    """S and W beside the time say which pass it is, in any order of lines."""
    mapping = HOURLY.replace(
        "zone: Europe/Vienna", "zone: Europe/Vienna, season: {column: sw, summer: [S], winter: [W]}"
    )
    data = "meter;time;sw;kwh\nm;27.10.2024 02:00;W;1\nm;27.10.2024 02:00;S;2\n"
    rows, _ = taken(mapping, data)
    assert [(utc(row), row["value"]) for row in rows] == [("10-27T01:00Z", 1000.0), ("10-27T00:00Z", 2000.0)]


def test_times_at_the_end_of_an_interval_and_24_00() -> None:
    """24:00 at an interval's end is the day's last hour."""
    rows, _ = taken(HOURLY.replace("interval_s", "marks: end, interval_s"), lines(["01:00", "24:00"], day="10.01.2024"))
    assert [utc(row) for row in rows] == ["01-09T23:00Z", "01-10T22:00Z"]


@pytest.mark.parametrize(
    ("day", "hours", "last"), [("27.10.2024", 25, "10-27T22:00Z"), ("31.03.2024", 23, "03-31T21:00Z")]
)
def test_numbered_hours_count_the_hours_that_the_day_has(day: str, hours: int, last: str) -> None:
    """Hours 1 to 25 in October and to 23 in March; one more is refused."""
    mapping = HOURLY.replace('"%d.%m.%Y %H:%M"', '"%d.%m.%Y", hour_number: h')
    data = "meter;time;h;kwh\n" + "".join(f"m;{day};{h};1\n" for h in range(1, hours + 2))
    rows, rejects = taken(mapping, data)
    assert len(rows) == hours
    assert utc(rows[-1]) == last
    assert rejects == [(hours + 2, f"h {hours + 1}: the local day has the hours 1 to {hours}")]


def test_offsets_in_the_text_need_no_order() -> None:
    """A time that carries its offset is what it says, whatever the zone."""
    mapping = HOURLY.replace('"%d.%m.%Y %H:%M"', "iso")
    rows, _ = taken(
        mapping, "meter;time;kwh\nm;2024-10-27T02:00:00+01:00;1\nm;2024-10-27T02:00+02:00;2\nm;2024-10-27T02:00Z;3\n"
    )
    assert [utc(row) for row in rows] == ["10-27T01:00Z", "10-27T00:00Z", "10-27T02:00Z"]


@pytest.mark.parametrize(
    "text",
    [
        "31.02.2024 01:00",
        "1.1.2024",
        "01.01.2024 25:00",
        "01.01.2024 24:30",
        "",
        "01.01.1969 00:00",
        "٠١.01.2024 00:00",
    ],
)
def test_times_that_are_none_are_refused(text: str) -> None:
    """Each is refused alone, in words that say what was expected; the next line is taken."""
    rows, rejects = taken(HOURLY, f"meter;time;kwh\nm;{text};1\nm;02.01.2024 00:00;1\n")
    assert len(rows) == 1
    assert len(rejects) == 1
    assert "time" in rejects[0][1]


@given(
    zone=st.sampled_from(["Europe/Madrid", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    start=st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1)),  # noqa: DTZ001 - made UTC below
    step_min=st.sampled_from([15, 30, 60]),
)
def test_what_a_clock_showed_in_order_gives_back_the_instants(zone: str, start: datetime, step_min: int) -> None:
    """Any stretch of a zone's clock (as the standard library shows it), row by row in order, gives its instants again."""
    first = start.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
    # an outset a day before a change, so that most draws hold one
    instants = [first + timedelta(minutes=step_min * k) for k in range(400)]
    shown = [at.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC) for at in instants]
    if shown[0].hour < 4 or any(a == b for a, b in zip(shown[:8], shown[4:12], strict=True)):
        return  # a stretch that begins within a doubled hour has its first pass cut off: the order cannot tell
    local = np.array([int(at.timestamp() * 1e6) for at in shown], dtype=np.int64)
    series, none = Series(np.zeros(400, dtype=np.int64), lambda _: "m"), np.zeros(400, dtype=np.int8)
    found = to_utc(local, zone, series, Passes(), none, np.ones(400, dtype=bool))
    assert found.wrong == {}
    assert found.utc_us.tolist() == [int(at.timestamp() * 1e6) for at in instants]
