"""Register images that another implementation made, and what the standard says they mean."""

from __future__ import annotations

import asyncio
import json
import struct
from datetime import UTC, datetime
from importlib.resources import files

import pytest
from sunspec2.file.client import FileClientModel

from cim.model.devices import DeviceKind
from devices.port.errors import DeviceFault
from devices.sunspec.driver import sunspec_port
from devices.sunspec.image import DeviceImage
from devices.sunspec.scan import SUNS, scan
from tests.devices.sunspec.golden import CASES, FOLDER, Golden, Memory, golden

NOW = datetime(2026, 5, 20, tzinfo=UTC)
READ = [name for name in CASES if "readings" in golden(name).expected]


def _models(case: Golden) -> list[dict[str, object]]:
    """The raw values that the image was made of."""
    if case.made_of == "points.json":
        models: list[dict[str, object]] = json.loads((FOLDER / case.name / "points.json").read_text(encoding="utf-8"))
        return models
    text = files("sunspec2").joinpath("tests", "test_data", case.made_of).read_text(encoding="utf-8")
    return [entry for entry in json.loads(text)["models"] if entry["ID"] != 0xFFFF]


@pytest.mark.parametrize("name", CASES)
def test_every_case_says_where_it_comes_from_and_its_image_is_pysunspec2s(name: str) -> None:
    """The registers are those that pysunspec2 makes of the named values, so our codec had no hand in them."""
    case = golden(name)
    data = b"".join(FileClientModel(model_id=entry["ID"], data=entry).get_mb() for entry in _models(case))
    assert case.registers == [*SUNS, *struct.unpack(f">{len(data) // 2}H", data), 0xFFFF, 0]
    assert case.made_of in (FOLDER / name / "source.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("base", [40000, 0, 50000])
@pytest.mark.parametrize("name", READ)
def test_nameplate_and_readings_are_as_expected_at_any_legal_base(name: str, base: int) -> None:
    """Identity, ratings, powers, counters and store of each device, with sign, scale and quality."""
    case = golden(name)
    expected, port = case.expected, sunspec_port("g", DeviceKind(case.expected["kind"]), Memory(case.registers, base))
    plate = asyncio.run(port.open(NOW))
    assert {field: getattr(plate, field) for field in expected["nameplate"]} == expected["nameplate"]
    readings = asyncio.run(port.measure(NOW))
    assert {r.kind.value: [pytest.approx(r.value), r.quality.value] for r in readings} == expected["readings"]


@pytest.mark.parametrize("name", CASES)
def test_all_models_are_found(name: str) -> None:
    """The chain is walked to its end, models with repeating groups included."""
    case = golden(name)
    assert [entry.id for entry in asyncio.run(scan(Memory(case.registers)))] == case.expected["models"]


@pytest.mark.parametrize("name", [name for name in CASES if name not in READ])
def test_a_device_that_cannot_do_the_duty_is_refused_with_what_it_has(name: str) -> None:
    """The sentence names the models that were found and those that were expected."""
    case = golden(name)
    with pytest.raises(DeviceFault, match=case.expected["fault"]):
        asyncio.run(sunspec_port("g", DeviceKind(case.expected["kind"]), Memory(case.registers)).open(NOW))


@pytest.mark.parametrize("name", READ)
def test_every_scaled_point_is_what_pysunspec2_makes_of_the_registers(name: str) -> None:
    """Beyond the points that ILES uses: all numbers of the first groups agree, "not implemented" included."""
    case = golden(name)
    image = DeviceImage(Memory(case.registers), asyncio.run(scan(Memory(case.registers))))
    compared = 0
    for entry in _models(case):
        model_id = int(str(entry["ID"]))
        reference = FileClientModel(model_id=model_id, data=entry)
        numbers = {
            point: image.table(model_id).point(point)
            for point in reference.points
            if image.table(model_id).point(point).type not in ("string", "pad", "sunssf", "acc32", "acc64")
        }
        block = asyncio.run(image.read([(model_id, point) for point in numbers]))[model_id]
        for point in numbers:
            theirs = reference.points[point].cvalue
            assert block.number(point) == (None if theirs is None else pytest.approx(theirs)), (model_id, point)
            compared += 1
    assert compared > 30
