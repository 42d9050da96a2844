"""What crosses between this machine's processes: one request, one answer, in wire bytes with their length before them."""

from __future__ import annotations

import socket
import struct

from cim.codec.codec import decode, encode
from cim.model.errors import BadInput, IlesError

_LENGTH = struct.Struct("<Q")
OK, INPUT, FAULT = "ok", "input", "fault"


def send(wire: socket.socket, value: object) -> None:
    """Raises OSError where the other side is gone."""
    data = encode(value)
    wire.sendall(_LENGTH.pack(len(data)))
    wire.sendall(data)


def receive(wire: socket.socket) -> object:
    """The next value; EOFError where the other side is gone."""
    (length,) = _LENGTH.unpack(_exactly(wire, _LENGTH.size))
    return decode(_exactly(wire, length))


def answer_to(value: object) -> object:
    """What an answer says.

    Raises:
        BadInput: what was asked for does not fit.
        IlesError: it failed, in the words of the other side.
    """
    match value:
        case (str() as kind, found):
            if kind == OK:
                return found
            raise (BadInput if kind == INPUT else IlesError)(str(found))
    raise IlesError(f"answer: {str(value)[:40]!r}; expected what came of it")


def _exactly(wire: socket.socket, length: int) -> bytes:
    data = bytearray(length)
    view, got = memoryview(data), 0
    while got < length:
        count = wire.recv_into(view[got:])
        if count == 0:
            raise EOFError("the other process is gone")
        got += count
    return bytes(data)
