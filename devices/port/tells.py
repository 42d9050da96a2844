"""The capability to tell news without being asked, and the box in which a driver keeps them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, runtime_checkable

from cim.model.devices import News

OnNews = Callable[[News], None]


@runtime_checkable
class Tells(Protocol):
    """A device that speaks without being asked: a charging station, a building gateway, a weather service."""

    def listen(self, on_news: OnNews) -> None:
        """Have `on_news` called with each piece of news as it arrives, before the peer has its answer."""
        ...

    async def sync(self, now: datetime) -> None:
        """Work off what the device wants to say at this instant; nothing to do where frames arrive by themselves."""
        ...

    def drain(self) -> tuple[News, ...]:
        """News since the last call, oldest first."""
        ...


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
