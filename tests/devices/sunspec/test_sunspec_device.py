"""What a simulated device refuses, and how its time runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.errors import ProgrammingFault
from devices.simulators.sunspec import device_models
from devices.simulators.sunspec.control_functions import Refused
from devices.simulators.sunspec.sunspec_device import SunSpecDevice


def _at(device: Any, model_id: int, offset: int) -> int:
    return int(device.sunspec_device._image.base + device.sunspec_device._image._at[model_id] + offset)


@pytest.mark.parametrize(
    "case",
    [
        ("pv_123", 103, 14, [1], 2),  # a measurement
        ("pv_123", 120, 3, [1], 2),  # a rating
        ("pv_123", 123, 4, [0], 2),  # Conn: not implemented as a control
        ("pv_123", 123, 5, [10001], 3),  # above 100 %
        ("pv_123", 123, 9, [2], 3),  # no such enable value
        ("battery_704", 704, 24, [0], 2),  # half of an int32
        ("battery_704", 704, 23, [0], 3),  # percent mode
        ("battery_704", 704, 24, [0, 10001], 3),  # beyond the rating
        ("battery_704", 704, 30, [1], 3),  # EnaRvrt
        ("battery_124", 124, 12, [10001], 3),
        ("battery_124", 124, 5, [4], 3),
        ("meter_203", 203, 18, [1], 2),
    ],
)
def test_illegal_writes_are_refused_and_change_nothing(
    case: tuple[str, int, int, list[int], int], make: Callable[..., Any]
) -> None:
    """Exception 2 for what cannot be written, 3 for what a point cannot be; registers and unit stay as they were."""
    device_model, model_id, offset, values, code = case
    device = make(device_model)
    before = device.sunspec_device.read(40000, 100)
    with pytest.raises(Refused) as refused:
        device.sunspec_device.write(_at(device, model_id, offset), values)
    assert refused.value.code == code
    assert device.sunspec_device.read(40000, 100) == before
    assert (device.unit.limit_w, device.unit.target_w) == (None, None)


@pytest.mark.parametrize(("address", "count"), [(39999, 1), (0, 2), (40000, 65000), (40000, 0), (50000, 4)])
def test_reading_outside_of_the_image_is_refused(address: int, count: int, make: Callable[..., Any]) -> None:
    """Addresses the device does not have give exception 2."""
    with pytest.raises(Refused) as refused:
        make("pv_123").sunspec_device.read(address, count)
    assert refused.value.code == 2


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(39990, 40400), st.lists(st.integers(0, 0xFFFF), max_size=12)), max_size=8))
def test_no_write_can_break_a_face(writes: list[tuple[int, list[int]]]) -> None:
    """Whatever a client writes, the sunspec_device answers or refuses, and a battery's target stays within its rating."""
    from types import SimpleNamespace

    now = datetime.fromisoformat("2026-05-20T12:00:00+00:00")
    unit = SimpleNamespace(
        rated_w=5e3, power_w=0.0, import_wh=0.0, export_wh=0.0, capacity_wh=1e4, stored_wh=5e3, target_w=None
    )
    for device_model in (device_models.battery_124, device_models.battery_704):
        sunspec_device = SunSpecDevice(device_model(unit), now, serial="s")
        for address, values in writes:
            with suppress(Refused):
                sunspec_device.write(address, values)
            assert unit.target_w is None or abs(unit.target_w) <= 5e3
        sunspec_device.advance(now + timedelta(days=1))


def test_remaining_time_counts_down_on_simulated_time(make: Callable[..., Any], now: datetime) -> None:
    """704 WSetRvrtRem follows the clock that `advance` gives."""
    device = make("battery_704")
    device.sunspec_device.write(_at(device, 704, 31), [0, 60])
    device.sunspec_device.write(_at(device, 704, 22), [1])
    device.sunspec_device.advance(now + timedelta(seconds=20))
    assert device.sunspec_device.read(_at(device, 704, 33), 2) == [0, 40]
    device.sunspec_device.advance(now + timedelta(seconds=61))
    assert device.sunspec_device.read(_at(device, 704, 22), 1) == [0]
    assert device.sunspec_device.read(_at(device, 704, 33), 2) == [0, 0]


def test_a_window_that_allows_rest_rests(make: Callable[..., Any]) -> None:
    """124 with InWRte alone limits charging; the battery then rests. Crossed ends hold it at 0."""
    device = make("battery_124")
    device.sunspec_device.write(_at(device, 124, 13), [5000])
    device.sunspec_device.write(_at(device, 124, 5), [1])
    assert device.unit.target_w == 0.0
    device.sunspec_device.write(_at(device, 124, 12), [(-5000) & 0xFFFF, 2500])
    device.sunspec_device.write(_at(device, 124, 5), [3])
    assert device.unit.target_w == 0.0


def test_time_runs_forward_only(make: Callable[..., Any], now: datetime) -> None:
    """A clock that goes back is a fault of ours."""
    with pytest.raises(ProgrammingFault, match="forward"):
        make("pv_123").sunspec_device.advance(now - timedelta(seconds=1))
