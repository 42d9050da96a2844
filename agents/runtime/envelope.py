"""What travels between hosts: messages with their idempotency keys, in parcels; a round's task and its outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from cim.model.errors import ProgrammingFault
from cim.platform.publications.base import Publication

SAFETY, ORDINARY = 0, 1


class _Lanes(dict[type, int]):
    """The lane of each type of message, found once; order holds within a lane.

    Those with `urgent = True` overtake everything else in a mailbox: they limit or steer a device.
    """

    def __missing__(self, kind: type) -> int:
        lane = self[kind] = SAFETY if getattr(kind, "urgent", None) is True else ORDINARY
        return lane


LANES = _Lanes()


class Envelope(NamedTuple):
    """A message on its way.

    (sender, to, lane) is a channel; its sequence numbers count up by one, so a receiver recognises what is repeated,
    what is stale and what has come too early. A tuple, because hundreds of thousands a second pass through a host.
    """

    to: str
    sender: str
    lane: int
    sequence: int
    message: Any


Address = tuple[str, str, int, int]  # (to, sender, lane, sequence) of an envelope: it identifies the message for good
Batch = bytes | np.ndarray[Any, np.dtype[np.uint8]]  # a large one is an array: Ray copies it half as often


class Parcel(NamedTuple):
    """All messages of one host's round for one other host; (source, number) identifies it for good.

    Between processes it is sealed: a batch of bytes (`agents.runtime.batches`) that nobody on the way opens.
    """

    source: str
    number: int
    envelopes: tuple[Envelope, ...] | Batch

    def opened(self) -> tuple[Envelope, ...]:
        """What is in it. Raises ProgrammingFault where it is still sealed."""
        if not isinstance(self.envelopes, tuple):
            raise ProgrammingFault(f"parcel {self.number} of {self.source} is still sealed")
        return self.envelopes


class Task(NamedTuple):
    """A round of work.

    Attributes:
        number: of the round; counts up through the life of a site.
        parcels: what came for this host.
        settled: everything this host sent up to this round has been taken by its receivers, durably.
        complete: no parcel that waits for this host is missing; False where some were lost or held up on their way.
    """

    number: int
    parcels: tuple[Parcel, ...] = ()
    settled: int = 0
    complete: bool = True


Published = tuple[str, Publication]


@dataclass(slots=True)  # never changed; to freeze it would double what it costs to make, in every round of every host
class Outcome:
    """What a host's round of work led to.

    Attributes:
        number: of the round.
        mail: messages for other hosts, by host.
        taken: (source, number) of the parcels of which every message is now durably handled (or was before).
        local: it has mail for itself, to be worked off in the next round.
        published: (agent, publication) for the data platform.
        next_timer: when it wants to be woken.
        seconds: where the time went, by part.
        handled: messages taken.
        sizes: how many messages a parcel has, where it is sealed (`mail` holds bytes between processes).
    """

    number: int
    mail: dict[str, tuple[Envelope, ...] | Batch]
    taken: tuple[tuple[str, int], ...]
    local: bool
    published: tuple[Published, ...]
    next_timer: datetime | None
    seconds: dict[str, float]
    handled: int = 0
    sizes: dict[str, int] = field(default_factory=dict)
