"""A device's holding registers as a list of numbers, set and read by SunSpec point names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from devices.sunspec.codec import Rounding, decode_raw, encode_raw, limits, scaled, unimplemented, unscaled
from devices.sunspec.models import END_MODEL, Model, Point, model
from devices.sunspec.scan import SUNS

BASE = 40000


class RegisterImage:
    """`SunS`, the given models with every point "not implemented", and the end marker."""

    def __init__(self, model_ids: Iterable[int], base: int = BASE) -> None:
        """`base` is where `SunS` stands."""
        self.base = base
        self.registers: list[int] = list(SUNS)
        self._at: dict[int, int] = {}
        self._model: dict[int, Model] = {}
        self._owner: dict[int, tuple[int, Point]] = {}  # address -> (model ID, point)
        self._scaled: dict[tuple[int, str], Mapping[str, float]] = {}  # (model ID, scale factor) -> what was set last
        for model_id in model_ids:
            table = model(model_id)
            start = len(self.registers)
            self._at[model_id], self._model[model_id] = start, table
            for point in table.points.values():
                self.registers += unimplemented(point)
                for register in range(point.size):
                    self._owner[base + start + point.offset + register] = model_id, point
            self.set(model_id, {"ID": model_id, "L": table.length})
        self.registers += [END_MODEL, 0]

    def set(self, model_id: int, values: Mapping[str, int | str]) -> None:
        """Set points to unscaled values."""
        for name, value in values.items():
            point = self._model[model_id].point(name)
            start = self._at[model_id] + point.offset
            self.registers[start : start + point.size] = encode_raw(point, value)

    def set_scaled(
        self, model_id: int, scale: str, values: Mapping[str, float], finest: int, rounding: Rounding
    ) -> None:
        """Set points that share a scale factor, by the smallest one from `finest` on that lets all of them fit.

        So a small plant is told to 0.1 W and a large one still fits an int16 (the factor may change at run time, as
        SunSpec allows), and an energy counter keeps 0.1 Wh up to 429 MWh, then 1 Wh up to 4,295 MWh in an acc32:
        1 Wh or better for the first 4 years of a MW plant.

        Such points are set in this way alone, so those whose values are what they were stay as they are.
        """
        if self._scaled.get((model_id, scale)) == values:
            return
        self._scaled[model_id, scale] = values
        for exponent in range(finest, 11):
            raw = {name: unscaled(value, exponent, rounding) for name, value in values.items()}
            if all(self._fits(model_id, name, number) for name, number in raw.items()):
                self.set(model_id, {**raw, scale: exponent})
                return

    def get(self, model_id: int, name: str) -> int:
        """The unscaled value of a numeric point; 0 when it is not implemented."""
        point = self._model[model_id].point(name)
        start = self._at[model_id] + point.offset
        value = decode_raw(point, self.registers[start : start + point.size])
        return int(value) if isinstance(value, int | float) else 0

    def number(self, model_id: int, name: str) -> float:
        """The scaled value of a numeric point; 0 when it is not implemented."""
        scale = self._model[model_id].point(name).scale
        exponent = self.get(model_id, scale) if isinstance(scale, str) else scale or 0
        return float(scaled(self.get(model_id, name), exponent))

    def covers(self, address: int, count: int) -> bool:
        """Whether all of `count` registers from `address` exist."""
        return self.base <= address and address + count <= self.base + len(self.registers) and count > 0

    def points_in(self, address: int, count: int) -> Sequence[tuple[int, Point] | None]:
        """For each register the point it belongs to; None at `SunS` and at the end marker."""
        return [self._owner.get(address + offset) for offset in range(count)]

    def numbers(self) -> Iterable[tuple[int, Point]]:
        """Every point that is no text, with its place in `registers`."""
        for model_id, table in self._model.items():
            for point in table.points.values():
                if point.type != "string":
                    yield self._at[model_id] + point.offset, point

    def _fits(self, model_id: int, name: str, raw: int) -> bool:
        low, high = limits(self._model[model_id].point(name))
        return low <= raw <= high
