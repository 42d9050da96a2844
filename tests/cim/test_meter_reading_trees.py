"""Readings as MeterReading trees and back (IEC 61968-9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cim.mapping.meter_readings import QUALITIES, meter_readings, readings_of
from cim.model.errors import BadInput
from cim.model.metering import IntervalBlock, IntervalReading, MeterReading, ReadingQuality, ReadingQualityType
from cim.model.reading_type import parse_reading_type
from cim.model.readings import Kind, Quality, Reading

AT = datetime(2016, 5, 20, tzinfo=UTC)

READINGS = st.lists(
    st.builds(
        Reading,
        st.sampled_from(["farm-1.meter", "farm-1.pv"]),
        st.sampled_from(Kind),
        st.floats(-1e9, 1e9),
        st.integers(0, 300).map(lambda minutes: AT + timedelta(minutes=minutes)),
        st.sampled_from(Quality),
    ),
    unique_by=lambda reading: (reading.source, reading.kind, reading.at),
    max_size=30,
)


def _order(reading: Reading) -> tuple[str, str, datetime]:
    return reading.source, reading.kind, reading.at


@given(READINGS)
def test_every_reading_comes_back(readings: list[Reading]) -> None:
    """Value, kind, instant and quality of every reading come back from the trees and from their JSON."""
    trees = [MeterReading.model_validate_json(tree.model_dump_json()) for tree in meter_readings(readings)]
    back = [reading for tree in trees for reading in readings_of(tree)]
    assert sorted(back, key=_order) == sorted(readings, key=_order)


def test_one_tree_a_meter_one_block_a_kind() -> None:
    """Two kinds of one meter are two blocks of its one tree, at its usage point, each with its reading type."""
    rows = [Reading("m", kind, 1.0, AT + timedelta(hours=h)) for kind in (Kind.POWER, Kind.VOLTAGE) for h in (1, 0)]
    (tree,) = meter_readings(rows, {"m": "farm-1"})
    assert (tree.meter, tree.usage_point) == ("m", "farm-1")
    assert [block.reading_type.unit_name for block in tree.interval_blocks] == ["W", "V"]
    assert tree.interval_blocks[0].interval_readings[0].time_stamp == AT


def test_qualities_have_the_standards_codes() -> None:
    """Each quality has a code of its own: valid, suspect, missing, out of range, of the collecting system."""
    assert len(set(QUALITIES.values())) == len(Quality)
    assert all(code.value.startswith("2.") for code in QUALITIES.values())


def test_the_worst_of_several_qualities_counts_and_none_is_good() -> None:
    """A value that is valid and missing at once is absent; one without a quality is good."""
    codes = [ReadingQualityType.MISSING, ReadingQualityType.VALID]
    block = IntervalBlock(
        reading_type=parse_reading_type(Kind.POWER.reading_type),
        interval_readings=(
            IntervalReading(
                time_stamp=AT, value=0, reading_qualities=tuple(ReadingQuality(reading_quality_type=c) for c in codes)
            ),
            IntervalReading(time_stamp=AT + timedelta(hours=1), value=0),
        ),
    )
    assert [r.quality for r in readings_of(MeterReading(meter="m", interval_blocks=(block,)))] == [
        Quality.ABSENT,
        Quality.GOOD,
    ]


def test_two_of_one_instant_are_refused() -> None:
    """Two readings of the same meter, kind and instant are refused, not chosen between."""
    twice = [Reading("m", Kind.POWER, value, AT) for value in (1.0, 2.0)]
    with pytest.raises(BadInput, match="m has two of power_w at 2016-05-20"):
        meter_readings(twice)


def test_a_block_is_in_time_order_with_utc_instants() -> None:
    """A block out of order, and an instant without an offset from UTC, are no values of the model."""
    power = parse_reading_type(Kind.POWER.reading_type)
    rows = tuple(IntervalReading(time_stamp=AT - timedelta(hours=h), value=0) for h in (0, 1))
    with pytest.raises(ValidationError, match="time order"):
        IntervalBlock(reading_type=power, interval_readings=rows)
    with pytest.raises(ValidationError, match="offset from UTC"):
        IntervalReading(time_stamp=datetime(2016, 5, 20), value=0)  # noqa: DTZ001 - that is the point


def test_a_foreign_reading_type_is_refused() -> None:
    """A tree of quarter-hourly kWh is none of the kinds that agents know."""
    block = IntervalBlock(
        reading_type=parse_reading_type("0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0"), interval_readings=()
    )
    with pytest.raises(BadInput, match="none of ILES's kinds"):
        readings_of(MeterReading(meter="m", interval_blocks=(block,)))
