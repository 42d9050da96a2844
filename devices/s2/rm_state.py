"""What a resource manager has told in this session: descriptions, states, measurements and forecasts."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

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
from devices.s2 import actuators, frbc, ombc, pebc, ppbc
from devices.s2.operation import Key, Operation, Setting, Ways
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
        own_rule_label: diagnostic label of the operation mode in which the device follows its own rule; see `Operation` for
            devices without such a mode.
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
    modes: OMBCSystemDescription | None = None
    operation: Operation = field(default_factory=Operation)
    profile: PPBCPowerProfileDefinition | None = None
    programme: Programme | None = None  # the profile and how far it is; kept over sessions
    forecast_peak_w: float | None = None  # the most that it says it will draw
    news: NewsBox = field(default_factory=NewsBox)
    outcomes: dict[uuid.UUID, str] = field(default_factory=dict)
    refusal: str = ""  # why its description cannot be used
    store_kind: Kind = Kind.TEMPERATURE  # what the fill level of its store is
    told_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)  # the latest time that the RM gave

    def __post_init__(self) -> None:
        self.last = LastTold(self.name, self.stale_after_s)

    @property
    def ready(self) -> bool:
        """True when the selected control type has been described."""
        if self.control is FRBC:
            return self.description is not None and bool(self.operation.active)
        if self.control is OMBC:
            return self.modes is not None and bool(self.operation.active)
        return self.control is PEBC and self.constraints is not None

    def offers(self, control: ControlType) -> bool:
        """True when the RM can be controlled this way."""
        return self.details is not None and control in self.details.available_control_types

    def settings(self, power_w: float, until: datetime) -> list[Setting] | None:
        """The mode and factor of each actuator (FRBC) for a power from now to `until`; None where they cannot run at it.

        Raises:
            DeviceUnreachable: nothing is described.
        """
        lead, modes = self._lead(), self.steered()
        free = partial(self.operation.there_and_back, now=self.now, until=until, strict=False)
        found = actuators.chosen(modes, lead, power_w, lambda mode: free(mode.actuator, mode.mode))
        return None if found is None else [Setting(mode.actuator, mode.mode, factor) for mode, factor in found]

    def setting_at_most(self, power_w: float, until: datetime) -> Setting:
        """The mode and factor (OMBC) that draw the most, and at most `power_w`, from now to `until`.

        Raises:
            Refused: none fits, or none can be reached and left again.
            DeviceUnreachable: it is not described.
        """
        if self.modes is None or not self.operation.active:
            raise self.undescribed("OMBC.SystemDescription")
        free = partial(self.operation.there_and_back, None, now=self.now, until=until, strict=True)
        chosen = ombc.at_most(self.modes, power_w, free)
        return Setting(None, chosen.mode, chosen.factor)

    def steered(self) -> actuators.Settable:
        """By actuator whose own rule is known, the modes that it can be put into. Raises `DeviceUnreachable`."""
        if self.description is None:
            raise self.undescribed("FRBC.SystemDescription")
        modes = actuators.settable(self.description, self.operation.own_modes, self._level())
        return {actuator: ones for actuator, ones in modes.items() if actuator in self.operation.own_rules}

    def _lead(self) -> actuators.Steering:
        if self.description is None:
            raise self.undescribed("FRBC.SystemDescription")
        return actuators.steering(self.description, self.operation.own_modes, self._level())

    def _level(self) -> float | None:
        level = self.last.values.get(self.store_kind)
        return level.value if level is not None and level.told is Quality.GOOD else None

    def undescribed(self, what: str) -> DeviceUnreachable:
        """The error for a device that was cut off, or revoked `what` it had described, before it could be steered."""
        return DeviceUnreachable(f"gateway {self.name} has not told its {what}; expected one in this session")

    def forget_session(self) -> None:
        """A new session: the RM will describe itself again. Its own rule, readings and news are kept."""
        self.closed, self.details, self.control, self.refusal = False, None, None, ""
        self.description = self.constraints = self.profile = self.modes = None
        self.operation.forget()

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
            case (
                PEBCPowerConstraints() | OMBCSystemDescription() | OMBCStatus() | OMBCTimerStatus() | FRBCTimerStatus()
            ):
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
            case FRBCLeakageBehaviour() | FRBCFillLevelTargetProfile() | PEBCEnergyConstraint():
                pass  # an RM may tell these; ILES plans without them
            case _:
                raise Refused(Status.INVALID_CONTENT, f"{message.message_type} is not for a CEM in this state")

    def _on_description(self, message: FRBCSystemDescription) -> None:
        own = frbc.own_rules_by_label(message, self.own_rule_label)
        try:  # refuse here what could not be steered later
            frbc.expect_possible(message)
            lead = actuators.steering(message, frozenset(own.values()), None)
            self.store_kind = frbc.fill_level_kind(message, lead)
        except Refused as refusal:
            self.refusal = refusal.text
            raise
        for label in actuators.unsteered(message, actuators.settable(message, frozenset(own.values()), None)):
            _log.warning("gateway %s: its actuator %r is not steered, it follows its own rule", self.name, label)
        self.description = message
        ways: dict[Key, Ways] = {one.id: Ways(one.transitions, one.timers) for one in message.actuators}
        self.operation.described(ways, own)

    def _on_actuator(self, message: FRBCActuatorStatus) -> None:
        if self.description is None:
            raise Refused(Status.INVALID_CONTENT, "FRBC.ActuatorStatus: expected an FRBC.SystemDescription first")
        found = {one.id: {mode.id for mode in one.operation_modes} for one in self.description.actuators}
        modes = found.get(message.actuator_id, set())
        if message.active_operation_mode_id not in modes:
            raise Refused(Status.INVALID_CONTENT, "FRBC.ActuatorStatus: active_operation_mode_id was not described")
        first = message.actuator_id not in self.operation.active
        told = Setting(message.actuator_id, message.active_operation_mode_id, message.operation_mode_factor)
        self.operation.runs(told, modes, self.now)
        if first and message.actuator_id == self._lead().actuator:
            self._tell_of_heat(frbc.thermal_description(self.description, self._lead(), self.steered()))

    def _on_limits(
        self, message: PEBCPowerConstraints | OMBCSystemDescription | OMBCStatus | OMBCTimerStatus | FRBCTimerStatus
    ) -> None:
        match message:
            case PEBCPowerConstraints():
                pebc.expect_possible(message)
                self.constraints = message
            case OMBCSystemDescription():
                self._on_modes(message)
            case OMBCStatus():
                self._on_mode(message)
            case OMBCTimerStatus():
                self.operation.timer(None, message.timer_id, message.finished_at)
            case FRBCTimerStatus():
                self.operation.timer(message.actuator_id, message.timer_id, message.finished_at)

    def _on_modes(self, message: OMBCSystemDescription) -> None:
        ombc.expect_possible(message)
        own = ombc.own_rule_by_label(message, self.own_rule_label)
        self.modes = message
        self.operation.described({None: Ways(message.transitions, message.timers)}, {} if own is None else {None: own})

    def _on_mode(self, message: OMBCStatus) -> None:
        modes = set() if self.modes is None else {mode.id for mode in self.modes.operation_modes}
        active = ombc.active_mode(message)
        if active is None or active not in modes:
            raise Refused(Status.INVALID_CONTENT, "OMBC.Status: active_operation_mode_id was not described")
        self.operation.runs(Setting(None, active, message.operation_mode_factor), modes, self.now)

    def _tell_of_heat(self, news: ThermalDescription | ThermalUsage) -> None:
        """Only of a room that is heated with any power within a range: others are measured, and nothing is planned of them."""
        if self.store_kind is Kind.TEMPERATURE and self.description is not None:
            lead = self._lead()
            if lead.continuous and lead.fill_per_w >= 0:
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
            self.description = None
            self.operation.forget()
        elif message.object_type is RevokableObjects.PEBC_PowerConstraints:
            self.constraints = None
        elif message.object_type is RevokableObjects.OMBC_SystemDescription:
            self.modes = None
            self.operation.forget()
        elif message.object_type is RevokableObjects.PPBC_PowerProfileDefinition:
            self.profile = None
            if self.programme is not None and self.programme.identity == str(message.object_id):
                self._tell(replace(self.programme, state=ProgrammeState.OVER, at=max(self.now, self.told_at)))
