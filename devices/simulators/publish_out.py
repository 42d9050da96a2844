"""The far end of a broker: publishes a simulated building's frames, and hands it what it is told; connects again when cut off."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

from devices.mqtt.address import BrokerAddress
from devices.simulators.gateway.announced_building import AWAY, AnnouncedBuilding

if TYPE_CHECKING:
    from aiomqtt import Client

_PAUSE_S = 0.2
_QOS = 1


class PublishOut:
    """Runs one simulated building at a broker; the same methods as `DialOut`.

    Args:
        machine: the building.
        address: of the broker.
    """

    def __init__(self, machine: AnnouncedBuilding, address: BrokerAddress) -> None:
        self.machine, self._address = machine, address
        self.refusal = ""
        self._client: Client | None = None
        self._speaking = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """True while the broker is there."""
        return self._client is not None

    def dial(self) -> None:
        """Begin to connect, until `hang_up`."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def hang_up(self) -> None:
        """Say that it is away, and leave; safe to call twice."""
        task, self._task = self._task, None
        if task is not None:
            if self._client is not None:
                await self.say([json.dumps([self.machine.availability_topic, AWAY, True])])
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def say(self, frames: list[str]) -> None:
        """Publish what the machine made; while cut off nobody hears it."""
        from aiomqtt import MqttError

        client = self._client
        if client is None:
            return
        async with self._speaking:
            with contextlib.suppress(MqttError):
                for frame in frames:
                    topic, payload, keep = json.loads(frame)
                    await client.publish(topic, payload, qos=_QOS, retain=keep)

    async def at_rest(self, timeout_s: float) -> bool:  # noqa: ARG002 - as `DialOut`
        """Each publication was confirmed when `say` returned."""
        return self.connected

    async def _run(self) -> None:
        from aiomqtt import Client, MqttError, ProtocolVersion, Will

        to = self._address
        will = Will(self.machine.availability_topic, AWAY, qos=_QOS, retain=True)
        while True:
            try:
                async with Client(
                    to.host, to.port, username=to.user, password=to.password, protocol=ProtocolVersion.V5, will=will
                ) as client:
                    await client.subscribe(self.machine.command_topic, qos=_QOS)
                    self._client, self.refusal = client, ""
                    await self.say(self.machine.attached())
                    async for message in client.messages:
                        if isinstance(message.payload, bytes) and not message.retain:
                            told = json.dumps([str(message.topic), message.payload.decode(errors="replace"), False])
                            await self.say(self.machine.receive(told))
            except (MqttError, OSError) as error:
                self.refusal = str(error)
            finally:
                self._client = None
                self.machine.detached()
            await asyncio.sleep(_PAUSE_S)
