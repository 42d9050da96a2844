"""Records of a stream's messages that are taken together, and which message each of them stands in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cim.mapping.engine.frame import Frame, Reject

if TYPE_CHECKING:
    import pyarrow as pa

TOPIC = "topic"  # before a source's name: the readings table's stream in which its messages are counted


@dataclass(frozen=True, slots=True)
class Block:
    """Records of a stream's messages that came together, in their order.

    Attributes:
        sequence: of the last message; those up to it that were taken before are not among them.
        frame: the records, `lines` counting them from 1.
        recorded: [N] when each came, on the run's own clock.
        places: [N] each record's message by its number in the stream, and its row there from 1.
    """

    source: str
    sequence: int
    frame: Frame
    recorded: pa.Array
    places: Sequence[tuple[int, int]]


def stream_of_blocks(source: str) -> str:
    """The readings table's stream in which `take_messages` counts a source's messages."""
    return f"{TOPIC}/{source}"


def rows_of(readings: pa.Table) -> pa.Array:
    """[N] each reading's record, from 0."""
    import pyarrow.compute as pc

    return pc.subtract(readings["line"].combine_chunks(), 1)


def by_message(rejects: Sequence[Reject], places: Sequence[tuple[int, int]]) -> dict[int, list[tuple[int, Reject]]]:
    """Rejects of a block by their message, each with its record (from 0) and with its line in the message."""
    found: dict[int, list[tuple[int, Reject]]] = {}
    for reject in rejects:
        message, line = places[reject.line - 1]
        found.setdefault(message, []).append((reject.line - 1, replace(reject, line=line)))
    return found
