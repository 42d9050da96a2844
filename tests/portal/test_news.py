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


@in_loop
async def test_a_listener_hears_what_changed_since_it_last_heard() -> None:
    """The first event says what there is, the next only what is new."""
    news = News(lambda: NOON)
    news.tell("OrderPlaced")
    events = news.listen(None)
    assert data_of(await anext(events))[1] == ["OrderPlaced"]
    news.tell("FlexOffered")
    news.tell("FlexOffered")
    assert data_of(await anext(events))[1] == ["FlexOffered"]
    await events.aclose()


@in_loop
async def test_who_was_away_is_told_everything_since() -> None:
    """By the identity of its last event a listener gets the rest, at once and in one event."""
    news = News(lambda: NOON)
    first = news.listen(None)
    identity, _ = data_of(await anext(first))
    await first.aclose()
    for family in ("OrderPlaced", "FlexOffered", "OrderPlaced"):
        news.tell(family)
    again = news.listen(identity)
    assert data_of(await anext(again))[1] == ["FlexOffered", "OrderPlaced"]
    await again.aclose()


@pytest.mark.parametrize("identity", ["", "nonsense", "00000000-3", "-1", f"{'9' * 400}", "abc-" + "9" * 40])
@in_loop
async def test_an_identity_of_another_start_means_everything(identity: str) -> None:
    """Numbers begin anew with each start, so an unknown identity counts as none."""
    news = News(lambda: NOON)
    news.tell("OrderPlaced")
    events = news.listen(identity)
    assert data_of(await anext(events))[1] == ["OrderPlaced"]
    await events.aclose()


@in_loop
async def test_a_slow_listener_gets_one_event_for_many() -> None:
    """A thousand publications while it did nothing are one event for it."""
    news = News(lambda: NOON)
    events = news.listen(None)
    await anext(events)
    for _ in range(1000):
        news.tell("OrderPlaced")
        if _ % 100 == 0:
            await asyncio.sleep(0.005)
    assert data_of(await anext(events))[1] == ["OrderPlaced"]
    await events.aclose()


@in_loop
async def test_who_does_not_take_an_event_is_let_go() -> None:
    """A listener whose connection takes nothing is dropped after its patience; nobody else waits for it."""
    news = News(lambda: NOON, ticks=True)
    sent: list[str] = []

    async def stuck(message: dict[str, object]) -> None:
        sent.append(str(message["type"]))
        if len(sent) > 2:
            await asyncio.Event().wait()

    async def quiet() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    async with asyncio.timeout(5):
        await EventStream(news, None, patience_s=0.05)({"type": "http"}, quiet, stuck)  # type: ignore[arg-type]
    assert news.listeners == 0


@in_loop
async def test_a_thousand_that_come_and_go_leave_nothing() -> None:
    """After the last has gone no listener and no task is left."""
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


@in_loop
async def test_there_are_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """One above the most is refused with 503 and told when to come back."""
    monkeypatch.setattr(news_module, "MOST", 0)
    sent: list[dict[str, object]] = []

    async def take(message: dict[str, object]) -> None:
        sent.append(message)

    news = News(lambda: NOON)
    with pytest.raises(TooMany):
        await anext(news.listen(None))
    await EventStream(news, None)({"type": "http"}, take, take)  # type: ignore[arg-type]
    assert sent[0]["status"] == 503
