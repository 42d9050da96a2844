"""The S2 messages with which the simulated gateway describes its heat pump."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from s2python.common import (
    Commodity,
    CommodityQuantity,
    ControlType,
    Duration,
    NumberRange,
    PowerMeasurement,
    PowerRange,
    PowerValue,
    ResourceManagerDetails,
    Role,
    RoleType,
    Transition,
)
from s2python.frbc import (
    FRBCActuatorDescription,
    FRBCActuatorStatus,
    FRBCInstruction,
    FRBCOperationMode,
    FRBCOperationModeElement,
    FRBCStorageDescription,
    FRBCSystemDescription,
    FRBCUsageForecast,
)
from s2python.pebc import (
    PEBCAllowedLimitRange,
    PEBCPowerConstraints,
    PEBCPowerEnvelopeConsequenceType,
    PEBCPowerEnvelopeLimitType,
)

from devices.simulators.gateway.physics_port import HeatingRod, HeatPumpRoom, Metered

QUANTITY = CommodityQuantity.ELECTRIC_POWER_3_PHASE_SYMMETRIC
NewId = Callable[[], uuid.UUID]


class Ids:
    """The ids of what the gateway describes; they stay the same over sessions."""

    def __init__(self, fixed: Callable[[str], uuid.UUID]) -> None:
        self.resource = fixed("resource")
        self.actuator = fixed("heat pump")
        self.thermostat = fixed("thermostat")
        self.steered = fixed("steered")
        self.rod, self.rod_off, self.rod_on = fixed("rod"), fixed("rod off"), fixed("rod on")
        self.constraints = fixed("power constraints")
        self.transitions = (fixed("thermostat to steered"), fixed("steered to thermostat"))
        self.rod_transitions = (fixed("rod off to on"), fixed("rod on to off"))

    def modes(self, rod: bool) -> dict[uuid.UUID, tuple[uuid.UUID, uuid.UUID]]:
        """By actuator, the mode of its own rule and the one that can be steered."""
        pump = {self.actuator: (self.thermostat, self.steered)}
        return pump | {self.rod: (self.rod_off, self.rod_on)} if rod else pump


def details(new_id: NewId, ids: Ids, name: str) -> ResourceManagerDetails:
    """Who we are and how we can be controlled."""
    return ResourceManagerDetails(
        message_id=new_id(),
        resource_id=ids.resource,
        name=name,
        roles=[Role(role=RoleType.ENERGY_STORAGE, commodity=Commodity.ELECTRICITY)],
        manufacturer="ILES",
        model="Simulated heat pump",
        serial_number=name,
        firmware_version="1",
        instruction_processing_delay=Duration(0),
        available_control_types=[
            ControlType.FILL_RATE_BASED_CONTROL,
            ControlType.POWER_ENVELOPE_BASED_CONTROL,
        ],
        currency=None,
        provides_forecast=False,
        provides_power_measurement_types=[QUANTITY],
    )


def system_description(
    new_id: NewId, ids: Ids, unit: HeatPumpRoom, rod: HeatingRod | None, now: datetime
) -> FRBCSystemDescription:
    """The room as a store (fill level in degrees Celsius), the heat pump with its own rule and a steered mode, and its rod."""
    level = NumberRange(start_of_range=unit.level_min_c, end_of_range=unit.level_max_c)

    def mode(number: uuid.UUID, label: str, watts: tuple[float, float], per_w: float) -> FRBCOperationMode:
        low, high = watts
        element = FRBCOperationModeElement(
            fill_level_range=level,
            fill_rate=NumberRange(start_of_range=per_w * low, end_of_range=per_w * high),
            power_ranges=[PowerRange(start_of_range=low, end_of_range=high, commodity_quantity=QUANTITY)],
        )
        return FRBCOperationMode(id=number, diagnostic_label=label, elements=[element], abnormal_condition_only=False)

    def actuator(
        number: uuid.UUID, label: str, modes: list[FRBCOperationMode], between: tuple[uuid.UUID, uuid.UUID]
    ) -> FRBCActuatorDescription:
        ends = [mode.id for mode in modes]
        return FRBCActuatorDescription(
            id=number,
            diagnostic_label=label,
            supported_commodities=[Commodity.ELECTRICITY],
            operation_modes=modes,
            transitions=[_transition(*way) for way in zip(between, ends, ends[::-1], strict=True)],
            timers=[],
        )

    pump_w, per_w = (0.0, unit.max_power_w), unit.fill_rate_per_w
    pump = [mode(ids.thermostat, "thermostat", pump_w, per_w), mode(ids.steered, "steered", pump_w, per_w)]
    actuators = [actuator(ids.actuator, "heat pump", pump, ids.transitions)]
    if rod is not None:
        on_w, warms = (rod.rated_w, rod.rated_w), rod.fill_rate_per_w
        switched = [mode(ids.rod_off, "thermostat", (0.0, 0.0), warms), mode(ids.rod_on, "on", on_w, warms)]
        actuators.append(actuator(ids.rod, "rod", switched, ids.rod_transitions))
    storage = FRBCStorageDescription(
        diagnostic_label="room",
        fill_level_label="degrees Celsius",
        provides_leakage_behaviour=False,
        provides_fill_level_target_profile=False,
        provides_usage_forecast=True,
        fill_level_range=level,
    )
    return FRBCSystemDescription(message_id=new_id(), valid_from=now, actuators=actuators, storage=storage)


def _transition(number: uuid.UUID, start: uuid.UUID, end: uuid.UUID) -> Transition:
    return Transition.from_dict(
        {
            "id": number,
            "from": start,
            "to": end,
            "start_timers": [],
            "blocking_timers": [],
            "abnormal_condition_only": False,
        }
    )


def actuator_status(
    new_id: NewId, actuator: uuid.UUID, own: uuid.UUID, instruction: FRBCInstruction | None
) -> FRBCActuatorStatus:
    """The operation mode that an actuator runs in: the instructed one, or that of its own rule."""
    return FRBCActuatorStatus(
        message_id=new_id(),
        actuator_id=actuator,
        active_operation_mode_id=own if instruction is None else instruction.operation_mode,
        operation_mode_factor=0.0 if instruction is None else instruction.operation_mode_factor,
        transition_timestamp=None,
    )


def usage_forecast(new_id: NewId, unit: HeatPumpRoom, now: datetime) -> FRBCUsageForecast:
    """How fast the room is expected to cool."""
    start, step_s, rates = unit.usage_forecast(now)
    elements = [{"duration": 1000 * step_s, "usage_rate_expected": rate} for rate in rates]
    return FRBCUsageForecast.from_dict({"message_id": new_id(), "start_time": start, "elements": elements})


def power_constraints(new_id: NewId, ids: Ids, unit: HeatPumpRoom, now: datetime) -> PEBCPowerConstraints:
    """The heat pump can be limited anywhere between nothing and its rated power; what is not heated now is deferred."""

    def limit(kind: PEBCPowerEnvelopeLimitType, high: float) -> PEBCAllowedLimitRange:
        return PEBCAllowedLimitRange(
            commodity_quantity=QUANTITY,
            limit_type=kind,
            range_boundary=NumberRange(start_of_range=0.0, end_of_range=high),
            abnormal_condition_only=False,
        )

    kinds = PEBCPowerEnvelopeLimitType
    return PEBCPowerConstraints(
        message_id=new_id(),
        id=ids.constraints,
        valid_from=now,
        valid_until=None,
        consequence_type=PEBCPowerEnvelopeConsequenceType.DEFER,
        allowed_limit_ranges=[limit(kinds.UPPER_LIMIT, unit.max_power_w), limit(kinds.LOWER_LIMIT, 0.0)],
    )


class MeanPower:
    """The mean power since the last report, from the meter's register: so reports rebuild the energy exactly."""

    def __init__(self, unit: Metered) -> None:
        self._unit = unit
        self._at = datetime(1970, 1, 1, tzinfo=UTC)
        self._energy_wh = self._mean_w = 0.0

    def begin(self, now: datetime) -> None:
        """From here on; until time has passed, the mean is the power now."""
        self._at, self._energy_wh, self._mean_w = now, self._unit.energy_import_wh, self._unit.power_w

    def at(self, now: datetime) -> float:
        """The mean (W) from the last report to `now`; the same again if `now` was reported already."""
        hours = (now - self._at).total_seconds() / 3600
        if hours > 0:
            energy_wh = self._unit.energy_import_wh
            self._mean_w = (energy_wh - self._energy_wh) / hours
            self._at, self._energy_wh = now, energy_wh
        return self._mean_w


def power_measurement(
    new_id: NewId, power_w: float, now: datetime, quantity: CommodityQuantity = QUANTITY
) -> PowerMeasurement:
    """What the device drew, as a mean up to `now`."""
    value = PowerValue(commodity_quantity=quantity, value=power_w)
    return PowerMeasurement(message_id=new_id(), measurement_timestamp=now, values=[value])
