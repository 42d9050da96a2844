"""All points of a run at once, against the decoding point by point, which the codec's own tests hold to pysunspec2's."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.sunspec.block import Block
from devices.sunspec.codec import Value
from devices.sunspec.image import DeviceImage
from devices.sunspec.layout import layout
from devices.sunspec.models import Model, model
from devices.sunspec.scan import scan
from tests.devices.sunspec.golden import CASES, Memory, golden

MODELS = (1, 103, 113, 120, 121, 122, 123, 124, 160, 203, 213, 701, 702, 704, 705, 713, 714, 802)
_TELLING = (0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FC0, 0x7F80, 0xFF80, 0xFFF6, 10, 11)  # sentinels, ends, factors


def _table(model_id: int) -> Model:
    return model(model_id, 88 if model_id == 160 else 68 if model_id == 714 else None)


def _one_by_one(table: Model, start: int, registers: list[int]) -> dict[str, Value | None]:
    block = Block(table, start, registers)
    end = start + len(registers)
    inside = [p.name for p in table.points.values() if p.offset >= start and p.offset + p.size <= end]
    return {name: block.value(name) for name in inside}


@pytest.mark.parametrize("model_id", MODELS)
@given(seed=st.integers(0, 2**32))
def test_all_at_once_is_the_same_as_one_by_one(model_id: int, seed: int) -> None:
    """Whatever stands in the registers of whatever run of a model: the same points, the same values, the same types."""
    table, rng = _table(model_id), random.Random(seed)
    start = rng.choice((0, rng.randrange(table.size)))
    count = rng.choice((table.size - start, rng.randint(1, table.size - start)))
    registers = [rng.choice((rng.randrange(0x10000), rng.choice(_TELLING), rng.randint(0, 9))) for _ in range(count)]
    together, single = layout(table, start, count).values(registers), _one_by_one(table, start, registers)
    assert together == single
    assert {name: type(value) for name, value in together.items()} == {name: type(v) for name, v in single.items()}


@pytest.mark.parametrize("name", CASES)
def test_whole_devices_of_another_implementation_read_the_same(name: str) -> None:
    """The golden images: every point that one read of a device gives is there, with the value that `Block.value` has."""
    memory = Memory(golden(name).registers)
    models = asyncio.run(scan(memory))
    image = DeviceImage(memory, models)
    wanted = [(number, point) for number in models.first() for point in image.table(number).points]
    blocks = asyncio.run(image.read(wanted))
    found = {number: block.values() for number, block in blocks.items()}
    assert {(number, point) for number, values in found.items() for point in values} == set(wanted)
    assert {wanted: found[wanted[0]][wanted[1]] for wanted in wanted} == {
        (number, point): blocks[number].value(point) for number, point in wanted
    }


def test_a_run_that_ends_before_the_scale_factors_has_no_values_for_them() -> None:
    """As `Block.value`: registers without their factor are no value, and nobody guesses one."""
    table = model(103)
    found = layout(table, 14, 1).values([42])
    assert found == {"W": None}
    assert layout(table, 14, 2).values([42, 1])["W"] == 420


def test_a_run_is_compiled_once() -> None:
    """The second reading of a device makes no new layout."""
    assert layout(model(103), 2, 50) is layout(model(103), 2, 50)
    assert layout(model(103), 2, 50) is not layout(model(103), 2, 49)
