"""Look at real devices: what charging stations report to a CSMS, and what a SunSpec device is."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from functools import partial

from rich.console import Console
from rich.table import Table

from cim.model.devices import DeviceKind
from cim.model.errors import BadInput
from cim.model.fresh import Fresh
from cim.model.readings import Kind, Quality, Reading
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import DialInServer
from devices.ocpp.v201.machine import CsmsMachine
from devices.port.capabilities import capabilities
from devices.port.stores import Stores
from devices.sunspec.driver import SunSpecMeter, sunspec_port
from devices.sunspec.duties import DUTIES
from devices.sunspec.models import is_defined, model
from devices.sunspec.registers import Registers, TcpRegisters
from devices.sunspec.scan import scan

_UNITS = {"w": "W", "wh": "Wh", "pct": "%", "c": "°C", "v": "V"}
_SPANS = ((2 * 86_400.0, 86_400.0, "days"), (2 * 3600.0, 3600.0, "hours"), (0.0, 60.0, "minutes"))  # from, size, name
# The first kind whose duty the device can do; a battery can do a PV plant's as well, so it comes first.
_GUESSES = (DeviceKind.METER, DeviceKind.BATTERY, DeviceKind.PV)


class _PrintingMachine:
    """A CSMS machine that prints what its station reports."""

    def __init__(self, name: str, console: Console) -> None:
        self._machine, self._console, self._name = CsmsMachine(name), console, name
        self._shown: dict[Kind, Fresh[float]] = {}

    @property
    def closed(self) -> bool:
        return self._machine.closed

    @property
    def now(self) -> datetime:
        return self._machine.now

    @now.setter
    def now(self, at: datetime) -> None:
        self._machine.now = at

    def attached(self) -> list[str]:
        self._tell("connected")
        return self._machine.attached()

    def detached(self) -> None:
        self._tell("gone")
        self._machine.detached()

    def receive(self, frame: str) -> list[str]:
        machine = self._machine
        booted = machine.booted
        answers = machine.receive(frame)
        self._tell(_action(frame))
        if machine.booted and not booted:
            about = machine.station
            text = [about.text(field, "") for field in ("vendorName", "model", "serialNumber", "firmwareVersion")]
            self._tell("is " + ", ".join(word for word in text if word))
        for piece in machine.news.drain():
            self._tell(str(piece))
        for kind, told in machine.last.values.items():
            if self._shown.get(kind) != told:
                self._shown[kind] = told
                reading = Reading(self._name, kind, told.value, told.at, told.told)
                self._tell(_sentence(reading) + clock_note(told, machine.now))
        return answers

    def _tell(self, text: str) -> None:
        if text:
            self._console.print(f"{self._name}  {text}", markup=False)


async def csms(host: str, port: int, passwords: dict[str, str]) -> None:
    """Listen until cancelled.

    Raises:
        BadInput: no station is known, or the port cannot be had.
    """
    if not passwords:
        raise BadInput("--password: no station is known; expected at least one STATION=SECRET (or --passwords FILE)")
    console = Console(highlight=False, soft_wrap=True)
    clock = partial(datetime.now, UTC)
    server = DialInServer(host, port, {"ocpp": "ocpp2.0.1"}, known_passwords(passwords), clock=clock)
    for station in passwords:
        server.register("ocpp", station, _PrintingMachine(station, console))
    await server.start()
    try:
        console.print("Listening as CSMS (OCPP 2.0.1, Basic authentication) at", markup=False)
        for station in passwords:
            console.print(f"  {server.url('ocpp', station)}", markup=False)
        await asyncio.get_running_loop().create_future()
    finally:
        await server.close()


async def scan_device(host: str, port: int, unit: int, timeout_s: float) -> None:
    """Print a SunSpec device's models, nameplate and readings.

    Raises:
        DeviceUnreachable, DeviceFault: it does not answer, or not as a SunSpec device.
    """
    console = Console(highlight=False)
    registers = TcpRegisters(host, port, unit, timeout_s)
    try:
        found = await scan(registers)
        table = Table("model", "name", "address", "length")
        for item in found:
            table.add_row(str(item.id), _model_name(item.id), str(item.address), str(item.length))
        console.print(table)
        kind = next((k for k in _GUESSES if any(all(m in found for m in duty.models) for duty in DUTIES[k])), None)
        if kind is None or 1 not in found:
            console.print("It has not the models of any duty that ILES knows, so nothing is read.")
            return
        await _read(sunspec_port(f"{host}:{port}", kind, registers), registers, console)
    finally:
        await registers.close()


async def _read(port: SunSpecMeter, registers: Registers, console: Console) -> None:
    now = datetime.now(UTC)
    plate = await port.open(now)
    facts = [f"{plate.manufacturer} {plate.model} {plate.serial}".strip(), f"can do the duty of a {plate.kind}"]
    if plate.max_generation_w:
        facts.append(f"generates up to {plate.max_generation_w} W")
    if plate.max_consumption_w:
        facts.append(f"takes up to {plate.max_consumption_w} W")
    if not plate.reverts_by_itself:
        facts.append("cannot drop a limit by itself")
    readings = await port.measure(now)
    if isinstance(port, Stores) and (stored := port.stored_wh()) is not None:
        facts.append(f"stores {stored.value:g} of {port.capacity_wh()} Wh ({stored.quality(now)})")
    facts.append(f"its driver has {', '.join(capabilities(port))}")
    console.print("; ".join(facts), markup=False)
    for reading in readings:
        console.print(_sentence(reading), markup=False)
    await registers.close()


def _model_name(model_id: int) -> str:
    return model(model_id).name if is_defined(model_id) else "not a model of the SunSpec standard"


def _action(frame: str) -> str:
    """The action of an OCPP CALL, "" for anything else."""
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError):
        return "sent what is no JSON"
    return str(message[2]) if isinstance(message, list) and len(message) == 4 and message[0] == 2 else ""


def clock_note(told: Fresh[float], now: datetime) -> str:
    """How far a value is dated from `now`, where that is further than its lifetime; else "".

    The quality beside it is the station's own word. Whether the value is old or the station's clock is wrong cannot be
    told from here: only that ILES would take such a value as STALE.
    """
    if told.told is not Quality.GOOD or told.quality(now) is Quality.GOOD:
        return ""
    return f", {_span((now - told.at).total_seconds())} our clock: old, or the station's clock is off"


def _span(seconds: float) -> str:
    size, unit = next((size, unit) for least, size, unit in _SPANS if abs(seconds) >= least)
    return f"{abs(seconds) / size:.0f} {unit} {'behind' if seconds > 0 else 'ahead of'}"


def _sentence(reading: Reading) -> str:
    name, _, unit = reading.kind.value.rpartition("_")
    at = f"{reading.at:%Y-%m-%d %H:%M:%S}Z"
    return f"{name} {reading.value:g} {_UNITS.get(unit, unit)} ({reading.quality}) at {at}"
