"""The control functions of a simulated device: which points a client may write, and what they do to the unit.

A function takes effect when its enable point is set, and drops by itself when its reversion time has passed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from devices.simulators.sunspec.image import RegisterImage
from devices.simulators.sunspec.physics_port import BatteryUnit, LimitedUnit, SteeredUnit


class Refused(Exception):
    """The device answers with a Modbus exception: code 2 (illegal address) or 3 (illegal value), or as it misbehaves."""

    def __init__(self, code: int) -> None:
        """`code` is the Modbus exception code."""
        super().__init__(f"Modbus exception {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Function:
    """A control function as its points.

    Attributes:
        model: the model that holds them.
        enable, reversion: the enable point and the reversion time (seconds; 0: never reverts).
        others: what else may be written.
        enabled_values: what the enable point may be set to, besides 0 (disabled).
        act: puts the setpoint (or, disabled, its absence) through to the unit; raises `Refused` on an illegal value.
        remaining: point that counts the reversion time down, or "".
        after: point that says whether the function stays enabled after reversion, or "".
    """

    model: int
    enable: str
    reversion: str
    others: tuple[str, ...]
    enabled_values: tuple[int, ...]
    act: Callable[[RegisterImage, bool], None]
    remaining: str = ""
    after: str = ""

    @property
    def writable(self) -> frozenset[tuple[int, str]]:
        """(model, point) of all that a client may write."""
        names = (self.enable, self.reversion, *self.others, *((self.after,) if self.after else ()))
        return frozenset((self.model, name) for name in names)


class Running:
    """A function with its reversion timer, on the time that `SunSpecDevice.advance` gives."""

    def __init__(self, function: Function) -> None:
        """Starts disabled."""
        self.function = function
        self.expiry: datetime | None = None

    def written(self, image: RegisterImage, now: datetime) -> None:
        """A client wrote one of the function's points: act on it, and start the timer anew while it is enabled."""
        function = self.function
        enabled = image.get(function.model, function.enable)
        if enabled not in (0, *function.enabled_values):
            raise Refused(3)
        if function.after and image.get(function.model, function.after) != 0:
            raise Refused(3)  # this simulator always disables the function on reversion
        function.act(image, enabled != 0)
        seconds = image.get(function.model, function.reversion)
        self.expiry = now + timedelta(seconds=seconds) if enabled and seconds else None

    def advance(self, image: RegisterImage, now: datetime) -> None:
        """Revert if it is time, and count the remaining time down."""
        function = self.function
        if self.expiry is not None and self.expiry <= now:
            image.set(function.model, {function.enable: 0})
            function.act(image, False)
            self.expiry = None
        if function.remaining:
            left = (self.expiry - now).total_seconds() if self.expiry else 0
            image.set(function.model, {function.remaining: int(left)})


def limit_123(unit: LimitedUnit) -> Function:
    """Model 123 `WMaxLimPct`: percent of `WMax`, factor -2."""

    def act(image: RegisterImage, enabled: bool) -> None:
        share = _share(image, 123)
        unit.limit_w = -share * image.number(121, "WMax") if enabled else None

    return Function(123, "WMaxLim_Ena", "WMaxLimPct_RvrtTms", ("WMaxLimPct",), (1,), act)


def limit_704(unit: LimitedUnit) -> Function:
    """Model 704 `WMaxLimPct`: percent of `WMax`, factor -2."""

    def act(image: RegisterImage, enabled: bool) -> None:
        share = _share(image, 704)
        unit.limit_w = -share * image.number(702, "WMax") if enabled else None

    return Function(
        704,
        "WMaxLimPctEna",
        "WMaxLimPctRvrtTms",
        ("WMaxLimPct",),
        (1,),
        act,
        remaining="WMaxLimPctRvrtRem",
        after="WMaxLimPctEnaRvrt",
    )


def set_704(unit: SteeredUnit) -> Function:
    """Model 704 `WSet` in watts, positive = generation, from -`WChaRteMax` to `WMax` of model 702."""

    def act(image: RegisterImage, enabled: bool) -> None:
        given = image.get(704, "WSet")
        most_taken = image.number(702, "WChaRteMax")  # 0 for what cannot charge
        if image.get(704, "WSetMod") != 1 or not -most_taken <= given <= image.number(702, "WMax"):
            raise Refused(3)
        unit.target_w = float(-given) if enabled else None

    return Function(
        704,
        "WSetEna",
        "WSetRvrtTms",
        ("WSetMod", "WSet"),
        (1,),
        act,
        remaining="WSetRvrtRem",
        after="WSetEnaRvrt",
    )


def storage_124(unit: BatteryUnit) -> Function:
    """Model 124: charge power within [-`OutWRte`, `InWRte`] percent of `WChaMax`, factor -2.

    `StorCtl_Mod` bit 0 makes `InWRte` count, bit 1 `OutWRte`. Within that window the battery would rest, so the target
    is the window's point nearest to 0; a window with its ends crossed holds the battery at 0.
    """

    def act(image: RegisterImage, enabled: bool) -> None:
        most, least = image.get(124, "InWRte") / 10000, -image.get(124, "OutWRte") / 10000
        if not -1 <= most <= 1 or not -1 <= least <= 1:
            raise Refused(3)
        mode = image.get(124, "StorCtl_Mod")
        high = most if mode & 1 else 1.0
        low = least if mode & 2 else -1.0
        share = min(max(0.0, low), high) if low <= high else 0.0
        unit.target_w = share * image.number(124, "WChaMax") if enabled else None

    return Function(124, "StorCtl_Mod", "InOutWRte_RvrtTms", ("OutWRte", "InWRte"), (1, 2, 3), act)


def _share(image: RegisterImage, model_id: int) -> float:
    raw = image.get(model_id, "WMaxLimPct")
    if raw > 10000:
        raise Refused(3)
    return raw / 10000
