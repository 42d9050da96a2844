"""An MQTT broker in memory: retained messages, filters, wills, and links of drivers that it can cut."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime

from devices.mqtt.building import Building
from devices.mqtt.link import Said
from devices.port.errors import DeviceUnreachable
from devices.simulators.gateway.announced_building import AnnouncedBuilding


class MemoryBroker:
    """A broker without sockets, and the simulated buildings behind it."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.said: list[Said] = []
        self.links: list[MemoryLink] = []
        self.buildings: list[AnnouncedBuilding] = []
        self.later: list[Callable[[], object]] = []  # what happens while a driver waits, one a wait

    def add(self, machine: AnnouncedBuilding, now: datetime) -> None:
        """A building connects."""
        self.buildings.append(machine)
        machine.start(now)
        self.say(machine.attached())

    def say(self, frames: list[str]) -> None:
        """What a building publishes."""
        for frame in frames:
            topic, payload, keep = json.loads(frame)
            self.publish(topic, payload.encode(), keep=keep)

    def publish(self, topic: str, payload: bytes, keep: bool = False) -> None:
        """Somebody publishes; whoever listens hears it."""
        self.said.append((topic, payload.decode(errors="replace")))
        if keep and payload:
            self.kept[topic] = payload
        elif keep:
            self.kept.pop(topic, None)
        for link in self.links:
            link.hear(topic, payload, retained=False)
        for machine in self.buildings:
            if topic == machine.command_topic:
                self.say(machine.receive(json.dumps([topic, payload.decode(), False])))

    def link(self, building: Building, clock: Callable[[], datetime], timeout_s: float) -> MemoryLink:
        """A driver's link."""
        return MemoryLink(self, building, clock)


class MemoryLink:
    """`Link` to a `MemoryBroker`; nothing arrives while nobody awaits, as over a socket."""

    def __init__(self, broker: MemoryBroker, building: Building, clock: Callable[[], datetime]) -> None:
        self.trouble, self.wills = "", list[Said | None]()
        self.will: Said | None = None
        self.connected = False
        self._broker, self._building, self._clock = broker, building, clock
        self._listened: set[str] = set()

    async def open(self, will: Said | None) -> None:
        """Connect, and hear what is kept."""
        await self.close()
        self.will, self.connected = will, True
        self.wills.append(will)
        self._broker.links.append(self)
        self._listen()

    def hear(self, topic: str, payload: bytes, retained: bool) -> None:
        """A message, if it is listened to."""
        if any(_fits(one, topic) for one in self._listened):
            self._building.hear(topic, payload, retained, self._clock())
            self._listen()

    def _listen(self) -> None:
        while new := [topic for topic in self._building.topics if topic not in self._listened]:
            self._listened.update(new)
            for topic, payload in list(self._broker.kept.items()):
                if any(_fits(one, topic) for one in new):
                    self._building.hear(topic, payload, True, self._clock())

    async def publish(self, said: Said) -> None:
        """Say something."""
        if not self.connected:
            raise DeviceUnreachable("the broker is away")
        self._broker.publish(said[0], said[1].encode())

    async def until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Nothing comes by itself here but what is to happen `later`; what is not true after that will not be."""
        await asyncio.sleep(0)
        if not done() and self._broker.later:
            self._broker.later.pop(0)()
        return done()

    def cut(self) -> None:
        """The driver is gone without a word: the broker says its will."""
        self._gone()
        if self.will is not None:
            self._broker.publish(self.will[0], self.will[1].encode())

    async def close(self, *, by_will: bool = False) -> None:
        """A tidy leave, or one after which the will is said."""
        if by_will and self.connected:
            self.cut()
        self._gone()

    def _gone(self) -> None:
        self.connected = False
        self._listened.clear()
        self._building.lost()
        if self in self._broker.links:
            self._broker.links.remove(self)


def _fits(wanted: str, topic: str) -> bool:
    """MQTT 5, 4.7.1, without `#`."""
    one, other = wanted.split("/"), topic.split("/")
    return len(one) == len(other) and all(a in ("+", b) for a, b in zip(one, other, strict=True))
