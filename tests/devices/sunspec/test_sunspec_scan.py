"""Scanning devices whose model chain cannot be true."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from cim.model.devices import DeviceKind
from devices.port.errors import DeviceFault
from devices.sunspec.driver import sunspec_port
from devices.sunspec.scan import SUNS, scan
from tests.devices.sunspec.golden import Memory

NOW = datetime(2026, 5, 20, tzinfo=UTC)


def test_an_end_marker_without_length_is_accepted() -> None:
    """Some devices end their map with the marker's first register."""
    found = asyncio.run(scan(Memory([*SUNS, 1, 2, 0, 0, 0xFFFF])))
    assert [(entry.id, entry.length) for entry in found] == [(1, 2)]


@pytest.mark.parametrize(
    ("registers", "sentence"),
    [
        ([0x1234, 0x5678, 1, 66], "no SunSpec device: expected 'SunS' at one of 40000, 0, 50000; got .*0x1234 0x5678"),
        ([], "no SunSpec device"),
        ([*SUNS, 1, 0], "model 1 at 40002 has length 0"),
        ([*SUNS, 1, 65535], "does not end: 1 models"),
        ([*SUNS, 1, 2, 0, 0], "exception 2"),
        ([*SUNS, *[7, 1, 0] * 300], "does not end: 201 models"),
    ],
)
def test_a_chain_that_cannot_be_true_is_a_fault(registers: list[int], sentence: str) -> None:
    """Nonsense in place of a model chain ends in one sentence, never in an endless walk."""
    with pytest.raises(DeviceFault, match=sentence):
        asyncio.run(scan(Memory(registers)))


def test_a_model_cut_short_is_a_fault_or_invalid_not_a_crash() -> None:
    """An inverter model of 3 registers has no power point; opening it says so by its missing ratings."""
    registers = [*SUNS, 1, 66, *[0] * 66, 103, 3, 0, 0, 0, 120, 1, 4, 123, 1, 0, 0xFFFF, 0]
    with pytest.raises(DeviceFault, match=r"120\.WRtg"):
        asyncio.run(sunspec_port("s", DeviceKind.PV, Memory(registers)).open(NOW))
