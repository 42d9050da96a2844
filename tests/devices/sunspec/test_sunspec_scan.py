"""Scanning: golden register images, other base addresses, and devices that cannot be true."""

from __future__ import annotations

import asyncio
import json
import struct
from datetime import UTC, datetime
from importlib.resources import files

import pytest
from sunspec2.file.client import FileClientModel

from cim.model.devices import DeviceKind
from cim.model.readings import Kind
from devices.port.errors import DeviceFault
from devices.sunspec.driver import sunspec_port
from devices.sunspec.registers import ExceptionReply
from devices.sunspec.scan import scan

NOW = datetime(2026, 5, 20, tzinfo=UTC)
SUNS = [0x5375, 0x6E53]


class Memory:
    """Registers from a list; what is outside is refused with exception 2, as a real device does."""

    def __init__(self, registers: list[int], base: int = 40000) -> None:
        self.registers, self.base = registers, base

    async def read(self, address: int, count: int) -> list[int]:
        """As `Registers.read`."""
        start = address - self.base
        if start < 0 or start + count > len(self.registers):
            raise ExceptionReply("memory", f"reading {count} registers at {address}", 2)
        return self.registers[start : start + count]

    async def write(self, address: int, values: list[int]) -> None:
        """Refuses everything."""
        raise ExceptionReply("memory", f"writing {len(values)} registers at {address}", 1)

    async def close(self) -> None:
        """Nothing to close."""
        return


def _golden(name: str) -> list[int]:
    """A register image built by pysunspec2 from its own test fixture."""
    text = files("sunspec2").joinpath("tests", "test_data", name).read_text(encoding="utf-8")
    models = [entry for entry in json.loads(text)["models"] if entry["ID"] != 0xFFFF]
    data = b"".join(FileClientModel(model_id=entry["ID"], data=entry).get_mb() for entry in models)
    return [*SUNS, *struct.unpack(f">{len(data) // 2}H", data), 0xFFFF, 0]


@pytest.mark.parametrize("base", [40000, 0, 50000])
def test_the_golden_1547_device_reads_as_its_fixture_says(base: int) -> None:
    """A register image that another implementation made: identity, rating, power and counters, at any legal base."""
    port = sunspec_port("g", DeviceKind.PV, Memory(_golden("device_1547.json"), base))
    plate = asyncio.run(port.open(NOW))
    assert (plate.manufacturer, plate.model, plate.serial) == ("SunSpecTest", "Test-1547-1", "sn-123456789")
    assert plate.max_generation_w == 10_000
    assert not plate.reverts_by_itself  # the fixture implements no reversion time
    readings = {reading.kind: reading.value for reading in asyncio.run(port.measure(NOW))}
    assert readings[Kind.POWER] == -9_800.0
    assert readings[Kind.ENERGY_EXPORT] == 150_000.0  # 150 with TotWh_SF = 3


def test_all_models_of_the_golden_device_are_found() -> None:
    """The chain is walked to its end, models with repeating groups included."""
    found = asyncio.run(scan(Memory(_golden("device_1547.json"))))
    assert [entry.id for entry in found] == [1, *range(701, 714)]


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
