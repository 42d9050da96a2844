"""The S2 messages with which the simulated resource manager of an appliance describes its programmes."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

from s2python.common import (
    Commodity,
    CommodityQuantity,
    ControlType,
    Duration,
    PowerForecast,
    PowerForecastElement,
    PowerForecastValue,
    ResourceManagerDetails,
    Role,
    RoleType,
)
from s2python.generated.gen_s2 import PPBCPowerSequenceContainerStatus, PPBCPowerSequenceStatus
from s2python.ppbc import (
    PPBCPowerProfileDefinition,
    PPBCPowerSequence,
    PPBCPowerSequenceContainer,
    PPBCPowerSequenceElement,
)

from devices.s2.profile_status import PowerProfileStatus
from devices.simulators.gateway.message_builders import NewId
from devices.simulators.gateway.physics_port import ProgrammeUnit

QUANTITY = CommodityQuantity.ELECTRIC_POWER_L1  # it hangs on one phase
_DAY_S = 86_400


class ProgrammeIds:
    """The ids of one programme, the same over sessions."""

    def __init__(self, fixed: Callable[[str], uuid.UUID], ready_at: datetime) -> None:
        when = ready_at.isoformat()
        self.ready_at = ready_at
        self.profile = fixed(f"programme {when}")
        self.container = fixed(f"container {when}")
        self.sequence = fixed(f"sequence {when}")


def details(new_id: NewId, resource: uuid.UUID, name: str) -> ResourceManagerDetails:
    """Who we are and how we can be controlled."""
    return ResourceManagerDetails(
        message_id=new_id(),
        resource_id=resource,
        name=name,
        roles=[Role(role=RoleType.ENERGY_CONSUMER, commodity=Commodity.ELECTRICITY)],
        manufacturer="ILES",
        model="Simulated appliance",
        serial_number=name,
        firmware_version="1",
        instruction_processing_delay=Duration(0),
        available_control_types=[ControlType.POWER_PROFILE_BASED_CONTROL],
        currency=None,
        provides_forecast=True,
        provides_power_measurement_types=[QUANTITY],
    )


def forecast(new_id: NewId, unit: ProgrammeUnit, now: datetime) -> PowerForecast:
    """Within a day it runs its programme once: the mean of that, and between what it lies."""
    energy_ws = sum(seconds * watts for seconds, watts in unit.steps)
    value = _value(energy_ws / _DAY_S, value_upper_limit=max(watts for _, watts in unit.steps), value_lower_limit=0.0)
    element = PowerForecastElement(duration=Duration(1000 * _DAY_S), power_values=[value])
    return PowerForecast(message_id=new_id(), start_time=now, elements=[element])


def _value(expected_w: float, **limits_w: float) -> PowerForecastValue:
    return PowerForecastValue.from_dict({"value_expected": expected_w, "commodity_quantity": QUANTITY, **limits_w})


def definition(new_id: NewId, ids: ProgrammeIds, unit: ProgrammeUnit) -> PPBCPowerProfileDefinition:
    """The programme that the appliance was made ready for: one sequence, at any time up to its latest end."""
    elements = [
        PPBCPowerSequenceElement(
            duration=Duration(round(1000 * seconds)),
            power_values=[_value(watts)],
        )
        for seconds, watts in unit.steps
    ]
    sequence = PPBCPowerSequence.from_dict(
        {
            "id": ids.sequence,
            "elements": elements,
            "is_interruptible": unit.interruptible,
            "abnormal_condition_only": False,
        }
    )
    return PPBCPowerProfileDefinition(
        message_id=new_id(),
        id=ids.profile,
        start_time=ids.ready_at,
        end_time=unit.latest_end,
        power_sequences_containers=[PPBCPowerSequenceContainer(id=ids.container, power_sequences=[sequence])],
    )


def state_of(unit: ProgrammeUnit) -> PPBCPowerSequenceStatus:
    """How far the programme is."""
    states = PPBCPowerSequenceStatus
    if unit.ended:
        return states.FINISHED
    if unit.started:
        return states.INTERRUPTED if unit.paused else states.EXECUTING
    return states.NOT_SCHEDULED if unit.start_at is None else states.SCHEDULED


def status(new_id: NewId, ids: ProgrammeIds, unit: ProgrammeUnit) -> PowerProfileStatus:
    """The same as a message; `progress` as soon as it has begun."""
    container: dict[str, object] = {
        "power_profile_id": str(ids.profile),
        "sequence_container_id": str(ids.container),
        "status": state_of(unit),
    }
    if unit.started or unit.start_at is not None:
        container["selected_sequence_id"] = str(ids.sequence)
    if unit.started:
        container["progress"] = Duration(round(1000 * unit.done_s))
    told = PPBCPowerSequenceContainerStatus.model_validate(container)
    return PowerProfileStatus(message_id=new_id(), sequence_container_status=[told])
