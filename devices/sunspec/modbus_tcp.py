"""One connection to a Modbus TCP device: a request, its reply (Modbus Messaging on TCP/IP Implementation Guide 1.0b).

Small on purpose: two hundred devices are asked each second by one process. What a request means is `registers`' affair.
"""

from __future__ import annotations

import asyncio
import struct
from typing import cast

_HEADER = struct.Struct(">HHHB")  # transaction, protocol (0), bytes that follow, unit (section 3.1.3)
_LEAST, _MOST = 3, 254  # bytes that follow: a unit and a PDU of 2..253 bytes


class NoModbus(Exception):
    """What came is no reply, or not the whole of one; `received` is how many bytes there are of it, 0 for silence."""

    def __init__(self, received: int) -> None:
        super().__init__(f"{received} bytes that are no Modbus TCP reply")
        self.received = received


class LinkDropped(NoModbus):
    """The link ended before the whole reply was there."""


def request(transaction: int, unit: int, pdu: bytes) -> bytes:
    """The frame of a PDU."""
    return _HEADER.pack(transaction, 0, len(pdu) + 1, unit) + pdu


def reply(received: bytes, transaction: int, unit: int) -> bytes | None:
    """The PDU of the reply to a request, in all that was received since; None while it is not complete.

    Some devices give every reply the transaction 0, which is taken.

    Raises:
        NoModbus: it can become none any more.
    """
    if len(received) < _HEADER.size:
        return None
    told, protocol, follow, by = _HEADER.unpack_from(received)
    if protocol or not _LEAST <= follow <= _MOST or told not in (transaction, 0) or by != unit:
        raise NoModbus(len(received))
    missing = follow + 6 - len(received)
    if missing < 0:
        raise NoModbus(len(received))
    return None if missing else received[_HEADER.size :]


class ModbusTcp(asyncio.Protocol):
    """The client's end. One request at a time; after a failure the link is of no use any more and is to be closed."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._transaction, self._unit = 0, 0
        self._waiting: asyncio.Future[bytes] | None = None

    @property
    def connected(self) -> bool:
        """True while the link stands."""
        return self._transport is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        # Not asked for its class: uvloop's transports, which Ray's actors have, are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Whoever waits learns it at once, not by a time-out."""
        self._transport = None
        self._fail(LinkDropped(len(self._received)))

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`; what nobody has asked for is dropped with the link."""
        waiting = self._waiting
        if waiting is None or waiting.done():
            self.close()
            return
        self._received += data
        try:
            pdu = reply(self._received, self._transaction, self._unit)
        except NoModbus as fault:
            self._fail(fault)
            return
        if pdu is not None:
            waiting.set_result(pdu)

    async def ask(self, unit: int, pdu: bytes, timeout_s: float) -> bytes:
        """The PDU of the reply.

        Raises:
            LinkDropped: the link ended instead.
            NoModbus: something else was answered, or nothing within `timeout_s`.
        """
        if self._transport is None:
            raise LinkDropped(0)
        loop = asyncio.get_running_loop()
        self._transaction, self._unit, self._received = self._transaction % 0xFFFF + 1, unit, b""
        self._waiting = loop.create_future()
        late = loop.call_later(timeout_s, self._late)
        try:
            self._transport.write(request(self._transaction, unit, pdu))
            return await self._waiting
        finally:
            late.cancel()
            self._waiting = None

    def close(self) -> None:
        """Cut the link; safe to call twice."""
        if self._transport is not None:
            self._transport.abort()

    def _late(self) -> None:
        self._fail(NoModbus(len(self._received)))

    def _fail(self, fault: NoModbus) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(fault)
