"""What a resource manager has told in this session: descriptions, states, measurements and forecasts."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from s2python.common import (
    ControlType,
    InstructionStatusUpdate,
    PowerForecast,
    PowerMeasurement,
    ResourceManagerDetails,
    RevokableObjects,
    RevokeObject,
    SessionRequest,
)
from s2python.frbc import (
    FRBCActuatorStatus,
    FRBCFillLevelTargetProfile,
    FRBCLeakageBehaviour,
    FRBCStorageStatus,
    FRBCSystemDescription,
    FRBCTimerStatus,
    FRBCUsageForecast,
)
from s2python.message import S2MessageWithID
from s2python.pebc import PEBCEnergyConstraint, PEBCPowerConstraints
from s2python.ppbc import PPBCPowerProfileDefinition

from cim.mapping.s2 import fill_level, power
from cim.model.devices import Programme, ProgrammeState
from cim.model.readings import Kind
from devices.port.errors import DeviceUnreachable
from devices.port.last_told import LastTold
from devices.port.tells import NewsBox
from devices.s2 import frbc, ppbc
from devices.s2.profile_status import PowerProfileStatus
from devices.s2.session import Refused, Status

FRBC, PEBC = ControlType.FILL_RATE_BASED_CONTROL, ControlType.POWER_ENVELOPE_BASED_CONTROL
PPBC = ControlType.POWER_PROFILE_BASED_CONTROL

_log = logging.getLogger("iles.devices.s2")
NOTHING = ControlType.NO_SELECTION


@dataclass
class ResourceManagerState:
    """What one resource manager (RM) told.

    Args:
        name: the device's name.
        own_rule_label: diagnostic label of the operation mode in which the device follows its own rule; without such a
            mode, the one that is active when the device is first met.
        stale_after_s: for how long a told power or fill level may be relied on.
    """

    name: str
    own_rule_label: str = "thermostat"
    stale_after_s: float = 1800.0
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    closed: bool = False
    details: ResourceManagerDetails | None = None
    control: ControlType | None = None
    description: FRBCSystemDescription | None = None
    constraints: PEBCPowerConstraints | None = None
    actuator: FRBCActuatorStatus | None = None
    profile: PPBCPowerProfileDefinition | None = None
    programme: Programme | None = None  # the profile and how far it is; kept over sessions
    forecast_peak_w: float | None = None  # the most that it says it will draw
    news: NewsBox = field(default_factory=NewsBox)
    outcomes: dict[uuid.UUID, str] = field(default_factory=dict)
    own_rule: tuple[uuid.UUID, float] | None = None  # operation mode and factor
    refusal: str = ""  # why its description cannot be used
    told_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)  # the latest time that the RM gave

    def __post_init__(self) -> None:
        self.last = LastTold(self.name, self.stale_after_s)

    @property
    def ready(self) -> bool:
        """True when the selected control type has been described."""
        if self.control is FRBC:
            return self.description is not None and self.actuator is not None
        return self.control is PEBC and self.constraints is not None

    def offers(self, control: ControlType) -> bool:
        """True when the RM can be controlled this way."""
        return self.details is not None and control in self.details.available_control_types

    def steering(self) -> frbc.Steering:
        """How the described actuator is steered. Raises `DeviceUnreachable` while nothing is described."""
        if self.description is None:
            raise self.undescribed("FRBC.SystemDescription")
        level = self.last.values.get(Kind.TEMPERATURE)
        own = self.own_rule[0] if self.own_rule else None
        return frbc.steering(self.description, own, None if level is None else level.value)

    def undescribed(self, what: str) -> DeviceUnreachable:
        """The error for a device that was cut off, or revoked `what` it had described, before it could be steered."""
        return DeviceUnreachable(f"gateway {self.name} has not told its {what}; expected one in this session")

    def forget_session(self) -> None:
        """A new session: the RM will describe itself again. Its own rule, readings and news are kept."""
        self.closed, self.details, self.control, self.refusal = False, None, None, ""
        self.description = self.actuator = self.constraints = self.profile = None

    def hear(self, message: S2MessageWithID) -> None:
        """Take a message that needs no answer but its ReceptionStatus. Raises `Refused`."""
        match message:
            case FRBCSystemDescription():
                self._on_description(message)
            case FRBCActuatorStatus():
                self._on_actuator(message)
            case FRBCStorageStatus():
                self._on_storage(message)
            case FRBCUsageForecast():
                self.news.put(frbc.thermal_usage(message, max(self.now, self.told_at)))
            case PEBCPowerConstraints():
                self.constraints = message
            case PPBCPowerProfileDefinition() | PowerProfileStatus():
                self._on_programme(message)
            case PowerMeasurement() | PowerForecast():
                self._on_power(message)
            case InstructionStatusUpdate():
                self.outcomes[message.instruction_id] = message.status_type.value
            case SessionRequest():
                self.closed = True  # TERMINATE and RECONNECT alike: the RM dials again if it wants to
            case RevokeObject():
                self._on_revoke(message)
            case FRBCLeakageBehaviour() | FRBCFillLevelTargetProfile() | FRBCTimerStatus() | PEBCEnergyConstraint():
                pass  # an RM may tell these; ILES plans without them
            case _:
                raise Refused(Status.INVALID_CONTENT, f"{message.message_type} is not for a CEM in this state")

    def _on_description(self, message: FRBCSystemDescription) -> None:
        own = frbc.own_rule_by_label(message, self.own_rule_label)
        try:  # refuse here what could not be steered later
            frbc.expect_a_warm_room(message, frbc.steering(message, own))
        except Refused as refusal:
            self.refusal = refusal.text
            raise
        for label in frbc.unsteered(message):
            _log.warning("gateway %s: its actuator %r is not steered; only its first electric one is", self.name, label)
        self.description, self.actuator = message, None
        if own is not None:
            self.own_rule = (own, 0.0)

    def _on_actuator(self, message: FRBCActuatorStatus) -> None:
        if self.description is None:
            raise Refused(Status.INVALID_CONTENT, "FRBC.ActuatorStatus: expected an FRBC.SystemDescription first")
        modes = {mode.id for actuator in self.description.actuators for mode in actuator.operation_modes}
        if message.active_operation_mode_id not in modes:
            raise Refused(Status.INVALID_CONTENT, "FRBC.ActuatorStatus: active_operation_mode_id was not described")
        first, self.actuator = self.actuator is None, message
        if self.own_rule is None or self.own_rule[0] not in modes:
            self.own_rule = (message.active_operation_mode_id, message.operation_mode_factor)
        if first:
            self.news.put(frbc.thermal_description(self.description, self.steering()))

    def _on_storage(self, message: FRBCStorageStatus) -> None:
        # FRBC.StorageStatus has no time of its own: it is as fresh as the latest time that was told or is known.
        self.last.take(fill_level(self.name, max(self.now, self.told_at), message.present_fill_level))

    def _on_power(self, message: PowerMeasurement | PowerForecast) -> None:
        if isinstance(message, PowerForecast):
            self.forecast_peak_w = ppbc.peak_w(message)
            return
        at = message.measurement_timestamp.astimezone(UTC)
        self.told_at = max(self.told_at, at)
        reading = power(self.name, at, [(v.commodity_quantity.value, v.value) for v in message.values])
        if reading is not None:
            self.last.take(reading)

    def _on_programme(self, message: PPBCPowerProfileDefinition | PowerProfileStatus) -> None:
        at, known = max(self.now, self.told_at), self.programme
        if isinstance(message, PPBCPowerProfileDefinition):
            told = ppbc.programme(message, None, at)
            self.profile = message
            if known is None or known.identity != told.identity:
                self._tell(told)  # one that is told again, in a new session, may have begun: its status follows
        elif self.profile is None:
            raise Refused(Status.INVALID_CONTENT, "PPBC.PowerProfileStatus: expected a PPBC.PowerProfileDefinition")
        else:
            self._tell(ppbc.programme(self.profile, message, at))

    def _tell(self, programme: Programme) -> None:
        if programme != self.programme:
            self.programme = programme
            self.news.put(programme)

    def _on_revoke(self, message: RevokeObject) -> None:
        if message.object_type is RevokableObjects.FRBC_SystemDescription:
            self.description = self.actuator = None
        elif message.object_type is RevokableObjects.PEBC_PowerConstraints:
            self.constraints = None
        elif message.object_type is RevokableObjects.PPBC_PowerProfileDefinition:
            self.profile = None
            if self.programme is not None and self.programme.identity == str(message.object_id):
                self._tell(replace(self.programme, state=ProgrammeState.OVER, at=max(self.now, self.told_at)))
