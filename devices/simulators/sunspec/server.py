"""Simulated SunSpec devices behind real sockets: Modbus TCP, each device on a port of its own.

Framing and messages are pymodbus's (`FramerSocket`, `DecodePDU`). Its server classes are not used: their datastores
want to own the registers and are deprecated, while a simulated device must see each request at its own instant.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import cast

from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadHoldingRegistersResponse,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteMultipleRegistersResponse,
    WriteSingleRegisterRequest,
    WriteSingleRegisterResponse,
)

from cim.model.errors import BadInput
from devices.simulators.sunspec.control_functions import Refused
from devices.simulators.sunspec.sunspec_device import SunSpecDevice
from devices.sunspec.registers import MAX_READ, MAX_WRITE

_LONGEST_ADU = 260  # Modbus Messaging on TCP/IP 1.0b, section 4.1


class ModbusTcpServer:
    """Serves any number of simulated devices. All methods belong to one event loop."""

    def __init__(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        """`host` is the address to listen on; `tls` of a server that speaks Modbus/TCP Security."""
        self._host, self._tls = host, tls
        self._listeners: list[asyncio.Server] = []
        self._links: dict[_Link, None] = {}  # a dict, for its order

    async def add(self, sunspec_device: SunSpecDevice, port: int = 0) -> int:
        """Serve `sunspec_device` on `port` (0: any free one); returns the real port.

        Raises:
            BadInput: the port cannot be had.
        """
        loop = asyncio.get_running_loop()
        try:
            listener = await loop.create_server(
                lambda: _Link(sunspec_device, self._links), self._host, port, ssl=self._tls
            )
        except (OSError, OverflowError) as error:
            raise BadInput(
                f"port: {port} on {self._host} cannot be listened on ({error}); expected a free port"
            ) from error
        self._listeners.append(listener)
        return int(listener.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and drop all links; safe to call twice."""
        for link in list(self._links):
            link.drop()
        for listener in self._listeners:
            listener.close()
            await listener.wait_closed()
        self._listeners.clear()


class _Link(asyncio.Protocol):
    """One client's connection. Whatever a client sends, only its own link can suffer."""

    def __init__(self, sunspec_device: SunSpecDevice, links: dict[_Link, None]) -> None:
        self._sunspec_device, self._links = sunspec_device, links
        self._framer = FramerSocket(DecodePDU(True))
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asked for its class: uvloop's transports, which Ray's actors have, are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._links[self] = None
        if self._sunspec_device.silent:
            self.drop()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._links.pop(self, None)

    def drop(self) -> None:
        """Cut the link at once."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            while self._transport is not None and self._buffer:
                if self._sunspec_device.silent:
                    self.drop()
                    return
                used, request = self._framer.handleFrame(self._buffer, 0, 0)
                self._buffer = self._buffer[used:]
                if request is None:
                    break
                reply = _answer(self._sunspec_device, request)
                reply.dev_id, reply.transaction_id = request.dev_id, request.transaction_id
                self._send(self._framer.buildFrame(reply))
        except (ModbusException, ValueError, LookupError):
            self.drop()  # a frame that cannot be decoded: nothing after it can be trusted to begin at a frame
        if len(self._buffer) > _LONGEST_ADU:
            self.drop()

    def _send(self, frame: bytes) -> None:
        """Send, as late as the device is slow; what comes after the link is gone is for nobody."""
        assert self._transport is not None  # noqa: S101 - something was received by it
        slow_s = self._sunspec_device.misbehaviour.slow_s
        if slow_s:
            asyncio.get_running_loop().call_later(slow_s, self._transport.write, frame)
        else:
            self._transport.write(frame)


def _answer(sunspec_device: SunSpecDevice, request: ModbusPDU) -> ModbusPDU:
    try:
        if isinstance(request, ReadInputRegistersRequest):  # a subclass of the holding request in pymodbus
            return ExceptionResponse(request.function_code, 1)
        if isinstance(request, ReadHoldingRegistersRequest):
            if not 1 <= request.count <= MAX_READ:
                return ExceptionResponse(request.function_code, 3)
            return ReadHoldingRegistersResponse(registers=sunspec_device.read(request.address, request.count))
        if isinstance(request, WriteMultipleRegistersRequest):
            if not 1 <= request.count <= MAX_WRITE or len(request.registers) != request.count:
                return ExceptionResponse(request.function_code, 3)
            sunspec_device.write(request.address, list(request.registers))
            return WriteMultipleRegistersResponse(address=request.address, count=request.count)
        if isinstance(request, WriteSingleRegisterRequest):
            sunspec_device.write(request.address, list(request.registers))
            return WriteSingleRegisterResponse(address=request.address, registers=list(request.registers))
    except Refused as refused:
        return ExceptionResponse(request.function_code, refused.code)
    return ExceptionResponse(request.function_code, 1)
