"""What every simulated S2 resource manager does alike, without I/O: the session, and the order in which it speaks.

Spontaneous messages are made in `start`, `look` and `advance` only, so every transport gives the same order.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime

from s2python.common import (
    ControlType,
    EnergyManagementRole,
    Handshake,
    HandshakeResponse,
    InstructionStatus,
    InstructionStatusUpdate,
    SelectControlType,
    SessionRequest,
)
from s2python.message import S2MessageWithID

from devices.s2.session import VERSIONS, Refused, S2Session, Status
from devices.simulators.gateway.message_builders import MeanPower
from devices.simulators.gateway.misbehaviour import Spoilt, Way, ways
from devices.simulators.gateway.physics_port import Metered


class ResourceManagerMachine(ABC):
    """One simulated resource manager in front of one device.

    Args:
        name: its name.
        metered: the device's meter.
    """

    def __init__(self, name: str, metered: Metered) -> None:
        self.name = name
        self.now = datetime(1970, 1, 1, tzinfo=UTC)
        self.control: ControlType | None = None
        self.closed = False
        self.subprotocol = "s2"
        self._session = S2Session(name + "/rm", self._handle, lambda _message, _status, _words: None)
        self._agreed = False
        self._untold: list[S2MessageWithID] = []
        self._spoilt = Spoilt()
        self._mean = MeanPower(metered)

    # -- what a kind of resource manager does in its own way -----------------------------------------------------------

    @abstractmethod
    def next_change(self) -> datetime | None:
        """The next instant at which something instructed begins or ends by itself."""

    @abstractmethod
    def _carry_out(self) -> list[S2MessageWithID]:
        """Carry out what is due; what to tell of it."""

    @abstractmethod
    def _introduction(self) -> list[S2MessageWithID]:
        """Who it is and how it can be controlled."""

    @abstractmethod
    def _report(self) -> list[S2MessageWithID]:
        """What it measures now."""

    @abstractmethod
    def _select(self, control: ControlType) -> Sequence[S2MessageWithID]:
        """A control type is chosen; how the device describes itself in its terms."""

    @abstractmethod
    def _instructed(self, message: S2MessageWithID) -> Sequence[S2MessageWithID]:
        """An instruction, or its revocation. Raises `Refused`."""

    # -- the wire's side -----------------------------------------------------------------------------------------------

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
        return self._spoilt.say(self._session.pack([message]))

    def detached(self) -> None:
        """The connection is gone; scheduled instructions are still carried out."""
        self.control = None

    def receive(self, frame: str) -> list[str]:
        """Take one frame; the frames to send back."""
        return self._spoilt.say(self._session.receive(frame))

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
        return self._spoilt.say(self._session.pack([*changes, *self._report()]), reports=True)

    def misbehave(self, words: str) -> None:
        """Misbehave from now on as `words` say (see `misbehaviour`; "": not any more). Raises `BadInput`."""
        self._spoilt.ways = ways(words)

    @property
    def heedless(self) -> bool:
        """Whether what it is instructed changes nothing."""
        return Way.HEEDLESS in self._spoilt.ways

    # -- what the CEM says ---------------------------------------------------------------------------------------------

    def _handle(self, message: S2MessageWithID) -> Sequence[S2MessageWithID]:
        if isinstance(message, Handshake):
            if message.role is not EnergyManagementRole.CEM:
                raise Refused(Status.INVALID_CONTENT, "Handshake: expected the role CEM")
            return []
        if isinstance(message, HandshakeResponse):
            if message.selected_protocol_version not in VERSIONS:
                self.closed = True
                raise Refused(Status.INVALID_CONTENT, f"HandshakeResponse: expected one of {', '.join(VERSIONS)}")
            self._agreed = True
            return self._introduction()
        if isinstance(message, SessionRequest):
            self.closed = True
            return []
        if not self._agreed:
            raise Refused(Status.INVALID_CONTENT, f"{message.message_type}: expected a HandshakeResponse first")
        if isinstance(message, SelectControlType):
            return self._select(message.control_type)
        return self._instructed(message)

    def _unfit(self, message: S2MessageWithID) -> Refused:
        return Refused(Status.INVALID_CONTENT, f"{message.message_type} is not for an RM in this state")

    def _id(self) -> uuid.UUID:
        return self._session.new_id()

    def _status_of(self, instruction: uuid.UUID, status: InstructionStatus) -> InstructionStatusUpdate:
        return InstructionStatusUpdate(
            message_id=self._id(), instruction_id=instruction, status_type=status, timestamp=self.now
        )
