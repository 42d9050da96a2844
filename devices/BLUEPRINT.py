"""How to add a driver: a whole one to copy, of a device that speaks lines of text over TCP.

    -> READ             <- -1500 20310          power (W, positive is taken) and what it has given so far (Wh)
    -> WHO              <- Maker;Model;Serial;5000
    -> LIMIT 2000 900   <- OK                   give at most 2000 W for 900 s, then run by its own rule again

Steps: (1) copy this file to a folder of its own beside `devices/sunspec/`; (2) fit the capabilities that the device has
(`devices/port/`: Measures, Limits, Stores, Tells), each with all its methods, no others; (3) put a line into `_port` of
`agents/assembly/device_ports.py`, and its kind, if it is new, where docs/map.md says; (4) add a simulator that can misbehave,
and the inputs of `tests/golden/field` that fit. Rules that every driver keeps: values in CIM terms (W, Wh, positive is
taken); nothing the device says is believed unbounded; what cannot be read is INVALID or ABSENT, never 0; a limit is written
together with its expiry, and read back or answered; every wait ends within the time-out; one sentence for every fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from datetime import datetime

from cim.model.devices import DeviceKind, Mode, Nameplate, Setpoint
from cim.model.errors import ProgrammingFault
from cim.model.readings import Kind, Quality, Reading
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.port.told_number import told_number

_MOST_W, _MOST_WH = 1e8, 1e12  # no device of a community is beyond: such a number is a fault, whoever says it
_LONGEST_LINE = 200


class LinePort:
    """A PV plant by the line protocol above: `Port`, `Measures` and `Limits`.

    Args:
        name: becomes the source of the readings and opens every error text.
        host, port: where it listens.
        timeout_s: how long it may take to answer.
    """

    def __init__(self, name: str, host: str, port: int, timeout_s: float = 3.0) -> None:
        self.name = name
        self._where, self._timeout_s = (host, port), timeout_s
        self._link: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self, now: datetime) -> Nameplate:  # noqa: ARG002 - Port gives every call its instant
        """Ask what it is."""
        answer = await self._ask("WHO")
        maker, _, rest = answer.partition(";")
        model, _, rest = rest.partition(";")
        serial, _, rated = rest.partition(";")
        if not (rated.isdecimal() and len(rated) <= 9 and 0 < int(rated) <= _MOST_W):
            raise DeviceFault(f"{self.name}: WHO answers {answer!r}; expected Maker;Model;Serial;WATTS")
        return Nameplate(DeviceKind.PV, maker, model, serial, max_generation_w=int(rated))

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """Power and the counter; each is INVALID where it is no number or cannot be true."""
        words = (await self._ask("READ")).split()
        told = dict(zip((Kind.POWER, Kind.ENERGY_EXPORT), words, strict=False))
        power = _number(told.get(Kind.POWER), -_MOST_W, _MOST_W)
        energy = _number(told.get(Kind.ENERGY_EXPORT), 0.0, _MOST_WH)
        return tuple(
            Reading(self.name, kind, value or 0.0, now, Quality.INVALID if value is None else Quality.GOOD)
            for kind, value in ((Kind.POWER, power), (Kind.ENERGY_EXPORT, energy))
        )

    async def command(self, setpoint: Setpoint, valid_until: datetime, now: datetime) -> None:
        """Limit what it gives until `valid_until`, which the device itself ends."""
        if setpoint.mode is not Mode.LIMIT or setpoint.power_w > 0:
            raise ProgrammingFault(
                f"{self.name}: {setpoint.mode} {setpoint.power_w} W; expected a limit of 0 W or less"
            )
        seconds = math.ceil((valid_until - now).total_seconds())
        if seconds <= 0:
            raise ProgrammingFault(f"{self.name}: valid_until {valid_until.isoformat()} is over; expected a later one")
        await self._done(f"LIMIT {-setpoint.power_w} {seconds}")

    async def release(self, now: datetime) -> None:  # noqa: ARG002 - as above
        """A limit of no seconds is none."""
        await self._done("LIMIT 0 0")

    async def close(self) -> None:
        """Close the link; safe to call twice."""
        link, self._link = self._link, None
        if link is not None:
            link[1].close()
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(link[1].wait_closed(), self._timeout_s)

    async def _done(self, request: str) -> None:
        answer = await self._ask(request)
        if answer != "OK":
            raise DeviceFault(f"{self.name}: {request} is answered by {answer!r}; expected OK")

    async def _ask(self, request: str) -> str:
        """The answer to a line. A link that broke or stayed silent is thrown away: a late answer would be of another question."""
        try:
            async with asyncio.timeout(self._timeout_s):
                if self._link is None:
                    self._link = await asyncio.open_connection(*self._where, limit=_LONGEST_LINE)
                reader, writer = self._link
                writer.write(f"{request}\n".encode())
                await writer.drain()
                line = await reader.readuntil()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            await self.close()
            place = f"{self._where[0]}:{self._where[1]}"
            raise DeviceUnreachable(f"{self.name}: no answer from {place} to {request}; expected a line") from error
        return line.decode(errors="replace").strip()


def _number(word: str | None, low: float, high: float) -> float | None:
    """A finite number within bounds, or None."""
    value = told_number(word or "")
    return value if low <= value <= high else None  # not-a-number is within no bounds
