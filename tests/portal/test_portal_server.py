"""The portal over real sockets: loopback unless told otherwise, and never in clear beyond this machine."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from cim.model.errors import BadInput
from cim.platform.exposure import is_loopback, refuse_public
from portal.app import create_app
from portal.server import Tls, serve
from tests.worlds.doubles import BEARER, TOKEN, FakeSite


def app() -> FastAPI:
    """A portal."""
    return create_app(FakeSite(), TOKEN)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST", "::ffff:127.0.0.1"]
)
def test_loopback_is_known(host: str) -> None:
    """These can be reached from this machine only."""
    assert is_loopback(host)
    refuse_public(host, False, "it")


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "192.168.1.5", "10.0.0.1", "fe80::1", "::ffff:10.0.0.1", "localhost.example", "127.1"]
)
def test_everything_else_needs_authentication(host: str) -> None:
    """Also a private network, every interface, and names whose meaning may change; the sentence names the host."""
    assert not is_loopback(host)
    with pytest.raises(BadInput, match="needs authentication; expected a loopback address") as caught:
        refuse_public(host, False, "it")
    assert repr(host) in str(caught.value)
    refuse_public(host, True, "it")


def test_beyond_this_machine_the_portal_wants_token_and_tls() -> None:
    """Without a token it is refused at all; with one it needs TLS here, or a proxy that speaks it."""
    with pytest.raises(BadInput, match="needs authentication"):
        serve(FastAPI(), "0.0.0.0", behind_tls=True)
    with pytest.raises(BadInput, match="would travel in clear"):
        serve(app(), "0.0.0.0")
    serve(app(), "0.0.0.0", behind_tls=True)
    serve(app(), "127.0.0.1")


def test_a_certificate_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    """It is found out before anybody calls."""
    with pytest.raises(BadInput, match="certificate"):
        serve(app(), "127.0.0.1", 0, Tls(tmp_path / "no.pem", tmp_path / "no.key"))


@pytest.mark.slow
def test_the_portal_serves_inside_the_callers_loop_and_lets_go() -> None:
    """Real HTTP; the process's signal handlers stay; after stop the port is free again, and it can be started anew."""

    async def run() -> None:
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        async with serve(app(), port=0) as server, httpx.AsyncClient(base_url=server.url) as caller:
            assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
            health = await caller.get("/health")
            assert (health.status_code, health.json()["site"]) == (200, "strem")
            assert "server" not in health.headers
            assert (await caller.get("/dso/state")).status_code == 401
            assert (await caller.get("/dso/state", headers=BEARER)).status_code == 200
            assert (await caller.get("/../dso/state")).status_code == 401
            port = int(server.url.rpartition(":")[2])
        await server.stop()  # a second time is one too many, and does nothing
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        async with serve(app(), port=port) as again:
            assert httpx.URL(again.url).port == port

    asyncio.run(run())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command to make a certificate")
def test_with_a_certificate_the_portal_speaks_tls_only(tmp_path: Path) -> None:
    """HTTPS with a certificate that is checked, strict transport security; plain HTTP gets no answer."""
    tls = Tls(tmp_path / "cert.pem", tmp_path / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", tls.key, "-out", tls.certificate],
        check=True, capture_output=True,
    )  # fmt: skip

    async def run() -> None:
        trust = ssl.create_default_context(cafile=str(tls.certificate))
        async with serve(app(), port=0, tls=tls) as server:
            assert server.url.startswith("https://")
            async with httpx.AsyncClient(base_url=server.url, verify=trust) as caller:
                answer = await caller.get("/dso/state", headers=BEARER)
            assert answer.status_code == 200
            assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
            async with httpx.AsyncClient() as caller:
                with pytest.raises(httpx.RemoteProtocolError):
                    await caller.get(server.url.replace("https", "http") + "/health")

    asyncio.run(run())


@pytest.mark.slow
def test_a_port_in_use_is_one_sentence() -> None:
    """With the port and what was expected."""

    async def run(port: int) -> None:
        with pytest.raises(BadInput, match=f"port {port} on '127.0.0.1' cannot be listened on"):
            await serve(app(), port=port).start()

    with socket.create_server(("127.0.0.1", 0)) as taken:
        asyncio.run(run(taken.getsockname()[1]))


@pytest.mark.slow
def test_stop_does_not_wait_for_a_caller_that_stays() -> None:
    """An open connection does not hold the site back."""

    async def run() -> None:
        async with serve(app(), port=0) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        writer.close()

    asyncio.run(run())
