"""What a SunSpec driver needs of a wire: holding registers, here by Modbus TCP; a simulator gives them directly."""

from __future__ import annotations

import asyncio
import ssl
import struct
from abc import ABC, abstractmethod
from types import MappingProxyType
from typing import Protocol

from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.sunspec.modbus_tcp import LinkDropped, ModbusTcp, NoModbus

FIRST_TRIES = 3  # to connect to a device that was never met
MAX_READ = 125  # Modbus Application Protocol 1.1b3, section 6.3
MAX_WRITE = 123  # section 6.12
PATIENCE_S = 3.0  # for connecting and for each answer, unless an operator says otherwise
_READ = struct.Struct(">BHH")  # function, address, count: a request to read, and what confirms a write
_REFUSED = 0x80  # of a function code: section 7
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
    """Registers over Modbus TCP.

    One request at a time, and who waits gets the next: a setpoint is never held up by more than one request of a poll
    under way. A link that dropped is dialled again once. After any failure the link is closed, so that a late answer can
    never be taken for the next one.
    """

    def __init__(
        self, host: str, port: int, unit: int = 1, timeout_s: float = PATIENCE_S, tls: ssl.SSLContext | None = None
    ) -> None:
        """`unit` is the Modbus unit identifier; `timeout_s` holds for connecting and for each answer; `tls`: by Modbus/TCP
        Security (MB-TCP-Security v2.1).
        """
        self._tls = tls
        self._where = f"{host}:{port}"
        self._host, self._port, self._unit, self._timeout_s = host, port, unit, timeout_s
        self._met = False
        self._link: ModbusTcp | None = None
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        """Close the link."""
        self._drop()

    async def _read_once(self, address: int, count: int) -> list[int]:
        what = f"reading {count} registers at {address}"
        told = await self._ask(what, _READ.pack(3, address, count))
        if len(told) < 2 or len(told) - 2 != told[1] or told[1] % 2:
            raise self._nonsense(what, len(told))
        if told[1] != 2 * count:
            self._drop()
            raise DeviceFault(f"{self._where}: {what} was answered with {told[1] // 2}; expected {count}")
        return list(struct.unpack_from(f">{count}H", told, 2))

    async def _write_together(self, address: int, values: list[int]) -> None:
        count = len(values)
        if not 1 <= count <= MAX_WRITE:
            raise DeviceFault(f"{self._where}: {count} registers in one write; expected 1..{MAX_WRITE}")
        what = f"writing {count} registers at {address}"
        told = await self._ask(what, struct.pack(f">BHHB{count}H", 16, address, count, 2 * count, *values))
        if told != _READ.pack(16, address, count):
            at, confirmed = struct.unpack_from(">HH", told.ljust(5, b"\0"), 1)
            raise DeviceFault(f"{self._where}: {what} was confirmed as {confirmed} at {at}; expected the same back")

    async def _write_one(self, address: int, value: int) -> None:
        what = f"writing the register {address}"
        asked = _READ.pack(6, address, value)
        told = await self._ask(what, asked)
        if told != asked:
            at, confirmed = struct.unpack_from(">HH", told.ljust(5, b"\0"), 1)
            raise DeviceFault(
                f"{self._where}: {what} with {value} was confirmed as {confirmed} at {at}; expected the same back"
            )

    async def _ask(self, what: str, pdu: bytes) -> bytes:
        """The PDU of the reply, which is one to this function."""
        async with self._lock:
            told = await self._try(what, pdu) or await self._try(what, pdu)
        if told is None:
            raise DeviceUnreachable(f"{self._where}: the link dropped twice while {what}; expected an answer")
        if told[0] == pdu[0]:
            return told
        if told[0] == pdu[0] | _REFUSED:
            raise ExceptionReply(self._where, what, told[1])
        self._drop()
        raise DeviceFault(f"{self._where}: {what} was answered with function {told[0] & ~_REFUSED}; expected {pdu[0]}")

    async def _try(self, what: str, pdu: bytes) -> bytes | None:
        """One attempt; None when the link dropped without a byte, which is worth dialling again."""
        link = await self._connected()
        try:
            return await link.ask(self._unit, pdu, self._timeout_s)
        except NoModbus as fault:
            if fault.received:
                raise self._nonsense(what, fault.received) from fault
            self._drop()
            if isinstance(fault, LinkDropped):
                return None
            raise NoAnswer(f"{self._where}: no answer within {self._timeout_s:g} s to {what}") from fault
        except BaseException:
            self._drop()
            raise

    def _nonsense(self, what: str, received: int) -> DeviceFault:
        self._drop()
        return DeviceFault(f"{self._where}: {what} was answered with {received} bytes that are no Modbus TCP reply")

    async def _connected(self) -> ModbusTcp:
        if self._link is not None and self._link.connected:
            return self._link
        self._drop()
        dial = asyncio.get_running_loop().create_connection
        # The first time a whole site connects at once, and a machine may be too busy to do so within one time-out.
        for _ in range(1 if self._met else FIRST_TRIES):
            try:
                async with asyncio.timeout(self._timeout_s):
                    _, link = await dial(ModbusTcp, self._host, self._port, ssl=self._tls)
            except ssl.SSLError as error:
                raise DeviceUnreachable(
                    f"{self._where}: TLS is not agreed on ({error.reason or error}); expected a certificate that each side trusts"
                ) from error
            except OSError:  # also the time-out
                continue
            self._link, self._met = link, True
            return link
        raise DeviceUnreachable(f"{self._where}: nothing accepts a connection; expected a Modbus TCP device")

    def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
