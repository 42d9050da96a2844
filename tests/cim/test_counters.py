"""What a row of counter readings tells: field cases, and what holds whatever a counter shows."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.counters import Counted, CounterReading, CounterTrack, follow, most_wh
from cim.model.plausibility import judged
from cim.model.readings import Kind, Quality, Reading

T0 = datetime(2026, 5, 20, 10, 0, tzinfo=UTC)
FIVE = timedelta(minutes=5)
RATED_W = 11_000.0


def read(*values: float | None, rated_w: float = RATED_W) -> tuple[list[Counted], list[int]]:
    """What readings five minutes apart count, and which of them (by place) were refused."""
    track, counted, refused = CounterTrack(), list[Counted](), list[int]()
    for place, value in enumerate(values):
        if value is None:
            continue
        step = follow(track, CounterReading(T0 + place * FIVE, value, 0.0), rated_w)
        track = step.track
        counted += step.counted
        refused += [place] if step.fault is not None else []
    return counted, refused


def energies(*values: float | None) -> list[float]:
    """The energies that are counted."""
    return [part.energy_wh for part in read(*values)[0]]


@pytest.mark.parametrize(
    ("values", "counted", "refused"),
    [
        ((1000.0, 1100.0, 1200.0), [100.0, 100.0], []),
        ((1000.0, None, None, 1300.0), [300.0], []),  # over a gap it is the difference of both ends
        ((1000.0, 0.0, 1200.0), [200.0], [1]),  # a reading that was none
        ((1000.0, 0.0, 0.0, 0.0, 1400.0), [400.0], [1, 2, 3]),  # 0 for "unknown", however often
        ((1000.0, 0.0, 90.0, 180.0), [90.0, 90.0], [1]),  # another meter: on from its new value
        ((1000.0, 500.0, 600.0, 700.0), [100.0, 100.0], [1]),  # a counter set back
        ((1000.0, 9.0e6, 9.0e6 + 100), [100.0], [1]),  # a counter set forward
        ((1000.0, 9.0e6, 1200.0), [200.0], [1]),  # one absurd reading
        ((2.0**32 - 50, 50.0), [100.0], []),  # the end of a 32-bit register
        ((2.0**32 / 10 - 50, 50.0), [100.0], []),  # the same with scale factor -1
        ((1000.0, 999.5, 1100.0), [0.0, 100.5], []),  # a coarser scale factor rounds down
        ((1000.0, 5.0e6, 7.0e6, 2.0e6), [], [1, 2, 3]),  # noise is never energy
    ],
)
def test_a_counter_tells_its_differences_and_nothing_else(
    values: tuple[float | None, ...], counted: list[float], refused: list[int]
) -> None:
    """Gaps, zeros, restarts, exchanges and roll-overs: what is counted, and which readings are refused."""
    assert energies(*values) == pytest.approx(counted)
    assert read(*values)[1] == refused


def test_what_was_taken_while_a_meter_was_exchanged_is_unknown() -> None:
    """No span covers the time between the old meter's last reading and the new one's first."""
    counted, _ = read(1000.0, 1100.0, 0.0, 90.0)
    assert [(part.start, part.end) for part in counted] == [(T0, T0 + FIVE), (T0 + 2 * FIVE, T0 + 3 * FIVE)]


def test_an_older_reading_changes_nothing() -> None:
    """Readings that come late are not counted a second time."""
    track = CounterTrack(CounterReading(T0 + FIVE, 1000.0, 0.0))
    assert follow(track, CounterReading(T0, 900.0, 0.0), RATED_W).track == track


def test_both_counters_are_one_reading() -> None:
    """A fall of the one refuses the other as well: what an instant shows is right or it is not."""
    track = CounterTrack(CounterReading(T0, 1000.0, 500.0))
    step = follow(track, CounterReading(T0 + FIVE, 1100.0, 0.0), RATED_W)
    assert step.counted == ()
    assert step.fault == "its counter falls from 500 to 0 Wh"


@given(
    steps=st.lists(st.floats(0, 900), min_size=2, max_size=30),
    wrong=st.lists(st.one_of(st.none(), st.just(0.0), st.floats(0, 1e9)), min_size=30, max_size=30),
    begin=st.floats(1e5, 2.0**32),
)
def test_never_more_than_its_rating_explains(steps: list[float], wrong: list[float | None], begin: float) -> None:
    """Whatever nonsense stands between right readings, no span holds more than its rating, no span overlaps another."""
    counter, values = begin, list[float | None]()
    for step, other in zip(steps, wrong, strict=False):
        counter += step
        values += [counter, other]
    counted, _ = read(*values)
    for part in counted:
        assert part.moved_wh <= most_wh(RATED_W, part.end - part.start)
    assert all(a.end <= b.start for a, b in itertools.pairwise(counted))


@given(st.lists(st.floats(0, 900), min_size=2, max_size=40), st.data())
def test_whatever_is_missing_the_sum_is_the_difference(steps: list[float], data: st.DataObject) -> None:
    """Of a right counter, any reading may be missing or 0 but the first and last: no watt-hour is lost or added."""
    counters = [1e5 + sum(steps[: k + 1]) for k in range(len(steps))]
    values: list[float | None] = [counters[0], *counters[1:-1], counters[-1]]
    for place in range(1, len(values) - 1):
        values[place] = data.draw(st.sampled_from([counters[place], None, 0.0]))
    assert sum(energies(*values)) == pytest.approx(counters[-1] - counters[0], abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "value", "good"),
    [
        (Kind.POWER, 13_000.0, True),
        (Kind.POWER, -400_000.0, False),
        (Kind.POWER, float("nan"), False),
        (Kind.ENERGY_IMPORT, -1.0, False),
        (Kind.STORED_ENERGY, 10_400.0, True),
        (Kind.STORED_ENERGY, 90_000.0, False),
        (Kind.STATE_OF_CHARGE, 101.0, False),
        (Kind.TEMPERATURE, -300.0, False),
        (Kind.VOLTAGE, 231.0, True),
    ],
)
def test_what_nothing_real_shows_is_invalid(kind: Kind, value: float, good: bool) -> None:
    """A value beyond what the ratings carry is INVALID, with its number as it was read."""
    reading = judged(Reading("x", kind, value, T0), rated_w=RATED_W, capacity_wh=10_000.0)
    assert reading.quality is (Quality.GOOD if good else Quality.INVALID)
    assert str(reading.value) == str(value)


def test_without_a_rating_nothing_is_too_much() -> None:
    """Where nobody knows what a device carries, only what can never be is refused."""
    assert judged(Reading("x", Kind.POWER, 1e9, T0)).quality is Quality.GOOD
    assert read(0.0, 1e9, rated_w=0.0)[1] == []
