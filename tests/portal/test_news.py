"""What has changed, told to listeners: resumed by number, coalesced for the slow, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec

import pytest

from portal import news as news_module
from portal.news import News, TooMany
from portal.news_routes import EventStream
from tests.worlds.doubles import NOON

P = ParamSpec("P")


def in_loop(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """A test in an event loop of its own."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def story() -> None:
            await test(*args, **kwargs)

        asyncio.run(story())

    return run


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of a hundredth of a second."""
    monkeypatch.setattr(news_module, "PAUSE_S", 0.01)


def data_of(event: bytes) -> tuple[str, list[str]]:
    """An event's identity and the families that have news."""
    lines = dict(line.split(": ", 1) for line in event.decode().splitlines() if ": " in line)
    return lines["id"], json.loads(lines["data"])["changed"]


class Ear:
    """One listener of some news, who takes what it is sent at once unless it is told to wait."""

    def __init__(self, news: News, identity: str | None = None) -> None:
        self.heard: list[bytes] = []
        self.more = asyncio.Event()
        self.room, self.left = asyncio.Event(), asyncio.Event()
        self.room.set()
        self.task = asyncio.create_task(news.listen(identity, self.take, self.gone))

    async def take(self, message: bytes) -> None:
        """Take one."""
        if not self.room.is_set():
            await self.room.wait()
        self.heard.append(message)
        self.more.set()

    async def gone(self) -> None:
        """Until it leaves."""
        await self.left.wait()

    async def next(self, count: int) -> tuple[str, list[str]]:
        """Its event of this number, once it has come."""
        async with asyncio.timeout(5):
            while len(self.heard) < count:
                self.more.clear()
                await self.more.wait()
        return data_of(self.heard[count - 1])

    async def leave(self) -> None:
        """Go."""
        self.left.set()
        await self.task


@in_loop
async def test_a_listener_hears_what_changed_since_it_last_heard() -> None:
    """The first event says what there is, the next only what is new, and where nothing is new there is none."""
    news = News(lambda: NOON)
    news.tell("OrderPlaced")
    ear = Ear(news)
    assert (await ear.next(1))[1] == ["OrderPlaced"]
    news.tell("FlexOffered")
    news.tell("FlexOffered")
    assert (await ear.next(2))[1] == ["FlexOffered"]
    await asyncio.sleep(0.05)
    assert len(ear.heard) == 2
    await ear.leave()


@in_loop
async def test_who_was_away_is_told_everything_since() -> None:
    """By the identity of its last event a listener gets the rest, at once and in one event."""
    news = News(lambda: NOON)
    first = Ear(news)
    identity, _ = await first.next(1)
    await first.leave()
    for family in ("OrderPlaced", "FlexOffered", "OrderPlaced"):
        news.tell(family)
    again = Ear(news, identity)
    assert (await again.next(1))[1] == ["FlexOffered", "OrderPlaced"]
    await again.leave()


@pytest.mark.parametrize("identity", ["", "nonsense", "00000000-3", "-1", f"{'9' * 400}", "abc-" + "9" * 40])
@in_loop
async def test_an_identity_of_another_start_means_everything(identity: str) -> None:
    """Numbers begin anew with each start, so an unknown identity counts as none."""
    news = News(lambda: NOON)
    news.tell("OrderPlaced")
    ear = Ear(news, identity)
    assert (await ear.next(1))[1] == ["OrderPlaced"]
    await ear.leave()


@in_loop
async def test_a_slow_listener_gets_one_event_for_many_and_nobody_waits_for_it() -> None:
    """While it takes nothing another hears all; what it missed is one event, and none is lost."""
    news = News(lambda: NOON)
    slow, quick = Ear(news), Ear(news)
    await slow.next(1)
    slow.room.clear()
    news.tell("FlexOffered")
    await quick.next(2)
    for number in range(1000):
        news.tell("OrderPlaced")
        if number % 100 == 0:
            await asyncio.sleep(0.012)
    await quick.next(5)
    assert len(slow.heard) == 1
    slow.room.set()
    assert (await slow.next(2))[1] == ["FlexOffered"]
    assert (await slow.next(3))[1] == ["OrderPlaced"]
    await slow.leave()
    await quick.leave()


@in_loop
async def test_an_event_is_made_once_for_all_who_had_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred who are as far as each other share the bytes."""
    news, made = News(lambda: NOON), list[int]()
    ears = [Ear(news) for _ in range(100)]
    for ear in ears:
        await ear.next(1)
    make = news.event
    monkeypatch.setattr(news, "event", lambda since: made.append(since) or make(since))
    news.tell("OrderPlaced")
    for ear in ears:
        await ear.next(2)
    assert len({id(ear.heard[1]) for ear in ears}) == len(made) == 1
    for ear in ears:
        await ear.leave()


@in_loop
async def test_silence_is_broken_by_a_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing happens a comment keeps the connection open."""
    monkeypatch.setattr(news_module, "_SILENCE_S", 0.02)
    ear = Ear(News(lambda: NOON))
    async with asyncio.timeout(5):
        while b": still here\n\n" not in ear.heard:
            ear.more.clear()
            await ear.more.wait()
    await ear.leave()


@in_loop
async def test_who_does_not_take_an_event_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener whose connection takes nothing is dropped after its patience; nothing of it is left."""
    monkeypatch.setattr(news_module, "PATIENCE_S", 0.05)
    news = News(lambda: NOON, ticks=True)
    before, sent = len(asyncio.all_tasks()), list[str]()

    async def stuck(message: dict[str, object]) -> None:
        sent.append(str(message["type"]))
        if len(sent) > 2:
            await asyncio.Event().wait()

    async def quiet() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    async with asyncio.timeout(5):
        await EventStream(news, None)({"type": "http"}, quiet, stuck)  # type: ignore[arg-type]
    await asyncio.sleep(0.02)
    assert news.listeners == 0
    assert len(asyncio.all_tasks()) == before


@pytest.mark.parametrize("at_once", [True, False])
@in_loop
async def test_a_connection_that_breaks_ends_it_and_nothing_else(at_once: bool) -> None:
    """Broken when it is written to, or while it is waited for: the listener is let go, others go on."""
    news, sent = News(lambda: NOON, ticks=True), 0
    other = Ear(news)

    async def broken(_: dict[str, object]) -> None:
        nonlocal sent
        sent += 1
        if sent > 3:
            if not at_once:
                await asyncio.sleep(0.001)
            raise ConnectionResetError

    async def quiet() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    async with asyncio.timeout(5):
        await EventStream(news, None)({"type": "http"}, quiet, broken)  # type: ignore[arg-type]
    await other.next(len(other.heard) + 3)
    assert news.listeners == 1
    await other.leave()


@in_loop
async def test_a_stop_lets_all_go() -> None:
    """Also who comes afterwards."""
    news = News(lambda: NOON)
    ears = [Ear(news) for _ in range(3)]
    await ears[-1].next(1)
    news.stop()
    late = Ear(news)
    async with asyncio.timeout(5):
        await asyncio.gather(*(ear.task for ear in [*ears, late]))
    assert news.listeners == 0


@in_loop
async def test_a_thousand_that_come_and_go_leave_nothing() -> None:
    """After the last has gone no listener, task or timer is left."""
    news = News(lambda: NOON, ticks=True)
    before = len(asyncio.all_tasks())

    async def gone() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def take(_: dict[str, object]) -> None:
        await asyncio.sleep(0)

    for _ in range(1000):
        await EventStream(news, None)({"type": "http"}, gone, take)  # type: ignore[arg-type]
    await asyncio.sleep(0.05)
    assert news.listeners == 0
    assert len(asyncio.all_tasks()) == before
    assert not [one for one in getattr(asyncio.get_running_loop(), "_scheduled", ()) if not one.cancelled()]


@in_loop
async def test_there_are_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """One above the most is refused with 503 and told when to come back."""
    monkeypatch.setattr(news_module, "MOST", 0)
    sent: list[dict[str, object]] = []

    async def take(message: dict[str, object]) -> None:
        sent.append(message)

    news = News(lambda: NOON)
    with pytest.raises(TooMany):
        await Ear(news).task
    await EventStream(news, None)({"type": "http"}, take, take)  # type: ignore[arg-type]
    assert sent[0]["status"] == 503
