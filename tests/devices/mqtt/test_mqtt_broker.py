"""The driver and the simulated building against a real MQTT broker (Mosquitto), on uvloop as in Ray's actors."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvloop
from typer.testing import CliRunner

from agents.assembly.free_port import free_port
from cim.model.devices import Mode, Setpoint
from cim.model.readings import Kind, Quality, Reading
from devices.mqtt.address import broker_address
from devices.mqtt.driver import BuildingPort
from devices.port.errors import DeviceUnreachable
from devices.simulators.gateway.announced_building import AnnouncedBuilding
from devices.simulators.publish_out import PublishOut
from experiments.cli.devices import app
from tests.devices.s2.conftest import Room
from tests.worlds.certificates import Authority

pytestmark = pytest.mark.slow
PATIENCE_S = 60.0
PASSWORD = "sixteen-letters!"


@contextlib.contextmanager
def broker(folder: Path, *lines: str) -> Iterator[str]:
    """A broker with one user and these lines more, where this machine has Mosquitto; where it is, with user and password."""
    binary = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if binary is None or shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto is missing: `apt-get install mosquitto`, or `make tools`")
    port = free_port()
    passwords = folder / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "iles", PASSWORD], check=True, capture_output=True)
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
        + ("user root\n" if os.getuid() == 0 else "")
        + "".join(f"{line}\n" for line in lines)
    )
    process = subprocess.Popen(
        [binary, "-c", str(folder / "mosquitto.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            break
        time.sleep(0.05)
    try:
        yield f"iles:{PASSWORD}@127.0.0.1:{port}/homeassistant"
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker without TLS."""
    with broker(tmp_path_factory.mktemp("mosquitto")) as where:
        yield f"mqtt://{where}"


async def true(what: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is."""
    async with asyncio.timeout(PATIENCE_S):
        while not await what():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)


def served(url: str, name: str, work: Callable[[AnnouncedBuilding, BuildingPort], Awaitable[None]]) -> None:
    """A simulated building at the broker and a driver of it, on uvloop."""

    async def run() -> None:
        machine = AnnouncedBuilding(name, Room())
        machine.start(datetime.now(UTC))
        far = PublishOut(machine, broker_address(url))
        far.dial()

        async def connected() -> bool:
            return far.connected

        await true(connected)
        port = BuildingPort(name, f"{url}?device={name}", PATIENCE_S)
        try:
            await work(machine, port)
        finally:
            await port.close()
            await far.hang_up()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


async def power(port: BuildingPort) -> Reading:
    """What it draws."""
    return next(one for one in await port.measure(datetime.now(UTC)) if one.kind is Kind.POWER)


def test_a_building_is_found_read_and_limited(url: str) -> None:
    """Discovery, live values, a limit read back, its end; when the building leaves, the broker says so."""

    async def work(machine: AnnouncedBuilding, port: BuildingPort) -> None:
        now = datetime.now(UTC)
        plate = await port.open(now)
        assert (plate.serial, plate.max_consumption_w) == ("first.pump", 4000)
        await port.command(Setpoint(Mode.LIMIT, 1500), now + timedelta(hours=1), now)
        assert machine.limit_w == 1500.0

        async def good() -> bool:
            return (await power(port)).quality is Quality.GOOD

        far = PublishOut(machine, broker_address(url))
        far.dial()  # it tells again, now that somebody listens

        await true(good)
        await port.release(now)
        assert machine.limit_w == 4000.0
        await far.hang_up()

        async def absent() -> bool:
            return (await power(port)).quality is Quality.ABSENT

        await true(absent)

    served(url, "first.pump", work)


def test_the_broker_takes_the_limit_back_when_the_driver_is_cut_off(url: str) -> None:
    """Its connection breaks without a word: the broker says the will, and the building is free again."""

    async def work(machine: AnnouncedBuilding, port: BuildingPort) -> None:
        now = datetime.now(UTC)
        await port.open(now)
        await port.command(Setpoint(Mode.LIMIT, 1500), now + timedelta(hours=1), now)
        link = port._link
        broken = link._client._client.socket()  # type: ignore[attr-defined]
        broken.shutdown(socket.SHUT_RDWR)

        async def free() -> bool:
            return machine.limit_w == 4000.0

        await true(free)

    served(url, "second.pump", work)


def test_what_is_not_confirmed_at_the_end_the_broker_says(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker does not confirm that the limit is taken back when the driver closes: it says the will, the building is free."""

    async def work(machine: AnnouncedBuilding, port: BuildingPort) -> None:
        now = datetime.now(UTC)
        await port.open(now)
        await port.command(Setpoint(Mode.LIMIT, 1500), now + timedelta(hours=1), now)
        assert machine.limit_w == 1500

        async def lost(_: object) -> None:
            raise DeviceUnreachable("not confirmed")

        monkeypatch.setattr(port._link, "publish", lost)
        await port.close()

        async def free() -> bool:
            return machine.limit_w == 4000.0

        await true(free)

    served(url, "fourth.pump", work)


def test_who_has_no_password_is_told(url: str) -> None:
    """The broker's own words, and no password in them."""

    async def run() -> None:
        port = BuildingPort("x", url.replace(PASSWORD, "another-password"), 2.0)
        try:
            with pytest.raises(DeviceUnreachable, match="Not authorized") as caught:
                await port.open(datetime.now(UTC))
            assert "another" not in str(caught.value)
        finally:
            await port.close()

    asyncio.run(run())


def test_probe_shows_a_building(url: str) -> None:
    """`iles devices probe` prints what it is, its rating and its readings, and writes nothing."""

    async def run() -> str:
        machine = AnnouncedBuilding("third.pump", Room())
        machine.start(datetime.now(UTC))
        far = PublishOut(machine, broker_address(url))
        far.dial()
        try:
            found = await asyncio.to_thread(
                CliRunner(env={"COLUMNS": "200"}).invoke, app, ["probe", f"{url}?device=third.pump"]
            )
        finally:
            await far.hang_up()
        assert found.exit_code == 0, found.output
        assert machine.limit_w == 4000.0
        return found.output

    said = asyncio.run(run())
    for words in (
        "ILES, Simulated heat pump, third.pump",
        "takes up to 4000 W",
        "cannot drop a limit by itself",
        "Limits",
    ):
        assert words in said


# paho drops a socket whose handshake failed without closing it
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("trusted", ["ours", "strange", ""])
def test_by_tls_only_a_broker_that_is_vouched_for_is_spoken_to(tmp_path: Path, trusted: str) -> None:
    """`?ca=` for the driver and for the simulated building; signed by another, or by none that the machine trusts, by neither."""
    ours, _ = Authority(tmp_path, "ours"), Authority(tmp_path, "strange")
    certificate, key = ours.signs("broker")
    ca = f"&ca={tmp_path / trusted}.pem" if trusted else ""

    async def run(url: str) -> tuple[float, str, str]:
        machine = AnnouncedBuilding("by-tls.pump", Room())
        machine.start(datetime.now(UTC))
        far = PublishOut(machine, broker_address(url))
        port = BuildingPort("by-tls.pump", url, PATIENCE_S if trusted == "ours" else 1.0)
        far.dial()

        async def tried() -> bool:
            return far.connected or far.refusal != ""

        try:
            await true(tried)
            with contextlib.suppress(DeviceUnreachable):
                now = datetime.now(UTC)
                await port.open(now)
                await port.command(Setpoint(Mode.LIMIT, 1500), now + timedelta(hours=1), now)
            return machine.limit_w, far.refusal, port._link.trouble
        finally:
            await port.close()
            await far.hang_up()

    with broker(tmp_path, f"certfile {certificate}", f"keyfile {key}") as where:
        limit_w, refusal, trouble = asyncio.run(run(f"mqtts://{where}?device=by-tls.pump{ca}"))
    gc.collect()
    if trusted == "ours":
        assert (limit_w, refusal, trouble) == (1500.0, "", "")
    else:
        assert limit_w == 4000.0
        assert "CERTIFICATE_VERIFY_FAILED" in refusal
        assert "CERTIFICATE_VERIFY_FAILED" in trouble
