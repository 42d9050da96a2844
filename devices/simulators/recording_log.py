"""The file in which a recorded site keeps what was done to it: a head, then one entry for each input, append-only.

An entry is a length and a CRC-32 (4 bytes each, big-endian) and deflated msgpack. It is handed to the operating system before
its effect is answered, so it outlives a kill of the process; the last entry may be torn, and is cut off then. A power
cut can cost the last seconds of the file: nothing waits for the disk.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgpack

from cim.model.errors import BadInput, IlesError

MAGIC = b"ILES inputs 1\n"
_FRAME = struct.Struct(">II")
_LONGEST = 1 << 26
# Most of a log are frames that differ in little: what they have in common, the most frequent last. Part of the format.
_COMMON = (
    b'{"message_type":"RevokeObject","message_id":"","object_type":"PEBC.Instruction"FRBC.Instruction","object_id":"'
    b'","status":"INVALID_CONTENT","diagnostic_label":"{"message_type":"HandshakeResponse","selected_protocol_version":'
    b'{"message_type":"SelectControlType","message_id":"","control_type":"FILL_RATE_BASED_CONTROL"}'
    b'{"message_type":"PEBC.Instruction","message_id":"","id":"","execution_time":"T00:00:00Z","abnormal_condition":false'
    b',"power_constraints_id":"","power_envelopes":[{"id":"","commodity_quantity":"ELECTRIC.POWER.3_PHASE_SYMMETRIC",'
    b'"power_envelope_elements":[{"duration":900000,"upper_limit":0.0,"lower_limit":0.0}]}]}'
    b'{"message_type":"FRBC.Instruction","message_id":"","id":"","actuator_id":"","operation_mode":"",'
    b'"operation_mode_factor":0.0,"execution_time":"","abnormal_condition":false}'
    b':1","ClearChargingProfile",{"chargingProfileId":1}]{"status":"Accepted","interval":900,"currentTime":"'
    b'","SetChargingProfile",{"evseId":1,"chargingProfile":{"id":2,"stackLevel":0,"chargingProfilePurpose":'
    b'"TxDefaultProfile","chargingProfileKind":"Absolute","chargingSchedule":[{"id":2,"chargingRateUnit":"W",'
    b'"chargingSchedulePeriod":[{"startPeriod":0,"limit":1000.0}],"startSchedule":"T00:15:00Z","duration":900}],'
    b'"validTo":"T00:30:00Z"}}],"GetCompositeSchedule",{"duration":900,"evseId":1,"chargingRateUnit":"W"}]'
    b'[3,".station-1:1",{"idTokenInfo":{"status":"Accepted"}}][3,".station:1",{"currentTime":"T00:00:00Z"}]'
    b'[3,".station-1:1",{}]{"message_type":"ReceptionStatus","subject_message_id":"","status":"OK"}'
)
_WINDOW = -12  # raw deflate, 4 KiB
Field = int | float | str | tuple[int, ...]
Entry = tuple[Field, ...]
_PATIENCE_S = 10.0  # a process that lost its owner needs a moment to let go of the file


class LogFailed(IlesError):
    """An input could not be kept, so it was not carried out."""


class InputLog:
    """One file, held by one process at a time. Use: `open`, all of `entries`, then `append`.

    Attributes:
        path: where it is.
        total: bytes of it when it was opened.
        size: bytes of it that hold entries, once `entries` is at its end.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.size = 0
        self.total = os.fstat(descriptor).st_size
        self._descriptor = descriptor
        self._deflate = zlib.compressobj(6, zlib.DEFLATED, _WINDOW, 4, zlib.Z_DEFAULT_STRATEGY, _COMMON)

    @classmethod
    def open(cls, path: Path) -> InputLog:
        """Open or make the file (readable by its owner only), and wait a moment for whoever held it before.

        Raises:
            BadInput: it cannot be opened, is held by another process, or is something else.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BadInput(f"log: {path} cannot be opened ({error.strerror}); expected a file to write to") from error
        log = cls(path, descriptor)
        try:
            log._hold()
            begin = os.pread(descriptor, len(MAGIC), 0)
            if begin != MAGIC[: len(begin)]:
                raise BadInput(f"log: {path} is something else; expected a log of a simulated site, or no file")
        except BaseException:
            log.close()
            raise
        return log

    def entries(self) -> Iterator[tuple[Entry, float]]:
        """Every entry, oldest first, and which share of the file is read with it; then cut off what is torn.

        Raises:
            BadInput: the file is damaged before its last entry.
        """
        self.total = total = os.fstat(self._descriptor).st_size  # whoever held it may have gone on until just now
        with os.fdopen(os.dup(self._descriptor), "rb", buffering=1 << 20) as file:
            file.seek(0)
            at = len(MAGIC) if file.read(len(MAGIC)) == MAGIC else 0
            while at and (data := self._next(file, at, total)) is not None:
                at += _FRAME.size + len(data)
                yield self._value(data, at), at / total
        self.size = at
        if at < total:
            os.ftruncate(self._descriptor, at)

    def append(self, entry: Entry) -> None:
        """Keep `entry`; once it returns, the operating system has it.

        Raises:
            LogFailed: it has not; the file is as it was.
        """
        deflate = self._deflate.copy()
        data = deflate.compress(msgpack.packb(entry)) + deflate.flush()
        data = _FRAME.pack(len(data), zlib.crc32(data)) + data
        if self.size == 0:
            data = MAGIC + data
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(self._descriptor, data[written:], self.size + written)
        except OSError as error:
            with contextlib.suppress(OSError):  # what is left of it is written over by the next one
                os.ftruncate(self._descriptor, self.size)
            raise LogFailed(
                f"log: {self.path} cannot be written ({error.strerror}); expected room for what is done to the site"
            ) from error
        self.size += len(data)

    def close(self) -> None:
        """Let go of the file; safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _hold(self) -> None:
        import fcntl

        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if time.monotonic() >= until:
                    raise BadInput(
                        f"log: {self.path} is held by another process; expected one running site for each log"
                    ) from error
            time.sleep(0.1)

    def _next(self, file: BinaryIO, at: int, total: int) -> bytes | None:
        """The bytes of the entry at `at`; None at the end, or when what is left is torn."""
        frame = file.read(_FRAME.size)
        if len(frame) < _FRAME.size:
            return None
        length, checksum = _FRAME.unpack(frame)
        end = at + _FRAME.size + length
        data = file.read(length) if 0 < length <= _LONGEST else b""
        if len(data) == length and data and zlib.crc32(data) == checksum:
            return data
        # Torn is what reaches to the end of the file; a file system that lost power may fill it up with zeros.
        if end >= total or (length == 0 and not any(file.read())):
            return None
        raise BadInput(f"log: {self.path} is damaged at byte {at}; expected an entry there (a copy, or a new log)")

    def _value(self, data: bytes, end: int) -> Entry:
        try:
            entry = msgpack.unpackb(zlib.decompressobj(_WINDOW, _COMMON).decompress(data), use_list=False)
        except (ValueError, zlib.error, msgpack.UnpackException):
            entry = None
        if not isinstance(entry, tuple) or not entry:
            raise BadInput(f"log: {self.path} holds {data[:20]!r} before byte {end}; expected an entry")
        return entry
