"""Simulated devices as drivers (see `devices.port`) without any protocol: cheap enough for thousands of worlds a minute.

A `plain_world.PlainWorld` moves them all and keeps the truth: the energy of every device, load and meter in each ISP,
and from when to when each setpoint was held. Powers are constant between the instants at which something changes, so
energies are exact.
"""

# ruff: noqa: ARG002 - a port, and what the world asks of a device, has one signature for all kinds

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cim.model.devices import Mode, Nameplate, Setpoint
from cim.model.readings import Kind, Reading
from devices.port.errors import DeviceUnreachable

NEVER = datetime.max.replace(tzinfo=UTC)
_DUST_WH = 1e-6


@dataclass(frozen=True, slots=True)
class Held:
    """A setpoint a device was held to, from `begin` to `end`; it was to be dropped at `valid_until`."""

    device: str
    setpoint: Setpoint
    begin: datetime
    end: datetime
    valid_until: datetime


class PlainDevice:
    """A device that stands still; its kinds say what power it has, and for how long.

    Args:
        plate: what it says of itself; the serial is its name.
    """

    def __init__(self, plate: Nameplate) -> None:
        self.name, self.plate = plate.serial, plate
        self.power_w = 0.0
        self.imported_wh = self.exported_wh = 0.0
        self.setpoint: Setpoint | None = None
        self.valid_until = self.since = NEVER
        self.held: list[Held] = []
        self.lost = False
        self.energy_wh: list[float] = []  # truth by ISP, set by the world
        self._read: tuple[datetime, float, float] | None = None  # instant, counter and mean power of the last reading

    # ---- physics, driven by the world ----------------------------------------------------------------------------------

    def settle(self, step: int, now: datetime) -> datetime:
        """Take the power that holds from `now` on (`step` counts the world's steps); returns until when at most."""
        if self.setpoint is not None and self.valid_until <= now:
            self.let_go(self.valid_until)
        return self.valid_until if self.setpoint is not None else NEVER

    def run(self, hours: float, isp: int) -> None:
        """Keep the power for a while and count its energy."""
        energy = self.power_w * hours
        self.energy_wh[isp] += energy
        if energy > 0:
            self.imported_wh += energy
        else:
            self.exported_wh -= energy

    def let_go(self, at: datetime) -> None:
        """Drop the setpoint, and note from when to when it was held."""
        if self.setpoint is not None:
            self.held.append(Held(self.name, self.setpoint, self.since, at, self.valid_until))
        self.setpoint = None

    # ---- the driver ----------------------------------------------------------------------------------------------------

    async def open(self, now: datetime) -> Nameplate:
        """Its nameplate; DeviceUnreachable when it is lost."""
        self._answer()
        return self.plate

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """Mean power since it was last read, and counters; DeviceUnreachable when it is lost."""
        self._answer()
        name = self.name
        return (
            Reading(name, Kind.POWER, self._mean(now), now),
            Reading(name, Kind.ENERGY_IMPORT, self.imported_wh, now),
            Reading(name, Kind.ENERGY_EXPORT, self.exported_wh, now),
        )

    def _mean(self, now: datetime) -> float:
        """A mean is exact however seldom the device is read; read twice at one instant it says the same."""
        counter = self.imported_wh - self.exported_wh
        if self._read is None:
            self._read = (now, counter, self.power_w)
        elif self._read[0] < now:
            since, before, _ = self._read
            self._read = (now, counter, (counter - before) / ((now - since) / timedelta(hours=1)))
        return self._read[2]

    async def command(self, setpoint: Setpoint, valid_until: datetime, now: datetime) -> None:
        """Hold it until it expires; DeviceUnreachable when the device is lost."""
        self._answer()
        self.let_go(now)
        self.setpoint, self.valid_until, self.since = setpoint, valid_until, now

    async def release(self, now: datetime) -> None:
        """Run by its own rule again; DeviceUnreachable when it is lost."""
        self._answer()
        self.let_go(now)

    async def close(self) -> None:
        """There is no wire."""

    def _answer(self) -> None:
        if self.lost:
            raise DeviceUnreachable(f"{self.name}: no answer; expected a {self.plate.kind}")


class PlainProfile(PlainDevice):
    """Follows a profile [steps] of watts, repeated: a load, or with a LIMIT on generation a PV plant."""

    def __init__(self, plate: Nameplate, profile_w: Sequence[float]) -> None:
        super().__init__(plate)
        self.profile_w = tuple(profile_w)

    def settle(self, step: int, now: datetime) -> datetime:
        """What the profile gives, within a limit that is in force."""
        until = super().settle(step, now)
        power = self.profile_w[step % len(self.profile_w)]
        limit = self.setpoint
        if limit is not None:
            power = max(power, limit.power_w) if limit.power_w <= 0 else min(power, limit.power_w)
        self.power_w = power
        return until


class PlainBattery(PlainDevice):
    """Runs at its TARGET within power and energy; idle without one. + charges.

    Args:
        efficiency: of charging and of discharging, each way.
        stored_wh: energy at the start.

    Attributes:
        losses_wh: heat so far; import - export - losses = change of `stored_wh`.
    """

    def __init__(self, plate: Nameplate, efficiency: float, stored_wh: float) -> None:
        super().__init__(plate)
        self.efficiency = efficiency
        self.first_wh = self.stored_wh = stored_wh
        self.losses_wh = 0.0

    def settle(self, step: int, now: datetime) -> datetime:
        """The target, until it expires or the store is full or empty."""
        until = super().settle(step, now)
        target = self.setpoint
        plate = self.plate
        power = 0.0 if target is None else float(target.power_w)
        power = min(max(power, -plate.max_generation_w), plate.max_consumption_w)
        if target is not None and target.mode is Mode.LIMIT:
            power = 0.0  # nothing to limit in a store that is idle by itself
        if power > 0:
            room = plate.capacity_wh - self.stored_wh
            hours = room / (power * self.efficiency)
        elif power < 0:
            room = self.stored_wh
            hours = room * self.efficiency / -power
        else:
            room = hours = 1e9
        self.power_w = power if room > _DUST_WH else 0.0
        return min(until, now + timedelta(hours=hours)) if self.power_w and hours < 48 else until

    def run(self, hours: float, isp: int) -> None:
        """Keep the power, fill or empty the store."""
        super().run(hours, isp)
        energy = self.power_w * hours
        into = energy * self.efficiency if energy > 0 else energy / self.efficiency
        before = self.stored_wh
        self.stored_wh = min(max(before + into, 0.0), float(self.plate.capacity_wh))
        self.losses_wh += energy - (self.stored_wh - before)

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """As every device, and its energy."""
        readings = await super().measure(now)
        return (*readings, Reading(self.name, Kind.STORED_ENERGY, self.stored_wh, now))
