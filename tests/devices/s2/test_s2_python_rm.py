"""s2-python's own example of a resource manager, unchanged, dials our CEM."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cim.model.readings import Kind, Quality
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import DialInServer
from devices.s2.driver import GatewayPort

EXAMPLE = Path(__file__).parents[2] / "golden" / "s2_python" / "async_frbc_rm.txt"
PASSWORD = "sixteen-letters!"
PATIENCE_S = 60.0

pytestmark = pytest.mark.slow


def test_s2_pythons_own_example_connects_unchanged() -> None:
    """It shakes hands, describes a battery of 0..100 % and -200..200 W, and tells 10 % and its power; all of it is accepted."""

    async def run() -> tuple[tuple[int, int], dict[Kind, tuple[float, Quality]], str]:
        server = DialInServer(authenticate=known_passwords({"gw": PASSWORD}), clock=lambda: datetime.now(UTC))
        await server.start()
        port = GatewayPort("gw", server=server, timeout_s=PATIENCE_S)
        url = f"ws://gw:{PASSWORD}@127.0.0.1:{server.port}/s2/gw"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(EXAMPLE), "--endpoint", url),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            plate = await port.open(datetime.now(UTC))
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    readings = {one.kind: one for one in await port.measure(datetime.now(UTC))}
                    if all(one.quality is Quality.GOOD for one in readings.values()):
                        break
                    await asyncio.sleep(0.05)
        finally:
            with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
                process.kill()
            said, _ = await process.communicate()
            await port.close()
            await server.close()
        found = {kind: (one.value, one.quality) for kind, one in readings.items()}
        return (plate.max_generation_w, plate.max_consumption_w), found, said.decode()

    rated, found, said = asyncio.run(run())
    assert rated == (200, 200)
    assert found[Kind.STATE_OF_CHARGE] == (10.0, Quality.GOOD)
    assert 10 <= found[Kind.POWER][0] <= 100  # what it draws by chance
    assert "INVALID" not in said
    assert "Traceback" not in said
