"""Meters and what they read, in IEC 61968-9's classes: usage points, devices, readings by interval, groups, controls."""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise

from pydantic import model_validator

from cim.model.identified import CimValue, DateTimeInterval, IdentifiedObject, Instant, Name, Ref
from cim.model.quantities import ApparentPower
from cim.model.reading_type import ReadingType


class UsagePoint(IdentifiedObject):
    """A connection of a customer to the grid: where power is delivered, fed in and metered; its equipment in the grid."""

    rated_power: ApparentPower | None = None
    is_sdp: bool | None = None
    phase_code: str | None = None
    equipments: tuple[Ref, ...] = ()


class EndDevice(IdentifiedObject):
    """A device at a usage point that can be read or controlled."""

    usage_point: Ref | None = None
    serial_number: str | None = None
    is_smart_inverter: bool | None = None
    end_device_groups: tuple[Ref, ...] = ()


class Meter(EndDevice):
    """A device that measures what flows through a usage point."""

    form_number: str | None = None


class EndDeviceControlType(StrEnum):
    """What a control tells devices to do (IEC 61968-9 annex E, `domain.part.type.action` by name)."""

    SETPOINT = "setpoint"
    LIMIT = "limit"
    START = "start"


class EndDeviceControl(IdentifiedObject):
    """A control sent to devices or groups of them: from `scheduled_interval` on, at `set_point` watts, + = consumption."""

    type: EndDeviceControlType
    set_point_w: float
    scheduled_interval: DateTimeInterval | None = None
    issued: Instant
    end_devices: tuple[Ref, ...] = ()
    end_device_groups: tuple[Ref, ...] = ()


class ReadingQualityType(StrEnum):
    """System, category and index of IEC 61968-9 annex D: 2 is the collecting system, 0.0 valid, category 5 questionable."""

    VALID = "2.0.0"
    OUT_OF_RANGE = "2.5.256"
    SUSPECT = "2.5.258"
    MISSING = "2.5.259"


class ReadingQuality(CimValue):
    """How good a reading is, if anything is to be said of it."""

    reading_quality_type: ReadingQualityType
    comment: str | None = None


class IntervalReading(CimValue):
    """One value of an interval block; an interval's is at its end, as the standard stamps it."""

    time_stamp: Instant
    value: float
    reading_qualities: tuple[ReadingQuality, ...] = ()


class IntervalBlock(CimValue):
    """Values of one reading type, in time order, no instant twice."""

    reading_type: ReadingType
    interval_readings: tuple[IntervalReading, ...]

    @model_validator(mode="after")
    def _in_order(self) -> IntervalBlock:
        stamps = [reading.time_stamp for reading in self.interval_readings]
        if any(later <= earlier for earlier, later in pairwise(stamps)):
            raise ValueError("expected interval readings in time order, no instant twice")
        return self


class MeterReading(CimValue):
    """What one meter read: blocks of intervals, each of one reading type."""

    meter: Ref
    usage_point: Ref | None = None
    values_interval: DateTimeInterval | None = None
    interval_blocks: tuple[IntervalBlock, ...] = ()
    names: tuple[Name, ...] = ()


METERING: tuple[type[IdentifiedObject], ...] = (UsagePoint, EndDevice, Meter, EndDeviceControl)
METER_READINGS: tuple[type[CimValue], ...] = (MeterReading, IntervalBlock, IntervalReading, ReadingQuality)
