"""Read points of a scanned device in as few requests as possible, each point together with its scale factor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from devices.port.errors import DeviceFault
from devices.sunspec.block import Block
from devices.sunspec.models import HEADER, Model, model
from devices.sunspec.registers import MAX_READ, Registers
from devices.sunspec.scan import Found, ModelMap

Wanted = tuple[int, str]  # (model ID, point name)


@dataclass(frozen=True, slots=True)
class _Request:
    """Registers to read at once; each part is a model, the offset in it, and the place of its registers among them."""

    address: int
    count: int
    parts: tuple[tuple[Model, int, int, int], ...]


class DeviceImage:
    """The models of one scanned device, to read from and write to; only the first instance of each is used."""

    def __init__(self, registers: Registers, models: ModelMap) -> None:
        """`models` is what `scan` found behind `registers`."""
        self._registers = registers
        self._found: Mapping[int, Found] = models.first()
        self._known: dict[tuple[Wanted, ...], Sequence[_Request]] = {}  # a driver asks the same every time
        self._last: tuple[tuple[Wanted, ...], Sequence[_Request]] = ((), ())

    def table(self, model_id: int) -> Model:
        """The definition of a model, laid out for the length that this device gives."""
        return model(model_id, self._found[model_id].length)

    async def read(self, wanted: Iterable[Wanted]) -> Mapping[int, Block]:
        """One `Block` for each model in `wanted`, spanning its wanted points and their scale factors.

        Neighbouring spans go into one request while that stays within 125 registers.
        """
        key = tuple(wanted)
        if key is not self._last[0]:  # to look up a hundred points by their names costs more than to read them
            self._last = key, self._known.get(key) or self._known.setdefault(key, self._requests(key))
        blocks: dict[int, Block] = {}
        for request in self._last[1]:
            registers = await self._registers.read(request.address, request.count)
            for table, offset, begin, end in request.parts:
                blocks[table.id] = Block(table, offset, registers[begin:end])
        return blocks

    async def write(self, model_id: int, first_point: str, registers: list[int]) -> None:
        """Set the registers of consecutive points of a model, the first of which is `first_point`, in one request."""
        point = self.table(model_id).point(first_point)
        found = self._found[model_id]
        if point.offset + len(registers) > found.length + HEADER:
            raise DeviceFault(f"model {model_id} has length {found.length}, which ends before {first_point}")
        await self._registers.write(found.address + point.offset, registers)

    def _requests(self, wanted: Iterable[Wanted]) -> Sequence[_Request]:
        """As few requests as there can be, by address."""
        found, spans = list[_Request](), self._spans(wanted)
        while spans:
            first = spans[0][1]
            group = [span for span in spans if span[2] - first <= MAX_READ] or spans[:1]
            spans = spans[len(group) :]
            parts = tuple(
                (self.table(number), begin - self._found[number].address, begin - first, end - first)
                for number, begin, end in group
            )
            found.append(_Request(first, group[-1][2] - first, parts))
        return found

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
