"""When an agent's snapshot is written to the journal again: often enough to keep it short, seldom enough to keep it fast."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from agents.runtime.envelope import Address, Envelope
from agents.runtime.host.hosted_agent import HostedAgent

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
            touched[name] = agent = self.hosted_agents[name]
            agent.since_bytes += size
        if inbox:
            each = inbox_bytes // len(inbox)
            for envelope in inbox:
                touched[envelope[0]] = agent = self.hosted_agents[envelope[0]]
                agent.since_bytes += each
        return touched.values()

    def due(self, touched: Iterable[HostedAgent], number: int) -> Snapshots:
        """Of those to be written with entry `number`: new ones, grown ones, and some of the oldest."""
        due = [
            agent
            for agent in touched
            if agent.begins or (agent.since_bytes > _SMALL and agent.since_bytes > agent.snapshot_bytes)
        ]
        if not due and (not self._by_age or number - self.oldest < _WINDOW):
            return ()
        names = {agent.name for agent in due}
        for name in self._by_age:
            old = self.hosted_agents[name]
            if len(due) >= len(names) + _SWEPT or number - old.snapshot_at < _WINDOW:
                break
            if name not in names:
                due.append(old)
        return tuple((agent.name, self.write(agent, number)) for agent in due)

    def everybody(self, number: int) -> Snapshots:
        """Of all that have begun, written with entry `number`."""
        found = sorted(self.hosted_agents.items())
        return tuple((name, self.write(agent, number)) for name, agent in found if not agent.begins)

    def write(self, agent: HostedAgent, number: int) -> bytes:
        """An agent's snapshot, which entry `number` will hold."""
        data = agent.snapshot()
        self.written(agent, number, len(data))
        return data

    def written(self, agent: HostedAgent, number: int, size: int) -> None:
        """Entry `number` holds an agent's snapshot of so many bytes."""
        agent.snapshot_at, agent.snapshot_bytes, agent.since_bytes = number, size, 0
        self._by_age[agent.name] = None
        self._by_age.move_to_end(agent.name)
        self.oldest = self.hosted_agents[next(iter(self._by_age))].snapshot_at
