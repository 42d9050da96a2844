"""What a device can do, whatever it speaks: measure, take a setpoint that expires, and tell news.

Every driver implements `Port`. Values cross it in CIM terms (`cim.model`), with the one sign rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from cim.model.codec import wire
from cim.model.errors import IlesError
from cim.model.readings import Reading


class DeviceError(IlesError):
    """Base of what can go wrong at a device."""


class DeviceUnreachable(DeviceError):
    """The peer does not answer (refused, timed out, not dialled in)."""


class DeviceFault(DeviceError):
    """The peer answered, but with an exception, a refusal or nonsense."""


@wire("device.Kind")
class DeviceKind(StrEnum):
    """What stands at the other end of the wire."""

    PV = "pv"
    BATTERY = "battery"
    CHP = "chp"
    STATION = "station"  # OCPP ChargingStation with one EVSE
    GATEWAY = "gateway"  # S2 building gateway
    METER = "meter"
    WEATHER = "weather"  # a forecast feed: measures nothing, takes no setpoint


@wire("device.Mode")
class Mode(StrEnum):
    """How a setpoint is meant."""

    TARGET = "target"  # run at this net power (battery, CHP, heat pump)
    LIMIT = "limit"  # stay on this side of it: power >= w for a generator (w <= 0), power <= w for a consumer (w >= 0)


@wire("device.Setpoint")
@dataclass(frozen=True, slots=True)
class Setpoint:
    """What a device is asked to do; `power_w` by the one sign rule (+ = consumption)."""

    mode: Mode
    power_w: int


@wire("device.Nameplate")
@dataclass(frozen=True, slots=True)
class Nameplate:
    """What a device says of itself when it is opened; powers are magnitudes in watts, energy in watt-hours."""

    kind: DeviceKind
    manufacturer: str
    model: str
    serial: str
    max_generation_w: int = 0
    max_consumption_w: int = 0
    capacity_wh: int = 0
    reverts_by_itself: bool = True  # False: cannot expire a limit, so not used for limiting duty


class News:
    """Base of what a device tells without being asked; drained from the port at the next instant."""

    __slots__ = ()


@wire("device.VehiclePlugged")
@dataclass(frozen=True, slots=True)
class VehiclePlugged(News):
    """A vehicle was connected and said what it needs (OCPP 2.0.1 K01/K15 NotifyEVChargingNeeds).

    A station may say it again, perhaps to a driver that was not there the first time; see `same_stay`.
    """

    energy_wh: int
    max_power_w: int
    departure: datetime
    at: datetime
    transaction: str = ""  # empty where the driver does not know it

    def same_stay(self, other: VehiclePlugged) -> bool:
        """Whether both are about one stay at the station, told twice."""
        if self.transaction and other.transaction:
            return self.transaction == other.transaction
        return (self.energy_wh, self.departure) == (other.energy_wh, other.departure)


@wire("device.VehicleUnplugged")
@dataclass(frozen=True, slots=True)
class VehicleUnplugged(News):
    """The vehicle left; `energy_wh` is what the transaction delivered."""

    energy_wh: int
    at: datetime


@wire("device.ThermalDescription")
@dataclass(frozen=True, slots=True)
class ThermalDescription(News):
    """What an S2 FRBC resource manager said of a heat store whose fill level is a room temperature.

    Fill level in degrees Celsius. With electric power p (W): d(level)/dt = fill_rate_per_w * p - usage(t), in K/s.
    """

    level_min_c: float
    level_max_c: float
    power_min_w: int
    power_max_w: int
    fill_rate_per_w: float
    at: datetime


@wire("device.ThermalUsage")
@dataclass(frozen=True, slots=True)
class ThermalUsage(News):
    """The resource manager's forecast of what drains the store (FRBC.UsageForecast), in K/s.

    `rates[k]` holds from `start + k * step_s` for `step_s` seconds.
    """

    start: datetime
    step_s: int
    rates: tuple[float, ...]
    at: datetime


@wire("device.WeatherForecast")
@dataclass(frozen=True, slots=True)
class WeatherForecast(News):
    """A weather service's forecast of the sun as the output of a normal PV plant, per unit of its rating.

    `pv_per_unit[k]` holds from `start + k * step_s` for `step_s` seconds.
    """

    issued: datetime
    start: datetime
    step_s: int
    pv_per_unit: tuple[float, ...]


OnNews = Callable[[News], None]


class NewsBox:
    """A driver's news until it is drained.

    `on_news` is called with each piece before the peer's frame is answered: whoever makes it durable there loses none,
    because a peer that got no answer says it again.
    """

    def __init__(self) -> None:
        self._waiting: list[News] = []
        self.on_news: OnNews | None = None

    def put(self, news: News) -> None:
        """Tell the listener, then keep it."""
        if self.on_news is not None:
            self.on_news(news)
        self._waiting.append(news)

    def __len__(self) -> int:
        return len(self._waiting)

    def drain(self) -> tuple[News, ...]:
        """News since the last call, oldest first."""
        news, self._waiting = tuple(self._waiting), []
        return news


class Port(Protocol):
    """The runtime's side of one device. All coroutines end within the driver's time-out.

    `now` is the market's time: simulated in an experiment, the wall clock in a pilot.
    """

    def listen(self, on_news: OnNews) -> None:
        """Have `on_news` called with each piece of news as it arrives, before the peer has its answer."""
        ...

    async def open(self, now: datetime) -> Nameplate:
        """Connect (or wait for the device to dial in), read what it is, and check that it can do its duty.

        Raises:
            DeviceUnreachable, DeviceFault: with one sentence naming the device, its address and what was expected.
        """
        ...

    async def sync(self, now: datetime) -> None:
        """Work off what the device wants to say at this instant. Nothing to do where frames arrive by themselves."""
        ...

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """Read it now. Raises `DeviceUnreachable` or `DeviceFault`; the caller turns that into ABSENT readings."""
        ...

    async def command(self, setpoint: Setpoint, valid_until: datetime, now: datetime) -> None:
        """Write a setpoint that the device itself drops at `valid_until`, and read it back."""
        ...

    async def release(self, now: datetime) -> None:
        """Drop any setpoint: the device runs by its own rule again."""
        ...

    def drain(self) -> tuple[News, ...]:
        """News since the last call, oldest first."""
        ...

    async def close(self) -> None:
        """Let go of the wire; safe to call twice."""
        ...
