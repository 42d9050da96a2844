"""A gateway in front of a heat pump: a resource manager without I/O, under FRBC or PEBC.

Instructions are carried out at their `execution_time` on the simulated clock; a due one that is overdue still counts.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from s2python.common import ControlType, InstructionStatus, RevokableObjects, RevokeObject
from s2python.frbc import FRBCActuatorStatus, FRBCInstruction, FRBCStorageStatus, FRBCUsageForecast
from s2python.message import S2MessageWithID
from s2python.pebc import PEBCInstruction

from devices.s2.session import Refused, Status
from devices.simulators.gateway import message_builders
from devices.simulators.gateway.instructions import Instructions
from devices.simulators.gateway.physics_port import HeatingRod, HeatPumpRoom, wants_power
from devices.simulators.gateway.resource_manager import ResourceManagerMachine

FRBC, PEBC = ControlType.FILL_RATE_BASED_CONTROL, ControlType.POWER_ENVELOPE_BASED_CONTROL


class GatewayMachine(ResourceManagerMachine):
    """One simulated gateway in front of one heat pump.

    Args:
        name: its name.
        unit: the physics behind it; its `target_w` is set here.
        forecast_every_s: how often it sends a new usage forecast.
        rod: a second actuator, which is off by its own rule.
    """

    def __init__(
        self, name: str, unit: HeatPumpRoom, forecast_every_s: int = 3600, rod: HeatingRod | None = None
    ) -> None:
        super().__init__(name, unit)
        self.unit, self.rod = unit, rod
        self._forecast_every = timedelta(seconds=forecast_every_s)
        self._forecast_at = datetime(1970, 1, 1, tzinfo=UTC)
        self._ids = message_builders.Ids(self._session.fixed_id)
        self._modes = self._ids.modes(rod is not None)
        self._instructions = Instructions()

    def next_change(self) -> datetime | None:
        """The next instant at which something instructed begins or ends by itself."""
        return self._instructions.next_edge(self.now)

    def _introduction(self) -> list[S2MessageWithID]:
        return [message_builders.details(self._id, self._ids, self.name)]

    def _report(self) -> list[S2MessageWithID]:
        messages: list[S2MessageWithID] = [
            message_builders.power_measurement(self._id, self._mean.at(self.now), self.now)
        ]
        if self.control is FRBC:
            messages.append(self._storage_status())
            if self.now >= self._forecast_at + self._forecast_every:
                messages.append(self._forecast())
        return messages

    # -- what is due ------------------------------------------------------------------------------------------------

    def _carry_out(self) -> list[S2MessageWithID]:
        """Carry out due FRBC instructions, oldest first; the statuses to tell."""
        told: list[S2MessageWithID] = []
        held = self._instructions
        for instruction in held.due(self.now):
            former = held.active.get(instruction.actuator_id)
            if former is not None:
                told.append(self._status_of(former.id, InstructionStatus.SUCCEEDED))
            held.active[instruction.actuator_id] = instruction
            told += [
                self._status_of(instruction.id, InstructionStatus.STARTED),
                self._actuator_status(instruction.actuator_id),
            ]
        self._steer()
        steered = [found for _, mode in self._modes.values() if (found := held.in_mode(mode)) is not None]
        if steered and self.unit.guarded:
            # EN 50491-12-2, FRBC: outside the fill level range the RM may drop an instruction; the room goes first.
            for one in steered:
                told.append(self._status_of(one.id, InstructionStatus.ABORTED))
                del held.active[one.actuator_id]
                told.append(self._actuator_status(one.actuator_id))
            self._steer()
        return told

    def _steer(self) -> None:
        """Give the heat pump the target that follows from what is in force; an unchanged one is not given again."""
        limit_w, steered, target_w = (
            self._instructions.limit_w(self.now),
            self._instructions.in_mode(self._ids.steered),
            None,
        )
        if limit_w is not None:
            # Under PEBC the thermostat runs with what the envelope leaves it, until the envelope ends.
            target_w = min(limit_w, self.unit.max_power_w) if wants_power(self.unit) else 0.0
        elif steered is not None:
            target_w = steered.operation_mode_factor * self.unit.max_power_w
        if self.heedless:
            target_w = None
        if target_w != self.unit.target_w:
            self.unit.target_w = target_w
        if self.rod is not None:
            self.rod.on = self._instructions.in_mode(self._ids.rod_on) is not None and not self.heedless

    # -- what the CEM says ------------------------------------------------------------------------------------------

    def _instructed(self, message: S2MessageWithID) -> Sequence[S2MessageWithID]:
        if isinstance(message, FRBCInstruction) and self.control is FRBC:
            return self._targeted(message)
        if isinstance(message, PEBCInstruction) and self.control is PEBC:
            return self._enveloped(message)
        if isinstance(message, RevokeObject):
            return self._revoked(message)
        raise self._unfit(message)

    def _select(self, control: ControlType) -> list[S2MessageWithID]:
        if control not in (FRBC, PEBC, ControlType.NO_SELECTION):
            raise Refused(Status.INVALID_CONTENT, f"control type {control.value} is not offered")
        if self.control not in (None, control):
            # Another control type ends what the former one instructed; over a reconnection it stays in force.
            self._instructions = Instructions()
            self._steer()
        self.control = control
        if control is ControlType.NO_SELECTION:
            return []
        measured = message_builders.power_measurement(self._id, self._mean.at(self.now), self.now)
        if control is PEBC:
            return [message_builders.power_constraints(self._id, self._ids, self.unit, self.now), measured]
        description = message_builders.system_description(self._id, self._ids, self.unit, self.rod, self.now)
        statuses = [self._actuator_status(actuator) for actuator in self._modes]
        return [description, *statuses, measured, self._storage_status(), self._forecast()]

    def _targeted(self, message: FRBCInstruction) -> list[S2MessageWithID]:
        if message.actuator_id not in self._modes:
            raise Refused(Status.INVALID_CONTENT, "FRBC.Instruction: actuator_id was not described")
        if message.operation_mode not in self._modes[message.actuator_id]:
            raise Refused(Status.INVALID_CONTENT, "FRBC.Instruction: operation_mode was not described")
        if not 0.0 <= message.operation_mode_factor <= 1.0:
            raise Refused(Status.INVALID_CONTENT, "FRBC.Instruction: operation_mode_factor is not within 0..1")
        self._instructions.scheduled[message.id] = message
        return [self._status_of(message.id, InstructionStatus.ACCEPTED), *self._carry_out()]

    def _enveloped(self, message: PEBCInstruction) -> list[S2MessageWithID]:
        if str(message.power_constraints_id) != str(self._ids.constraints):
            raise Refused(Status.INVALID_CONTENT, "PEBC.Instruction: power_constraints_id is not valid now")
        if any(e.commodity_quantity is not message_builders.QUANTITY for e in message.power_envelopes):
            raise Refused(
                Status.INVALID_CONTENT, f"PEBC.Instruction: expected an envelope of {message_builders.QUANTITY.value}"
            )
        self._instructions.envelope = message
        self._steer()
        return [self._status_of(message.id, InstructionStatus.ACCEPTED)]

    def _revoked(self, message: RevokeObject) -> list[S2MessageWithID]:
        if message.object_type is RevokableObjects.FRBC_Instruction:
            if self._instructions.scheduled.pop(message.object_id, None) is None:
                raise Refused(Status.INVALID_CONTENT, "RevokeObject: no such instruction is still to come")
        elif message.object_type is RevokableObjects.PEBC_Instruction:
            if self._instructions.envelope is None or self._instructions.envelope.id != message.object_id:
                raise Refused(Status.INVALID_CONTENT, "RevokeObject: no such instruction is in force")
            self._instructions.envelope = None
            self._steer()
        else:
            raise Refused(Status.INVALID_CONTENT, f"RevokeObject: {message.object_type.value} is not the CEM's")
        return [self._status_of(message.object_id, InstructionStatus.REVOKED)]

    # -- what the RM says -------------------------------------------------------------------------------------------

    def _forecast(self) -> FRBCUsageForecast:
        self._forecast_at = self.now
        return message_builders.usage_forecast(self._id, self.unit, self.now)

    def _storage_status(self) -> FRBCStorageStatus:
        return FRBCStorageStatus(message_id=self._id(), present_fill_level=self.unit.temperature_c)

    def _actuator_status(self, actuator: uuid.UUID) -> FRBCActuatorStatus:
        own, _ = self._modes[actuator]
        return message_builders.actuator_status(self._id, actuator, own, self._instructions.active.get(actuator))
