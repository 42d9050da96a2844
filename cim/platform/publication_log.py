"""What was put and is in no table yet: a file of frames that a kill at any byte leaves readable up to the last whole one."""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path
from zlib import crc32

import structlog

from cim.codec.codec import decode, encode
from cim.platform.columns import Row

_FRAME = struct.Struct("<II")  # length and CRC-32 of what follows
_log = structlog.get_logger(__name__)


class PublicationLog:
    """Appends (number, agent, family, row); each is with the operating system when `append` returns.

    Attributes:
        rows: what the file held when it was opened, in order.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("a+b", buffering=0)
        self._file.seek(0)
        self.rows, whole = _read(self._file.read())
        self._end, self._is_torn = whole, False
        torn = self._file.tell() - whole
        if torn:
            _log.warning("publication log", reason=f"{torn} bytes at its end are no whole entry and are dropped")
            self._file.truncate(whole)

    def append(self, number: int, agent: str, family: str, row: Row) -> None:
        """Add an entry.

        Raises:
            OSError: the disk is full; the file holds what it held.
        """
        data = encode((number, agent, family, row))
        frame = memoryview(_FRAME.pack(len(data), crc32(data)) + data)
        if self._is_torn:  # what stands behind a torn entry would never be read
            self._file.truncate(self._end)
        self._is_torn, written = True, 0
        try:
            while written < len(frame):  # a disk that becomes full takes a part first, and says so only then
                written += self._file.write(frame[written:])
        except OSError:
            with suppress(OSError):
                self._file.truncate(self._end)
            raise
        self._is_torn = False
        self._end += len(frame)

    def sync(self) -> None:
        """Have the disk keep what was appended."""
        os.fsync(self._file.fileno())

    def clear(self) -> None:
        """Forget all: it is in the tables."""
        self._file.truncate(0)
        self._end, self._is_torn = 0, False

    def close(self) -> None:
        """Let go of the file; an empty one goes."""
        if self._file.seek(0, os.SEEK_END) == 0:
            self._path.unlink(missing_ok=True)
        self._file.close()


def logged(path: Path) -> list[tuple[int, str, str, Row]]:
    """The whole entries of a log that another process may be writing, in order; the file is not touched. None: no entries."""
    try:
        return _read(path.read_bytes())[0]
    except FileNotFoundError:
        return []


def _read(data: bytes) -> tuple[list[tuple[int, str, str, Row]], int]:
    """The whole entries at the beginning of `data`, and how many bytes they take."""
    rows: list[tuple[int, str, str, Row]] = []
    place = 0
    while place + _FRAME.size <= len(data):
        length, check = _FRAME.unpack_from(data, place)
        entry = data[place + _FRAME.size : place + _FRAME.size + length]
        if len(entry) < length or crc32(entry) != check:
            break
        number, agent, family, row = decode(entry)
        rows.append((number, agent, family, row))
        place += _FRAME.size + length
    return rows, place
