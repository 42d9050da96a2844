"""The bridge against a real MQTT broker (Mosquitto): each message at least once, with a token, whoever is away meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgpack
import pytest
from aiomqtt import Client, MqttError
from pydantic import ValidationError

from agents.assembly.free_port import free_port
from cim.model.errors import BadInput
from cim.platform.broker.channel import BrokerServer
from cim.platform.broker.consumer import Received
from cim.platform.broker.mqtt import MqttBridge, MqttSettings
from cim.platform.broker.outside import Form, Told, rows_of, told_readings
from cim.platform.broker.producer import Producer
from cim.platform.broker.schemas import READINGS, site_topics
from tests.worlds.broker import block

T = TypeVar("T")
TOPICS = site_topics()
TOKEN = "secret-of-ours"


def shown(topic: str, one: Received) -> Told | None:
    """All rows but those of home-1."""
    rows = [row for row in rows_of(one) if row["meter"] != "home-1.meter"]
    return told_readings(one.id, rows) if rows else None


def settings(port: int = 1883, **more: object) -> MqttSettings:
    """A bridge's settings."""
    given = {"host": "127.0.0.1", "port": port, "user": "iles", "token_env": "ILES_TEST_MQTT", "topics": [READINGS]}
    return MqttSettings.model_validate({**given, "seen_as": "agr-east", **more})


class Mosquitto:
    """A broker with one user, on a port of its own."""

    def __init__(self, folder: Path, binary: str) -> None:
        self.port = free_port()
        self._binary, self._folder = binary, folder
        passwords = folder / "passwords"
        subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "iles", TOKEN], check=True, capture_output=True)
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
            + ("user root\n" if os.getuid() == 0 else "")  # else it could not read the tests' folder
        )
        self.start()

    def start(self) -> None:
        """Run it; returns when it takes connections."""
        command = [self._binary, "-c", str(self._folder / "mosquitto.conf")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        self.stop()
        pytest.fail("mosquitto did not listen within 20 s")

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A real broker, where this machine has one."""
    binary = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if binary is None or shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto is missing: `apt-get install mosquitto`, or `make tools`")
    found = Mosquitto(tmp_path_factory.mktemp("mosquitto"), binary)
    yield found
    found.stop()


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ILES_TEST_MQTT", TOKEN)


def send(server: BrokerServer, *numbers: int) -> None:
    """Blocks in the topic of readings."""
    with Producer(server.beside(), TOPICS) as producer:
        for number in numbers:
            producer.send(READINGS, block(number))


def heard(port: int, bridge: MqttBridge, work: Callable[[Client], Awaitable[T]]) -> T:
    """What a subscriber's work gives while the bridge runs."""

    async def run() -> T:
        async with Client("127.0.0.1", port, username="iles", password=TOKEN) as client:
            await client.subscribe("iles/#", qos=1)
            running = asyncio.create_task(bridge.run())
            try:
                return await asyncio.wait_for(work(client), 30)
            finally:
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running

    return asyncio.run(run())


async def payloads(client: Client, count: int) -> list[bytes]:
    """The next messages' payloads."""
    found: list[bytes] = []
    async for message in client.messages:
        assert str(message.topic) == "iles/readings"
        assert isinstance(message.payload, bytes)
        found.append(message.payload)
        if len(found) == count:
            break
    return found


@pytest.mark.slow
@pytest.mark.parametrize("form", Form)
def test_a_subscriber_gets_what_may_be_seen(mosquitto: Mosquitto, server: BrokerServer, form: Form) -> None:
    """In the form that was asked for, in order, without the rows that are not to be seen."""
    send(server, 1, 2, 3)
    bridge = MqttBridge(server, TOPICS, settings(mosquitto.port, format=form.value), shown)
    found = heard(mosquitto.port, bridge, lambda client: payloads(client, 3))
    read = [msgpack.unpackb(one) if form is Form.MSGPACK else json.loads(one) for one in found]
    if form is Form.CIM:
        values = [[one["Readings"][0]["value"] for one in message["MeterReadings"]] for message in read]
    else:
        values = [[row["value"] for row in message["readings"]] for message in read]
    assert values == [[n * 1000.0, n * 1000.0 + 2] for n in (1, 2, 3)]
    assert bridge.trouble is None


@pytest.mark.slow
def test_while_the_other_broker_is_away_nothing_is_lost(mosquitto: Mosquitto, server: BrokerServer) -> None:
    """It is stopped, messages come, it is there again: the bridge says what was wrong, and sends what was not confirmed."""
    send(server, 1)
    bridge = MqttBridge(server, TOPICS, settings(mosquitto.port), shown)
    assert len(heard(mosquitto.port, bridge, lambda client: payloads(client, 1))) == 1
    mosquitto.stop()
    send(server, 2)

    async def without() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(bridge.run(), 1.0)

    asyncio.run(without())
    assert bridge.trouble is not None
    assert bridge.trouble.startswith(f"the MQTT broker 127.0.0.1:{mosquitto.port} cannot be published to")
    mosquitto.start()

    async def until_second(client: Client) -> float:
        while True:  # at least once: the first may come again, as the bridge was ended while it was being confirmed
            (one,) = await payloads(client, 1)
            value = float(json.loads(one)["readings"][0]["value"])
            if value != 1000.0:
                return value

    assert heard(mosquitto.port, bridge, until_second) == 2000.0


@pytest.mark.slow
def test_a_wrong_token_is_told(mosquitto: Mosquitto, server: BrokerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's token does not fit: a sentence, and nothing is taken for published."""
    send(server, 1)
    monkeypatch.setenv("ILES_TEST_MQTT", "another")
    bridge = MqttBridge(server, TOPICS, settings(mosquitto.port), shown)

    async def run() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(bridge.run(), 1.0)

    asyncio.run(run())
    assert "cannot be published to" in (bridge.trouble or "")
    assert bridge.published == 0
    with pytest.raises(MqttError):
        asyncio.run(_anonymous(mosquitto.port))


async def _anonymous(port: int) -> None:
    async with Client("127.0.0.1", port):
        pass


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"host": "broker.example.org"}, "tls is false for host 'broker.example.org'; expected true"),
        ({"token_env": "ILES_NOT_SET"}, "variable ILES_NOT_SET is empty"),
        ({"topics": ["nothing"]}, "topic 'nothing' is not known"),
        ({"topics": ["device_lost"], "format": "cim"}, "the CIM's classes are for topic readings"),
    ],
)
def test_settings_that_cannot_be_kept_are_refused(more: dict[str, object], words: str) -> None:
    """Before anything is connected, in a sentence."""
    with pytest.raises(BadInput, match=words):
        MqttBridge(BrokerServer("redis://box", "s"), TOPICS, settings(**more), shown)


@pytest.mark.parametrize(
    "more", [{"port": 0}, {"user": ""}, {"topics": []}, {"prefix": "a#"}, {"format": "xml"}, {"password": "x"}]
)
def test_a_settings_file_is_checked(more: dict[str, object]) -> None:
    """Wrong fields are no settings; a password in the file is an unknown field."""
    with pytest.raises(ValidationError):
        settings(**more)
