"""Values that know their age, and what a driver keeps of what it was told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cim.model.fresh import Fresh, quality_of
from cim.model.readings import Kind, Quality, Reading
from devices.port.last_told import LastTold

NOON = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)


@given(age_s=st.floats(-1e6, 1e6), lifetime_s=st.floats(0, 1e6))
def test_a_good_value_is_good_within_its_lifetime_and_stale_after_it(age_s: float, lifetime_s: float) -> None:
    """GOOD exactly while it is no further from now than its lifetime, on either side; the value itself stays."""
    value = Fresh(7.0, NOON, lifetime_s)
    now = NOON + timedelta(seconds=age_s)
    distance_s = abs((now - NOON).total_seconds())
    assert value.quality(now) is (Quality.GOOD if distance_s <= lifetime_s else Quality.STALE)
    assert value.value == 7.0


@given(st.sampled_from([q for q in Quality if q is not Quality.GOOD]), st.floats(-1e6, 1e6))
def test_what_was_not_good_never_becomes_better(told: Quality, age_s: float) -> None:
    """Age neither mends nor hides what was wrong when it was told."""
    assert Fresh(7.0, NOON, 60.0, told).quality(NOON + timedelta(seconds=age_s)) is told


def test_what_nobody_told_is_absent() -> None:
    """Absence is a quality, not an exception, and its reading is 0 now."""
    assert quality_of(None, NOON) is Quality.ABSENT
    assert LastTold("m", 60.0).reading(Kind.POWER, NOON) == Reading("m", Kind.POWER, 0.0, NOON, Quality.ABSENT)


@given(st.permutations(range(5)))
def test_the_latest_value_is_kept_in_whatever_order_they_come(order: list[int]) -> None:
    """A value that was delayed on its way does not replace a later one."""
    last = LastTold("m", 600.0)
    for minute in order:
        last.take(Reading("m", Kind.POWER, float(minute), NOON + timedelta(minutes=minute)))
    assert last.reading(Kind.POWER, NOON + timedelta(minutes=5)).value == 4.0
    assert last.reading(Kind.POWER, NOON + timedelta(minutes=5)).quality is Quality.GOOD
    assert last.reading(Kind.POWER, NOON + timedelta(minutes=15)).quality is Quality.STALE
