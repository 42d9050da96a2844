"""An appliance's resource manager without I/O: power profile based control (PPBC).

A programme that is ready waits for a start as long as somebody has chosen PPBC, and for its latest start at most; without
a CEM it begins at once. The physics carries a scheduled start out at its very instant, whoever is connected then.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from s2python.common import ControlType, InstructionStatus, RevokableObjects, RevokeObject
from s2python.generated.gen_s2 import PPBCPowerSequenceStatus
from s2python.message import S2MessageWithID
from s2python.ppbc import (
    PPBCEndInterruptionInstruction,
    PPBCScheduleInstruction,
    PPBCStartInterruptionInstruction,
)

from devices.s2.session import Refused, Status
from devices.simulators.gateway import programme_messages
from devices.simulators.gateway.message_builders import power_measurement
from devices.simulators.gateway.physics_port import ProgrammeUnit
from devices.simulators.gateway.programme_messages import ProgrammeIds, state_of
from devices.simulators.gateway.resource_manager import ResourceManagerMachine

PPBC = ControlType.POWER_PROFILE_BASED_CONTROL
Interruption = PPBCStartInterruptionInstruction | PPBCEndInterruptionInstruction
Told = tuple[ProgrammeIds, PPBCPowerSequenceStatus]


class ApplianceMachine(ResourceManagerMachine):
    """One simulated washing machine or dishwasher as a resource manager.

    Args:
        name: its name.
        unit: the physics behind it; `waits`, `start_at` and `paused` are set here.
    """

    def __init__(self, name: str, unit: ProgrammeUnit) -> None:
        super().__init__(name, unit)
        self.unit = unit
        self.unit.waits = False
        self._ids: ProgrammeIds | None = None
        self._told: Told | None = None  # in this session
        self._scheduled: uuid.UUID | None = None  # the instruction that the programme follows, until it is done
        self._interruptions: list[Interruption] = []  # to come, in the order of time

    def next_change(self) -> datetime | None:
        """The next interruption, or end of one; a start is the physics' own affair."""
        return min((i.execution_time for i in self._interruptions if i.execution_time > self.now), default=None)

    def attached(self) -> list[str]:
        """A new session hears of the programme afresh."""
        self._told = None
        return super().attached()

    def _introduction(self) -> list[S2MessageWithID]:
        resource = self._session.fixed_id("resource")
        return [
            programme_messages.details(self._id, resource, self.name),
            programme_messages.forecast(self._id, self.unit, self.now),
        ]

    def _carry_out(self) -> list[S2MessageWithID]:
        """Interrupt and go on where that is due; what came of it is told with the measurement."""
        while self._interruptions and self._interruptions[0].execution_time <= self.now:
            self.unit.paused = isinstance(self._interruptions.pop(0), PPBCStartInterruptionInstruction)
        return []

    def _report(self) -> list[S2MessageWithID]:
        # The measurement first: it has the time that the status behind it has not.
        measured = power_measurement(self._id, self._mean.at(self.now), self.now, programme_messages.QUANTITY)
        return [measured, *self._news()]

    def _news(self) -> list[S2MessageWithID]:
        """What is new of the programme since it was told last."""
        ids = self._programme()
        if ids is None or self.control is not PPBC:
            return []
        known, state, messages = self._told, state_of(self.unit), list[S2MessageWithID]()
        if known is None or known[0] is not ids:
            messages.append(programme_messages.definition(self._id, ids, self.unit))
        elif known[1] is state:
            return []
        self._told = ids, state
        if self._scheduled is not None and state is not PPBCPowerSequenceStatus.SCHEDULED:
            over = state is PPBCPowerSequenceStatus.FINISHED
            now = InstructionStatus.SUCCEEDED if over else InstructionStatus.STARTED
            messages.append(self._status_of(self._scheduled, now))
            self._scheduled = None if over else self._scheduled
        return [*messages, programme_messages.status(self._id, ids, self.unit)]

    def _programme(self) -> ProgrammeIds | None:
        """The ids of the programme that the appliance was made ready for last, as long as it may be under way."""
        ready_at = self.unit.ready_at
        if ready_at is None or (self.unit.ended and self.now > self.unit.latest_end):
            return None
        if self._ids is None or self._ids.ready_at != ready_at:
            self._ids = ProgrammeIds(self._session.fixed_id, ready_at)
            self._scheduled = None
            self._interruptions.clear()
        return self._ids

    # -- what the CEM says ---------------------------------------------------------------------------------------------

    def _select(self, control: ControlType) -> Sequence[S2MessageWithID]:
        if control not in (PPBC, ControlType.NO_SELECTION):
            raise Refused(Status.INVALID_CONTENT, f"control type {control.value} is not offered")
        self.control = control
        self.unit.waits = control is PPBC
        if control is ControlType.NO_SELECTION:
            return []
        self._told = None
        return self._report()

    def _instructed(self, message: S2MessageWithID) -> Sequence[S2MessageWithID]:
        if self.control is PPBC:
            if isinstance(message, PPBCScheduleInstruction):
                return self._schedule(message)
            if isinstance(message, PPBCStartInterruptionInstruction | PPBCEndInterruptionInstruction):
                return self._interrupt(message)
            if isinstance(message, RevokeObject):
                return self._revoked(message)
        raise self._unfit(message)

    def _check(self, message: PPBCScheduleInstruction | Interruption) -> None:
        """The instruction must be for the programme that was told."""
        ids = self._programme()
        named = message.power_profile_id, message.sequence_container_id, message.power_sequence_id
        if ids is None or named != (ids.profile, ids.container, ids.sequence):
            raise Refused(Status.INVALID_CONTENT, f"{message.message_type}: its power sequence is not defined now")

    def _schedule(self, message: PPBCScheduleInstruction) -> Sequence[S2MessageWithID]:
        self._check(message)
        if self.unit.started:
            raise Refused(Status.INVALID_CONTENT, "PPBC.ScheduleInstruction: the sequence has begun already")
        at = max(message.execution_time, self.now)
        lasts = timedelta(seconds=sum(seconds for seconds, _ in self.unit.steps))
        if at + lasts > self.unit.latest_end and message.execution_time > self.now:
            raise Refused(Status.INVALID_CONTENT, "PPBC.ScheduleInstruction: it would end after end_time")
        self._scheduled = message.id
        self.unit.start_at = at
        return [self._status_of(message.id, InstructionStatus.ACCEPTED), *self._news()]

    def _interrupt(self, message: Interruption) -> Sequence[S2MessageWithID]:
        self._check(message)
        if not self.unit.interruptible:
            raise Refused(Status.INVALID_CONTENT, f"{message.message_type}: the sequence is not interruptible")
        if not self.unit.started or self.unit.ended:
            raise Refused(Status.INVALID_CONTENT, f"{message.message_type}: the sequence is not executing")
        self._interruptions = sorted([*self._interruptions, message], key=lambda i: i.execution_time)
        self._carry_out()
        return [self._status_of(message.id, InstructionStatus.ACCEPTED), *self._news()]

    def _revoked(self, message: RevokeObject) -> Sequence[S2MessageWithID]:
        if message.object_type is not RevokableObjects.PPBC_ScheduleInstruction:
            raise Refused(Status.INVALID_CONTENT, f"RevokeObject: {message.object_type.value} is not the CEM's")
        if message.object_id != self._scheduled or self.unit.started:
            raise Refused(Status.INVALID_CONTENT, "RevokeObject: no such instruction is still to come")
        self._scheduled = None
        self.unit.start_at = None
        return [self._status_of(message.object_id, InstructionStatus.REVOKED), *self._news()]
