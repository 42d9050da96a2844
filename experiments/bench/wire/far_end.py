"""The far ends of `iles bench wire`, each a process of its own, so that only our side's CPU is counted.

python -m experiments.bench.wire.far_end sunspec COUNT           serves them, prints the ports
python -m experiments.bench.wire.far_end ocpp URL COUNT PERIOD_S dials in, meters each PERIOD_S; "go" on stdin begins,
                                                                 a closed stdin ends it: prints [sent, answered]
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime

from devices.simulators.sunspec.device_models import pv_123
from devices.simulators.sunspec.server import ModbusTcpServer
from devices.simulators.sunspec.sunspec_device import SunSpecDevice

PASSWORD = "a password of the bench"  # noqa: S105 - of stations that live for half a minute, on loopback


@dataclass
class _Plant:
    """A PV plant whose power changes each second."""

    rated_w: float = 8000.0
    power_w: float = -4000.0
    import_wh: float = 0.0
    export_wh: float = 1000.0
    limit_w: float | None = None
    available_w: float = -4000.0


async def _sunspec(count: int) -> None:
    server, plants, devices = ModbusTcpServer(), [_Plant() for _ in range(count)], list[SunSpecDevice]()
    for number, plant in enumerate(plants):
        devices.append(SunSpecDevice(pv_123(plant), datetime.now(UTC), serial=str(number)))
    print(json.dumps([await server.add(device) for device in devices]), flush=True)
    ended, second = asyncio.create_task(_line()), 0
    while not ended.done():
        second += 1
        for plant, device in zip(plants, devices, strict=True):
            plant.available_w = -4000.0 - second
            plant.power_w = max(plant.available_w, plant.available_w if plant.limit_w is None else plant.limit_w)
            device.advance(datetime.now(UTC))
            await asyncio.sleep(0)  # real devices do not stand still all at once while one of them works
        await asyncio.sleep(1.0)
    await server.close()


async def _ocpp(url: str, count: int, period_s: float) -> None:
    from websockets.asyncio.client import ClientConnection, connect

    told = [0, 0]

    async def dialled(number: int) -> ClientConnection:
        name = f"cs{number}"
        token = base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {token}"}
        link = await connect(f"{url}/{name}", subprotocols=["ocpp2.0.1"], additional_headers=headers, compression=None)  # type: ignore[list-item]
        boot = {"reason": "PowerUp", "chargingStation": {"model": "Bench", "vendorName": "ILES"}}
        await link.send(json.dumps([2, "boot", "BootNotification", boot]))
        await link.recv()
        return link

    async def meter(number: int, link: ClientConnection) -> None:
        await asyncio.sleep(period_s * number / count)
        turn = 0
        while True:
            turn += 1
            told[0] += 1
            await link.send(_metering(turn))
            if str(await link.recv()).startswith("[3,"):
                told[1] += 1
            await asyncio.sleep(period_s)

    links: list[ClientConnection] = []
    for begin in range(0, count, 50):
        links += await asyncio.gather(*(dialled(number) for number in range(begin, min(begin + 50, count))))
    print("ready", flush=True)
    await _line()  # "go"
    tasks = [asyncio.create_task(meter(number, link)) for number, link in enumerate(links)]
    await _line()
    for task in tasks:
        task.cancel()
    print(json.dumps(told), flush=True)


def _metering(turn: int) -> str:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    measurands = (("Power.Active.Import", 7200 + turn), ("Energy.Active.Import.Register", 1000 + 20 * turn))
    values = [{"value": value, "measurand": name} for name, value in measurands]
    payload = {"evseId": 1, "meterValue": [{"timestamp": at, "sampledValue": values}]}
    return json.dumps([2, f"m{turn}", "MeterValues", payload])


async def _line() -> str:
    return await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    asyncio.run(_sunspec(int(rest[0])) if what == "sunspec" else _ocpp(rest[0], int(rest[1]), float(rest[2])))
