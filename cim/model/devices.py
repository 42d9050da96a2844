"""What is said of devices and by them, in CIM terms: kinds, nameplates, setpoints, and the news a device tells unasked.

Powers follow the one sign rule (+ = consumption). Drivers make and take these values; agents decide on them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class DeviceKind(StrEnum):
    """What stands at the other end of the wire."""

    PV = "pv"
    WIND = "wind"
    BATTERY = "battery"
    CHP = "chp"
    STATION = "station"  # OCPP ChargingStation with one EVSE
    GATEWAY = "gateway"  # S2 building gateway
    APPLIANCE = "appliance"  # S2 washing machine, dishwasher: one programme at a time
    METER = "meter"
    WEATHER = "weather"  # a forecast feed: measures nothing, takes no setpoint


class Mode(StrEnum):
    """How a setpoint is meant."""

    TARGET = "target"  # run at this net power (battery, CHP, heat pump)
    LIMIT = "limit"  # stay on this side of it: power >= w for a generator (w <= 0), power <= w for a consumer (w >= 0)
    START = "start"  # where w > 0, run the programme that is ready; w is what it is expected to draw (an appliance)


@dataclass(frozen=True, slots=True)
class Setpoint:
    """What a device is asked to do; `power_w` by the one sign rule (+ = consumption)."""

    mode: Mode
    power_w: int


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
    reserve_pct: int = 0  # of a store: the share of its capacity below which it gives nothing (SunSpec 124 MinRsvPct)


class News:
    """Base of what a device tells without being asked; drained from the port at the next instant."""

    __slots__ = ()


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
    min_power_w: int = 0  # it charges with nothing, or with at least this (IEC 61851-1: 6 A a phase)

    def same_stay(self, other: VehiclePlugged) -> bool:
        """Whether both are about one stay at the station, told twice."""
        if self.transaction and other.transaction:
            return self.transaction == other.transaction
        return (self.energy_wh, self.departure) == (other.energy_wh, other.departure)


@dataclass(frozen=True, slots=True)
class VehicleUnplugged(News):
    """The vehicle left; `energy_wh` is what the transaction delivered.

    It may be told late, when another vehicle stands there: then `transaction` is not that one's.
    """

    energy_wh: int
    at: datetime
    transaction: str = field(default="", compare=False)  # empty where the driver does not know it

    def ends(self, stay: VehiclePlugged) -> bool:
        """Whether it is the end of this stay, as far as both say which one they are."""
        return not (self.transaction and stay.transaction) or self.transaction == stay.transaction


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


@dataclass(frozen=True, slots=True)
class ThermalUsage(News):
    """The resource manager's forecast of what drains the store (FRBC.UsageForecast), in K/s.

    `rates[k]` holds from `start + k * step_s` for `step_s` seconds.
    """

    start: datetime
    step_s: int
    rates: tuple[float, ...]
    at: datetime


class ProgrammeState(StrEnum):
    """How far an appliance is with a programme."""

    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    OVER = "over"  # finished, given up or taken back: it draws nothing any more


@dataclass(frozen=True, slots=True)
class Programme(News):
    """What an S2 PPBC resource manager told of the programme in an appliance; told anew with each change.

    Attributes:
        identity: the power profile's id.
        earliest: when it may begin.
        latest_end: when it has to be done.
        steps: (seconds, watts), one after the other.
        done_s: how much of it had run at the instant `at`.
    """

    identity: str
    earliest: datetime
    latest_end: datetime
    steps: tuple[tuple[int, float], ...]
    state: ProgrammeState
    done_s: int
    at: datetime

    @property
    def duration(self) -> timedelta:
        """How long it takes in all."""
        return timedelta(seconds=sum(seconds for seconds, _ in self.steps))

    @property
    def latest_start(self) -> datetime:
        """When the appliance begins by itself."""
        return self.latest_end - self.duration


@dataclass(frozen=True, slots=True)
class WeatherForecast(News):
    """A weather service's forecast of the sun as the output of a normal PV plant, per unit of its rating.

    `pv_per_unit[k]` holds from `start + k * step_s` for `step_s` seconds; so does `temperature_c[k]`, of the air outside, degrees
    Celsius; empty where the service tells none.
    """

    issued: datetime
    start: datetime
    step_s: int
    pv_per_unit: tuple[float, ...]
    temperature_c: tuple[float, ...] = ()
