"""Look at real devices: what charging stations report to a CSMS."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from functools import partial

from rich.console import Console

from cim.model.errors import BadInput
from cim.model.fresh import Fresh
from cim.model.readings import Kind, Quality, Reading
from devices.dial_in.door import Door, Refusal
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import SUBPROTOCOLS, DialInServer
from devices.dial_in.tls import TlsFiles, server_context
from devices.ocpp.machine import CsmsMachine

_UNITS = {"w": "W", "wh": "Wh", "pct": "%", "c": "°C", "v": "V"}
_SPANS = ((2 * 86_400.0, 86_400.0, "days"), (2 * 3600.0, 3600.0, "hours"), (0.0, 60.0, "minutes"))  # from, size, name


class _PrintingMachine:
    """A CSMS machine that prints what its station reports."""

    def __init__(self, name: str, console: Console) -> None:
        self._machine, self._console, self._name = CsmsMachine(name), console, name
        self._shown: dict[tuple[int, Kind], Fresh[float]] = {}

    @property
    def closed(self) -> bool:
        return self._machine.closed

    @property
    def now(self) -> datetime:
        return self._machine.now

    @now.setter
    def now(self, at: datetime) -> None:
        self._machine.now = at

    def speak(self, subprotocol: str) -> None:
        self._machine.speak(subprotocol)

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
            about = machine.about
            text = (about.vendor, about.model, about.serial, about.firmware, machine.version.title)
            self._tell("is " + ", ".join(word for word in text if word))
        for number, state in machine.station.evses.items():
            where = f"EVSE {number}: " if len(machine.station.evses) > 1 else ""
            for piece in state.news.drain():
                self._tell(f"{where}{piece}")
            for kind, told in state.last.values.items():
                if self._shown.get((number, kind)) != told:
                    self._shown[number, kind] = told
                    reading = Reading(self._name, kind, told.value, told.at, told.told)
                    self._tell(where + sentence(reading) + clock_note(told, machine.now))
        for number in machine.station.others:
            machine.station.add(number, self._name)  # from what it says next on
        return answers

    def _tell(self, text: str) -> None:
        if text:
            self._console.print(f"{self._name}  {text}", markup=False)


async def csms(
    host: str, port: int, passwords: dict[str, str], tls: TlsFiles | None, certified: tuple[str, ...]
) -> None:
    """Listen until cancelled.

    Args:
        host, port: where.
        passwords: of stations that come with one.
        tls: the server's certificate, if stations dial with TLS.
        certified: stations that come with a certificate (security profile 3).

    Raises:
        BadInput: no station is known, or the port cannot be had.
    """
    if not passwords and not certified:
        raise BadInput("--password: no station is known; expected at least one STATION=SECRET (or --passwords FILE)")
    console = Console(highlight=False, soft_wrap=True)
    clock = partial(datetime.now, UTC)

    def refused(refusal: Refusal) -> None:
        console.print(f"{refusal.device}  not let in from {refusal.peer}: {refusal.why}", markup=False)

    door = Door(known_passwords(passwords), certified, refused)
    context = None if tls is None else server_context(tls)
    server = DialInServer(host, port, {"ocpp": SUBPROTOCOLS["ocpp"]}, tls=context, clock=clock, door=door)
    stations = (*passwords, *certified)
    for station in stations:
        server.register("ocpp", station, _PrintingMachine(station, console))
    await server.start()
    try:
        how = "passwords" if tls is None else "TLS, passwords and certificates" if certified else "TLS and passwords"
        console.print(f"Listening as CSMS (OCPP 2.1, 2.0.1 and 1.6, {how}) at", markup=False)
        for station in stations:
            console.print(f"  {server.url('ocpp', station)}", markup=False)
        await asyncio.get_running_loop().create_future()
    finally:
        await server.close()


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


def sentence(reading: Reading) -> str:
    """A reading as people read it: name, value and unit, quality, instant."""
    name, _, unit = reading.kind.value.rpartition("_")
    at = f"{reading.at:%Y-%m-%d %H:%M:%S}Z"
    return f"{name} {reading.value:g} {_UNITS.get(unit, unit)} ({reading.quality}) at {at}"
