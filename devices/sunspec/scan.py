"""Which SunSpec models a device has and where (SunSpec Device Information Model Specification 1.1, section 6)."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from devices.port.errors import DeviceFault
from devices.sunspec.models import END_MODEL, HEADER
from devices.sunspec.registers import ExceptionReply, NoAnswer, Registers

BASES = (40000, 0, 50000)
SUNS = [0x5375, 0x6E53]
_OTHER_END = 0  # with which some devices end their chain; no model has this number
COMMON, COMMON_LENGTHS = 1, (65, 66)  # model 1, and what its `L` may say (66: with the pad)
_MOST_MODELS = 200  # a chain longer than this is a device that repeats itself


@dataclass(frozen=True, slots=True)
class Found:
    """One model of a device: its ID, the address of its ID register, and its `L`."""

    id: int
    address: int
    length: int


@dataclass(frozen=True, slots=True)
class ModelMap:
    """All models of a device, in the order of their addresses; `base` is where `SunS` stands."""

    base: int
    found: tuple[Found, ...]

    def __iter__(self) -> Iterator[Found]:
        return iter(self.found)

    def __contains__(self, model_id: object) -> bool:
        return any(entry.id == model_id for entry in self.found)

    def counted(self, ids: Container[int]) -> tuple[Found, ...]:
        """The entries that are of one of these models, in order."""
        return tuple(entry for entry in self.found if entry.id in ids)

    def of(self, chosen: Found) -> ModelMap:
        """As if `chosen` were the only one of its kind: it alone, and the common model (1) that stands before it."""
        place = self.found.index(chosen)
        commons = [entry for entry in self.found[:place] if entry.id == COMMON]
        return ModelMap(self.base, (*commons[-1:], chosen))

    def first(self) -> Mapping[int, Found]:
        """The first instance of each model, by ID."""
        return {entry.id: entry for entry in reversed(self.found)}


async def scan(registers: Registers) -> ModelMap:
    """Walk the model chain of a device.

    Raises:
        DeviceUnreachable: it does not answer at all.
        DeviceFault: no `SunS` at 40000, 0 or 50000, or a chain that cannot be true.
    """
    base = await _base(registers)
    address, found = base + len(SUNS), list[Found]()
    while True:
        model_id, length = await _header(registers, address)
        if (
            found
            and found[-1].id == COMMON
            and found[-1].length not in COMMON_LENGTHS
            and not _follows(model_id, length)
        ):
            raise DeviceFault(
                f"model 1 says length {found[-1].length} (expected 65 or 66), so the chain is lost at {address}"
            )
        if model_id in (END_MODEL, _OTHER_END):
            return ModelMap(base, tuple(found))
        if length == 0:
            raise DeviceFault(f"SunSpec model {model_id} at {address} has length 0; expected at least 1")
        found.append(Found(model_id, address, length))
        address += HEADER + length
        if address >= END_MODEL or len(found) > _MOST_MODELS:
            raise DeviceFault(
                f"the SunSpec model chain from {base} does not end: {len(found)} models up to address {address}; "
                f"expected the end marker 0x{END_MODEL:X}"
            )


def _follows(model_id: int, length: int) -> bool:
    """Whether this can be what stands behind a model of the length that was told."""
    return model_id == END_MODEL or (model_id != _OTHER_END and length > 0)


async def _base(registers: Registers) -> int:
    answers: list[str] = []
    silent: NoAnswer | None = None  # the first of them
    for base in BASES:
        try:
            answer = await registers.read(base, len(SUNS))
        except ExceptionReply as fault:  # most devices refuse the addresses they do not have
            answers.append(f"{base}: {fault}")
            continue
        except NoAnswer as nothing:  # others say nothing to them; one that says nothing anywhere is not there
            silent = silent or nothing
            answers.append(f"{base}: no answer")
            continue
        if answer == SUNS:
            return base
        answers.append(f"{base}: " + " ".join(f"0x{register:04X}" for register in answer))
    if silent is not None and all(answer.endswith(": no answer") for answer in answers):
        raise silent
    raise DeviceFault(f"no SunSpec device: expected 'SunS' at one of {', '.join(map(str, BASES))}; got {answers}")


async def _header(registers: Registers, address: int) -> tuple[int, int]:
    try:
        model_id, length = await registers.read(address, HEADER)
    except ExceptionReply:  # some devices give the end marker no length register
        (model_id,), length = await registers.read(address, 1), 0
        if model_id not in (END_MODEL, _OTHER_END):
            raise
    return model_id, length
