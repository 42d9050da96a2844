"""Reading a PPBC.PowerProfileDefinition and its status, and writing a PPBC.ScheduleInstruction."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from s2python.common import PowerForecast
from s2python.generated.gen_s2 import PPBCPowerSequenceContainerStatus, PPBCPowerSequenceStatus
from s2python.ppbc import (
    PPBCPowerProfileDefinition,
    PPBCPowerSequence,
    PPBCPowerSequenceElement,
    PPBCScheduleInstruction,
)

from cim.mapping.s2 import ELECTRIC, TOTAL_POWER
from cim.model.devices import Programme, ProgrammeState
from devices.s2.profile_status import PowerProfileStatus
from devices.s2.session import MOST_TIMER_MS, MOST_W, Refused, Status, expect_within

_STATES = {
    PPBCPowerSequenceStatus.NOT_SCHEDULED: ProgrammeState.READY,
    PPBCPowerSequenceStatus.SCHEDULED: ProgrammeState.READY,
    PPBCPowerSequenceStatus.EXECUTING: ProgrammeState.RUNNING,
    PPBCPowerSequenceStatus.INTERRUPTED: ProgrammeState.PAUSED,
    PPBCPowerSequenceStatus.FINISHED: ProgrammeState.OVER,
    PPBCPowerSequenceStatus.ABORTED: ProgrammeState.OVER,
}


def sequence(definition: PPBCPowerProfileDefinition) -> PPBCPowerSequence:
    """The sequence of a definition that ILES starts: the first one for normal conditions.

    Raises:
        Refused: it is no single programme of whole seconds that fits between its start and its end.
    """
    if len(definition.power_sequences_containers) != 1:
        raise Refused(Status.INVALID_CONTENT, "PPBC.PowerProfileDefinition: expected one container of sequences")
    normal = [s for s in definition.power_sequences_containers[0].power_sequences if not s.abnormal_condition_only]
    if not normal:
        raise Refused(Status.INVALID_CONTENT, "PPBC.PowerProfileDefinition: expected a sequence for normal conditions")
    chosen = normal[0]
    lengths = [element.duration.root for element in chosen.elements]
    expect_within("PPBC.PowerSequence: duration", 0, MOST_TIMER_MS, sum(lengths))
    if any(length < 1000 or length % 1000 for length in lengths):
        raise Refused(Status.INVALID_CONTENT, "PPBC.PowerSequence: expected elements of whole seconds")
    if definition.start_time + timedelta(milliseconds=sum(lengths)) > definition.end_time:
        raise Refused(Status.INVALID_CONTENT, "PPBC.PowerProfileDefinition: its sequence does not fit before end_time")
    for element in chosen.elements:
        _power_w(element)
    return chosen


def _power_w(element: PPBCPowerSequenceElement) -> float:
    """The expected net power: the symmetric three-phase value is the total and wins, else the phases are summed."""
    values = {v.commodity_quantity.value: v.value_expected for v in element.power_values}
    electric = [value for quantity, value in values.items() if quantity in ELECTRIC]
    if not electric:
        raise Refused(Status.INVALID_CONTENT, "PPBC.PowerSequenceElement: expected an electric power")
    found = next((value for quantity, value in values.items() if quantity in TOTAL_POWER), sum(electric))
    expect_within("PPBC.PowerSequenceElement: power", -MOST_W, MOST_W, found)
    return found


def programme(definition: PPBCPowerProfileDefinition, status: PowerProfileStatus | None, at: datetime) -> Programme:
    """What is known of a defined programme at an instant. Raises `Refused`."""
    chosen = sequence(definition)
    told = None if status is None else container_status(definition, status)
    state = ProgrammeState.READY if told is None else _STATES[told.status]
    progress = None if told is None else told.progress
    expect_within("PPBC.PowerProfileStatus: progress", 0, MOST_TIMER_MS, 0 if progress is None else progress.root)
    return Programme(
        identity=str(definition.id),
        earliest=definition.start_time.astimezone(UTC),
        latest_end=definition.end_time.astimezone(UTC),
        steps=tuple((element.duration.root // 1000, _power_w(element)) for element in chosen.elements),
        state=state,
        done_s=0 if progress is None or state is ProgrammeState.READY else round(progress.root / 1000),
        at=at,
    )


def container_status(
    definition: PPBCPowerProfileDefinition, status: PowerProfileStatus
) -> PPBCPowerSequenceContainerStatus:
    """The status of a definition's container. Raises `Refused` when it is of another definition."""
    container = str(definition.power_sequences_containers[0].id)
    for told in status.sequence_container_status:
        if (told.power_profile_id.root, told.sequence_container_id.root) == (str(definition.id), container):
            return told
    raise Refused(Status.INVALID_CONTENT, "PPBC.PowerProfileStatus: its power profile was not defined")


def schedule(
    new_id: Callable[[], uuid.UUID], definition: PPBCPowerProfileDefinition, at: datetime
) -> PPBCScheduleInstruction:
    """The instruction to run a defined programme from an instant on."""
    return PPBCScheduleInstruction(
        message_id=new_id(),
        id=new_id(),
        power_profile_id=definition.id,
        sequence_container_id=definition.power_sequences_containers[0].id,
        power_sequence_id=sequence(definition).id,
        execution_time=at,
        abnormal_condition=False,
    )


def peak_w(forecast: PowerForecast) -> float:
    """The most that a resource manager says it will draw, W. Raises `Refused`."""
    values = [
        v for element in forecast.elements for v in element.power_values if v.commodity_quantity.value in ELECTRIC
    ]
    expected = [v.value_expected if v.value_upper_limit is None else v.value_upper_limit for v in values]
    expect_within("PowerForecast: power", -MOST_W, MOST_W, *expected)
    return max(expected, default=0.0)
