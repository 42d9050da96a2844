"""A UFTP Metering message as a MeterReading with an IntervalBlock for each profile, and back (IEC 61968-9)."""

from __future__ import annotations

from cim.model.errors import BadInput
from cim.model.identified import DateTimeInterval
from cim.model.intervals import LocalDay
from cim.model.metering import IntervalBlock, IntervalReading, MeterReading
from cim.model.reading_type import ReadingType, build_reading_type
from market.der.names import built, day_of, name_of, names_of, texts, values
from market.der.schedules import watts
from market.uftp import Header, Metering, MeteringProfile

_LEAVE = ("header", "profiles", "ean")
_UNITS = {"W": "W", "var": "VAr", "Wh": "Wh", "kW": "kW", "kWh": "kWh"}


def meter_reading_of(message: Metering) -> MeterReading:
    """The meter reading that a Metering message is; a value is stamped with the end of its ISP.

    Raises:
        BadInput: a profile that has not one value for each ISP.
    """
    day = LocalDay(message.period, message.timezone, message.isp_minutes)
    blocks = []
    for profile in message.profiles:
        if len(profile.values) != day.count:
            raise BadInput(f"Metering {profile.profile_type}: has {len(profile.values)} values; expected {day.count}")
        readings = (
            IntervalReading(time_stamp=day.isp_start(number + 1), value=value)
            for number, value in enumerate(profile.values, 1)
        )
        blocks.append(
            IntervalBlock(reading_type=_reading_type(profile, message.isp_minutes), interval_readings=tuple(readings))
        )
    kinds = tuple(
        name_of(f"profile_{place}", f"{profile.unit} {profile.profile_type}")
        for place, profile in enumerate(message.profiles)
    )
    return MeterReading(
        meter=message.ean,
        usage_point=message.ean,
        values_interval=DateTimeInterval(start=day.start, end=day.end),
        interval_blocks=tuple(blocks),
        names=names_of(message.header) + names_of(message, _LEAVE) + kinds,
    )


def _reading_type(profile: MeteringProfile, isp_minutes: int) -> ReadingType:
    """Means of power over an ISP, or energy within it; a profile without a unit counts something."""
    interval_s = isp_minutes * 60
    unit = _UNITS.get(profile.unit)
    if unit is None:
        return build_reading_type("none", "none", interval_s=interval_s, commodity="none")
    if unit.endswith("Wh"):
        flow = {"ImportEnergy": "forward", "ExportEnergy": "reverse"}.get(profile.profile_type, "net")
        return build_reading_type("energy", unit, interval_s=interval_s, accumulation="deltaData", flow_direction=flow)
    flow = "net" if unit.endswith("W") else "none"
    return build_reading_type("power", unit, interval_s=interval_s, aggregate="average", flow_direction=flow)


def metering_of(reading: MeterReading) -> Metering:
    """The Metering message that a reading made by `meter_reading_of` was.

    Raises:
        BadInput: it lacks something of it, or an ISP of the day.
    """
    said = texts(reading.names)
    given: dict[str, object] = dict(values(said, Metering, _LEAVE))
    given["header"] = built(Header, dict(values(said, Header)))
    given["ean"] = reading.meter
    day = day_of(given)
    ends = [day.isp_start(number + 1) for number in range(1, day.count + 1)]
    profiles = []
    for place, block in enumerate(reading.interval_blocks):
        unit, found, kind = said.get(f"profile_{place}", "").partition(" ")
        if not found:
            raise BadInput(f"MeterReading: profile_{place} is missing in its names; expected its unit and type")
        if [row.time_stamp for row in block.interval_readings] != ends:
            raise BadInput(
                f"MeterReading {kind}: expected one value at the end of each of the {day.count} ISPs of {day.day}"
            )
        profiles.append(MeteringProfile(kind, unit, tuple(watts(row.value) for row in block.interval_readings)))
    given["profiles"] = tuple(profiles)
    return built(Metering, given)
