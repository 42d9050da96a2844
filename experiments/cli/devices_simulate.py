"""A site's simulated devices on the wall clock."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from agents.assembly.free_port import free_port
from cim.model.devices import DeviceKind
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay, local_day_of
from devices.dial_in.passwords import is_hash
from devices.mqtt.address import broker_address
from devices.simulators.dial_tls import DialTls
from devices.simulators.gateway.announced_building import PREFIX
from devices.simulators.host import PREFIXES, SimulatorHost
from devices.simulators.simulation import Simulation
from devices.simulators.station.versions import STATIONS
from environment.profiles.library import QUARTER, Profiles, load
from environment.profiles.present import of_the_present
from environment.sites.loader import load_site
from environment.sites.schema import Site
from pilot.endpoints import draft_endpoints, load_endpoints, wired_kinds

_TICK_S = 1.0
_PAST_DAYS = 14
_DIAL_IN_PORT = 9100  # in an endpoints file that is made here: where `iles up` is to listen
_REPORT_S = 10.0  # how often stations and gateways speak, as real ones do
_OPTIONS = {DeviceKind.STATION: "--csms", DeviceKind.GATEWAY: "--s2", DeviceKind.APPLIANCE: "--s2"}
_PROTOCOLS = {DeviceKind.GATEWAY: "S2", DeviceKind.APPLIANCE: "S2"}


@dataclass(frozen=True)
class Options:
    """What `iles devices simulate` was asked for."""

    site: str
    date: str | None
    host: str
    base_port: int
    csms: str | None
    s2: str | None
    passwords: dict[str, str] = field(repr=False)
    speed: float
    seed: int
    present: bool = False
    endpoints: Path | None = None
    misbehave: tuple[tuple[str, str], ...] = ()  # (device, words), see `devices.simulators.sunspec.misbehaviour`
    mqtt: str | None = field(default=None, repr=False)
    ocpp: tuple[str, ...] = ()  # a version for all stations, or STATION=VERSION
    tls: DialTls = field(default_factory=DialTls)  # of those that dial wss://

    def url(self, kind: DeviceKind) -> str | None:
        """Where devices of a kind dial, without their names."""
        if kind is DeviceKind.GATEWAY and self.mqtt is not None:
            return self.mqtt
        given = self.csms if kind is DeviceKind.STATION else self.s2
        if given is not None and not given.startswith(("ws://", "wss://")):
            raise BadInput(f"{_OPTIONS[kind]}: {given!r} is no WebSocket URL; expected ws://host:port/{PREFIXES[kind]}")
        return given.rstrip("/") if given else None


async def simulate(options: Options) -> None:
    """Serve until cancelled, or until the profiles end.

    Raises:
        BadInput: an option does not fit, or a port cannot be had.
    """
    if not 0 < options.speed <= 3600:
        raise BadInput(f"--speed: {options.speed:g} does not fit; expected more than 0 and at most 3600")
    if options.present and (options.date is not None or options.speed != 1):
        raise BadInput("--present: --date or --speed is given too; expected neither, the present is now and real")
    site = speaking(load_site(options.site), options.ocpp)
    wall = datetime.now(UTC)
    profiles = _present(site, wall) if options.present else load(site.profiles)
    begin = wall if options.present else _begin(site, options.date, wall)
    announced = _announced(site, options)
    simulation = Simulation(site, profiles, _quarter(begin), options.seed, announced)
    host = SimulatorHost(simulation, options.host, tls=options.tls)
    try:
        simulation.move(begin)
        for name, words in options.misbehave:
            simulation.misbehave(name, words)
        await host.serve(options.base_port)
        if options.endpoints is not None:
            options = with_endpoints(options, site, host.endpoints)
        targets = _targets(simulation, options)
        _show(host, options, begin, site)
        await host.dial(targets)
        await _run(host, begin, options.speed, profiles.last)
    finally:
        await host.close()


async def _run(host: SimulatorHost, begin: datetime, speed: float, end: datetime) -> None:
    zero, reported, told = time.monotonic(), 0.0, dict[str, str]()
    while True:
        await asyncio.sleep(_TICK_S)
        passed = time.monotonic() - zero
        now = begin + timedelta(seconds=passed * speed)
        if now > end:
            raise BadInput(f"--date: the profiles end at {end.isoformat()}; expected an earlier day to go on")
        host.simulation.move(now)
        if passed - reported >= _REPORT_S:
            reported = passed
            await host.report()
            _tell_refused(host, told)


def _tell_refused(host: SimulatorHost, told: dict[str, str]) -> None:
    """Say of each device why nobody lets it in, when that changes."""
    for name, why in host.refused().items():
        if told.get(name) != why:
            sys.stderr.write(f"{name} is not let in: {why}\n")
        told[name] = why


def _announced(site: Site, options: Options) -> frozenset[str]:
    """The buildings that stand behind a broker."""
    if options.mqtt is None:
        return frozenset()
    where = broker_address(options.mqtt)
    if where.prefix != PREFIX:
        raise BadInput(f"--mqtt: {where.where} has another prefix; expected {PREFIX}")
    return frozenset(name for name, kind in wired_kinds(site).items() if kind is DeviceKind.GATEWAY)


def _present(site: Site, wall: datetime) -> Profiles:
    """A year from now on, and the days before that a room's recent demand is known from."""
    today = local_day_of(wall, site.timezone).day
    return of_the_present(load(site.profiles), site.timezone, today - timedelta(days=_PAST_DAYS), _PAST_DAYS + 366)


def with_endpoints(options: Options, site: Site, served: dict[str, tuple[str, int]]) -> Options:
    """The options, with where to dial and the passwords from the endpoints file, which is made where there is none.

    Raises:
        BadInput: the file does not fit, or expects a device where it is not.
    """
    assert options.endpoints is not None  # noqa: S101 - the caller has looked
    announced = sorted(_announced(site, options))
    dialling = [name for name, kind in wired_kinds(site).items() if kind in PREFIXES and name not in announced]
    sign = "&" if "?" in (options.mqtt or "") else "?"
    brokers = {name: f"{options.mqtt}{sign}device={name}" for name in announced}
    if not options.endpoints.exists():
        port = _DIAL_IN_PORT if options.base_port else free_port()
        draft_endpoints(options.endpoints, served, dialling, port, brokers)
    known = load_endpoints(options.endpoints, site)
    for name, where in served.items():
        if known.sunspec[name][:2] != where:
            raise BadInput(
                f"endpoints: {options.endpoints} has {name} at {known.sunspec[name][0]}:{known.sunspec[name][1]}, "
                f"it is served at {where[0]}:{where[1]}; expected the same, by --host and --base-port, or a new file"
            )
    if known.brokers != brokers:
        raise BadInput(
            f"endpoints: mqtt of {options.endpoints} is not that of --mqtt; expected the same, or a new file"
        )
    passwords = {**known.passwords, **options.passwords}
    hashed = [name for name, password in passwords.items() if is_hash(password)]
    if hashed:
        raise BadInput(
            f"endpoints: {options.endpoints} has a hash of {hashed[0]}'s password, and a hash opens nothing; "
            f"expected --passwords with a line {hashed[0]}=PASSWORD"
        )
    dial_in = "{}://{}:{}".format("ws" if known.tls is None else "wss", *known.door)
    return replace(options, csms=f"{dial_in}/ocpp", s2=f"{dial_in}/s2", passwords=passwords)


def _begin(site: Site, day: str | None, wall: datetime) -> datetime:
    """The present local time of day, on the chosen day."""
    try:
        chosen = site.default_day if day is None else date.fromisoformat(day)
    except ValueError:
        raise BadInput(f"--date: {day!r} is not a date; expected one such as 2016-05-20") from None
    local = wall.astimezone(ZoneInfo(site.timezone))
    begin = LocalDay(chosen, site.timezone).at(local.hour, local.minute)
    return begin + timedelta(seconds=local.second)


def speaking(site: Site, asked: tuple[str, ...]) -> Site:
    """The site, with stations that speak what is asked: a version of OCPP for all, or STATION=VERSION. Raises `BadInput`."""
    versions: dict[str, str] = {}
    stations = [name for name, kind in wired_kinds(site).items() if kind is DeviceKind.STATION]
    for text in asked:
        name, _, version = text.rpartition("=")
        if version not in STATIONS or (name and name not in stations):
            some = f", for example {stations[0]}=1.6" if stations else ""
            raise BadInput(f"--ocpp: {text!r} does not fit; expected {', '.join(STATIONS)} or STATION=VERSION{some}")
        versions |= dict.fromkeys([name] if name else stations, version)
    if not versions:
        return site
    prosumers = []
    for prosumer in site.prosumers:
        given = [(device, versions.get(prosumer.device_name(device))) for device in prosumer.devices]
        devices = tuple(d if version is None else d.model_copy(update={"ocpp": version}) for d, version in given)
        several = [(one, versions.get(f"{prosumer.name}.{one.name}")) for one in prosumer.charging_stations]
        chargers = tuple(c if version is None else c.model_copy(update={"ocpp": version}) for c, version in several)
        prosumers.append(prosumer.model_copy(update={"devices": devices, "charging_stations": chargers}))
    return site.model_copy(update={"prosumers": tuple(prosumers)})


def _quarter(at: datetime) -> datetime:
    return at - (at - datetime(1970, 1, 1, tzinfo=UTC)) % QUARTER


def _targets(simulation: Simulation, options: Options) -> dict[str, tuple[str, str, str]]:
    targets = {}
    for name in simulation.machines:
        kind = simulation.kind(name)
        url = options.url(kind)
        if url is None:
            continue
        if name in simulation.announced:
            targets[name] = (url, "", "")
            continue
        password = options.passwords.get(name, "")
        secure = url.startswith("wss://")
        if not password and not (secure and options.tls.shows(name)):
            raise BadInput(f"--passwords: {name} has none; expected a line {name}=PASSWORD, as {_OPTIONS[kind]} asks")
        targets[name] = (f"{url}/{name}", name, password)
    if options.tls != DialTls() and not any(url.startswith("wss://") for url, _, _ in targets.values()):
        raise BadInput(
            "--ca: it or --certificates is given, and nothing dials by TLS; expected a URL that begins with wss://"
        )
    return targets


def _show(host: SimulatorHost, options: Options, begin: datetime, site: Site) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("device", "kind", "protocol", "address", "unit id")
    simulation = host.simulation
    for name in simulation.names:
        kind = simulation.kind(name)
        if name in host.endpoints:
            address, port = host.endpoints[name]
            table.add_row(name, kind, "SunSpec TCP", f"{address}:{port}", "any")
        elif (wire := simulation.wire_name(name)) != name:
            url = options.url(kind)
            spoken = simulation.machines[wire].subprotocol.replace("ocpp", "OCPP ")
            table.add_row(
                name, kind, spoken, f"an EVSE of {wire}, which dials {url or f'if given {_OPTIONS[kind]}'}", ""
            )
        else:
            url = options.url(kind)
            if name in simulation.announced:
                table.add_row(name, kind, "MQTT", f"{broker_address(url or '').where}, device {name}", "")
                continue
            where = f"dials {url}/{name}" if url else f"dials if given {_OPTIONS[kind]}"
            spoken = simulation.machines[name].subprotocol
            table.add_row(name, kind, _PROTOCOLS.get(kind, spoken.replace("ocpp", "OCPP ")), where, "")
    console = Console(highlight=False)
    console.print(table)
    local = begin.astimezone(ZoneInfo(site.timezone))
    console.print(
        f"{site.title} runs from {local:%Y-%m-%d %H:%M:%S %Z} on at {options.speed:g} times real speed. "
        "Ctrl-C ends it.",
        markup=False,
    )
