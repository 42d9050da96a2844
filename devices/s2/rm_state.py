"""What a resource manager has told in this session: descriptions, states, measurements and forecasts."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from s2python.common import ControlType, RevokableObjects

from cim.mapping.s2 import fill_level, power
from devices.port.last_told import LastTold
from devices.port.tells import NewsBox
from devices.s2 import frbc
from devices.s2.session import Refused, Status

FRBC, PEBC = ControlType.FILL_RATE_BASED_CONTROL, ControlType.POWER_ENVELOPE_BASED_CONTROL

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
    details: Any = None
    control: ControlType | None = None
    description: Any = None
    constraints: Any = None
    energy_constraint: Any = None
    power_forecast: Any = None
    target_profile: Any = None
    leakage: Any = None
    actuator: Any = None
    news: NewsBox = field(default_factory=NewsBox)
    outcomes: dict[uuid.UUID, str] = field(default_factory=dict)
    own_rule: tuple[uuid.UUID, float] | None = None  # operation mode and factor
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
        """How the described actuator is steered."""
        return frbc.steering(self.description, self.own_rule[0] if self.own_rule else None)

    def forget_session(self) -> None:
        """A new session: the RM will describe itself again. Its own rule, readings and news are kept."""
        self.closed, self.details, self.control = False, None, None
        self.description = self.actuator = self.constraints = None

    def hear(self, message: Any) -> None:
        """Take a message that needs no answer but its ReceptionStatus. Raises `Refused`."""
        handler = _HANDLERS.get(message.message_type)
        if handler is None:
            raise Refused(Status.INVALID_CONTENT, f"{message.message_type} is not for a CEM in this state")
        handler(self, message)

    def _on_description(self, message: Any) -> None:
        frbc.steering(message, None)  # refuse here what could not be steered later
        self.description, self.actuator = message, None
        own = frbc.own_rule_by_label(message, self.own_rule_label)
        if own is not None:
            self.own_rule = (own, 0.0)

    def _on_actuator(self, message: Any) -> None:
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

    def _on_storage(self, message: Any) -> None:
        # FRBC.StorageStatus has no time of its own: it is as fresh as the latest time that was told or is known.
        self.last.take(fill_level(self.name, max(self.now, self.told_at), message.present_fill_level))

    def _on_usage(self, message: Any) -> None:
        self.news.put(frbc.thermal_usage(message, max(self.now, self.told_at)))

    def _on_power(self, message: Any) -> None:
        at = message.measurement_timestamp.astimezone(UTC)
        self.told_at = max(self.told_at, at)
        reading = power(self.name, at, [(v.commodity_quantity.value, v.value) for v in message.values])
        if reading is not None:
            self.last.take(reading)

    def _on_instruction_status(self, message: Any) -> None:
        self.outcomes[message.instruction_id] = message.status_type.value

    def _on_constraints(self, message: Any) -> None:
        self.constraints = message

    def _on_session_request(self, _message: Any) -> None:
        self.closed = True  # TERMINATE and RECONNECT alike: the RM dials again if it wants to

    def _on_revoke(self, message: Any) -> None:
        if message.object_type is RevokableObjects.FRBC_SystemDescription:
            self.description = self.actuator = None
        elif message.object_type is RevokableObjects.PEBC_PowerConstraints:
            self.constraints = None
        elif message.object_type is RevokableObjects.PEBC_EnergyConstraint:
            self.energy_constraint = None

    def _keep(self, name: str, message: Any) -> None:
        setattr(self, name, message)


_HANDLERS: dict[str, Any] = {
    "FRBC.SystemDescription": ResourceManagerState._on_description,
    "FRBC.ActuatorStatus": ResourceManagerState._on_actuator,
    "FRBC.StorageStatus": ResourceManagerState._on_storage,
    "FRBC.UsageForecast": ResourceManagerState._on_usage,
    "FRBC.LeakageBehaviour": lambda rm, message: rm._keep("leakage", message),
    "FRBC.FillLevelTargetProfile": lambda rm, message: rm._keep("target_profile", message),
    "FRBC.TimerStatus": lambda _rm, _message: None,
    "PEBC.PowerConstraints": ResourceManagerState._on_constraints,
    "PEBC.EnergyConstraint": lambda rm, message: rm._keep("energy_constraint", message),
    "PowerMeasurement": ResourceManagerState._on_power,
    "PowerForecast": lambda rm, message: rm._keep("power_forecast", message),
    "InstructionStatusUpdate": ResourceManagerState._on_instruction_status,
    "SessionRequest": ResourceManagerState._on_session_request,
    "RevokeObject": ResourceManagerState._on_revoke,
}
