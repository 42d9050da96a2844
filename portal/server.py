"""The portal's server: uvicorn inside the event loop of whoever runs the site."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import uvicorn
from fastapi import FastAPI

from cim.model.errors import BadInput
from cim.platform.exposure import is_loopback, refuse_public

_PATIENCE_S = 3  # for answers under way when the server is stopped
_WORDS_BYTES = 1024  # that a listener may say at once; nothing is asked of it
_CALLERS = 3_000  # at once, those who listen among them; who comes on top is told 503


@dataclass(frozen=True)
class Tls:
    """Certificate chain and private key, PEM files."""

    certificate: Path
    key: Path


def tls_of(certificate: Path | None, key: Path | None) -> Tls | None:
    """Both files, or neither.

    Raises:
        BadInput: only one was given.
    """
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise BadInput("tls: only one of --tls-cert and --tls-key; expected both, or neither")
    return Tls(certificate, key)


class _Quiet(uvicorn.Server):
    """A server that leaves the process's signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class PortalServer:
    """A portal that can be started and stopped; also an async context manager."""

    def __init__(self, app: FastAPI, host: str, port: int, tls: Tls | None) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._app = app
        self._server = _Quiet(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # nobody in between is believed
                lifespan="off",
                ws="websockets-sansio",  # the older ones are deprecated by their makers
                ws_max_size=_WORDS_BYTES,
                timeout_graceful_shutdown=_PATIENCE_S,
                limit_concurrency=_CALLERS,
                ssl_certfile=tls.certificate if tls else None,
                ssl_keyfile=str(tls.key) if tls else None,
            )
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it is; the port is the real one once started."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self._port}"

    async def start(self) -> None:
        """Listen; returns when the first caller can come.

        Raises:
            BadInput: the interface or port is not to be had.
        """
        listener = self._listen()
        self._port = listener.getsockname()[1]
        self._task = asyncio.create_task(self._serve(listener))
        while not self._server.started:
            if self._task.done():
                await self._task
                raise BadInput(f"portal: the server at {self.url} ended while starting; expected it to listen")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Finish what is under way, then let go of the port; without effect where it does not run."""
        task, self._task = self._task, None
        if task is not None:
            getattr(self._app.state, "stops", lambda: None)()  # who listens for as long as it may would be waited for
            self._server.should_exit = True
            await task

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._host, self._port))
        except OSError as error:
            listener.close()
            raise BadInput(
                f"portal: port {self._port} on {self._host!r} cannot be listened on ({error.strerror or error}); "
                "expected a free port of an interface of this machine"
            ) from error
        return listener

    async def _serve(self, listener: socket.socket) -> None:
        with contextlib.closing(listener):
            await self._server.serve(sockets=[listener])

    async def __aenter__(self) -> PortalServer:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()


def serve(
    app: FastAPI, host: str = "127.0.0.1", port: int = 8080, tls: Tls | None = None, behind_tls: bool = False
) -> PortalServer:
    """The server of a portal, not started yet; port 0 takes a free one.

    Beyond this machine the token alone does not do: in clear anybody on the way could read and use it. So there it must be
    TLS, here or in a proxy in front, which `behind_tls` vouches for.

    Raises:
        BadInput: `host` can be reached from other machines, and the app asks for no token or speaks in clear; the
            certificate or key cannot be used.
    """
    refuse_public(host, getattr(app.state, "authenticated", False), "portal")
    if not is_loopback(host) and tls is None and not behind_tls:
        raise BadInput(
            f"portal: on host {host!r} its token would travel in clear; expected a loopback address such as 127.0.0.1, "
            "a certificate and key, or a proxy in front that speaks TLS"
        )
    if tls is not None:
        _check(tls)
    return PortalServer(app, host, port, tls)


def _check(tls: Tls) -> None:
    """Find out before anybody calls, and say it in one sentence."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key, _no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise BadInput(
            f"portal: certificate {tls.certificate} and key {tls.key} cannot be used ({error}); "
            "expected PEM files that fit together, the key without a password"
        ) from error


def _no_password() -> str:
    raise ValueError("the key has a password")  # else OpenSSL would ask for it at the terminal
