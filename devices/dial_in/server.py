"""The WebSocket server that charging stations and building gateways dial: authentication before the upgrade.

Security profiles 1, 2 and 3 (OCPP 2.0.1 part 2, A00): the identity in the path must be that of the credential (`door.py`),
TLS is here (`tls.py`) or for the proxy in front, and the newest authenticated session of a device wins.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from cim.model.errors import BadInput
from devices.dial_in.door import Door
from devices.dial_in.machine import Machine, Polyglot
from devices.dial_in.passwords import Authenticate
from devices.dial_in.tls import common_name
from devices.port.errors import DeviceUnreachable

if TYPE_CHECKING:
    from websockets.asyncio.server import Server, ServerConnection
    from websockets.http11 import Request, Response
    from websockets.typing import Subprotocol

NOT_DEMANDED = "s2"  # of clients that offer none at all (s2-python's own): the path says what they speak
# by path: what is spoken there, best first
SUBPROTOCOLS: Mapping[str, tuple[str, ...]] = {"ocpp": ("ocpp2.1", "ocpp2.0.1", "ocpp1.6"), "s2": ("s2",)}
MAX_FRAME_BYTES = 1 << 18
SUPERSEDED = 4001  # private close code (RFC 6455, 7.4.2): a newer session of the same device was authenticated

_log = logging.getLogger("iles.devices.dialin")


@dataclass
class _Served:
    machine: Machine
    session: ServerConnection | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class DialInServer:
    """One WebSocket server of one process: `/<prefix>/<device>` for every prefix in `subprotocols`.

    Args:
        host: address to listen on; loopback unless the operator says otherwise.
        port: TCP port, 0 for any free one (`port` tells which).
        subprotocols: path prefix to the WebSocket subprotocols of which it demands one, best first.
        authenticate: is this the password of this device? Where nothing else is known of it: see `door`.
        tls: a server context for security profiles 2 and 3.
        clock: what time it really is, told to a machine before it hears a frame; None where time stands still between
            the instants that the machine's owner tells it.
        door: who may come in, where passwords are not all.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        subprotocols: Mapping[str, tuple[str, ...]] = SUBPROTOCOLS,
        authenticate: Authenticate = lambda _user, _password: False,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], datetime] | None = None,
        door: Door | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self._subprotocols = dict(subprotocols)
        self.door = Door(authenticate) if door is None else door
        self._tls = tls
        self._clock = clock
        self._served: dict[tuple[str, str], _Served] = {}
        self._server: Server | None = None

    async def start(self) -> None:
        """Listen. Raises `BadInput` naming the port when it cannot be had."""
        from websockets.asyncio.server import serve

        try:
            self._server = await serve(
                self._session,
                self.host,
                self.port,
                process_request=self._admit,
                select_subprotocol=self._spoken,
                max_size=MAX_FRAME_BYTES,
                server_header=None,
                ssl=self._tls,
            )
        except (OSError, OverflowError) as error:
            raise BadInput(
                f"port: {self.port} on {self.host} cannot be listened on ({error}); "
                "expected a free TCP port, or 0 for any"
            ) from error
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def close(self) -> None:
        """Stop listening and end all sessions; safe to call twice."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await server.wait_closed()

    def url(self, prefix: str, device: str) -> str:
        """Where `device` should dial."""
        return f"{'wss' if self._tls else 'ws'}://{self.host}:{self.port}/{prefix}/{quote(device, safe='')}"

    def register(self, prefix: str, device: str, machine: Machine) -> None:
        """Let `device` in from now on; its frames go to `machine`."""
        if (prefix, device) in self._served:
            raise BadInput(f"device: {device!r} is registered twice at /{prefix}; expected one owner for each device")
        self._served[prefix, device] = _Served(machine)

    async def unregister(self, prefix: str, device: str) -> None:
        """Turn `device` away and end its session."""
        served = self._served.pop((prefix, device), None)
        if served is not None and served.session is not None:
            session, served.session = served.session, None
            served.machine.detached()
            await session.close(1001, "the device is no longer served here")

    def connected(self, prefix: str, device: str) -> bool:
        """True while a session of `device` is open."""
        served = self._served.get((prefix, device))
        return served is not None and served.session is not None

    async def send(self, prefix: str, device: str, frames: list[str]) -> None:
        """Send `frames` in order. Raises `DeviceUnreachable` when no session is open."""
        from websockets.exceptions import ConnectionClosed

        served = self._served.get((prefix, device))
        if served is None or served.session is None:
            raise DeviceUnreachable(f"{device} is not connected; expected it to dial {self.url(prefix, device)}")
        try:
            for frame in frames:
                await served.session.send(frame)
        except ConnectionClosed as error:
            raise DeviceUnreachable(f"{device} hung up while it was spoken to ({error})") from error

    async def until(self, prefix: str, device: str, done: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until `done()` after some frame of `device`, at most `timeout_s`; returns what `done()` says then."""
        served = self._served.get((prefix, device))
        if served is None:
            return done()
        try:
            async with asyncio.timeout(timeout_s):
                while not done():
                    served.changed.clear()
                    await served.changed.wait()
        except TimeoutError:
            return done()
        return True

    def _split(self, path: str) -> tuple[str, str] | None:
        parts = urlsplit(path).path.split("/")
        if len(parts) != 3 or parts[0] or parts[1] not in self._subprotocols or not parts[2]:
            return None
        return parts[1], unquote(parts[2])

    def _spoken(self, connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        """The best of the path's subprotocols that is offered; who offers none was admitted without."""
        key = None if connection.request is None else self._split(connection.request.path)
        known = {str(name): name for name in offered}
        return (
            None if key is None else next((known[name] for name in self._subprotocols[key[0]] if name in known), None)
        )

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Everything that can be refused is refused here, before the upgrade."""
        key = self._split(request.path)
        if key is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "expected a path such as /ocpp/<station>\n")
        # Authentication comes before "unknown device", so that nobody can find out names by asking.
        given = request.headers.get_all("Authorization")
        peer = str((connection.remote_address or ("somewhere",))[0])
        certified = common_name(connection.transport.get_extra_info("peercert"))
        if not self.door.opens(key[1], peer, given[0] if len(given) == 1 else None, certified):
            response = connection.respond(HTTPStatus.UNAUTHORIZED, "expected the device's own name and password\n")
            response.headers["WWW-Authenticate"] = 'Basic realm="ILES", charset="UTF-8"'
            return response
        if key not in self._served:
            return connection.respond(HTTPStatus.NOT_FOUND, "this device is not served here\n")
        offered = [p.strip() for value in request.headers.get_all("Sec-WebSocket-Protocol") for p in value.split(",")]
        wanted = self._subprotocols[key[0]]
        if not set(wanted) & set(offered) and (offered or NOT_DEMANDED not in wanted):
            return connection.respond(HTTPStatus.BAD_REQUEST, f"expected the subprotocol {' or '.join(wanted)}\n")
        return None

    async def _session(self, connection: ServerConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        request = connection.request
        key = self._split(request.path) if request else None
        served = self._served.get(key) if key else None
        if served is None or key is None or connection.subprotocol not in (None, *self._subprotocols[key[0]]):
            await connection.close(1008, "refused")
            return
        older, served.session = served.session, connection
        if older is not None:
            served.machine.detached()
            _log.info("a newer session of %s at /%s replaces the older", key[1], key[0])
        try:
            served.changed.set()  # whoever waits for the device to dial in goes on at once
            self._tell_time(served.machine)
            if connection.subprotocol is not None and isinstance(served.machine, Polyglot):
                served.machine.speak(connection.subprotocol)
            await self._send_all(connection, served.machine.attached())
            if older is not None:
                await older.close(SUPERSEDED, "a newer session of this device was authenticated")
            async for frame in connection:
                if served.session is not connection:
                    break
                if not isinstance(frame, str):
                    await connection.close(1003, "expected text frames")
                    break
                self._tell_time(served.machine)
                answers = served.machine.receive(frame)
                served.changed.set()
                await self._send_all(connection, answers)
                if served.machine.closed:
                    await connection.close(1008, "no common ground")
        except ConnectionClosed:
            pass  # the device went away; what follows is the same as for a tidy end
        finally:
            # Only the session in use may be ended here: an older one's clean-up must not end the newer.
            if served.session is connection:
                served.session = None
                served.machine.detached()
            served.changed.set()

    def _tell_time(self, machine: Machine) -> None:
        if self._clock is not None:
            machine.now = self._clock()

    @staticmethod
    async def _send_all(connection: ServerConnection, frames: list[str]) -> None:
        for frame in frames:
            await connection.send(frame)
