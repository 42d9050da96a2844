"""What a SunSpec driver needs of a wire: holding registers, here by Modbus TCP; a simulator gives them directly."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from devices.port.errors import DeviceFault, DeviceUnreachable

if TYPE_CHECKING:  # 0.15 s that only a link to a real socket needs; an agent on a direct image does not
    from pymodbus.client import AsyncModbusTcpClient
    from pymodbus.pdu import ModbusPDU

FIRST_TRIES = 3  # to connect to a device that was never met
MAX_READ = 125  # Modbus Application Protocol 1.1b3, section 6.3
MAX_WRITE = 123  # section 6.12
_FEWER = (100, 60, 50, 32, 16, 8)  # registers in one request, for devices that answer no more (exception 2 or 3)

_CODES = MappingProxyType(
    {1: "illegal function", 2: "illegal data address", 3: "illegal data value", 4: "device failure"}
    | {5: "acknowledge", 6: "device busy", 8: "memory parity error", 10: "gateway path unavailable"}
    | {11: "gateway target did not respond"}
)


class Registers(Protocol):
    """Holding registers of one device. Addresses are the PDU's (0-based), values 0..65535."""

    async def read(self, address: int, count: int) -> list[int]:
        """`count` registers from `address`. Raises `DeviceUnreachable` or `DeviceFault`."""
        ...

    async def write(self, address: int, values: list[int]) -> None:
        """Set registers from `address` on. Raises `DeviceUnreachable` or `DeviceFault`."""
        ...

    async def close(self) -> None:
        """Let go of the wire; safe to call twice."""
        ...


class NoAnswer(DeviceUnreachable):
    """The link stands, and the device says nothing: some do so at addresses that they do not have."""


class ExceptionReply(DeviceFault):
    """The device refused with a Modbus exception reply (Modbus Application Protocol 1.1b3, section 7)."""

    def __init__(self, where: str, what: str, code: int) -> None:
        """`where` is the device's address, `what` the request in words, `code` the exception code."""
        super().__init__(f"{where}: {what} was refused with exception {code} ({_CODES.get(code, 'unknown code')})")
        self.code = code


class PatientRegisters(ABC):
    """Registers of a device that may take smaller requests than the specification allows: what it refuses is asked for in
    parts, and what it has shown once is remembered. A filling says how one request goes.
    """

    _most_read = MAX_READ
    _one_by_one = False  # it takes writes by function 06 only

    async def read(self, address: int, count: int) -> list[int]:
        """`count` registers from `address`, in requests of at most 125, or of as many as the device answers."""
        found: list[int] = []
        most, refused = self._most_read, None
        while len(found) < count:
            size = min(most, count - len(found))
            try:
                found += await self._read_once(address + len(found), size)
            except ExceptionReply as refusal:
                refused = refused or refusal
                fewer = next((number for number in _FEWER if number < size), None)
                if refusal.code not in (2, 3) or fewer is None:
                    raise refused from None
                most = fewer  # whether it was the number is seen by asking for fewer
            else:
                self._most_read = most  # only what was answered is remembered
        return found

    async def write(self, address: int, values: list[int]) -> None:
        """Set registers by one WriteMultipleRegisters request (at most 123, so that they take effect together).

        A device that has no such function (exception 1) gets them one by one by function 06, in their order.
        """
        if not self._one_by_one:
            try:
                await self._write_together(address, values)
            except ExceptionReply as refusal:
                if refusal.code != 1:
                    raise
            else:
                return
        for offset, value in enumerate(values):
            await self._write_one(address + offset, value)
        self._one_by_one = True

    @abstractmethod
    async def _read_once(self, address: int, count: int) -> list[int]: ...

    @abstractmethod
    async def _write_together(self, address: int, values: list[int]) -> None: ...

    @abstractmethod
    async def _write_one(self, address: int, value: int) -> None: ...


class TcpRegisters(PatientRegisters):
    """Registers over Modbus TCP by pymodbus.

    One request at a time; a link that dropped is dialled again once. After any failure the link is closed, so that a
    late answer can never be taken for the next one.
    """

    def __init__(self, host: str, port: int, unit: int = 1, timeout_s: float = 3.0) -> None:
        """`unit` is the Modbus unit identifier; `timeout_s` holds for connecting and for each answer."""
        self._where = f"{host}:{port}"
        self._host, self._port, self._unit, self._timeout_s = host, port, unit, timeout_s
        self._met = False
        self._client: AsyncModbusTcpClient | None = None
        self._lock = asyncio.Lock()
        self._received = 0
        self._in_flight = False

    async def read(self, address: int, count: int) -> list[int]:
        """See `PatientRegisters.read`."""
        async with self._lock:
            return await super().read(address, count)

    async def write(self, address: int, values: list[int]) -> None:
        """See `PatientRegisters.write`."""
        async with self._lock:
            await super().write(address, values)

    async def _write_together(self, address: int, values: list[int]) -> None:
        if not 1 <= len(values) <= MAX_WRITE:
            raise DeviceFault(f"{self._where}: {len(values)} registers in one write; expected 1..{MAX_WRITE}")
        what = f"writing {len(values)} registers at {address}"
        reply = await self._ask(
            what, lambda client: client.write_registers(address, values, device_id=self._unit), function=16
        )
        if (reply.address, reply.count) != (address, len(values)):
            raise DeviceFault(
                f"{self._where}: {what} was confirmed as {reply.count} at {reply.address}; expected the same back"
            )

    async def _write_one(self, address: int, value: int) -> None:
        what = f"writing the register {address}"
        reply = await self._ask(
            what, lambda client: client.write_register(address, value, device_id=self._unit), function=6
        )
        if (reply.address, list(reply.registers)) != (address, [value]):
            raise DeviceFault(
                f"{self._where}: {what} with {value} was confirmed as {reply.registers} at {reply.address}; expected "
                "the same back"
            )

    async def close(self) -> None:
        """Close the link."""
        self._drop()

    async def _read_once(self, address: int, count: int) -> list[int]:
        what = f"reading {count} registers at {address}"
        reply = await self._ask(
            what,
            lambda client: client.read_holding_registers(address, count=count, device_id=self._unit),
            function=3,
        )
        if len(reply.registers) != count:
            self._drop()
            raise DeviceFault(f"{self._where}: {what} was answered with {len(reply.registers)}; expected {count}")
        return list(reply.registers)

    async def _ask(
        self, what: str, request: Callable[[AsyncModbusTcpClient], Awaitable[ModbusPDU]], function: int
    ) -> ModbusPDU:
        reply = await self._try(what, request)
        if reply is None:
            reply = await self._try(what, request)
        if reply is None:
            raise DeviceUnreachable(f"{self._where}: the link dropped twice while {what}; expected an answer")
        if reply.isError():
            raise ExceptionReply(self._where, what, reply.exception_code)
        if reply.function_code != function:
            self._drop()
            raise DeviceFault(
                f"{self._where}: {what} was answered with function {reply.function_code}; expected {function}"
            )
        return reply

    async def _try(
        self, what: str, request: Callable[[AsyncModbusTcpClient], Awaitable[ModbusPDU]]
    ) -> ModbusPDU | None:
        """One attempt; None when the link dropped without a byte, which is worth dialling again."""
        from pymodbus.exceptions import ModbusException

        client = await self._connected()
        self._received, self._in_flight = 0, True
        try:
            return await request(client)
        except ModbusException as error:
            dropped = not client.connected
            self._drop()
            if self._received:
                raise DeviceFault(
                    f"{self._where}: {what} was answered with {self._received} bytes that are no Modbus TCP reply"
                ) from error
            if dropped:
                return None
            raise NoAnswer(f"{self._where}: no answer within {self._timeout_s:g} s to {what}") from error
        except BaseException:
            self._drop()
            raise
        finally:
            self._in_flight = False

    async def _connected(self) -> AsyncModbusTcpClient:
        if self._client is not None and self._client.connected:
            return self._client
        from pymodbus.client import AsyncModbusTcpClient

        self._drop()
        client = AsyncModbusTcpClient(
            self._host,
            port=self._port,
            timeout=self._timeout_s,
            retries=0,  # retries on the same link could take a late answer for the new one
            reconnect_delay=0,
            trace_packet=self._trace_packet,
            trace_connect=self._trace_connect,
        )
        # The first time a whole site connects at once, and a machine may be too busy to do so within one time-out.
        for _ in range(1 if self._met else FIRST_TRIES):
            if await client.connect():
                break
        else:
            client.close()
            raise DeviceUnreachable(f"{self._where}: nothing accepts a connection; expected a Modbus TCP device")
        self._client, self._met = client, True
        return client

    def _trace_packet(self, sending: bool, data: bytes) -> bytes:
        if not sending:
            self._received = len(data)
        return data

    def _trace_connect(self, connected: bool) -> None:
        # pymodbus lets a request run into its time-out when the link drops under it; end it at once instead.
        client = self._client
        if not connected and self._in_flight and client is not None and not client.ctx.response_future.done():
            from pymodbus.exceptions import ModbusException

            client.ctx.response_future.set_exception(ModbusException("the link dropped"))

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()
