"""Read points of a scanned device in as few requests as possible, each point together with its scale factor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from devices.port.errors import DeviceFault
from devices.sunspec.codec import Block
from devices.sunspec.models import HEADER, Model, model
from devices.sunspec.registers import MAX_READ, Registers
from devices.sunspec.scan import Found, ModelMap

Wanted = tuple[int, str]  # (model ID, point name)


class DeviceImage:
    """The models of one scanned device, to read from and write to; only the first instance of each is used."""

    def __init__(self, registers: Registers, models: ModelMap) -> None:
        """`models` is what `scan` found behind `registers`."""
        self._registers = registers
        self._found: Mapping[int, Found] = models.first()
        self._known: dict[tuple[Wanted, ...], Sequence[tuple[int, int, int]]] = {}  # a driver asks the same every time

    def table(self, model_id: int) -> Model:
        """The definition of a model, laid out for the length that this device gives."""
        return model(model_id, self._found[model_id].length)

    async def read(self, wanted: Iterable[Wanted]) -> Mapping[int, Block]:
        """One `Block` for each model in `wanted`, spanning its wanted points and their scale factors.

        Neighbouring spans go into one request while that stays within 125 registers.
        """
        key = tuple(wanted)
        spans = self._known.get(key) or self._known.setdefault(key, self._spans(key))
        blocks: dict[int, Block] = {}
        while spans:
            first = spans[0][1]
            group = [span for span in spans if span[2] - first <= MAX_READ] or spans[:1]
            spans = spans[len(group) :]
            registers = await self._registers.read(first, group[-1][2] - first)
            for model_id, begin, end in group:
                offset = begin - self._found[model_id].address
                blocks[model_id] = Block(self.table(model_id), offset, registers[begin - first : end - first])
        return blocks

    async def write(self, model_id: int, first_point: str, registers: list[int]) -> None:
        """Set the registers of consecutive points of a model, the first of which is `first_point`, in one request."""
        point = self.table(model_id).point(first_point)
        found = self._found[model_id]
        if point.offset + len(registers) > found.length + HEADER:
            raise DeviceFault(f"model {model_id} has length {found.length}, which ends before {first_point}")
        await self._registers.write(found.address + point.offset, registers)

    def _spans(self, wanted: Iterable[Wanted]) -> Sequence[tuple[int, int, int]]:
        """(model ID, first address, address after the last) for each model, by address."""
        ends: dict[int, tuple[int, int]] = {}
        for model_id, name in wanted:
            table, found = self.table(model_id), self._found[model_id]
            scale = table.point(name).scale
            for point in [table.point(name), *([table.point(scale)] if isinstance(scale, str) else [])]:
                begin, end = point.offset, min(point.offset + point.size, found.length + HEADER)
                low, high = ends.get(model_id, (begin, end))
                ends[model_id] = min(low, begin), max(high, end)
        return sorted(
            (
                (key, self._found[key].address + low, self._found[key].address + high)
                for key, (low, high) in ends.items()
            ),
            key=lambda span: span[1],
        )
