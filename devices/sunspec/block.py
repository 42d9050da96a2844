"""A run of a model's registers, and what its points say: one by one, or all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from devices.port.errors import DeviceFault
from devices.sunspec.codec import EXPONENTS, Rounding, Value, decode_raw, encode_raw, scaled, unscaled
from devices.sunspec.layout import layout
from devices.sunspec.models import Model


class Block:
    """A run of a model's registers as read in one request, so values and their scale factors belong together."""

    def __init__(self, model: Model, start: int, registers: Sequence[int]) -> None:
        """`registers[0]` is the model's register at offset `start`."""
        self.model = model
        self._start = start
        self._registers = registers

    def raw(self, name: str) -> Value | None:
        """The unscaled value of a point; None when it is not implemented or lies outside of what was read."""
        point = self.model.point(name)
        begin = point.offset - self._start
        if begin < 0 or begin + point.size > len(self._registers):
            return None
        return decode_raw(point, self._registers[begin : begin + point.size])

    def exponent(self, name: str) -> int | None:
        """The scale factor of a point (0 if it has none); None when its register is not implemented or nonsense."""
        scale = self.model.point(name).scale
        if scale is None:
            return 0
        found = scale if isinstance(scale, int) else self.raw(scale)
        return found if isinstance(found, int) and found in EXPONENTS else None

    def value(self, name: str) -> Value | None:
        """The value of a point in the model file's unit; None when it or its scale factor is not implemented."""
        raw = self.raw(name)
        if raw is None or isinstance(raw, str):
            return raw
        exponent = self.exponent(name)
        return None if exponent is None else scaled(raw, exponent)

    def values(self) -> Mapping[str, Value | None]:
        """`value` of each point that lies in the run, at about a tenth of its cost for a whole model."""
        return layout(self.model, self._start, len(self._registers)).values(self._registers)

    def number(self, name: str) -> float | None:
        """The same as a float; None for text as well."""
        value = self.value(name)
        return None if value is None or isinstance(value, str) else float(value)

    def text(self, name: str) -> str:
        """A string point, "" when not implemented."""
        value = self.value(name)
        return value if isinstance(value, str) else ""

    def encode(self, name: str, value: float, rounding: Rounding = Rounding.NEAREST) -> list[int]:
        """The registers that set a point to `value`, by the scale factor that stands in this block.

        Raises:
            DeviceFault: the device gives no scale factor, or the value does not fit.
        """
        exponent = self.exponent(name)
        if exponent is None:
            scale = self.model.point(name).scale
            raise DeviceFault(f"model {self.model.id}: scale factor {scale} of {name} is not implemented")
        return encode_raw(self.model.point(name), unscaled(value, exponent, rounding))
