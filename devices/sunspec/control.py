"""A setpoint as register writes, by the control model that a device has (SunSpec models 123, 124 and 704).

Each plan has two phases: first what the setpoint is and how long it lasts, which is read back, last the bit that enables
it. So neither a link that breaks in between nor a device that confirms a write and passes it over leaves a setpoint
standing that cannot expire; where the enabling itself does not read back, it is taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cim.mapping.sunspec import SETPOINT_SIGN
from cim.model.devices import Mode
from devices.port.errors import DeviceError, DeviceFault
from devices.sunspec.block import Block
from devices.sunspec.codec import Rounding, encode_raw
from devices.sunspec.duties import Steering
from devices.sunspec.foreign import ENABLE, ForeignSetpoint
from devices.sunspec.image import DeviceImage, Wanted


@dataclass(frozen=True, slots=True)
class Write:
    """Registers for consecutive points of a model: (point name, its registers), sent in one request."""

    points: tuple[tuple[str, list[int]], ...]


MODES: Mapping[Steering, Mode] = MappingProxyType(
    {
        Steering.LIMIT_123: Mode.LIMIT,
        Steering.LIMIT_704: Mode.LIMIT,
        Steering.STORAGE_124: Mode.TARGET,
        Steering.SET_704: Mode.TARGET,
    }
)

# What a plan reads first: the base of a percentage and the scale factors of the setpoint, as they are now.
_BASIS: Mapping[Steering, tuple[Wanted, ...]] = MappingProxyType(
    {
        Steering.LIMIT_123: ((123, "WMaxLimPct"), (123, "WMaxLimPct_RvrtTms")),
        Steering.LIMIT_704: ((702, "WMax"), (702, "WMaxRtg"), (704, "WMaxLimPct"), (704, "WMaxLimPctRvrtTms")),
        Steering.STORAGE_124: (
            (124, "WChaMax"),
            (124, "InWRte"),
            (124, "InOutWRte_RvrtTms"),
            (124, "ChaGriSet"),
            (124, "MinRsvPct"),
            (124, "ChaState"),
        ),
        Steering.SET_704: ((704, "WSet"), (704, "WSetRvrtTms")),
    }
)


async def command(
    image: DeviceImage,
    steering: Steering,
    has_121: bool,
    power_w: int,
    seconds: int,
    foreign: ForeignSetpoint | None = None,
) -> None:
    """Write a setpoint that lasts `seconds`, enable it, and read it back. A limit is never looser than a `foreign` one.

    Raises:
        DeviceUnreachable: the wire broke.
        DeviceFault: it cannot be expressed, was refused, or reads back as something else.
    """
    model_id, reversion = steering.reversion
    base = (((121, "WMax") if has_121 else (120, "WRtg")),) if steering is Steering.LIMIT_123 else ()
    blocks = await image.read([*base, *_BASIS[steering]])
    if blocks[model_id].raw(reversion) is None:
        raise DeviceFault(f"{model_id}.{reversion} is not implemented; expected a setpoint that expires by itself")
    if steering is Steering.STORAGE_124:
        _possible(blocks[model_id], power_w)
    *parameters, enabling = _plan(steering, blocks, power_w, seconds, foreign)
    for write in parameters:
        await _write(image, model_id, write)
    try:
        await _compare(image, model_id, [point for write in parameters for point in write.points])
        await _write(image, model_id, enabling)
        await _compare(image, model_id, list(enabling.points))
    except DeviceFault as fault:
        raise await _taken_back(image, steering, fault, foreign) from fault


def _possible(storage: Block, power_w: int) -> None:
    """Whether a store may do it now; what it would pass over is not to be reported as done."""
    if power_w > 0 and storage.raw("ChaGriSet") == 0:
        raise DeviceFault(
            f"charging from the grid is off (124.ChaGriSet = 0), so {power_w} W cannot be taken; expected it on (1)"
        )
    reserve, held = storage.number("MinRsvPct"), storage.number("ChaState")
    if power_w < 0 and reserve and held is not None and held <= reserve:
        raise DeviceFault(
            f"state of charge {held:g} % is not above the reserve (124.MinRsvPct = {reserve:g} %), "
            f"so {-power_w} W cannot be given; expected more than the reserve"
        )


async def _write(image: DeviceImage, model_id: int, write: Write) -> None:
    await image.write(
        model_id, write.points[0][0], [register for _, registers in write.points for register in registers]
    )


async def _taken_back(
    image: DeviceImage, steering: Steering, fault: DeviceFault, foreign: ForeignSetpoint | None
) -> DeviceFault:
    """The fault, once what may stand enabled with other numbers (an earlier setpoint, too) is enabled no more."""
    try:
        await release(image, steering, foreign)
    except DeviceError as error:
        return DeviceFault(f"{fault}; the setpoint could not be taken back either ({error})")
    return DeviceFault(f"{fault}; the setpoint is taken back")


async def release(image: DeviceImage, steering: Steering, foreign: ForeignSetpoint | None = None) -> None:
    """Clear the enable bit, or put back what was `foreign`, and read it back. Raises as `command` does."""
    model_id, _ = steering.reversion
    if foreign is not None:
        block = (await image.read([(model_id, point) for point, _ in foreign.values]))[model_id]
        said = [(point, block.encode(point, value)) for point, value in foreign.values]
        said.append((ENABLE[steering], encode_raw(image.table(model_id).point(ENABLE[steering]), foreign.enabled)))
        for point, registers in said:
            await image.write(model_id, point, registers)
        await _compare(image, model_id, said)
        return
    name = ENABLE[steering]
    off = encode_raw(image.table(model_id).point(name), 0)
    await image.write(model_id, name, off)
    await _compare(image, model_id, [(name, off)])


def _plan(
    steering: Steering, blocks: Mapping[int, Block], power_w: int, seconds: int, foreign: ForeignSetpoint | None
) -> tuple[Write, ...]:
    model_id, reversion = steering.reversion
    block = blocks[model_id]
    lasts = (reversion, block.encode(reversion, seconds))

    def raw(name: str, value: int) -> tuple[str, list[int]]:
        return name, encode_raw(block.model.point(name), value)

    if steering is Steering.SET_704:
        watts = block.encode("WSet", SETPOINT_SIGN * power_w, Rounding.TOWARD_ZERO)
        return (
            Write((raw("WSetMod", 1), ("WSet", watts))),  # in one request: the mode says what the number means
            Write((raw("WSetEnaRvrt", 0), lasts)),
            Write((raw("WSetEna", 1),)),
        )
    if steering is Steering.STORAGE_124:
        share = _percent(power_w, _first(blocks, (124, "WChaMax")))
        if abs(share) > 100:
            raise DeviceFault(f"power_w {power_w} is {share:g} % of 124.WChaMax; expected at most 100 %")
        # Charge power may lie between -OutWRte and InWRte; InWRte = X with OutWRte = -X leaves it no choice but X.
        taken = block.encode("InWRte", share, Rounding.TOWARD_ZERO)
        given = block.encode("OutWRte", -share, Rounding.TOWARD_ZERO)
        return Write((("OutWRte", given), ("InWRte", taken))), Write((lasts,)), Write((raw("StorCtl_Mod", 0b11),))
    # A limit is rounded down, and a limit above the rating means the rating.
    rating = ((702, "WMax"), (702, "WMaxRtg")) if model_id == 704 else ((121, "WMax"), (120, "WRtg"))
    share = min(100.0, _percent(-power_w, _first(blocks, *rating)))
    if foreign is not None and foreign.limit_pct is not None:
        share = min(share, foreign.limit_pct)  # somebody has a reason for it, and nobody has asked them
    limit = ("WMaxLimPct", block.encode("WMaxLimPct", share, Rounding.DOWN))
    if steering is Steering.LIMIT_704:
        return (
            Write((limit,)),
            Write((raw("WMaxLimPctEnaRvrt", 0), lasts)),
            Write((raw("WMaxLimPctEna", 1),)),
        )
    return Write((limit,)), Write((lasts,)), Write((raw("WMaxLim_Ena", 1),))


def _percent(power_w: float, base_w: float) -> float:
    return 100.0 * power_w / base_w


def _first(blocks: Mapping[int, Block], *points: Wanted) -> float:
    for model_id, name in points:
        value = blocks[model_id].number(name) if model_id in blocks else None
        if value:
            return value
    names = " and ".join(f"{model_id}.{name}" for model_id, name in points)
    raise DeviceFault(f"{names}, the base of the percentage, is not implemented or 0; expected watts")


async def _compare(image: DeviceImage, model_id: int, written: list[tuple[str, list[int]]]) -> None:
    block = (await image.read([(model_id, name) for name, _ in written]))[model_id]
    for name, registers in written:
        back = block.raw(name)
        if back is None or encode_raw(block.model.point(name), back) != registers:
            sent = " ".join(map(str, registers))
            raise DeviceFault(f"{model_id}.{name} reads back as {back} after writing {sent}; expected the same")
