"""Topics for outsiders over MQTT: a bridge publishes what they may see to a broker of theirs, each message at least once."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import structlog
from pydantic import BaseModel, ConfigDict, Field

from cim.model.errors import BadInput
from cim.model.worded import Worded
from cim.platform.broker.channel import BrokerServer
from cim.platform.broker.consumer import Consumer, Received
from cim.platform.broker.errors import BrokerError
from cim.platform.broker.outside import Form, Told, check_form, written
from cim.platform.broker.topic import Topic
from cim.platform.exposure import is_loopback

if TYPE_CHECKING:
    from aiomqtt import Client

GROUP = "mqtt"
_MESSAGES = 100
_PAUSE_S = 0.25
_FIRST_DELAY_S, _LAST_DELAY_S = 0.5, 30.0
_CLEAR_PORT, _TLS_PORT = 1883, 8883  # registered with IANA: mqtt, secure-mqtt
_QOS = 1  # the broker confirms each message; what it did not confirm is sent again

_log = structlog.get_logger(__name__)

Shown = Callable[[str, Received], Told | None]


class MqttSettings(BaseModel):
    """Where a bridge publishes, and what.

    Attributes:
        token_env: the environment variable that holds the user's token (its password); secrets stand in no file.
        topics: of the site.
        seen_as: the party whose sight decides what is published (its name or domain).
        prefix: before each topic's name on the MQTT broker.
        port: None takes the registered one, 8883 with TLS and 1883 without.
        tls: needed for a broker on another machine, since the token travels in clear otherwise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    user: Annotated[str, Field(min_length=1)]
    token_env: Annotated[str, Field(min_length=1)]
    topics: Annotated[tuple[str, ...], Field(min_length=1)]
    seen_as: Annotated[str, Field(min_length=1)]
    format: Form = Form.JSON
    prefix: Annotated[str, Worded(r"^[A-Za-z0-9_/-]{1,100}$", "letters, digits, _ / -, at most 100")] = "iles"
    purpose: str = "operation"
    tls: bool = False

    @property
    def at_port(self) -> int:
        """The port that is connected to."""
        return self.port or (_TLS_PORT if self.tls else _CLEAR_PORT)

    def check(self) -> None:
        """Refuse what contradicts itself, before anything is connected to.

        Raises:
            BadInput: TLS does not go with the host or the port, a topic stands twice, or it does not have the format.
        """
        if not self.tls and not is_loopback(self.host):
            raise BadInput(f"mqtt: tls is false for host {self.host!r}; expected true beyond this machine")
        if self.port == (_CLEAR_PORT if self.tls else _TLS_PORT):
            said, other = ("true", "false") if self.tls else ("false", "true")
            raise BadInput(f"mqtt: port {self.port} is registered for tls {other}, but tls is {said}; expected another")
        twice = sorted(name for name, times in Counter(self.topics).items() if times > 1)
        if twice:
            raise BadInput(f"mqtt: topic {twice[0]!r} stands twice in topics; expected each once")
        for name in self.topics:
            check_form(name, self.format)


class MqttBridge:
    """Publishes topics; where the MQTT broker or the site's is away it tries again, and loses nothing.

    Args:
        shown: of a topic's message what may be published, None: nothing of it.

    Raises:
        BadInput: a topic that is not known, a form that it does not have, no token, or one that would travel in clear.
    """

    def __init__(self, server: BrokerServer, topics: Mapping[str, Topic], settings: MqttSettings, shown: Shown) -> None:
        settings.check()
        self._token = os.environ.get(settings.token_env, "")
        if not self._token:
            raise BadInput(f"mqtt: the environment variable {settings.token_env} is empty; expected the user's token")
        self._settings, self._shown, self._server = settings, shown, server
        self._consumers: dict[str, Consumer] = {}
        for name in settings.topics:
            if name not in topics:
                raise BadInput(f"mqtt: topic {name!r} is not known; expected some of {', '.join(sorted(topics))}")
            self._consumers[name] = Consumer(server, topics[name], GROUP, "bridge", dead_s=None)
        self.published = 0
        self.trouble: str | None = None

    async def run(self) -> None:
        """Publish until cancelled."""
        from aiomqtt import MqttError

        delay, where = _FIRST_DELAY_S, f"{self._settings.host}:{self._settings.at_port}"
        while True:
            before = self.published
            try:
                await self._connected()
            except MqttError as error:
                self._say(f"the MQTT broker {where} cannot be published to: {error}")
            except BrokerError as error:
                self._say(str(error))
            for consumer in self._consumers.values():
                consumer.rewind()
            delay = _FIRST_DELAY_S if self.published > before else min(2 * delay, _LAST_DELAY_S)
            await asyncio.sleep(delay)

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble:
            _log.warning("mqtt", reason=trouble, so="it is tried again; what was not confirmed is kept")
        self.trouble = trouble

    async def _connected(self) -> None:
        from aiomqtt import Client

        settings = self._settings
        context = ssl.create_default_context() if settings.tls else None
        async with Client(
            settings.host, settings.at_port, username=settings.user, password=self._token, tls_context=context
        ) as client:
            while True:
                found = 0
                for name, consumer in self._consumers.items():
                    messages = await asyncio.to_thread(consumer.take, _MESSAGES)
                    for one in messages:
                        await self._publish(client, name, one)
                    await asyncio.to_thread(consumer.acknowledge, messages)
                    found += len(messages)
                self.trouble = None
                if not found:
                    await asyncio.sleep(_PAUSE_S)

    async def _publish(self, client: Client, name: str, one: Received) -> None:
        told = await asyncio.to_thread(self._shown, name, one)
        if told is not None:
            topic = f"{self._settings.prefix}/{name}"
            await client.publish(topic, written(told, self._settings.format), qos=_QOS)
            self.published += 1
