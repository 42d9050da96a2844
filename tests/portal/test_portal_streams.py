"""`/data/stream/TOPIC` over real sockets: each token its own rows, in three forms, from where one was; the slow are dropped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import msgpack
import pytest
from starlette.types import Message
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from agents.assembly.journal_server.embedded import EmbeddedRedis
from cim.model.readings import Kind, Reading
from cim.platform.access.consents import Scope
from cim.platform.access.control import AccessControl
from cim.platform.access.principals import Principal, PrincipalBook, Role
from cim.platform.broker.channel import BrokerServer, Channel
from cim.platform.broker.producer import Producer
from cim.platform.broker.schemas import READINGS, publication_message, readings_message, site_topics
from cim.platform.publications.measured import DeviceLost
from portal.app import create_app
from portal.server import serve
from portal.stream_routes import StreamSite
from tests.worlds.access import HOMES, NOW, OTHERS, consent, point
from tests.worlds.doubles import TOKEN, FakeSite
from tests.worlds.full_disk import room_for

pytestmark = pytest.mark.slow
T = TypeVar("T")
OWNER, AGGREGATOR, DSO, LAB, DSO_2 = (letter * 43 for letter in "oadl2")
PARTIES = {OWNER: "owner-0", AGGREGATOR: "agr-east", DSO: "dso-1", LAB: "lab", DSO_2: "dso-2"}
TOPICS = site_topics()
Work = Callable[[str], Awaitable[T]]


class World:
    """A portal with topics, not yet listening."""

    def __init__(self, folder: Path, server: BrokerServer) -> None:
        book = PrincipalBook([point(n) for n in range(8)], [*OTHERS, Principal("operator", Role.ADMINISTRATOR)])
        self.access = AccessControl.open(folder, book, lambda: NOW)
        self.server = server
        self.streams = StreamSite(self.access, server, TOPICS, slow_s=0.5, most=3)

    def send(self, *minutes: int) -> None:
        """A block for each minute: power of each home's meter and of a battery behind it."""
        with Producer(self.server.beside(), TOPICS) as producer:
            for minute in minutes:
                at = NOW + timedelta(minutes=minute)
                rows = [Reading(home, Kind.POWER, float(n), at) for n, home in enumerate(HOMES)]
                rows += [Reading(f"{home}.battery", Kind.STATE_OF_CHARGE, 50.0, at) for home in HOMES]
                points = {home: home for home in HOMES}
                producer.send(READINGS, readings_message(rows, points, at))

    def with_portal(self, work: Work[T]) -> T:
        """What some work gives, that is told the portal's address."""

        async def run() -> T:
            app = create_app(FakeSite(), TOKEN, parties=PARTIES, streams=self.streams)
            async with serve(app, port=0) as portal:
                return await asyncio.wait_for(work(portal.url.replace("http", "ws")), 30)

        return asyncio.run(run())

    def hear(self, query: str, token: str = TOKEN, topic: str = READINGS, count: int = 1) -> list[dict[str, object]]:
        """The first messages of a topic, as JSON."""

        async def work(url: str) -> list[dict[str, object]]:
            async with listening(f"{url}/data/stream/{topic}?{query}", token) as socket:
                return [json.loads(await socket.recv()) for _ in range(count)]

        return self.with_portal(work)

    def refused(self, query: str, token: str | None = TOKEN, topic: str = READINGS) -> tuple[int, str]:
        """Status and sentence of a refusal."""

        async def work(url: str) -> tuple[int, str]:
            with pytest.raises(InvalidStatus) as caught:
                async with listening(f"{url}/data/stream/{topic}?{query}", token):
                    pass
            body = caught.value.response.body or b"{}"
            return caught.value.response.status_code, json.loads(body or b"{}").get("detail", "")

        return self.with_portal(work)


def listening(address: str, token: str | None) -> connect:
    """A WebSocket with a token."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return connect(address, additional_headers=headers, proxy=None)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """One server for all tests."""
    with EmbeddedRedis(tmp_path_factory.mktemp("streams")) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, redis: EmbeddedRedis) -> Iterator[World]:
    """A portal with topics of its own."""
    server = BrokerServer(redis.url, tmp_path.name)
    yield World(tmp_path, server)
    server.close()


def readings(message: dict[str, object]) -> list[dict[str, object]]:
    """The rows of a message."""
    found = message["readings"]
    assert isinstance(found, list)
    return found


def test_the_operator_sees_every_row_and_column(world: World) -> None:
    """All homes, connections and devices, with when the platform learned it."""
    world.send(0)
    (message,) = world.hear("after=0-0")
    assert len(readings(message)) == 16
    assert readings(message)[0] == {
        "usage_point": HOMES[0], "meter": HOMES[0], "kind": "power_w", "value": 0.0, "quality": "GOOD",
        "at": NOW.isoformat(), "recorded": NOW.isoformat(),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("token", "homes", "devices", "columns"),
    [
        (OWNER, 1, True, {"usage_point", "meter", "kind", "value", "quality", "at", "recorded"}),
        (AGGREGATOR, 6, True, {"usage_point", "meter", "kind", "value", "quality", "at"}),
        (DSO, 6, False, {"usage_point", "kind", "value", "quality", "at"}),
        (DSO_2, 2, False, {"usage_point", "kind", "value", "quality", "at"}),
    ],
)
def test_each_token_has_its_own_rows_and_columns(
    world: World, token: str, homes: int, devices: bool, columns: set[str]
) -> None:
    """By the same policies as queries: whose home, which grid, which attributes."""
    world.send(0)
    rows = readings(world.hear("after=0-0", token)[0])
    assert len({row["usage_point"] for row in rows}) == homes
    assert len(rows) == homes * (2 if devices else 1)
    assert all(set(row) == columns for row in rows)


def test_who_may_see_nothing_is_refused_and_noted(world: World) -> None:
    """403 in words that tell nothing, and an entry in the audit log; policies with groups open no stream."""
    for n in range(6):
        world.access.consents.give(consent(n, "lab"))
    status, words = world.refused("purpose=research", LAB)
    assert status == 403
    assert words == "access: 'lab' may not stream 'readings' this way; it is not there, or not yours to ask for"
    assert [(one.who, one.act, one.allowed) for one in world.access.audit.entries("lab")] == [("lab", "stream", False)]


def test_a_listener_is_in_the_audit_log_with_what_left(world: World) -> None:
    """When it begins, by which policy; when it ends, with the number of rows."""
    world.send(0)
    world.hear("after=0-0", DSO)
    entries = world.access.audit.entries("dso-1")
    assert [(one.allowed, one.rows, one.policies) for one in entries] == [
        (True, 0, ("dso-connections-of-its-grid",)),
        (True, 6, ("dso-connections-of-its-grid",)),
    ]


def test_a_consent_that_ends_ends_what_is_seen(world: World) -> None:
    """The next block after the withdrawal has that home no more."""
    given = world.access.consents.give(consent(6, "agr-east", Scope.DEVICES))
    world.send(0)

    async def work(url: str) -> tuple[int, int]:
        async with listening(f"{url}/data/stream/readings?after=0-0&purpose=research", AGGREGATOR) as socket:
            before = len(json.loads(await socket.recv())["readings"])
            world.access.consents.withdraw(given.identity, given.giver, NOW)
            await asyncio.to_thread(world.send, 1)
            return before, len(json.loads(await socket.recv())["readings"])

    assert world.with_portal(work) == (14, 12)


def test_who_comes_back_goes_on_behind_the_last_id(world: World) -> None:
    """Nothing between is missed, nothing comes twice; from an instant works as well; without either what is new."""
    world.send(0, 1, 2)
    first, second = world.hear("after=0-0", count=2)
    (third,) = world.hear(f"after={second['id']}")
    assert [readings(one)[0]["at"] for one in (first, second, third)] == [
        (NOW + timedelta(minutes=n)).isoformat() for n in range(3)
    ]
    assert world.hear("since=2020-01-01T00:00:00Z") == [first]

    async def work(url: str) -> object:
        async with listening(f"{url}/data/stream/readings", TOKEN) as socket:
            await asyncio.sleep(0.3)
            await asyncio.to_thread(world.send, 3)
            return json.loads(await socket.recv())["readings"][0]["at"]

    assert world.with_portal(work) == (NOW + timedelta(minutes=3)).isoformat()


def test_a_gap_is_told(world: World) -> None:
    """Who was away for longer than messages are kept learns it first."""
    world.send(0, 1, 2)
    (first,) = world.hear("after=0-0")
    channel = Channel(world.server, READINGS)
    channel.trim(channel.kept()[1] // 3)
    gap, message = world.hear(f"after={first['id']}", count=2)
    assert "not kept any more" in str(gap["gap"])
    assert readings(message)[0]["at"] == (NOW + timedelta(minutes=2)).isoformat()


def test_readings_come_as_msgpack_and_as_cim(world: World) -> None:
    """The same message in other forms: msgpack bytes, and MeterReadings with ReadingType, time stamp and quality."""
    world.send(0)

    async def work(url: str) -> tuple[object, dict[str, list[dict[str, object]]]]:
        async with listening(f"{url}/data/stream/readings?after=0-0&format=msgpack", TOKEN) as socket:
            packed = msgpack.unpackb(await socket.recv())
        async with listening(f"{url}/data/stream/readings?after=0-0&format=cim", TOKEN) as socket:
            return packed, json.loads(await socket.recv())

    packed, cim = world.with_portal(work)
    assert packed == world.hear("after=0-0")[0]
    assert len(cim["MeterReadings"]) == 16
    assert cim["MeterReadings"][1] == {
        "Meter": {"mRID": HOMES[1]},
        "UsagePoint": {"mRID": HOMES[1]},
        "Readings": [
            {
                "timeStamp": NOW.isoformat(),
                "value": 1.0,
                "ReadingType": {"mRID": Kind.POWER.reading_type},
                "ReadingQualities": [{"ReadingQualityType": {"mRID": "2.0.0"}}],
            }
        ],
    }


def test_publications_are_the_operators(world: World) -> None:
    """They tell of money and of others: no policy opens them to a party, and the operator sees them whole."""
    name, message = publication_message(1, "home-1", DeviceLost(NOW, "home-1.battery", "no answer"))
    with Producer(world.server.beside(), TOPICS) as producer:
        producer.send(name, message)
    (told,) = world.hear("after=0-0", topic=name)
    assert (told["agent"], told["told"]) == (
        "home-1",
        {"at": NOW.isoformat(), "device": "home-1.battery", "reason": "no answer"},
    )
    assert world.refused("after=0-0", AGGREGATOR, name)[0] == 403


@pytest.mark.parametrize(
    ("query", "topic", "status", "words"),
    [
        ("", "nothing", 404, "topic 'nothing'; expected one of assets_registered"),
        ("format=xml", READINGS, 422, "format 'xml'; expected one of json, msgpack, cim"),
        ("format=cim", "device_lost", 422, "the CIM's classes are for topic readings"),
        ("after=soon", READINGS, 422, "id 'soon'; expected MILLISECONDS-NUMBER"),
        ("since=2026-01-01", READINGS, 422, "since '2026-01-01'; expected an instant"),
        ("since=soon", READINGS, 422, "since 'soon'; expected an instant"),
        ("after=1-1&since=2026-01-01T00:00:00Z", READINGS, 422, "expected one of them"),
        ("purpose=fun", READINGS, 422, "purpose 'fun'; expected one of operation, research, advice"),
        ("limit=3", READINGS, 422, "parameter 'limit'; expected one of format, after, since, purpose"),
    ],
)
def test_what_does_not_fit_is_told_in_a_sentence(world: World, query: str, topic: str, status: int, words: str) -> None:
    """Before the connection stands, as an HTTP answer."""
    found, sentence = world.refused(query, TOKEN, topic)
    assert found == status
    assert words in sentence


@pytest.mark.parametrize("token", [None, "x" * 43])
def test_without_a_token_there_is_no_stream(world: World, token: str | None) -> None:
    """The guard stands before streams as before all else."""
    assert world.refused("", token)[0] == 403


def test_a_slow_listener_is_dropped_with_the_reason(world: World) -> None:
    """Its connection takes nothing more: it is closed with the way back, and is in the log with what it was sent."""
    world.send(0)
    said: list[Message] = []

    async def never_taken(message: Message) -> None:
        if message["type"] == "websocket.send":
            await asyncio.sleep(3600)
        said.append(message)

    came = iter([{"type": "websocket.connect"}])

    async def receive() -> Message:
        for message in came:
            return message
        await asyncio.sleep(3600)
        raise AssertionError

    app = create_app(FakeSite(), TOKEN, streams=world.streams)
    scope = {
        "type": "websocket", "asgi": {"version": "3.0"}, "scheme": "ws", "path": "/data/stream/readings",
        "query_string": b"after=0-0", "headers": [(b"authorization", f"Bearer {TOKEN}".encode())], "subprotocols": [],
    }  # fmt: skip
    asyncio.run(asyncio.wait_for(app(scope, receive, never_taken), 20))
    assert [message["type"] for message in said] == ["websocket.accept", "websocket.close"]
    assert said[1]["code"] == 1013
    assert said[1]["reason"] == "too slow: a message was not taken for 0.5 s; resume after its id"


def test_no_more_listen_than_may(world: World) -> None:
    """The fourth is told to come later; when one goes there is room again."""

    async def work(url: str) -> int:
        address = f"{url}/data/stream/readings"
        async with listening(address, TOKEN), listening(address, TOKEN):
            async with listening(address, TOKEN):
                with pytest.raises(InvalidStatus) as caught:
                    async with listening(address, TOKEN):
                        pass
            for _ in range(50):
                await asyncio.sleep(0.05)
                try:
                    async with listening(address, TOKEN):
                        return caught.value.response.status_code
                except InvalidStatus:
                    continue
        return 0

    assert world.with_portal(work) == 503


def test_who_comes_at_once_finds_no_more_room_than_there_is(world: World) -> None:
    """Of ten that ask in the same moment three are let in, the others are told 503; what each was is in the audit log."""

    async def work(url: str) -> list[int]:
        come, go = [listening(f"{url}/data/stream/readings", TOKEN) for _ in range(10)], list[int]()
        found = await asyncio.gather(*(one.__aenter__() for one in come), return_exceptions=True)
        for one in found:
            if isinstance(one, InvalidStatus):
                go.append(one.response.status_code)
            elif isinstance(one, BaseException):
                raise one
            else:
                await one.close()
        return go

    assert world.with_portal(work) == [503] * 7
    begun = [one for one in world.access.audit.entries("operator") if one.act == "stream"]
    assert len(begun) in range(3, 7)  # that they ended may be noted after the portal is gone


def test_what_cannot_be_noted_is_not_streamed(world: World) -> None:
    """While the audit log's disk is full nobody is let in: 503 with the reason; when there is room, as before."""
    world.send(0)
    with room_for(0):
        status, words = world.refused("after=0-0")
    assert status == 503
    assert words.startswith("audit: ")
    assert words.endswith("; try again")
    assert len(readings(world.hear("after=0-0")[0])) == 16
