"""The far end of a broker: publishes a simulated building's frames, and hands it what it is told; connects again when cut off."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from devices.mqtt.address import BrokerAddress
from devices.simulators.gateway.announced_building import AWAY, AnnouncedBuilding
from devices.simulators.outgoing import Outgoing

if TYPE_CHECKING:
    from aiomqtt import Client

_PAUSE_S, _LONGEST_S = 0.2, 2.0
_QOS = 1


class PublishOut(Outgoing):
    """Runs one simulated building at a broker.

    Args:
        machine: the building.
        address: of the broker.

    Raises:
        BadInput: the file of the authorities that the address names cannot be read.
    """

    def __init__(self, machine: AnnouncedBuilding, address: BrokerAddress) -> None:
        super().__init__(_PAUSE_S, _LONGEST_S)
        self.machine, self._address = machine, address
        self._tls = address.context()
        self._client: Client | None = None

    @property
    def connected(self) -> bool:
        """True while the broker is there."""
        return self._client is not None

    async def hang_up(self) -> None:
        """Say that it is away, and leave; safe to call twice."""
        if self._task is not None and self._client is not None:
            await self.say([json.dumps([self.machine.availability_topic, AWAY, True])])
        await super().hang_up()

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

    async def at_rest(self, timeout_s: float) -> bool:  # noqa: ARG002 - nothing is waited for
        """Each publication was confirmed when `say` returned."""
        return self.connected

    def _failures(self) -> tuple[type[Exception], ...]:
        from aiomqtt import MqttError

        return MqttError, OSError

    async def _session(self) -> bool:
        from aiomqtt import Client, ProtocolVersion, Will

        to = self._address
        try:
            async with Client(
                to.host,
                to.port,
                username=to.user,
                password=to.password,
                protocol=ProtocolVersion.V5,
                will=Will(self.machine.availability_topic, AWAY, qos=_QOS, retain=True),
                tls_context=self._tls,
            ) as client:
                await client.subscribe(self.machine.command_topic, qos=_QOS)
                self._client = client
                self._arrived()
                await self.say(self.machine.attached())
                async for message in client.messages:
                    if isinstance(message.payload, bytes) and not message.retain:
                        told = json.dumps([str(message.topic), message.payload.decode(errors="replace"), False])
                        await self.say(self.machine.receive(told))
        finally:
            self._client = None
            self.machine.detached()
        return True
