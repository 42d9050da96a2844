"""The CEM side of one resource manager: S2 without I/O.

S2's FRBC and OMBC instructions do not expire, but they carry an `execution_time`. So a target is always sent as a *pair*: first
the return to the device's own rule at `valid_until` (`returning`), and only when that is taken the target now (`instructed`). A
setpoint cannot outlive its controller. The return of an earlier pair that is still to come is revoked in between, so at no
instant is there none. PEBC envelopes end by themselves, and so does a PPBC
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

from devices.s2 import pebc, ppbc
from devices.s2.operation import Key, Setting
from devices.s2.rm_state import FRBC, OMBC, PEBC, PPBC, ResourceManagerState
from devices.s2.session import VERSIONS, Refused, S2Session, Status

_REVOKABLE = {
    FRBC: RevokableObjects.FRBC_Instruction,
    PEBC: RevokableObjects.PEBC_Instruction,
    OMBC: RevokableObjects.OMBC_Instruction,
}
Instruction = FRBCInstruction | OMBCInstruction
_NOTED = 64  # instructions whose outcome is kept


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
        self._to_come: dict[
            uuid.UUID, tuple[Key, datetime]
        ] = {}  # returns that are, or may be, scheduled: of what, and when
        self._offered: frozenset[uuid.UUID] = frozenset()  # the latest of them
        self._envelope: uuid.UUID | None = None
        self._used: ControlType | None = None  # the control type of our last instructions, over sessions
        self._met: set[Key] = set()  # actuators whose first status is known
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

    def returning(self, at: datetime) -> tuple[list[str], list[uuid.UUID]]:
        """Schedule the return to the device's own rule at an instant, or later where timers block it: frames, instruction ids.

        Nothing is to be returned from where no transition leads back: then there are none.

        Raises:
            DeviceUnreachable: its own rule is not known.
        """
        keys: list[Key] = [None] if self.control is OMBC else list(self.steered())
        if not keys or any(key not in self.operation.own_rules for key in keys):  # told with the first status
            raise self.undescribed("FRBC.ActuatorStatus" if self.control is FRBC else "OMBC.Status")
        messages = list[Instruction]()
        self._to_come = {told: back for told, back in self._to_come.items() if back[1] > self.now}
        for key in keys:
            # whether timers allow a later one has been looked at before, with what is asked for until then
            free = self.operation.back_at(key, self.now) if at <= self.now else at
            if free is not None:
                messages.append(self._instruction(Setting(key, *self.operation.own_rules[key]), free))
                self._to_come[messages[-1].id] = (key, free)
        self._offered = frozenset(message.id for message in messages)
        return self._session.pack(messages), [message.id for message in messages]

    def instructed(self, settings: Sequence[Setting], until: datetime) -> tuple[list[str], list[uuid.UUID]]:
        """After the answer to `returning`: the former returns are revoked, then the modes are asked for: frames, ids.

        Without `settings` the device is left to its own rule.
        """
        keys = {self._to_come[told][0] for told in self._offered}
        former = {told: at for told, (key, at) in self._to_come.items() if key in keys and told not in self._offered}
        revoked = [self._revoke(told) for told, at in former.items() if at > self.now]
        now = [self._instruction(setting, self.now) for setting in settings]
        self._to_come = {told: back for told, back in self._to_come.items() if told not in former}
        self.operation.hold(settings, until)
        return self._session.pack([*revoked, *now]), [message.id for message in now]

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
        """Back to the device's own rule, now: frames and the ids whose answer is to be awaited before `released`."""
        if self.control in (FRBC, OMBC) and self.operation.own_rules:
            return self.returning(self.now)
        if self.control is PEBC and self._envelope is not None:
            envelope, self._envelope = self._envelope, None
            return self._session.pack([self._revoke(envelope)]), []
        return [], []

    def released(self) -> list[str]:
        """After the answer to `release`: what was scheduled before is revoked; not before, or it could be left without an end."""
        if self.control not in (FRBC, OMBC):
            return []
        return self.instructed([], max((self._to_come[told][1] for told in self._offered), default=self.now))[0]

    @property
    def ready(self) -> bool:
        """True when the selected control type has been described; one of programmes has nothing to describe by itself."""
        return super().ready or (self.control is PPBC and self.quiet)

    @property
    def quiet(self) -> bool:
        """True when every message of ours has its ReceptionStatus."""
        return self._session.quiet

    def _select(self, control: ControlType) -> SelectControlType:
        self.control, self.description, self.constraints = control, None, None
        self.profile = self.modes = None
        self.operation.forget()
        if control is not self._used:  # S2: instructions of the former control type end with it
            self._to_come, self._offered, self._envelope = {}, frozenset(), None
        self._used = control
        return SelectControlType(message_id=self._session.new_id(), control_type=control)

    def _instruction(self, setting: Setting, at: datetime) -> Instruction:
        message: Instruction
        if setting.actuator is None:
            message = OMBCInstruction(
                message_id=self._session.new_id(),
                id=self._session.new_id(),
                execution_time=at,
                operation_mode_id=setting.mode,
                operation_mode_factor=setting.factor,
                abnormal_condition=False,
            )
        else:
            message = FRBCInstruction(
                message_id=self._session.new_id(),
                id=self._session.new_id(),
                actuator_id=setting.actuator,
                operation_mode=setting.mode,
                operation_mode_factor=setting.factor,
                execution_time=at,
                abnormal_condition=False,
            )
        self._note(message)
        return message

    def _note(self, message: Instruction | PEBCInstruction | PPBCScheduleInstruction) -> None:
        self._instruction_of[message.message_id] = message.id
        while len(self._instruction_of) > _NOTED:
            self.outcomes.pop(self._instruction_of.pop(next(iter(self._instruction_of))), None)

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
        if isinstance(message, FRBCActuatorStatus):
            self._meet(message.actuator_id)
        if isinstance(message, OMBCStatus):
            self._meet(None)
        return []

    def _meet(self, key: Key) -> None:
        """At an actuator's first status: does it follow instructions, which then are not ours?"""
        if key in self._met:
            return
        self._met.add(key)
        active, own = self.operation.active[key], self.operation.own_rules[key][0]
        # whose only mode is its own rule may follow them, too: its factor says nothing
        modes = self.steered().get(key, ()) if key is not None else ()
        alone = bool(modes) and all(mode.mode == own for mode in modes)
        self.steered_by_other = self.steered_by_other or active != own or alone

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
