"""HTTP sources against a server of our own: windows, keys, OAuth, bounds, redirects, retries, back-fill."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from cim.platform.handler.handler import Taken
from cim.platform.readings.selection import Selection
from tests.cim.ingestion.test_sources_run import World

NOW = datetime(2024, 6, 1, 12, 2, tzinfo=UTC)
MAPPING = """
name: api
format: {kind: json, rows: data.points}
instant: {column: at, interval_s: 3600}
usage_point: {constant: "agr-east:home-1"}
meter: {constant: "agr-east:home-1.meter"}
values:
  - {column: energy.kwh, reading_type: energy_import, unit: kWh}
"""


class Server(ThreadingHTTPServer):
    """An API that gives an hourly value for each whole hour of the asked window, and notes how it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict[str, str]] = []
        self.failures = 0
        self.redirect = ""
        self.padding = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        words = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
        good = words == "me:s3cret" and parse_qs(body)["grant_type"] == ["client_credentials"]
        self._answer(200 if good else 401, json.dumps({"access_token": "tok", "token_type": "bearer"}).encode())

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.server.asked.append(
            query | {"key": self.headers.get("X-Key", ""), "auth": self.headers.get("Authorization", "")}
        )
        if self.server.failures:
            self.server.failures -= 1
            return self._answer(503, b"later")
        if self.server.redirect and parts.path != "/there":
            return self._answer(302, b"", self.server.redirect)
        begin, end = (datetime.fromisoformat(query.get(name, "2024-06-01T00:00:00Z")) for name in ("from", "to"))
        first = (begin + timedelta(minutes=59, seconds=59)).replace(minute=0, second=0)
        hours = int((end - first) / timedelta(hours=1))
        points = [
            {"at": (first + timedelta(hours=k)).isoformat(), "energy": {"kwh": 0.5}} for k in range(max(hours, 0))
        ]
        return self._answer(200, json.dumps({"data": {"points": points, "pad": "x" * self.server.padding}}).encode())

    def _answer(self, status: int, body: bytes, location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def api() -> Iterator[Server]:
    """A running server."""
    server = Server()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    """A running server."""
    with api() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A new world."""
    world = World(tmp_path)
    yield world
    world.close()


def text(server: Server, more: str = "", retrieval: str = 'poll\nschedule: "0 * * * *"') -> str:
    """A source that asks the server."""
    query = 'query: {from: "{begin}", to: "{end}"}, look_back_h: 3'
    asked = f"from: {{kind: http, url: {server.url}/v1, {query}{more}}}"
    return f"name: api\n{asked}\nretrieval: {retrieval}\nmapping: m.yaml\n"


def test_each_poll_asks_from_where_the_last_ended(world: World, server: Server) -> None:
    """The windows have no gap, also over a failure; the key is in its header; what was asked for twice is there once."""
    (world.folder / "key.txt").write_text("k-1\n")
    more = ", overlap_h: 1, key: {header: X-Key, secret: {file: key.txt}}"
    world.manager.add(world.source(text(server, more), MAPPING), NOW)
    assert world.manager.tick(NOW + timedelta(minutes=58))[0].taken == Taken(readings=3)
    server.failures = 1
    run = world.manager.tick(NOW + timedelta(minutes=118))[0]
    assert run.error == f"{server.url}/v1: HTTP status 503; expected 200"
    assert world.manager.tick(NOW + timedelta(minutes=118, seconds=10)) == []
    assert world.manager.tick(NOW + timedelta(minutes=119))[0].taken == Taken(readings=1, known=1)
    asked = [(query["from"], query["to"], query["key"]) for query in server.asked]
    assert asked == [
        ("2024-06-01T10:00:00Z", "2024-06-01T13:00:00Z", "k-1"),
        ("2024-06-01T12:00:00Z", "2024-06-01T14:00:00Z", "k-1"),
        ("2024-06-01T12:00:00Z", "2024-06-01T14:01:00Z", "k-1"),
    ]
    assert world.count() == 4


def test_oauth_client_credentials(world: World, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is fetched with the client's secret and carried as bearer; a wrong secret is one sentence without it."""
    more = f", oauth: {{token_url: {server.url}/token, client_id: me, secret: {{env: API_SECRET}}}}"
    world.manager.add(world.source(text(server, more, "once"), MAPPING), NOW)
    assert world.manager.tick(NOW)[0].error == "secret: the environment variable API_SECRET is not set"
    monkeypatch.setenv("API_SECRET", "wrong")
    assert world.manager.run("api", NOW).error == f"{server.url}/token: HTTP status 401; expected 200"
    monkeypatch.setenv("API_SECRET", "s3cret")
    assert world.manager.run("api", NOW).taken.readings == 2
    assert [query["auth"] for query in server.asked] == ["Bearer tok"]


def test_another_host_is_not_asked(world: World, server: Server) -> None:
    """A redirect within the host is followed; to another host or port it is refused, and the key goes nowhere."""
    world.manager.add(world.source(text(server), MAPPING), NOW)
    server.redirect = "/there?from=2024-06-01T10:00:00Z&to=2024-06-01T12:00:00Z"
    assert world.manager.run("api", NOW).taken == Taken(readings=2)
    with api() as other:
        server.redirect = f"{other.url}/there"
        assert (
            world.manager.run("api", NOW).error
            == f"{server.url}/v1: redirects to {other.url}/there; another host is not asked"
        )
        assert other.asked == []
    server.redirect = "/v1"
    assert world.manager.run("api", NOW).error == f"{server.url}/v1: more than 5 redirects"


def test_an_answer_too_large_is_refused(world: World, server: Server) -> None:
    """No more than max_mb is read; the state says which bound it was."""
    server.padding = 200_000
    world.manager.add(world.source(text(server, ", max_mb: 0.1"), MAPPING), NOW)
    assert world.manager.run("api", NOW).error == f"{server.url}/v1: more than 0.1 MB; say max_mb if that is right"
    assert world.register.state("api").cursor is None


def test_a_back_fill_goes_on_where_it_failed(world: World, server: Server) -> None:
    """Three days in steps: what was taken before the failure is not asked for again; then the source is done."""
    steps = "backfill\nbackfill: {begin: 2024-05-01T00:00:00Z, end: 2024-05-03T12:00:00Z, step_h: 24}"
    world.manager.add(world.source(text(server, "", steps), MAPPING), NOW)
    world.disk.is_full = False
    server.failures = 1
    assert world.manager.tick(NOW)[0].error != ""
    assert world.manager.tick(NOW + timedelta(seconds=30))[0].taken == Taken(readings=60)
    assert [query["from"] for query in server.asked] == [f"2024-05-0{d}T00:00:00Z" for d in (1, 1, 2, 3)]
    assert world.register.state("api").state == "done"
    assert world.count() == 60


def test_a_server_that_is_away(world: World, server: Server) -> None:
    """Nothing listens: one sentence, a retry, and the other sources go on."""
    world.manager.add(world.source(text(server).replace(server.url, "http://127.0.0.1:9"), MAPPING), NOW)
    assert world.manager.run("api", NOW).error.startswith("http://127.0.0.1:9/v1: ConnectError")


def test_octobers_hour_from_an_api_in_local_time(world: World) -> None:
    """Polls that each bring 02:00 once: the window that was asked for says which of the two it is."""
    local = MAPPING.replace("{column: at, ", "{column: at, zone: Europe/Madrid, ")
    source = world.source("name: api\nfrom: {kind: push}\nretrieval: push\nmapping: m.yaml\n", local)
    world.manager.add(source, NOW)
    for number, at in enumerate(["2024-10-27T02:00:00"] * 2):
        now = datetime(2024, 10, 27, 0, 50, tzinfo=UTC) + timedelta(hours=number)
        data = json.dumps({"data": {"points": [{"at": at, "energy": {"kwh": number}}]}}).encode()
        part = world.folder / "answer"
        part.write_bytes(data)
        world.register.receive(source, part, now, not_before=now - timedelta(minutes=50))
        world.manager.run("api", now)
    rows = world.queries.rows(Selection())
    assert [(at.hour, value) for at, value in zip(rows["begin"].to_pylist(), rows["value"].to_pylist(), strict=True)] == [
        (0, 0.0), (1, 1000.0)
    ]  # fmt: skip
