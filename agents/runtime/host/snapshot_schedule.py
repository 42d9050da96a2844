"""When an agent's snapshot is written to the journal again: often enough to keep it short, seldom enough to keep it fast."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from agents.runtime.envelope import Address, Envelope
from agents.runtime.host.hosted_agent import HostedAgent, InSnapshot

_WINDOW = 4096  # entries after which an agent's snapshot is written again, so that the journal stays short
_SWEPT = 8  # of those, at most so many in one entry
_SMALL = 16_384  # bytes of events worth keeping before a snapshot is

Snapshots = tuple[tuple[str, bytes], ...]  # (agent, snapshot)


class SnapshotSchedule:
    """What the journal holds of each agent of a host, by the number of the entry with its last snapshot.

    Attributes:
        oldest: the entry from which on the journal is needed to make everybody again; 1 as long as there are none.
    """

    def __init__(self, hosted_agents: Mapping[str, HostedAgent]) -> None:
        self.hosted_agents = hosted_agents
        self._by_age: OrderedDict[str, None] = OrderedDict()  # agents by the age of their last snapshot
        self.oldest = 1

    def weigh(
        self, events: Iterable[tuple[str, int]], inbox: Sequence[Envelope | Address], inbox_bytes: int
    ) -> Iterable[HostedAgent]:
        """Count for each agent the bytes that a step's events take, and its share of the messages; returns those touched.

        Args:
            events: (agent, bytes).
        """
        touched: dict[str, HostedAgent] = {}
        for name, size in events:
            touched[name] = hosted_agent = self.hosted_agents[name]
            hosted_agent.since_bytes += size
        if inbox:
            each = inbox_bytes // len(inbox)
            for envelope in inbox:
                touched[envelope[0]] = hosted_agent = self.hosted_agents[envelope[0]]
                hosted_agent.since_bytes += each
        return touched.values()

    def due(self, touched: Iterable[HostedAgent], number: int) -> Snapshots:
        """Of those to be written with entry `number`: new ones, grown ones, and some of the oldest."""
        due = [
            hosted_agent
            for hosted_agent in touched
            if hosted_agent.begins
            or (hosted_agent.since_bytes > _SMALL and hosted_agent.since_bytes > hosted_agent.in_journal.size)
        ]
        if not due and (not self._by_age or number - self.oldest < _WINDOW):
            return ()
        names = {hosted_agent.name for hosted_agent in due}
        for name in self._by_age:
            old = self.hosted_agents[name]
            if len(due) >= len(names) + _SWEPT or number - old.in_journal.entry < _WINDOW:
                break
            if name not in names:
                due.append(old)
        return tuple((hosted_agent.name, self.write(hosted_agent, number)) for hosted_agent in due)

    def everybody(self, number: int) -> Snapshots:
        """Of all that have begun, written with entry `number`."""
        found = sorted(self.hosted_agents.items())
        return tuple((name, self.write(agent, number)) for name, agent in found if not agent.begins)

    def write(self, hosted_agent: HostedAgent, number: int) -> bytes:
        """An agent's snapshot, which entry `number` will hold."""
        data = hosted_agent.snapshot()
        self.written(hosted_agent, number, len(data))
        return data

    def written(self, hosted_agent: HostedAgent, number: int, size: int) -> None:
        """Entry `number` holds an agent's snapshot of so many bytes."""
        hosted_agent.in_journal, hosted_agent.since_bytes = InSnapshot(number, size), 0
        self._by_age[hosted_agent.name] = None
        self._by_age.move_to_end(hosted_agent.name)
        self.oldest = self.hosted_agents[next(iter(self._by_age))].in_journal.entry
