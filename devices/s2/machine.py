"""The CEM side of one resource manager: S2 without I/O.

S2's FRBC and OMBC instructions do not expire, but they carry an `execution_time`. So a target is always sent as a *pair*: first
the return to the device's own rule at `valid_until`, then the target now. A setpoint cannot outlive its controller. The
return of an earlier pair that is still to come is revoked in between. PEBC envelopes end by themselves, and so does a PPBC
programme: it is only ever started now, so nothing is left scheduled when the controller is gone.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from s2python.common import (
    ControlType,
    EnergyManagementRole,
    Handshake,
    HandshakeResponse,
    ResourceManagerDetails,
    RevokableObjects,
    RevokeObject,
    SelectControlType,
    SessionRequest,
    SessionRequestType,
)
from s2python.frbc import FRBCActuatorStatus, FRBCInstruction
from s2python.message import S2MessageWithID
from s2python.ombc import OMBCInstruction, OMBCStatus
from s2python.pebc import PEBCInstruction
from s2python.ppbc import PPBCScheduleInstruction

from devices.s2 import ombc, pebc, ppbc
from devices.s2.frbc import Steering
from devices.s2.rm_state import FRBC, OMBC, PEBC, PPBC, ResourceManagerState
from devices.s2.session import VERSIONS, Refused, S2Session, Status

_REVOKABLE = {
    FRBC: RevokableObjects.FRBC_Instruction,
    PEBC: RevokableObjects.PEBC_Instruction,
    OMBC: RevokableObjects.OMBC_Instruction,
}
Instruction = FRBCInstruction | OMBCInstruction


class CemMachine(ResourceManagerState):
    """The CEM's end of a session with one resource manager (RM); see `ResourceManagerState` for the other arguments.

    Args:
        wanted: the control types it can be used by, the one to begin with first.
    """

    def __init__(
        self,
        name: str,
        own_rule_label: str = "thermostat",
        stale_after_s: float = 1800.0,
        wanted: Sequence[ControlType] = (FRBC, PEBC),
    ) -> None:
        super().__init__(name, own_rule_label, stale_after_s)
        self._wanted = wanted
        self._session = S2Session(self.name, self._handle, self._on_status)
        self._instruction_of: dict[uuid.UUID, uuid.UUID] = {}  # message id -> instruction id
        self._to_come: tuple[uuid.UUID, datetime] | None = None  # the return that is scheduled, and when
        self._envelope: uuid.UUID | None = None
        self._used: ControlType | None = None  # the control type of our last instructions, over sessions
        self._first_status_known = False
        self.steered_by_other = False  # the device was found following instructions that are not ours

    @property
    def unusable(self) -> str:
        """Why it will not be ready in this session, in words; empty while it may be."""
        if self.details is not None and not any(self.offers(control) for control in self._wanted):
            return "it offers " + (", ".join(one.value for one in self.details.available_control_types) or "nothing")
        return self.refusal

    # -- the wire's side -------------------------------------------------------------------------------------------

    def attached(self) -> list[str]:
        """A session begins: shake hands."""
        self._session.reset()
        self._session.begin(self.now.isoformat())
        self.forget_session()
        return self._session.pack(
            [
                Handshake(
                    message_id=self._session.new_id(),
                    role=EnergyManagementRole.CEM,
                    supported_protocol_versions=list(VERSIONS),
                )
            ]
        )

    def detached(self) -> None:
        """The session ended: what waits for a status will not get one."""
        self._session.reset()
        for instruction in self._instruction_of.values():
            self.outcomes.setdefault(instruction, "LOST")

    def receive(self, frame: str) -> list[str]:
        """Take one frame; the frames to send back."""
        return self._session.receive(frame)

    # -- the driver's side -----------------------------------------------------------------------------------------

    def select(self, control: ControlType) -> list[str]:
        """Choose a control type; the RM then describes itself in its terms."""
        return self._session.pack([self._select(control)])

    def target(self, steered: Steering, factor: float, valid_until: datetime) -> tuple[list[str], list[uuid.UUID]]:
        """The pair of instructions for a mode at `factor` until `valid_until`: frames, instruction ids."""
        back = self._back(valid_until)
        now = self._instruction(steered.actuator, steered.mode, factor, self.now)
        # In this order: the new return is in place before the old one is taken away, and before the target.
        frames = self._session.pack([back, *self._revoke_return(), now])
        self._to_come = (back.id, valid_until)
        return frames, [back.id, now.id]

    def mode(self, power_w: int, valid_until: datetime) -> tuple[list[str], list[uuid.UUID], uuid.UUID]:
        """The pair of instructions for the operation mode (OMBC) that draws at most `power_w`: frames, ids, and the mode.

        Raises:
            Refused: none fits, or none can be reached and left again.
            DeviceUnreachable: it is not described.
        """
        if self.modes is None or self.mode_now is None or self.own_rule is None:
            raise self.undescribed("OMBC.SystemDescription")
        chosen = ombc.at_most(self.modes, power_w, self.mode_now, self.own_rule[0], self.timers, self.now)
        back = self._back(valid_until)
        now = self._mode_instruction(chosen.mode, chosen.factor, self.now)
        frames = self._session.pack([back, *self._revoke_return(), now])
        self._to_come = (back.id, valid_until)
        return frames, [back.id, now.id], chosen.mode

    def limit(self, power_w: int, valid_until: datetime) -> tuple[list[str], list[uuid.UUID]]:
        """A power envelope until `valid_until`. Raises `Refused` when the RM's constraints do not allow it."""
        if self.constraints is None:
            raise self.undescribed("PEBC.PowerConstraints")
        message = pebc.instruction(self._session.new_id, self.constraints, power_w, self.now, valid_until)
        self._note(message)
        self._envelope = message.id
        return self._session.pack([message]), [message.id]

    def start(self) -> tuple[list[str], list[uuid.UUID]]:
        """The programme that is ready is to run from now on. Raises `DeviceUnreachable` when none is described."""
        if self.profile is None:
            raise self.undescribed("PPBC.PowerProfileDefinition")
        message = ppbc.schedule(self._session.new_id, self.profile, self.now)
        self._note(message)
        return self._session.pack([message]), [message.id]

    def release(self) -> tuple[list[str], list[uuid.UUID]]:
        """Back to the device's own rule, now."""
        messages: list[S2MessageWithID] = []
        awaited: list[uuid.UUID] = []
        if self.control in (FRBC, OMBC) and self.own_rule is not None:
            back = self._back(self.now)
            messages, awaited = [back, *self._revoke_return()], [back.id]
        elif self.control is PEBC and self._envelope is not None:
            messages = [self._revoke(self._envelope)]
        self._envelope = None
        return self._session.pack(messages), awaited

    @property
    def ready(self) -> bool:
        """True when the selected control type has been described; one of programmes has nothing to describe by itself."""
        return super().ready or (self.control is PPBC and self.quiet)

    @property
    def quiet(self) -> bool:
        """True when every message of ours has its ReceptionStatus."""
        return self._session.quiet

    def _select(self, control: ControlType) -> SelectControlType:
        self.control, self.description, self.constraints, self.actuator = control, None, None, None
        self.profile = self.modes = self.mode_now = None
        if control is not self._used:
            self._to_come = self._envelope = None  # S2: instructions of the former control type end with it
        self._used = control
        return SelectControlType(message_id=self._session.new_id(), control_type=control)

    def _back(self, at: datetime) -> Instruction:
        if self.own_rule is None:  # told with the actuator's first status
            raise self.undescribed("FRBC.ActuatorStatus")
        mode, factor = self.own_rule
        if self.control is OMBC:
            return self._mode_instruction(mode, factor, at)
        return self._instruction(self.steering().actuator, mode, factor, at)

    def _instruction(self, actuator: uuid.UUID, mode: uuid.UUID, factor: float, at: datetime) -> FRBCInstruction:
        message = FRBCInstruction(
            message_id=self._session.new_id(),
            id=self._session.new_id(),
            actuator_id=actuator,
            operation_mode=mode,
            operation_mode_factor=factor,
            execution_time=at,
            abnormal_condition=False,
        )
        self._note(message)
        return message

    def _mode_instruction(self, mode: uuid.UUID, factor: float, at: datetime) -> OMBCInstruction:
        message = OMBCInstruction(
            message_id=self._session.new_id(),
            id=self._session.new_id(),
            execution_time=at,
            operation_mode_id=mode,
            operation_mode_factor=factor,
            abnormal_condition=False,
        )
        self._note(message)
        return message

    def _note(self, message: Instruction | PEBCInstruction | PPBCScheduleInstruction) -> None:
        self._instruction_of[message.message_id] = message.id
        while len(self._instruction_of) > 32:
            self.outcomes.pop(self._instruction_of.pop(next(iter(self._instruction_of))), None)

    def _revoke_return(self) -> list[RevokeObject]:
        due, self._to_come = self._to_come, None
        return [self._revoke(due[0])] if due is not None and due[1] > self.now else []

    def _revoke(self, instruction: uuid.UUID) -> RevokeObject:
        kind = _REVOKABLE[self.control or FRBC]
        return RevokeObject(message_id=self._session.new_id(), object_type=kind, object_id=instruction)

    # -- what the RM says ------------------------------------------------------------------------------------------

    def _on_status(self, message: uuid.UUID, status: str, text: str) -> None:
        instruction = self._instruction_of.get(message)
        if instruction is not None and status != "OK":
            self.outcomes[instruction] = f"{status} {text}".strip()

    def _handle(self, message: S2MessageWithID) -> Sequence[S2MessageWithID]:
        if isinstance(message, Handshake):
            return self._on_handshake(message)
        if isinstance(message, ResourceManagerDetails):
            return self._on_details(message)
        self.hear(message)
        if isinstance(message, FRBCActuatorStatus) and not self._first_status_known:
            self._first_status_known = True
            self.steered_by_other = message.active_operation_mode_id == self.steering().mode
        if isinstance(message, OMBCStatus) and not self._first_status_known and self.own_rule is not None:
            self._first_status_known = True
            self.steered_by_other = self.mode_now != self.own_rule[0]
        return []

    def _on_handshake(self, message: Handshake) -> Sequence[S2MessageWithID]:
        offered = message.supported_protocol_versions or []
        common = [version for version in VERSIONS if version in offered]
        if message.role is not EnergyManagementRole.RM:
            raise Refused(Status.INVALID_CONTENT, "Handshake: expected the role RM")
        if not common:
            self.closed = True
            text = f"no common version; expected one of {', '.join(VERSIONS)}"
            request = SessionRequestType.TERMINATE
            return [SessionRequest(message_id=self._session.new_id(), request=request, diagnostic_label=text)]
        return [HandshakeResponse(message_id=self._session.new_id(), selected_protocol_version=common[0])]

    def _on_details(self, message: ResourceManagerDetails) -> Sequence[S2MessageWithID]:
        self.details = message
        wanted = [control for control in self._wanted if self.offers(control)]
        return [self._select(wanted[0] if self.control not in wanted else self.control)] if wanted else []
