"""A host's mailboxes: of what arrives, the messages that are new, next in their channel, and for which there is room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter

from agents.runtime.envelope import Envelope, Parcel
from agents.runtime.host.hosted_agent import HostedAgent
from cim.model.errors import ProgrammingFault

Key = tuple[str, str, int, int]
_ORDER = itemgetter(0, 2, 1, 3)  # of a mailbox: agent, lane, sender, sequence: nothing but the messages decides it


def take_in(
    mail: list[Envelope], hosted_agents: Mapping[str, HostedAgent], most: int, complete: bool = True
) -> tuple[list[Envelope], set[Key]]:
    """The messages to be handled now, in order, which count as seen from here; and the keys of those that have to wait.

    Args:
        mail: everything that came; it is sorted.
        most: messages that an agent takes in one round.
        complete: nothing that waits for this host is missing in `mail` (see `Task`).

    Raises:
        ProgrammingFault: a message for somebody who does not live here.
    """
    mail.sort(key=_ORDER)
    fresh: list[Envelope] = []
    left: set[Key] = set()
    agent, room = None, 0
    for envelope in mail:
        to, sender, lane, sequence, _ = envelope
        if to != agent:  # the mail of one agent stands together
            if to not in hosted_agents:
                raise ProgrammingFault(f"a message for {to} came to a host where it does not live")
            agent, room = to, most
            hosted_agent = hosted_agents[to]
            seen = hosted_agent.seen
        channel = (sender, lane)
        last = seen.get(channel)
        new = (
            True
            if last is not None and sequence == last + 1
            else hosted_agent.accepts(sender, lane, sequence, complete)
        )
        if new is False:
            continue
        if new is None or not room:
            left.add(envelope[:4])
            continue
        room -= 1
        seen[channel] = sequence
        fresh.append(envelope)
    return fresh, left


def whole(parcels: Sequence[Parcel], left: set[Key]) -> tuple[tuple[str, int], ...]:
    """(source, number) of the parcels of which nothing has to wait."""
    return tuple(
        [
            (parcel.source, parcel.number)
            for parcel in parcels
            if not left or not any(envelope[:4] in left for envelope in parcel.opened())
        ]
    )
