"""`iles devices probe`, `watch` and `scan`: what a real device is, can do and measures, without writing to it."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from rich.console import Console
from rich.table import Table

from cim.model.devices import Nameplate
from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality, Reading
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import DialInServer
from devices.mqtt.address import broker_address
from devices.mqtt.driver import BuildingPort
from devices.ocpp.connection import StationConnection
from devices.ocpp.driver import StationPort
from devices.port.capabilities import capabilities
from devices.port.errors import DeviceFault
from devices.port.measures import Measures
from devices.port.port import Port
from devices.s2.appliance import AppliancePort
from devices.s2.driver import GatewayPort
from devices.sunspec.models import is_defined, model
from devices.sunspec.probe import FoundDuty
from devices.sunspec.probe import probe as probe_sunspec
from devices.sunspec.registers import TcpRegisters
from devices.sunspec.secure_address import is_secure, secure_address
from experiments.cli.devices_commissioning import sentence

_URL = re.compile(
    r"(?:(?P<scheme>[a-z0-9]+)://)?(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\s:/\[\]]+):(?P<port>\d{1,5})(?:/(?P<rest>[^\s/]+))?"
)
_DIALLING = {"ocpp": (), "s2": (GatewayPort, AppliancePort)}
_EXPECTED = (
    "expected modbus://HOST:PORT/UNIT (or HOST:PORT) for a SunSpec device, mbaps:// by TLS, "
    "mqtt://HOST:PORT/PREFIX for a building behind a "
    "broker, ocpp://HOST:PORT/STATION or s2://HOST:PORT/NAME "
    "to wait there for one that dials in"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device is: `scheme` is modbus, ocpp or s2; `name` the identity of one that dials in."""

    scheme: str
    host: str
    port: int
    unit: int = 1
    name: str = ""


def place_of(url: str) -> Place:
    """The place that a URL names. Raises `BadInput`."""
    match = _URL.fullmatch(url)
    scheme, rest = (match["scheme"] or "modbus", match["rest"] or "") if match else ("", "")
    if match is None or scheme not in ("modbus", *_DIALLING) or not int(match["port"]) < 65536:
        raise BadInput(f"device: {url!r} is not an address; {_EXPECTED}")
    if (scheme == "modbus" and not (rest.isdecimal() or not rest)) or (scheme != "modbus" and not rest):
        raise BadInput(f"device: {url!r} names {rest or 'nobody'} behind the port; {_EXPECTED}")
    host, port = match["host"].strip("[]"), int(match["port"])
    return Place(scheme, host, port, int(rest or 1)) if scheme == "modbus" else Place(scheme, host, port, name=rest)


async def scan_device(place: Place, timeout_s: float) -> None:
    """Print a SunSpec device's models, and for each duty it can do its nameplate and readings.

    Raises:
        DeviceUnreachable, DeviceFault: it does not answer, or not as a SunSpec device.
    """
    console, now = Console(highlight=False), datetime.now(UTC)
    registers = TcpRegisters(place.host, place.port, place.unit, timeout_s)
    try:
        found, duties = await probe_sunspec(f"{place.host}:{place.port}", registers, now)
    finally:
        await registers.close()
    table = Table("model", "name", "address", "length")
    for item in found:
        name = model(item.id).name if is_defined(item.id) else "not a model of the SunSpec standard"
        table.add_row(str(item.id), name, str(item.address), str(item.length))
    console.print(table)
    if not duties:
        console.print("It has not the models of any duty that ILES knows, so nothing is read.")
    for duty in duties:
        console.print(_about(duty, now), markup=False)
        for reading in duty.readings:
            console.print(f"  {sentence(reading)}", markup=False)


def _about(duty: FoundDuty, now: datetime) -> str:
    plate, number = duty.plate, f" (meter {duty.meter})" if duty.meter > 1 else ""
    if plate is None:
        return f"has the models of a {duty.kind}{number}, but {duty.fault}"
    facts = [
        f"{plate.manufacturer.strip()} {plate.model} {plate.serial}".strip(),
        f"can do the duty of a {plate.kind}{number}",
    ]
    facts += _ratings(plate)
    if duty.stored is not None:
        facts.append(f"stores {duty.stored.value:g} of {plate.capacity_wh} Wh ({duty.stored.quality(now)})")
    facts.append(f"its driver has {', '.join(duty.capabilities)}")
    return "; ".join(facts)


def _ratings(plate: Nameplate) -> list[str]:
    facts = []
    if plate.max_generation_w:
        facts.append(f"generates up to {plate.max_generation_w} W")
    if plate.max_consumption_w:
        facts.append(f"takes up to {plate.max_consumption_w} W")
    if plate.reserve_pct:
        facts.append(f"keeps {plate.reserve_pct} % back")
    if not plate.reverts_by_itself:
        facts.append("cannot drop a limit by itself")
    return facts


@dataclass(frozen=True, slots=True)
class Opened:
    """A device opened as what it can be: its driver, what it says of itself, what it measured; or why it cannot."""

    use: str
    port: Port
    plate: Nameplate | None
    readings: tuple[Reading, ...]
    fault: str = ""


async def probe_device(url: str, timeout_s: float, passwords: dict[str, str]) -> None:
    """Print as a table what a device is and can do; nothing is written to it, and no limit is set.

    Raises:
        BadInput: the URL names no place, or no password is given for a device that dials in.
        DeviceUnreachable, DeviceFault: it does not answer.
    """
    async with opened(url, timeout_s, passwords) as found:
        table = Table("as", "maker, model, serial", "ratings", "now", "its driver can", title=_shown(url))
        for one in found:
            if one.plate is None:
                table.add_row(one.use, "", "", f"no use: {one.fault}", "")
                continue
            plate = one.plate
            who = ", ".join(part.strip() for part in (plate.manufacturer, plate.model, plate.serial) if part.strip())
            now = "\n".join(sentence(reading).rpartition(" at ")[0] for reading in one.readings)
            table.add_row(
                one.use, who, "\n".join(_ratings(plate)) or "none told", now, "\n".join(capabilities(one.port))
            )
        Console(highlight=False).print(table if found else "It has not the models of any duty that ILES knows.")


def _shown(url: str) -> str:
    """A URL without the password in it."""
    return broker_address(url).where if _at_a_broker(url) else url


def _at_a_broker(url: str) -> bool:
    return url.startswith(("mqtt://", "mqtts://"))


async def watch_device(url: str, timeout_s: float, passwords: dict[str, str], interval_s: float) -> None:
    """Print what a device measures, a line for each change of a value, until cancelled. Raises as `probe_device`."""
    console, shown = Console(highlight=False, soft_wrap=True), dict[tuple[str, Kind], tuple[float, str]]()
    async with opened(url, timeout_s, passwords) as found:
        usable = [one for one in found if one.plate is not None]
        if not usable:
            raise DeviceFault(
                f"{_shown(url)}: nothing of it can be read ({'; '.join(one.fault for one in found) or 'no duty'})"
            )
        while True:
            for one in usable:
                assert isinstance(one.port, Measures)  # noqa: S101 - every driver that was opened here measures
                for reading in await one.port.measure(datetime.now(UTC)):
                    told = (reading.value, str(reading.quality))
                    if shown.get((one.use, reading.kind)) != told:
                        shown[one.use, reading.kind] = told
                        console.print(f"{one.use}: {sentence(reading)}", markup=False)
            await asyncio.sleep(interval_s)


@asynccontextmanager
async def opened(url: str, timeout_s: float, passwords: dict[str, str]) -> AsyncIterator[list[Opened]]:
    """A device, opened as all that it can be."""
    if _at_a_broker(url):
        at = broker_address(url)
        building = BuildingPort(at.device or f"{at.host}:{at.port}", url, timeout_s)
        try:
            plate = await building.open(datetime.now(UTC))
            yield [Opened("building", building, plate, await _told(building, timeout_s))]
        finally:
            await building.close()
        return
    secure = secure_address(url) if is_secure(url) else None
    place = Place("modbus", secure.host, secure.port, secure.unit) if secure is not None else place_of(url)
    if place.scheme == "modbus":
        plain = TcpRegisters(place.host, place.port, place.unit, timeout_s)
        registers = plain if secure is None else secure.registers(timeout_s)
        try:
            _, duties = await probe_sunspec(f"{place.host}:{place.port}", registers, datetime.now(UTC))
            yield [
                Opened(f"{d.kind} {d.meter}" if d.meter > 1 else str(d.kind), d.port, d.plate, d.readings, d.fault)
                for d in duties
            ]
        finally:
            await registers.close()
        return
    if place.name not in passwords:
        raise BadInput(
            f"--password: none is given for {place.name}; expected {place.name}=SECRET (or --passwords FILE)"
        )
    server = DialInServer(
        place.host, place.port, authenticate=known_passwords(passwords), clock=partial(datetime.now, UTC)
    )
    await server.start()
    try:
        Console(stderr=True, highlight=False).print(f"Waiting at {server.url(place.scheme, place.name)}", markup=False)
        yield await _dialled(place, server, timeout_s)
    finally:
        await server.close()


async def _told(building: BuildingPort, patience_s: float) -> tuple[Reading, ...]:
    """What it measures, once it has told something: a broker need not keep what a sensor said, and many speak once a minute."""
    readings = await building.measure(datetime.now(UTC))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            while all(reading.quality is Quality.ABSENT for reading in readings):
                await asyncio.sleep(0.2)
                readings = await building.measure(datetime.now(UTC))
    return readings


async def _station(place: Place, server: DialInServer, timeout_s: float) -> list[Opened]:
    """Each EVSE of a charging station that it names."""
    connection = StationConnection(place.name, server=server, timeout_s=timeout_s)
    station, opened = connection.machine.station, list[tuple[int, StationPort, Nameplate]]()
    waiting = [1]
    while waiting:
        evse = waiting.pop(0)
        port = StationPort(place.name, connection=connection, evse=evse, only_looks=True)
        opened.append((evse, port, await port.open(datetime.now(UTC))))
        for number in station.others:
            station.add(number, f"{place.name}, EVSE {number}")
            waiting.append(number)
    found = []
    for evse, port, plate in opened:
        which = f", EVSE {evse}" if len(opened) > 1 else ""
        readings = await port.measure(datetime.now(UTC))
        found.append(Opened(f"{plate.kind}, {port.speaks}{which}", port, plate, readings))
    return found


async def _dialled(place: Place, server: DialInServer, timeout_s: float) -> list[Opened]:
    """The first driver of its protocol that a device which dials in answers as it should."""
    if place.scheme == "ocpp":
        return await _station(place, server, timeout_s)
    faults = []
    for driver in _DIALLING[place.scheme]:
        port = driver(place.name, None, server, timeout_s=timeout_s)
        try:
            plate = await port.open(datetime.now(UTC))
        except DeviceFault as fault:
            faults.append(str(fault))
            await port.close()
            continue
        return [Opened(str(plate.kind), port, plate, await port.measure(datetime.now(UTC)))]
    raise DeviceFault("; ".join(faults))
