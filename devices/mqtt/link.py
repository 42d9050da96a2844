"""The connection to a building's broker: MQTT 5, made again when it breaks, with the word that the broker says when we are gone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from devices.mqtt.address import BrokerAddress
from devices.mqtt.building import Building
from devices.port.errors import DeviceUnreachable

if TYPE_CHECKING:
    from aiomqtt import Client

_FIRST_DELAY_S, _LAST_DELAY_S = 0.5, 30.0
_KEEP_ALIVE_S = (
    20  # after one and a half of it the broker takes a silent client for dead, and says its will (MQTT 5, 3.1.2.10)
)
_QOS = 1
_QUEUED = 10_000  # messages that wait here at most
_log = logging.getLogger("iles.devices.mqtt")
Said = tuple[str, str]  # topic, payload


class Link(Protocol):
    """What a driver needs of its broker."""

    @property
    def connected(self) -> bool:
        """Whether the broker is there, and everything is listened to."""
        ...

    @property
    def trouble(self) -> str:
        """Why it is not, in words."""
        ...

    @property
    def will(self) -> Said | None:
        """What the broker says if we are gone without a word."""
        ...

    async def open(self, will: Said | None) -> None:
        """Connect, or connect anew with another will, and go on trying until `close`."""
        ...

    async def publish(self, said: Said) -> None:
        """Say something; returns when the broker has it. Raises `DeviceUnreachable`."""
        ...

    async def until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until `done()` after some message, at most `timeout_s`; returns what `done()` says then."""
        ...

    async def close(self, *, by_will: bool = False) -> None:
        """Leave it, tidily or (`by_will`) so that the broker says the will; safe to call twice."""
        ...


class BrokerLink:
    """`Link` over TCP or TLS; a broker that speaks no MQTT 5 is none, since a will is what makes a limit end.

    Args:
        building: is told what is heard.
        clock: what time it is.
        timeout_s: for each answer of the broker.

    Raises:
        BadInput: the file of the authorities that the address names cannot be read.
    """

    def __init__(self, building: Building, clock: Callable[[], datetime], timeout_s: float) -> None:
        self._address: BrokerAddress = building.address
        self._tls = self._address.context()
        self._building, self._clock, self._timeout_s = building, clock, timeout_s
        self._client: Client | None = None
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._listened: set[str] = set()
        self.trouble, self.will = "", None

    trouble: str
    will: Said | None

    @property
    def connected(self) -> bool:
        """See `Link`."""
        return self._client is not None

    async def open(self, will: Said | None) -> None:
        """See `Link`."""
        await self.close()
        self.will = will
        self._task = asyncio.create_task(self._run())

    async def publish(self, said: Said) -> None:
        """See `Link`."""
        from aiomqtt import MqttError

        client = self._client
        if client is None:
            raise DeviceUnreachable(f"{self._address.where} is away ({self.trouble or 'not yet connected'})")
        try:
            await client.publish(*said, qos=_QOS, timeout=self._timeout_s)
        except MqttError as error:
            raise DeviceUnreachable(f"{self._address.where} does not confirm what is published ({error})") from error

    async def until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """See `Link`."""
        try:
            async with asyncio.timeout(timeout_s):
                while not done():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return done()
        return True

    async def close(self, *, by_will: bool = False) -> None:
        """See `Link`. After a tidy leave the broker says no will; after one without a word it does (MQTT 5, 3.1.2.5)."""
        if by_will and self._client is not None:
            # Below aiomqtt, which always takes its leave; nor does every broker know the reason that would keep the will.
            wire = self._client._client.socket()
            if isinstance(wire, socket.socket):
                with contextlib.suppress(OSError):
                    wire.shutdown(socket.SHUT_RDWR)
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        from aiomqtt import MqttError

        delay = _FIRST_DELAY_S
        while True:
            try:
                async with self._new_client() as client:
                    delay = _FIRST_DELAY_S
                    await self._talk(client)
            except (MqttError, OSError) as error:
                self.trouble = str(error)
                _log.info("building %s: %s: %s", self._building.name, self._address.where, error)
            self._changed.set()
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LAST_DELAY_S)

    def _new_client(self) -> Client:
        from aiomqtt import Client, ProtocolVersion, Will

        to = self._address
        return Client(
            to.host,
            to.port,
            username=to.user,
            password=to.password,
            protocol=ProtocolVersion.V5,
            will=Will(*self.will, qos=_QOS) if self.will is not None else None,
            keepalive=_KEEP_ALIVE_S,
            clean_start=True,
            timeout=self._timeout_s,
            tls_context=self._tls,
            max_queued_incoming_messages=_QUEUED,
        )

    async def _talk(self, client: Client) -> None:
        self._listened.clear()
        try:
            await self._listen(client)
            self._client, self.trouble = client, ""
            self._changed.set()
            async for message in client.messages:
                if isinstance(message.payload, bytes):
                    self._hear(str(message.topic), message.payload, message.retain)
                await self._listen(client)
                self._changed.set()
        finally:
            self._client = None
            self._building.lost()

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        try:
            self._building.hear(topic, payload, retained, self._clock())
        except Exception:
            # Our own fault; the link must outlive it, or a limit would lose what ends it.
            _log.exception("building %s: a message on %s could not be taken", self._building.name, topic)

    async def _listen(self, client: Client) -> None:
        for topic in self._building.topics:
            if topic not in self._listened:
                self._listened.add(topic)
                await client.subscribe(topic, qos=_QOS, timeout=self._timeout_s)
