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
from s2python.ombc import OMBCStatus, OMBCSystemDescription, OMBCTimerStatus
from s2python.pebc import PEBCEnergyConstraint, PEBCPowerConstraints
from s2python.ppbc import PPBCPowerProfileDefinition

from cim.mapping.s2 import fill_level, power
from cim.model.devices import Programme, ProgrammeState, ThermalDescription, ThermalUsage
from cim.model.readings import Kind, Quality
from devices.port.errors import DeviceUnreachable
from devices.port.last_told import LastTold
from devices.port.tells import NewsBox
from devices.s2 import frbc, ombc, pebc, ppbc
from devices.s2.profile_status import PowerProfileStatus
from devices.s2.session import Refused, Status

FRBC, PEBC = ControlType.FILL_RATE_BASED_CONTROL, ControlType.POWER_ENVELOPE_BASED_CONTROL
PPBC, OMBC = ControlType.POWER_PROFILE_BASED_CONTROL, ControlType.OPERATION_MODE_BASED_CONTROL

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
    modes: OMBCSystemDescription | None = None
    mode_now: uuid.UUID | None = None  # the active one of `modes`
    timers: dict[uuid.UUID, datetime] = field(default_factory=dict)  # of modes: when each is over
    profile: PPBCPowerProfileDefinition | None = None
    programme: Programme | None = None  # the profile and how far it is; kept over sessions
    forecast_peak_w: float | None = None  # the most that it says it will draw
    news: NewsBox = field(default_factory=NewsBox)
    outcomes: dict[uuid.UUID, str] = field(default_factory=dict)
    own_rule: tuple[uuid.UUID, float] | None = None  # operation mode and factor
    refusal: str = ""  # why its description cannot be used
    store_kind: Kind = Kind.TEMPERATURE  # what the fill level of its store is
    told_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)  # the latest time that the RM gave

    def __post_init__(self) -> None:
        self.last = LastTold(self.name, self.stale_after_s)

    @property
    def ready(self) -> bool:
        """True when the selected control type has been described."""
        if self.control is FRBC:
            return self.description is not None and self.actuator is not None
        if self.control is OMBC:
            return self.modes is not None and self.mode_now is not None
        return self.control is PEBC and self.constraints is not None

    def offers(self, control: ControlType) -> bool:
        """True when the RM can be controlled this way."""
        return self.details is not None and control in self.details.available_control_types

    def steering(self) -> frbc.Steering:
        """How the described actuator is steered. Raises `DeviceUnreachable` while nothing is described."""
        if self.description is None:
            raise self.undescribed("FRBC.SystemDescription")
        return frbc.steering(self.description, *self._basis())

    def steering_at(self, power_w: float) -> frbc.Steering | None:
        """The mode that can run at `power_w`; None where none can. Raises `DeviceUnreachable` as `steering`."""
        if self.description is None:
            raise self.undescribed("FRBC.SystemDescription")
        return frbc.steering_at(self.description, *self._basis(), power_w)

    def power_range(self) -> tuple[float, float]:
        """The least and the most (W) that its modes can run at. Raises `DeviceUnreachable` as `steering`."""
        if self.description is None:
            raise self.undescribed("FRBC.SystemDescription")
        return frbc.power_range(self.description, *self._basis())

    def powers_in_words(self) -> str:
        """What it can run at."""
        return "" if self.description is None else frbc.powers_in_words(self.description, *self._basis())

    def _basis(self) -> tuple[uuid.UUID | None, float | None]:
        level = self.last.values.get(self.store_kind)
        good = level.value if level is not None and level.told is Quality.GOOD else None
        return self.own_rule[0] if self.own_rule else None, good

    def undescribed(self, what: str) -> DeviceUnreachable:
        """The error for a device that was cut off, or revoked `what` it had described, before it could be steered."""
        return DeviceUnreachable(f"gateway {self.name} has not told its {what}; expected one in this session")

    def forget_session(self) -> None:
        """A new session: the RM will describe itself again. Its own rule, readings and news are kept."""
        self.closed, self.details, self.control, self.refusal = False, None, None, ""
        self.description = self.actuator = self.constraints = self.profile = self.modes = self.mode_now = None

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
                usage = frbc.thermal_usage(message, max(self.now, self.told_at))
                self._tell_of_heat(usage)
            case PEBCPowerConstraints() | OMBCSystemDescription() | OMBCStatus() | OMBCTimerStatus():
                self._on_limits(message)
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
            frbc.expect_possible(message)
            self.store_kind = frbc.fill_level_kind(message, frbc.steering(message, own))
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
            self._tell_of_heat(frbc.thermal_description(self.description, self.steering()))

    def _on_limits(self, message: PEBCPowerConstraints | OMBCSystemDescription | OMBCStatus | OMBCTimerStatus) -> None:
        if isinstance(message, PEBCPowerConstraints):
            pebc.expect_possible(message)
            self.constraints = message
            return
        if isinstance(message, OMBCTimerStatus):
            self.timers[message.timer_id] = message.finished_at
            return
        if isinstance(message, OMBCStatus):
            self._on_mode(message)
            return
        ombc.expect_possible(message)
        known = {timer.id for timer in message.timers}
        self.timers = {timer: over for timer, over in self.timers.items() if timer in known}
        self.modes, self.mode_now = message, None
        own = ombc.own_rule_by_label(message, self.own_rule_label)
        if own is not None:
            self.own_rule = (own, 0.0)

    def _on_mode(self, message: OMBCStatus) -> None:
        modes = set() if self.modes is None else {mode.id for mode in self.modes.operation_modes}
        active = ombc.active_mode(message)
        if active is None or active not in modes:
            raise Refused(Status.INVALID_CONTENT, "OMBC.Status: active_operation_mode_id was not described")
        self.mode_now = active
        if self.own_rule is None or self.own_rule[0] not in modes:
            self.own_rule = (active, message.operation_mode_factor)

    def _tell_of_heat(self, news: ThermalDescription | ThermalUsage) -> None:
        """Only of a room whose power can be anything within a range: others are measured, and nothing is planned of them."""
        if self.store_kind is Kind.TEMPERATURE and self.description is not None and self.steering().continuous:
            self.news.put(news)

    def _on_storage(self, message: FRBCStorageStatus) -> None:
        # FRBC.StorageStatus has no time of its own: it is as fresh as the latest time that was told or is known.
        at = max(self.now, self.told_at)
        self.last.take(fill_level(self.name, at, message.present_fill_level, self.store_kind))

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
        elif message.object_type is RevokableObjects.OMBC_SystemDescription:
            self.modes = self.mode_now = None
        elif message.object_type is RevokableObjects.PPBC_PowerProfileDefinition:
            self.profile = None
            if self.programme is not None and self.programme.identity == str(message.object_id):
                self._tell(replace(self.programme, state=ProgrammeState.OVER, at=max(self.now, self.told_at)))
