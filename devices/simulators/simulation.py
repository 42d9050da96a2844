"""A whole simulated site without I/O: its physics, and one protocol sunspec_device for each device and smart meter."""

from __future__ import annotations

from datetime import datetime

from cim.model.arrays import Floats, Ints
from cim.model.devices import DeviceKind
from cim.model.errors import BadInput
from devices.simulators.adapters import ApplianceInUse, RoomUnit, StationUnit, recent_demand
from devices.simulators.gateway.announced_building import AnnouncedBuilding
from devices.simulators.gateway.appliance import ApplianceMachine
from devices.simulators.gateway.machine import GatewayMachine
from devices.simulators.in_memory_link import DirectLink, Misbehaves, SiteMachine
from devices.simulators.station.versions import STATIONS
from devices.simulators.sunspec import device_models
from devices.simulators.sunspec.device_models import DeviceModel
from devices.simulators.sunspec.misbehaviour import Misbehaviour
from devices.simulators.sunspec.sunspec_device import DeviceRegisters, SunSpecDevice
from environment.physics import Appliance, Battery, ChargePoint, Chp, HeatPumpRoom, PvArray, WindTurbine
from environment.physics.device_truth import DeviceTruth
from environment.physics.world import World
from environment.profiles.library import Profiles
from environment.sites.devices import AnyDevice, BatteryUnit, ChargingStation, Station
from environment.sites.evses import evses_of
from environment.sites.schema import Prosumer, Site

_SERIAL_BYTES = 32  # SunSpec model 1, `SN`


class _Clocked:
    """Devices whose own clocks the physics below a topmost congestion point has to stop for."""

    def __init__(self) -> None:
        self.steerable: list[SunSpecDevice] = []
        self.machines: list[SiteMachine] = []
        self.stations: list[StationUnit] = []

    def next_stop(self, now: datetime, to: datetime) -> datetime:
        """The next instant before `to` at which a setpoint ends, or a vehicle comes or goes; `to` where there is none."""
        instants = [sunspec_device.next_expiry for sunspec_device in self.steerable]
        instants += [machine.next_change() for machine in self.machines]
        instants += [station.next_visit() for station in self.stations]
        return min((at for at in instants if at is not None and now < at < to), default=to)

    def pass_by(self, at: datetime) -> None:
        """The physics has moved on to `at`: let setpoints end, and let the machines see what is there."""
        for sunspec_device in self.steerable:
            expiry = sunspec_device.next_expiry
            if expiry is not None and expiry <= at:
                sunspec_device.advance(at)
        for machine in self.machines:
            machine.look(at)


class Simulation:
    """A site's devices as their drivers see them, on a clock that only `advance` moves.

    Args:
        site: what stands where.
        profiles: the year it follows.
        start: the first instant, UTC, a whole quarter-hour inside the profiles.
        seed: makes small differences between units of a kind; the same seed, the same site.
        announced: the buildings that stand behind an MQTT broker instead of speaking S2.
        members: the prosumers whose part of the site this is, see `environment.physics.world.World`; all where it is left out.

    Attributes:
        names: `<prosumer>.meter` and all devices, in the order of the site file; then the meter at each congestion point.
        link: the direct way to charging stations and gateways.
        machines: the same as protocol machines by name, for whoever carries their frames otherwise.
        sunspec_devices: the SunSpec devices by name.
        replayed: how many inputs of a former life were done again, see `devices.simulators.recording`.
    """

    replayed = 0

    def __init__(
        self,
        site: Site,
        profiles: Profiles,
        start: datetime,
        seed: int = 0,
        announced: frozenset[str] = frozenset(),
        members: frozenset[str] | None = None,
    ) -> None:
        self.site, self.announced = site, announced
        self._world = World(site, profiles, start, seed, members=members)
        self._kinds: dict[str, DeviceKind] = {}
        self.sunspec_devices: dict[str, SunSpecDevice] = {}
        self.machines: dict[str, SiteMachine] = {}
        self._plain_machines: dict[str, object] = {}  # the same without what keeps a log of them
        self._clocked: dict[str, _Clocked] = {}  # by topmost congestion point, what below it has a clock of its own
        self._wired: dict[str, str] = {}  # of each EVSE of several, the station that dials in for it
        self.link = self._make_link()
        for prosumer in site.prosumers:
            connection = self._world.connections.get(prosumer.name)
            if connection is None:
                continue
            clocked = self._clocked.setdefault(site.points_above(prosumer.congestion_point)[-1], _Clocked())
            self._kinds[prosumer.meter] = DeviceKind.METER
            self._show(prosumer.meter, device_models.meter_203(connection))
            for device in prosumer.devices:
                name = prosumer.device_name(device)
                self._kinds[name] = DeviceKind(device.kind)
                if (wire := prosumer.wire_name(device)) != name:
                    self._wired[name] = wire
                else:
                    self._build(name, device, clocked)
            for charger in prosumer.charging_stations:
                self._build_charger(prosumer, charger, clocked)
        for point in site.congestion_points:
            if point.id not in self._world.substations:
                continue
            self._kinds[point.meter] = DeviceKind.METER
            self._show(point.meter, device_models.meter_203(self._world.substations[point.id]))
        self.names = tuple(self._kinds)

    def _build(self, name: str, device: AnyDevice, clocked: _Clocked) -> None:
        unit = self._world.devices[name]
        if isinstance(unit, PvArray):
            self._show(name, device_models.pv_123(unit))
        elif isinstance(unit, WindTurbine):
            self._show(name, device_models.generator_704(unit))
        elif isinstance(unit, Battery) and isinstance(device, BatteryUnit):
            self._show(
                name, device_models.battery_124(unit) if device.sunspec == "124" else device_models.battery_704(unit)
            )
        elif isinstance(unit, Chp):
            self._show(name, device_models.chp_704(unit))
        elif isinstance(unit, ChargePoint) and isinstance(device, Station):
            station = StationUnit(unit)
            clocked.stations.append(station)
            self._let_dial(name, STATIONS[device.ocpp or "2.0.1"](name, station))
        elif isinstance(unit, HeatPumpRoom):
            room = RoomUnit(unit, recent_demand(self._world, name), self.site.timezone)
            announced = name in self.announced
            self._let_dial(name, AnnouncedBuilding(name, room) if announced else GatewayMachine(name, room))
        elif isinstance(unit, Appliance):
            self._let_dial(name, ApplianceMachine(name, ApplianceInUse(unit)))
        if name in self.machines:
            clocked.machines.append(self.machines[name])
        elif self.sunspec_devices[name].steerable:
            clocked.steerable.append(self.sunspec_devices[name])

    def _build_charger(self, prosumer: Prosumer, charger: ChargingStation, clocked: _Clocked) -> None:
        """A station with several EVSEs."""
        points = [self._world.devices[prosumer.device_name(d)] for d in evses_of(charger, prosumer.devices).values()]
        found = [point for point in points if isinstance(point, ChargePoint)]
        units = [StationUnit(point) for point in found]
        clocked.stations += units
        name = f"{prosumer.name}.{charger.name}"
        self._let_dial(name, STATIONS[charger.ocpp or "2.0.1"](name, units, supply=found[0].supply))
        clocked.machines.append(self.machines[name])

    def _show(self, name: str, device_model: DeviceModel) -> None:
        self.sunspec_devices[name] = self._make_sunspec_device(name, device_model)

    def _let_dial(self, name: str, machine: SiteMachine) -> None:
        self._plain_machines[name] = machine
        self.machines[name] = self._make_machine(name, machine)
        self.link.add(name, self.machines[name], self.now)

    # A site that keeps what is done to it puts its own in these three places.

    def _make_link(self) -> DirectLink:
        return DirectLink()

    def _make_sunspec_device(self, name: str, device_model: DeviceModel) -> SunSpecDevice:
        return SunSpecDevice(device_model, self.now, serial=self._serial(name))

    def _make_machine(self, name: str, machine: SiteMachine) -> SiteMachine:  # noqa: ARG002
        return machine

    @staticmethod
    def _serial(name: str) -> str:
        return name[:_SERIAL_BYTES]

    @property
    def now(self) -> datetime:
        """The instant that the site has reached, UTC."""
        return self._world.now

    def kind(self, name: str) -> DeviceKind:
        """What `name` is. Raises `BadInput` for an unknown name."""
        self._check(name)
        return self._kinds.get(name, DeviceKind.STATION)

    def wire_name(self, name: str) -> str:
        """By which name a device is reached: of an EVSE of several, its station's. Raises `BadInput` for an unknown name."""
        self._check(name)
        return self._wired.get(name, name)

    def registers(self, name: str) -> DeviceRegisters:
        """The direct wire to a SunSpec device. Raises `BadInput` for a name that is none."""
        return DeviceRegisters(self._sunspec_device(name))

    def _sunspec_device(self, name: str) -> SunSpecDevice:
        self._check(name)
        sunspec_device = self.sunspec_devices.get(name)
        if sunspec_device is None:
            raise BadInput(f"device: {name!r} is a {self.kind(name)}; expected one that speaks SunSpec")
        return sunspec_device

    def advance(self, to: datetime) -> None:
        """Move physics and devices on to `to`, and let stations and gateways queue on `link` what they have to say.

        Raises:
            BadInput: `to` lies before `now` or beyond the profiles.
        """
        for name, frames in self.step(to).items():
            self.link.queue(name, frames)

    def step(self, to: datetime) -> dict[str, list[str]]:
        """`move` and `report` in one."""
        self.move(to)
        return self.report()

    def move(self, to: datetime) -> None:
        """`advance` without a word: physics, expiries and registers only.

        Every setpoint that expires on the way does so at its very instant, and every vehicle comes and goes at its own.
        """
        self._pass(to)
        self.show()

    def show(self) -> None:
        """Let every register show what the physics says now."""
        for sunspec_device in self.sunspec_devices.values():
            sunspec_device.advance(self.now)

    def _pass(self, to: datetime) -> None:
        # What shares nothing stops for its own devices only: to stop all for each would cost the square of their number.
        for top, clocked in self._clocked.items():
            at = self.now
            while (at := clocked.next_stop(at, to)) < to:
                self._world.advance_part(top, at)
                clocked.pass_by(at)
        self._world.advance(to)
        for clocked in self._clocked.values():
            clocked.pass_by(to)

    def report(self) -> dict[str, list[str]]:
        """What stations and gateways say now, by name; somebody must carry it."""
        return {name: machine.advance(self.now) for name, machine in self.machines.items()}

    def silence(self, name: str, lost: bool) -> None:
        """Lose a device (it no longer answers, its physics and timers go on), or get it back.

        Raises:
            BadInput: the name is unknown.
        """
        self._check(name)
        sunspec_device = self.sunspec_devices.get(name)
        if sunspec_device is not None:
            sunspec_device.silent = lost
        else:
            self.link.cut(self.wire_name(name), lost)

    def misbehave(self, name: str, words: str) -> None:
        """Let a device misbehave as `words` of its own kind say from now on ("": not any more).

        Raises:
            BadInput: the name is unknown or none that speaks SunSpec, or a word says nothing.
        """
        self._check(name)
        machine = self._plain_machines.get(self.wire_name(name))
        if isinstance(machine, Misbehaves):
            machine.misbehave(words)
        else:
            self._sunspec_device(name).misbehave(Misbehaviour.of(words))

    def silent(self, name: str) -> bool:
        """True while a device is lost, see `silence`. Raises `BadInput` for an unknown name."""
        self._check(name)
        sunspec_device = self.sunspec_devices.get(name)
        return sunspec_device.silent if sunspec_device is not None else self.link.gone(self.wire_name(name))

    def truth(self, start: datetime, end: datetime) -> dict[str, tuple[Ints, Ints]]:
        """What really flowed, see `environment.physics.world.World.truth`; for verification, never for an agent."""
        return self._world.truth(start, end)

    def truth_by_kind(self, start: datetime, end: datetime) -> dict[str, Floats]:
        """What really flowed by kind of unit, see `environment.physics.world.World.truth_by_kind`."""
        return self._world.truth_by_kind(start, end)

    def device_truth(self, start: datetime, end: datetime) -> DeviceTruth:
        """What every unit really did, see `environment.physics.world.World.device_truth`."""
        return self._world.device_truth(start, end)

    def close(self) -> None:
        """Let go of what it holds, which without a log is nothing. Safe to call twice."""

    def _check(self, name: str) -> None:
        if name not in self._kinds and name not in self._wired.values():
            raise BadInput(f"device: {name!r} is unknown at {self.site.name}; expected one of {', '.join(self.names)}")
