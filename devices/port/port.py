"""What a device can do, whatever it speaks: measure, take a setpoint that expires, and tell news.

Every driver implements `Port`. Values cross it in CIM terms (`cim.model`), with the one sign rule.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from cim.model.devices import Nameplate, News, Setpoint
from cim.model.errors import IlesError
from cim.model.readings import Reading


class DeviceError(IlesError):
    """Base of what can go wrong at a device."""


class DeviceUnreachable(DeviceError):
    """The peer does not answer (refused, timed out, not dialled in)."""


class DeviceFault(DeviceError):
    """The peer answered, but with an exception, a refusal or nonsense."""


OnNews = Callable[[News], None]


class NewsBox:
    """A driver's news until it is drained.

    `on_news` is called with each piece before the peer's frame is answered: whoever makes it durable there loses none,
    because a peer that got no answer says it again.
    """

    def __init__(self) -> None:
        self._waiting: list[News] = []
        self.on_news: OnNews | None = None

    def put(self, news: News) -> None:
        """Tell the listener, then keep it."""
        if self.on_news is not None:
            self.on_news(news)
        self._waiting.append(news)

    def __len__(self) -> int:
        return len(self._waiting)

    def drain(self) -> tuple[News, ...]:
        """News since the last call, oldest first."""
        news, self._waiting = tuple(self._waiting), []
        return news


class Port(Protocol):
    """The runtime's side of one device. All coroutines end within the driver's time-out.

    `now` is the market's time: simulated in an experiment, the wall clock in a pilot.
    """

    def listen(self, on_news: OnNews) -> None:
        """Have `on_news` called with each piece of news as it arrives, before the peer has its answer."""
        ...

    async def open(self, now: datetime) -> Nameplate:
        """Connect (or wait for the device to dial in), read what it is, and check that it can do its duty.

        Raises:
            DeviceUnreachable, DeviceFault: with one sentence naming the device, its address and what was expected.
        """
        ...

    async def sync(self, now: datetime) -> None:
        """Work off what the device wants to say at this instant. Nothing to do where frames arrive by themselves."""
        ...

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """Read it now. Raises `DeviceUnreachable` or `DeviceFault`; the caller turns that into ABSENT readings."""
        ...

    async def command(self, setpoint: Setpoint, valid_until: datetime, now: datetime) -> None:
        """Write a setpoint that the device itself drops at `valid_until`, and read it back."""
        ...

    async def release(self, now: datetime) -> None:
        """Drop any setpoint: the device runs by its own rule again."""
        ...

    def drain(self) -> tuple[News, ...]:
        """News since the last call, oldest first."""
        ...

    async def close(self) -> None:
        """Let go of the wire; safe to call twice."""
        ...
