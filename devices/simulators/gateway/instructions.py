"""What a simulated gateway was told to do, and what of it holds at an instant; nothing is answered here."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from s2python.frbc import FRBCInstruction
from s2python.pebc import PEBCInstruction


@dataclass
class Instructions:
    """The instructions that a resource manager holds.

    Attributes:
        scheduled: FRBC instructions whose `execution_time` is to come, by id.
        active: by actuator, the FRBC instruction that was carried out last.
        envelope: the PEBC instruction in force or to come.
    """

    scheduled: dict[uuid.UUID, FRBCInstruction] = field(default_factory=dict)
    active: dict[uuid.UUID, FRBCInstruction] = field(default_factory=dict)
    envelope: PEBCInstruction | None = None

    def next_edge(self, now: datetime) -> datetime | None:
        """The next instant after `now` at which something begins or ends; None if nothing will."""
        edges = [instruction.execution_time for instruction in self.scheduled.values()]
        edges += [edge for start, end, _ in self._elements() for edge in (start, end)]
        return min((at for at in edges if at > now), default=None)

    def due(self, now: datetime) -> list[FRBCInstruction]:
        """Take out the scheduled instructions whose time has come, oldest first."""
        found = sorted((i for i in self.scheduled.values() if i.execution_time <= now), key=lambda i: i.execution_time)
        for instruction in found:
            del self.scheduled[instruction.id]
        return found

    def in_mode(self, mode: uuid.UUID) -> FRBCInstruction | None:
        """The active instruction that is for operation mode `mode`."""
        return next((one for one in self.active.values() if one.operation_mode == mode), None)

    def limit_w(self, now: datetime) -> float | None:
        """The upper limit of the envelope at `now`, >= 0; None where it has none. One that is over is dropped."""
        elements = self._elements()
        if elements and now >= elements[-1][1]:
            self.envelope = None
        return next((max(0.0, limit) for start, end, limit in elements if start <= now < end), None)

    def _elements(self) -> list[tuple[datetime, datetime, float]]:
        """(start, end, upper limit in watts) of each element of the envelope."""
        found: list[tuple[datetime, datetime, float]] = []
        if self.envelope is not None:
            at = self.envelope.execution_time
            for element in self.envelope.power_envelopes[0].power_envelope_elements:
                end = at + timedelta(milliseconds=element.duration.root)
                found.append((at, end, element.upper_limit))
                at = end
        return found
