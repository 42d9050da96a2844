"""Between the physics and the simulators before it: datetimes for POSIX seconds, forecasts that are not truth."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cim.model.devices import DeviceKind
from cim.model.intervals import LocalDay, local_day_of
from environment.physics import Appliance, ChargePoint, HeatPumpRoom
from environment.physics.world import World
from environment.profiles.library import QUARTER
from environment.profiles.sessions import Session
from environment.sites.schema import Site

Demand = Callable[[LocalDay], NDArray[np.float64] | None]

_HISTORY_DAYS = 7
_HORIZON = 192  # quarter-hours: tomorrow's last one, seen from today's first


def device_kinds(site: Site) -> dict[str, DeviceKind]:
    """Every smart meter and device of a site by its name, in the order of the site file."""
    kinds: dict[str, DeviceKind] = {}
    for prosumer in site.prosumers:
        kinds[prosumer.meter] = DeviceKind.METER
        for device in prosumer.devices:
            kinds[prosumer.device_name(device)] = DeviceKind(device.kind)
    return kinds | {point.meter: DeviceKind.METER for point in site.congestion_points}


class Stay:
    """A plugged vehicle as `devices.simulators.station.physics_port.Session`."""

    def __init__(self, session: Session, delivered_wh: float) -> None:
        self.plugged_at = datetime.fromtimestamp(session.start_s, UTC)
        self.departure = datetime.fromtimestamp(session.departure_s, UTC)
        self.energy_wh = session.energy_wh
        self.delivered_wh = delivered_wh


class StationUnit:
    """A physical charge point as `devices.simulators.station.physics_port.ChargePoint`."""

    def __init__(self, point: ChargePoint) -> None:
        self._point = point

    @property
    def limit_w(self) -> float | None:
        """The largest power that may be drawn now."""
        return self._point.limit_w

    @limit_w.setter
    def limit_w(self, value: float | None) -> None:
        if value != self._point.limit_w:
            self._point.limit_w = value

    @property
    def setpoint_w(self) -> float | None:
        """The power that it is asked for now."""
        return self._point.setpoint_w

    @setpoint_w.setter
    def setpoint_w(self, value: float | None) -> None:
        if value != self._point.setpoint_w:
            self._point.setpoint_w = value

    @property
    def max_power_w(self) -> float:
        """Rated power, W."""
        return self._point.rated_w

    @property
    def min_power_w(self) -> float:
        """With less than this its vehicles do not charge, W."""
        return self._point.least_w

    @property
    def discharge_w(self) -> float:
        """The most that vehicles give back, W."""
        return self._point.discharge_w

    @property
    def power_w(self) -> float:
        """What is drawn, W; below 0 where it is given back."""
        return self._point.power_w

    @property
    def energy_import_wh(self) -> float:
        """The meter's register, Wh."""
        return self._point.import_wh

    @property
    def energy_export_wh(self) -> float:
        """The register of what was given back, Wh."""
        return self._point.export_wh

    @property
    def session(self) -> Stay | None:
        """The vehicle that is plugged in now."""
        session = self._point.session
        return None if session is None else Stay(session, self._point.delivered_wh)

    def next_visit(self) -> datetime | None:
        """When the vehicle leaves, or the next one comes."""
        session = self._point.session
        at_s = self._point.until(self._point.now_s) if session is None else session.departure_s
        return None if at_s == float("inf") else datetime.fromtimestamp(at_s, UTC)


class RoomUnit:
    """A heated room as `devices.simulators.gateway.physics_port.HeatPumpRoom`.

    Args:
        room: the physics.
        demand: of a local day, watts by wall-clock quarter-hour, shape (96,), as earlier days let expect, or None.
        timezone: IANA name of the wall clock.
    """

    def __init__(self, room: HeatPumpRoom, demand: Demand, timezone: str) -> None:
        self._room, self._demand, self._timezone = room, demand, timezone
        self.level_min_c = room.room.level_min_c
        self.level_max_c = room.room.level_max_c
        self.set_c = room.room.set_c
        self.max_power_w = room.rated_w
        self.fill_rate_per_w = room.fill_rate_per_w

    @property
    def target_w(self) -> float | None:
        """The electric power that it was asked for."""
        return self._room.target_w

    @target_w.setter
    def target_w(self, value: float | None) -> None:
        self._room.target_w = value

    @property
    def guarded(self) -> bool:
        """True while the room's comfort overrules the target."""
        return self._room.guarded

    @property
    def temperature_c(self) -> float:
        """Room temperature, degrees Celsius."""
        return self._room.temperature_c

    @property
    def power_w(self) -> float:
        """Electric power, W."""
        return self._room.power_w

    @property
    def energy_import_wh(self) -> float:
        """The meter's register, Wh."""
        return self._room.import_wh

    def usage_forecast(self, now: datetime) -> tuple[datetime, int, tuple[float, ...]]:
        """What drains the room at its set temperature, K/s for each quarter-hour of two days, as earlier days did.

        The physics knows the real demand; a resource manager does not, so it takes the mean of the same wall-clock
        time on the last days. Without any it expects that units stay as they are.
        """
        start = datetime.fromtimestamp(now.timestamp() // QUARTER.total_seconds() * QUARTER.total_seconds(), UTC)
        demand = self._demand(local_day_of(now, self._timezone))
        watts = ([self.power_w] * 96) if demand is None else demand.tolist()
        rates = tuple(watts[slot] * self.fill_rate_per_w for slot in _slots(start, self._timezone))
        return start, int(QUARTER.total_seconds()), rates


@lru_cache(maxsize=16)
def _slots(start: datetime, timezone: str) -> tuple[int, ...]:
    """Which quarter-hour of the wall clock each one of the horizon is: all buildings forecast at the same instants."""
    zone = ZoneInfo(timezone)
    instants = [(start + k * QUARTER).astimezone(zone) for k in range(_HORIZON)]
    return tuple(at.hour * 4 + at.minute // 15 for at in instants)


class ApplianceInUse:
    """A physical appliance as `devices.simulators.gateway.physics_port.ProgrammeUnit`."""

    def __init__(self, appliance: Appliance) -> None:
        self._appliance = appliance
        self.steps = appliance.programme.steps
        self.interruptible = appliance.programme.interruptible

    @property
    def waits(self) -> bool:
        """Whether a programme that is ready waits for a start."""
        return self._appliance.waits

    @waits.setter
    def waits(self, value: bool) -> None:
        self._appliance.waits = value

    @property
    def start_at(self) -> datetime | None:
        """The scheduled start."""
        return _instant(self._appliance.start_at_s)

    @start_at.setter
    def start_at(self, value: datetime | None) -> None:
        self._appliance.start_at_s = None if value is None else value.timestamp()

    @property
    def paused(self) -> bool:
        """Whether the programme that runs stands still."""
        return self._appliance.paused

    @paused.setter
    def paused(self, value: bool) -> None:
        self._appliance.paused = value

    @property
    def ready_at(self) -> datetime | None:
        """When the programme was made ready."""
        use = self._appliance.use
        return None if use is None else _instant(use.ready_s)

    @property
    def latest_end(self) -> datetime:
        """When it has to be done; now where nothing is ready."""
        use = self._appliance.use
        return datetime.fromtimestamp(self._appliance.now_s if use is None else use.latest_end_s, UTC)

    @property
    def started(self) -> bool:
        """Whether it has begun."""
        return self._appliance.started_s is not None

    @property
    def ended(self) -> bool:
        """Whether it is done."""
        return self._appliance.ended_s is not None

    @property
    def done_s(self) -> float:
        """How much of it has run."""
        return self._appliance.done_s

    @property
    def power_w(self) -> float:
        """Electric power, W."""
        return self._appliance.power_w

    @property
    def energy_import_wh(self) -> float:
        """The meter's register, Wh."""
        return self._appliance.import_wh


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def recent_demand(world: World, name: str) -> Demand:
    """What the last days' records of device `name` let expect; nothing of the day in question or later is looked at."""
    known: dict[LocalDay, NDArray[np.float64] | None] = {}

    def demand(day: LocalDay) -> NDArray[np.float64] | None:
        if day not in known:
            days = min(_HISTORY_DAYS, (day.start - world.profiles.first) // timedelta(days=1))
            known.clear()  # days only go forward
            known[day] = world.history(name, days, day).mean(axis=0) if days > 0 else None
        return known[day]

    return demand
