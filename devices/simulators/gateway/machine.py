"""The resource manager's side of S2 without I/O: a heat pump under FRBC or PEBC.

Two rules. Spontaneous messages are made in `start`, `look` and `advance` only, so every transport gives the same order.
Instructions are carried out at their `execution_time` on the simulated clock; a due one that is overdue still counts.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from s2python.common import (
    ControlType,
    EnergyManagementRole,
    Handshake,
    HandshakeResponse,
    InstructionStatus,
    InstructionStatusUpdate,
    RevokableObjects,
    RevokeObject,
    SelectControlType,
    SessionRequest,
)
from s2python.frbc import FRBCActuatorStatus, FRBCInstruction, FRBCStorageStatus, FRBCUsageForecast
from s2python.message import S2MessageWithID
from s2python.pebc import PEBCInstruction

from devices.s2.session import VERSIONS, Refused, S2Session, Status
from devices.simulators.gateway import message_builders
from devices.simulators.gateway.instructions import Instructions
from devices.simulators.gateway.physics_port import HeatPumpRoom

FRBC, PEBC = ControlType.FILL_RATE_BASED_CONTROL, ControlType.POWER_ENVELOPE_BASED_CONTROL


class GatewayMachine:
    """One simulated gateway in front of one heat pump.

    Args:
        name: its name.
        unit: the physics behind it; its `target_w` is set here.
        forecast_every_s: how often it sends a new usage forecast.
    """

    def __init__(self, name: str, unit: HeatPumpRoom, forecast_every_s: int = 3600) -> None:
        self.name = name
        self.unit = unit
        self.now = datetime(1970, 1, 1, tzinfo=UTC)
        self.control: ControlType | None = None
        self.closed = False
        self._forecast_every = timedelta(seconds=forecast_every_s)
        self._forecast_at = self.now
        self._session = S2Session(name + "/rm", self._handle, lambda _message, _status, _words: None)
        self._ids = message_builders.Ids(self._session.fixed_id)
        self._agreed = False
        self._instructions = Instructions()
        self._untold: list[S2MessageWithID] = []
        self._mean = message_builders.MeanPower(unit)

    @property
    def quiet(self) -> bool:
        """True when a control type is agreed and every message of ours has its ReceptionStatus."""
        return self.closed or (self.control is not None and self._session.quiet)

    def start(self, now: datetime) -> list[str]:
        """Power up; the conversation begins with the connection."""
        self.now = now
        self._mean.begin(now)
        return self.attached()

    def attached(self) -> list[str]:
        """A connection is there: shake hands. What was instructed before stays in force until it ends."""
        self._session.reset()
        self.control, self.closed, self._agreed = None, False, False
        message = Handshake(
            message_id=self._id(), role=EnergyManagementRole.RM, supported_protocol_versions=list(VERSIONS)
        )
        return self._pack(message)

    def detached(self) -> None:
        """The connection is gone; scheduled instructions are still carried out."""
        self.control = None

    def receive(self, frame: str) -> list[str]:
        """Take one frame; the frames to send back."""
        return self._session.receive(frame)

    def next_change(self) -> datetime | None:
        """The next instant at which something instructed begins or ends by itself."""
        return self._instructions.next_edge(self.now)

    def look(self, now: datetime) -> None:
        """The clock moved on: carry out what is due. `advance` will tell.

        To be called after the physics has moved to `now`; at `next_change`, an instruction ends at its very instant.
        """
        self.now = now
        self._untold += self._carry_out()

    def advance(self, now: datetime) -> list[str]:
        """`look`, and tell what happened and what is measured."""
        self.look(now)
        changes, self._untold = self._untold, []
        if self.control is None:
            return []  # a new session begins with a whole description
        messages = [*changes, message_builders.power_measurement(self._id, self._mean.at(self.now), self.now)]
        if self.control is FRBC:
            messages.append(self._storage_status())
            if now >= self._forecast_at + self._forecast_every:
                messages.append(self._forecast())
        return self._pack(*messages)

    # -- what is due ------------------------------------------------------------------------------------------------

    def _carry_out(self) -> list[S2MessageWithID]:
        """Carry out due FRBC instructions, oldest first; the statuses to tell."""
        told: list[S2MessageWithID] = []
        held = self._instructions
        for instruction in held.due(self.now):
            if held.active is not None:
                told.append(self._status_of(held.active.id, InstructionStatus.SUCCEEDED))
            held.active = instruction
            told += [self._status_of(instruction.id, InstructionStatus.STARTED), self._actuator_status(instruction)]
        self._steer()
        steered = held.in_mode(self._ids.steered)
        if steered is not None and self.unit.guarded:
            # EN 50491-12-2, FRBC: outside the fill level range the RM may drop an instruction; the room goes first.
            told.append(self._status_of(steered.id, InstructionStatus.ABORTED))
            held.active = None
            told.append(self._actuator_status(None))
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
            # Under PEBC the thermostat heats with what the envelope leaves it, until the envelope ends.
            cold = self.unit.temperature_c < self.unit.set_c
            target_w = min(limit_w, self.unit.max_power_w) if cold else 0.0
        elif steered is not None:
            target_w = steered.operation_mode_factor * self.unit.max_power_w
        if target_w != self.unit.target_w:
            self.unit.target_w = target_w

    # -- what the CEM says ------------------------------------------------------------------------------------------

    def _handle(self, message: S2MessageWithID) -> list[S2MessageWithID]:
        if isinstance(message, Handshake):
            if message.role is not EnergyManagementRole.CEM:
                raise Refused(Status.INVALID_CONTENT, "Handshake: expected the role CEM")
            return []
        if isinstance(message, HandshakeResponse):
            if message.selected_protocol_version not in VERSIONS:
                self.closed = True
                raise Refused(Status.INVALID_CONTENT, f"HandshakeResponse: expected one of {', '.join(VERSIONS)}")
            self._agreed = True
            return [message_builders.details(self._id, self._ids, self.name)]
        if isinstance(message, SessionRequest):
            self.closed = True
            return []
        if not self._agreed:
            raise Refused(Status.INVALID_CONTENT, f"{message.message_type}: expected a HandshakeResponse first")
        if isinstance(message, SelectControlType):
            return self._select(message.control_type)
        if isinstance(message, FRBCInstruction) and self.control is FRBC:
            return self._instructed(message)
        if isinstance(message, PEBCInstruction) and self.control is PEBC:
            return self._enveloped(message)
        if isinstance(message, RevokeObject):
            return self._revoked(message)
        raise Refused(Status.INVALID_CONTENT, f"{message.message_type} is not for an RM in this state")

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
        description = message_builders.system_description(self._id, self._ids, self.unit, self.now)
        status = self._actuator_status(self._instructions.active)
        return [description, status, measured, self._storage_status(), self._forecast()]

    def _instructed(self, message: FRBCInstruction) -> list[S2MessageWithID]:
        if message.actuator_id != self._ids.actuator:
            raise Refused(Status.INVALID_CONTENT, "FRBC.Instruction: actuator_id was not described")
        if message.operation_mode not in (self._ids.thermostat, self._ids.steered):
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

    def _id(self) -> uuid.UUID:
        return self._session.new_id()

    def _pack(self, *messages: S2MessageWithID) -> list[str]:
        return self._session.pack(list(messages))

    def _forecast(self) -> FRBCUsageForecast:
        self._forecast_at = self.now
        return message_builders.usage_forecast(self._id, self.unit, self.now)

    def _storage_status(self) -> FRBCStorageStatus:
        return FRBCStorageStatus(message_id=self._id(), present_fill_level=self.unit.temperature_c)

    def _actuator_status(self, instruction: FRBCInstruction | None) -> FRBCActuatorStatus:
        return message_builders.actuator_status(self._id, self._ids, instruction)

    def _status_of(self, instruction: uuid.UUID, status: InstructionStatus) -> InstructionStatusUpdate:
        return InstructionStatusUpdate(
            message_id=self._id(), instruction_id=instruction, status_type=status, timestamp=self.now
        )
