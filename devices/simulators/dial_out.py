"""The far end of a WebSocket: dials a simulated device's machine to its CSMS or CEM, and dials again when cut off."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from typing import TYPE_CHECKING

from devices.port.errors import DeviceUnreachable
from devices.simulators.in_memory_link import Simulator
from devices.simulators.outgoing import Outgoing

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

OPENING_S = 10.0
_CUT_OFF = 4001  # the server's code for "a newer session of this device": dialling again would only fight it


class DialOut(Outgoing):
    """Runs one simulated device over a WebSocket.

    Args:
        machine: the device's side of the protocol.
        url: where to dial.
        credentials: user (the name of the device) and password, for HTTP Basic authentication; without a password none is
            sent, as by a station that shows a certificate.
        subprotocol: `ocpp2.0.1` or `s2`.
        tls: what is asked of a `wss://` server, and shown to it; None: its certificate must be one that the machine trusts.
        backoff_s: see `Outgoing`.
    """

    def __init__(
        self,
        machine: Simulator,
        url: str,
        credentials: tuple[str, str],
        subprotocol: str,
        *,
        tls: ssl.SSLContext | None = None,
        backoff_s: float = 0.05,
        backoff_max_s: float = 30.0,
    ) -> None:
        super().__init__(backoff_s, backoff_max_s)
        self.machine, self._url = machine, url
        user, password = credentials
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}"} if password else {}
        self._tls = tls if url.startswith("wss:") else None
        self._subprotocol = subprotocol
        self._connection: ClientConnection | None = None

    @property
    def connected(self) -> bool:
        """True while the connection is open."""
        return self._connection is not None

    async def say(self, frames: list[str]) -> None:
        """Send what the machine made in `start` or `advance`; while cut off it waits in the machine."""
        from websockets.exceptions import ConnectionClosed

        connection = self._connection
        if connection is None:
            return
        async with self._speaking:
            with contextlib.suppress(ConnectionClosed):
                for frame in frames:
                    await connection.send(frame)

    async def settled(self, timeout_s: float = 30.0) -> None:
        """Return when the connection is open and nothing of the machine is unanswered.

        Raises:
            DeviceUnreachable: it did not come to rest in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not (self.connected and self.machine.quiet):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise DeviceUnreachable(
                f"the device that dials {self._url} did not come to rest within {timeout_s:g} s "
                f"({self.refusal or 'connected'}); expected every message to be answered"
            ) from None

    async def at_rest(self, timeout_s: float) -> bool:
        """Wait until nothing of the machine is unanswered; False when it was cut off or that took too long."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.connected and not self.machine.quiet:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return self.connected

    async def cut_off(self) -> None:
        """Return when the connection is gone."""
        while self.connected:
            self._changed.clear()
            await self._changed.wait()

    def _failures(self) -> tuple[type[Exception], ...]:
        from websockets.exceptions import InvalidHandshake, InvalidURI

        return OSError, InvalidHandshake, InvalidURI, TimeoutError

    async def _session(self) -> bool:
        from websockets.asyncio.client import connect
        from websockets.typing import Subprotocol

        async with connect(
            self._url,
            subprotocols=[Subprotocol(self._subprotocol)],
            additional_headers=self._headers,
            open_timeout=OPENING_S,
            proxy=None,
            ssl=self._tls,
        ) as connection:
            self._arrived()
            await self._talk(connection)
            if connection.close_code == _CUT_OFF:
                self.refusal = "a newer session took over"
                return False
        return True

    async def _talk(self, connection: ClientConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        self._connection = connection
        try:
            await self.say(self.machine.attached())
            async for frame in connection:
                if isinstance(frame, str):
                    await self.say(self.machine.receive(frame))
                self._changed.set()
                if self.machine.closed:
                    await connection.close(1000, "the session is over")
        except ConnectionClosed:
            pass  # the same as a tidy end: dial again
        finally:
            self._connection = None
            self.machine.detached()
            self._changed.set()
