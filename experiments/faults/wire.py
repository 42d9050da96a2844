"""`iles faults --wire`: peers that send nonsense, come under another's name, or come twice at once; and controllers and
meters that die (`controller_kills`, `meter_deaths`).

A fuzzed frame must lead to a typed fault or to a reading that is not GOOD: never to a number that cannot be, never to a
crash. Whole: fields of a true message are taken away or replaced; byte by byte: bytes of it are changed, lost or doubled.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from cim.model.devices import DeviceKind
from cim.model.errors import ProgrammingFault
from cim.model.readings import Quality
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import DialInServer
from devices.ocpp.machine import CsmsMachine
from devices.port.errors import DeviceError
from devices.s2.machine import CemMachine
from devices.s2.rm_state import FRBC, PEBC
from devices.simulators.sunspec.control_functions import Refused
from devices.simulators.sunspec.device_models import meter_203
from devices.simulators.sunspec.sunspec_device import SunSpecDevice
from devices.sunspec.driver import sunspec_port
from devices.sunspec.registers import PATIENCE_S, ExceptionReply, PatientRegisters
from experiments.faults.controller_kills import controller_kills
from experiments.faults.meter_deaths import dead_on_the_wire, meter_deaths
from experiments.faults.wire_buildings import fuzz_mqtt, fuzz_s2_descriptions
from experiments.faults.wire_frames import OCPP, S2
from experiments.faults.wire_fuzz import believed, fuzzed, hear
from experiments.faults.wire_report import WireReport

_Fuzz = Callable[[int, random.Random, WireReport], int]
NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


def wire_faults(
    frames: int,
    impersonations: int,
    reconnects: int,
    seed: int,
    tell: Callable[[str], None],
    *,
    deaths: int = 100,
    patience_s: float = PATIENCE_S,
) -> WireReport:
    """All of it.

    Args:
        frames: fuzzed frames of each protocol; half whole, half byte by byte.
        impersonations, reconnects: log-ins under another's name; overlapping ones of one station.
        seed: draws everything.
        tell: is told what goes on.
        deaths: of a controller, at random requests; and of a meter.
        patience_s: of the requests to a dead meter on a real socket.
    """
    report, rng = WireReport(), random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    fuzzes: dict[str, _Fuzz] = {f"OCPP {spoken[4:]}": partial(_fuzz_ocpp, spoken) for spoken in OCPP}
    for name, fuzz in (fuzzes | {"S2": _fuzz_s2, "SunSpec": _fuzz_sunspec}).items():
        tell(f"{frames} fuzzed frames of {name}")
        report.tried[f"{name} frames"] = fuzz(frames, rng, report)
    for name, spoilt in (("MQTT", fuzz_mqtt), ("S2 description", fuzz_s2_descriptions)):
        tell(f"{frames} fuzzed frames of {name}")
        report.tried[f"{name} frames"] = spoilt(frames, rng, report)
    tell(f"{deaths} controllers killed, {deaths} meters dead")
    controller_kills(deaths, rng, report)
    meter_deaths(deaths, rng, report)
    asyncio.run(dead_on_the_wire(report, patience_s))
    tell("impersonations and reconnects")
    asyncio.run(_sessions(impersonations, reconnects, rng, report))
    return report


@contextmanager
def _quiet(log: logging.Logger) -> Iterator[None]:
    """Nothing below an error is logged meanwhile; what goes wrong leaves the level as it was."""
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _fuzz_ocpp(spoken: str, frames: int, rng: random.Random, report: WireReport) -> int:
    machine, name, log = CsmsMachine("cs"), spoken.upper(), logging.getLogger("iles.devices.ocpp")
    with _quiet(log):  # that they are refused is what is wanted
        for number in range(frames):
            if number % 200 == 0:
                machine = CsmsMachine("cs")
                machine.speak(spoken)
                machine.state.clock(NOW)
            if number % 20 == 0:
                machine.state.clock(NOW + timedelta(minutes=number % 200 // 20))
            frame = fuzzed(rng.choice(OCPP[spoken]), rng)
            hear(name, machine.receive, frame, report)
            told = {
                kind: fresh.value for kind, fresh in machine.state.last.values.items() if fresh.told is Quality.GOOD
            }
            believed(name, told, frame, report)
    return frames


def _fuzz_s2(frames: int, rng: random.Random, report: WireReport) -> int:
    machine = CemMachine("rm", stale_after_s=1800, wanted=(FRBC, PEBC))
    for number in range(frames):
        if number % 50 == 0:
            machine = CemMachine("rm", stale_after_s=1800, wanted=(FRBC, PEBC))
            machine.now = NOW
            machine.attached()
            machine.receive(json.dumps(S2[0]))
        frame = fuzzed(rng.choice(S2), rng)
        hear("S2", machine.receive, frame, report)
        told = {kind: fresh.value for kind, fresh in machine.last.values.items() if fresh.told is Quality.GOOD}
        believed("S2", told, frame, report)
    return frames


@dataclass
class _Metered:
    power_w: float = 1200.0
    reactive_var: float = 0.0
    import_wh: float = 5000.0
    export_wh: float = 10.0


class _Spoiled(PatientRegisters):
    """A meter's registers, some bytes of which are not what they were."""

    def __init__(self, device: SunSpecDevice, rng: random.Random) -> None:
        self._device, self._rng = device, rng
        self.answers = 0

    async def _read_once(self, address: int, count: int) -> list[int]:
        self.answers += 1
        try:
            registers = self._device.read(address, count)
        except Refused as refusal:  # as over a socket
            raise ExceptionReply("meter", f"reading {count} registers at {address}", refusal.code) from refusal
        if self._rng.random() < 0.3:
            place = self._rng.randrange(len(registers))
            registers[place] = self._rng.choice(
                (0, 0xFFFF, 0x8000, 0x7FFF, registers[place] ^ 1 << self._rng.randrange(16))
            )
        return registers

    async def _write_together(self, address: int, values: list[int]) -> None:
        raise ProgrammingFault(f"address: {values} written to a meter at {address}; expected no writing at all")

    async def _write_one(self, address: int, value: int) -> None:
        await self._write_together(address, [value])

    async def close(self) -> None:
        """Nothing to close."""


def _fuzz_sunspec(frames: int, rng: random.Random, report: WireReport) -> int:
    async def scenario() -> int:
        device, answers, number = SunSpecDevice(meter_203(_Metered()), NOW, serial="1"), 0, 0
        while answers < frames:
            registers, number = _Spoiled(device, rng), number + 1
            port = sunspec_port("meter", DeviceKind.METER, registers)
            at = NOW + timedelta(seconds=number)
            try:
                await port.open(at)
                told = {r.kind: r.value for r in await port.measure(at) if r.quality is Quality.GOOD}
            except DeviceError:
                continue
            except Exception as error:
                report.failures.append(f"SunSpec: {type(error).__name__} ({error})")
                continue
            finally:
                answers += registers.answers
            believed("SunSpec", told, "registers", report)
        return answers

    return asyncio.run(scenario())


async def _sessions(impersonations: int, reconnects: int, rng: random.Random, report: WireReport) -> None:
    from websockets.asyncio.client import ClientConnection, connect
    from websockets.exceptions import ConnectionClosed, WebSocketException

    secrets = {"cs1": "the secret of one", "cs2": "the secret of two"}
    server = DialInServer(authenticate=known_passwords(secrets))
    machines = {name: CsmsMachine(name, now=NOW) for name in secrets}
    for name, machine in machines.items():
        server.register("ocpp", name, machine)
    await server.start()
    base = server.url("ocpp", "cs1").rpartition("/")[0]

    async def dial(path: str, user: str, password: str) -> ClientConnection:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {token}"}
        return await connect(f"{base}/{path}", subprotocols=["ocpp2.0.1"], additional_headers=headers)  # type: ignore[list-item]

    try:
        lies = (
            ("cs1", "cs2", secrets["cs2"]),
            ("cs1", "cs1", secrets["cs2"]),
            ("cs1", "cs1", ""),
            ("cs1", "", secrets["cs1"]),
        )
        odd = (("%63s1", "cs2", secrets["cs2"]), ("cs1/../cs2", "cs1", secrets["cs1"]), ("cs1", "CS1", secrets["cs1"]))
        for _ in range(impersonations):
            lie = rng.choice((*lies, *odd))
            try:
                link = await dial(*lie)
            except (WebSocketException, OSError):
                continue
            report.failures.append(f"session: {lie[1]!r} was let in at {lie[0]!r}")
            await link.close()
        report.tried["impersonations"] = impersonations
        links = await asyncio.gather(*(dial("cs1", "cs1", secrets["cs1"]) for _ in range(reconnects)))
        answered = 0
        for link in links:
            try:
                await link.send(json.dumps(OCPP["ocpp2.0.1"][0]))
                async with asyncio.timeout(5.0):
                    answered += str(await link.recv()).startswith("[3,")
            except (ConnectionClosed, TimeoutError):
                continue
        if answered != 1 or not machines["cs1"].booted:
            report.failures.append(
                f"session: {answered} of {reconnects} overlapping sessions of cs1 are served; expected one"
            )
        await asyncio.gather(*(link.close() for link in links))
        report.tried["overlapping reconnects"] = reconnects
    finally:
        await server.close()
