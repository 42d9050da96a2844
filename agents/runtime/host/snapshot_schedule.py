"""When an agent's residence is written to the journal again: often enough to keep it short, seldom enough to keep it fast."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from agents.runtime.host.hosted_agent import Resident
from agents.runtime.host.rounds import Step

_WINDOW = 4096  # entries after which an agent's residence is written again, so that the journal stays short
_SWEPT = 8  # of those, at most so many in one entry
_SMALL = 16_384  # bytes of events worth keeping before a residence is


class Residences:
    """What the journal holds of each agent of a host, by the number of the entry with its last residence.

    Attributes:
        oldest: the entry from which on the journal is needed to make everybody again; 1 as long as there are none.
    """

    def __init__(self, residents: Mapping[str, Resident]) -> None:
        self.residents = residents
        self._ages: OrderedDict[str, None] = OrderedDict()  # agents by the age of their last residence
        self.oldest = 1

    def weigh(self, step: Step, inbox: int, others: int) -> Iterable[Resident]:
        """Book on each agent its share of the bytes that the step's inbox and other events take; returns those touched."""
        residents = self.residents
        touched: dict[str, Resident] = {}
        if step.others:
            each = others // len(step.others)
            for name, _ in step.others:
                touched[name] = resident = residents[name]
                resident.since_bytes += each
        if step.inbox:
            each = inbox // len(step.inbox)
            for envelope in step.inbox:
                touched[envelope[0]] = resident = residents[envelope[0]]
                resident.since_bytes += each
        return touched.values()

    def due(self, touched: Iterable[Resident], number: int) -> tuple[tuple[str, bytes], ...]:
        """(agent, residence) of those to be written with entry `number`: new ones, grown ones, and some of the oldest."""
        due = [
            resident
            for resident in touched
            if not resident.residence_at
            or (resident.since_bytes > _SMALL and resident.since_bytes > resident.residence_bytes)
        ]
        if not due and (not self._ages or number - self.oldest < _WINDOW):
            return ()
        names = {resident.name for resident in due}
        for name in self._ages:
            old = self.residents[name]
            if len(due) >= len(names) + _SWEPT or number - old.residence_at < _WINDOW:
                break
            if name not in names:
                due.append(old)
        return tuple((resident.name, self.written(resident, number)) for resident in due)

    def everybody(self, number: int) -> tuple[tuple[str, bytes], ...]:
        """(agent, residence) of all, written with entry `number`."""
        return tuple((name, self.written(resident, number)) for name, resident in sorted(self.residents.items()))

    def written(self, resident: Resident, number: int, data: bytes | None = None) -> bytes:
        """An agent's residence, which entry `number` holds (or held already: `data`)."""
        data = resident.residence() if data is None else data
        resident.residence_at, resident.residence_bytes, resident.since_bytes = number, len(data), 0
        self._ages[resident.name] = None
        self._ages.move_to_end(resident.name)
        self.oldest = self.residents[next(iter(self._ages))].residence_at
        return data
