"""A topic: its name, how much of it is kept, and the schema that each message is held to on its way in and out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from cim.codec.codec import decode, encode
from cim.model.errors import BadInput
from cim.platform.columns import Plain

Message: TypeAlias = Mapping[str, Plain]

MEBIBYTE = 1 << 20
LARGEST = 4 * MEBIBYTE  # bytes of one message
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")


class Schema(Protocol):
    """What the messages of a topic look like."""

    def check(self, message: Message) -> Message:
        """The message as it is handed on.

        Raises:
            BadInput: which field, which value, what was expected.
        """
        ...


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic.

    Attributes:
        limit_bytes: that the server keeps of it at most; beyond it producers are told, and nothing is dropped.
        keep_bytes: of what all groups have acknowledged, so much stays for replays when room is needed.
    """

    name: str
    schema: Schema
    limit_bytes: int = 64 * MEBIBYTE
    keep_bytes: int = 32 * MEBIBYTE

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise BadInput(
                f"topic {self.name[:80]!r}; expected a letter, then letters, digits, dots, _ and -, 64 at most"
            )
        if not 0 <= self.keep_bytes <= self.limit_bytes:
            raise BadInput(f"topic {self.name}: keep_bytes is {self.keep_bytes}, expected 0 to {self.limit_bytes}")

    def pack(self, message: Message) -> bytes:
        """The bytes of a message.

        Raises:
            BadInput: it does not keep to the schema, or is larger than `LARGEST`.
        """
        data = encode(dict(self._checked(message)))
        if len(data) > min(LARGEST, self.limit_bytes):
            raise BadInput(f"topic {self.name}: a message of {len(data)} bytes; expected at most {LARGEST}")
        return data

    def unpack(self, data: bytes) -> Message:
        """The message of these bytes.

        Raises:
            BadInput: they are no message, or it does not keep to the schema.
        """
        found: object = decode(data)
        if not isinstance(found, dict):
            raise BadInput(f"topic {self.name}: a message that is no map; expected a map of fields")
        return self._checked(found)

    def _checked(self, message: Message) -> Message:
        try:
            return self.schema.check(message)
        except BadInput as error:
            raise BadInput(f"topic {self.name}: {error}") from None
