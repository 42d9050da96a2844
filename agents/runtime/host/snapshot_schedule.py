"""When an agent's agent_snapshot is written to the journal again: often enough to keep it short, seldom enough to keep it fast."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from agents.runtime.host.hosted_agent import HostedAgent
from agents.runtime.host.rounds import Step

_WINDOW = 4096  # entries after which an agent's agent_snapshot is written again, so that the journal stays short
_SWEPT = 8  # of those, at most so many in one entry
_SMALL = 16_384  # bytes of events worth keeping before a agent_snapshot is


class SnapshotSchedule:
    """What the journal holds of each agent of a host, by the number of the entry with its last agent_snapshot.

    Attributes:
        oldest: the entry from which on the journal is needed to make everybody again; 1 as long as there are none.
    """

    def __init__(self, hosted_agents: Mapping[str, HostedAgent]) -> None:
        self.hosted_agents = hosted_agents
        self._ages: OrderedDict[str, None] = OrderedDict()  # agents by the age of their last agent_snapshot
        self.oldest = 1

    def weigh(self, step: Step, inbox: int, others: int) -> Iterable[HostedAgent]:
        """StepLog on each agent its share of the bytes that the step's inbox and other events take; returns those touched."""
        hosted_agents = self.hosted_agents
        touched: dict[str, HostedAgent] = {}
        if step.others:
            each = others // len(step.others)
            for name, _ in step.others:
                touched[name] = hosted_agent = hosted_agents[name]
                hosted_agent.since_bytes += each
        if step.inbox:
            each = inbox // len(step.inbox)
            for envelope in step.inbox:
                touched[envelope[0]] = hosted_agent = hosted_agents[envelope[0]]
                hosted_agent.since_bytes += each
        return touched.values()

    def due(self, touched: Iterable[HostedAgent], number: int) -> tuple[tuple[str, bytes], ...]:
        """(agent, agent_snapshot) of those to be written with entry `number`: new ones, grown ones, and some of the oldest."""
        due = [
            hosted_agent
            for hosted_agent in touched
            if not hosted_agent.residence_at
            or (hosted_agent.since_bytes > _SMALL and hosted_agent.since_bytes > hosted_agent.residence_bytes)
        ]
        if not due and (not self._ages or number - self.oldest < _WINDOW):
            return ()
        names = {hosted_agent.name for hosted_agent in due}
        for name in self._ages:
            old = self.hosted_agents[name]
            if len(due) >= len(names) + _SWEPT or number - old.residence_at < _WINDOW:
                break
            if name not in names:
                due.append(old)
        return tuple((hosted_agent.name, self.written(hosted_agent, number)) for hosted_agent in due)

    def everybody(self, number: int) -> tuple[tuple[str, bytes], ...]:
        """(agent, agent_snapshot) of all, written with entry `number`."""
        return tuple(
            (name, self.written(hosted_agent, number)) for name, hosted_agent in sorted(self.hosted_agents.items())
        )

    def written(self, hosted_agent: HostedAgent, number: int, data: bytes | None = None) -> bytes:
        """An agent's agent_snapshot, which entry `number` holds (or held already: `data`)."""
        data = hosted_agent.agent_snapshot() if data is None else data
        hosted_agent.residence_at, hosted_agent.residence_bytes, hosted_agent.since_bytes = number, len(data), 0
        self._ages[hosted_agent.name] = None
        self._ages.move_to_end(hosted_agent.name)
        self.oldest = self.hosted_agents[next(iter(self._ages))].residence_at
        return data
