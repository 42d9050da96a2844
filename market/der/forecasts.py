"""D-Prognoses and baselines as DERGroupForecast, and back (IEC 61968-5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cim.model.der import DERGroupForecast, EndDeviceGroup
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from market.der.names import built, day_of, name_of, names_of, texts, values
from market.der.schedules import checked, nominal, schedule, watts
from market.uftp import DPrognosis, Header

_LEAVE = ("header", "power_w", "congestion_point")
_OF_HEADER = ("time_stamp", "message_id")
_PROGNOSIS, _BASELINE = "D-Prognosis", "baseline"


def forecast_of_prognosis(message: DPrognosis) -> DERGroupForecast:
    """The forecast that a D-Prognosis is: of the sender's part of the group at the congestion point."""
    day = LocalDay(message.period, message.timezone, message.isp_minutes)
    return DERGroupForecast(
        m_rid=message.header.message_id,
        name=_PROGNOSIS,
        created=message.header.time_stamp,
        end_device_group=EndDeviceGroup(m_rid=message.congestion_point, type="DERGroup"),
        dispatch_schedules=(schedule(day, [nominal(day, n, w) for n, w in enumerate(message.power_w, 1)]),),
        names=names_of(message.header, _OF_HEADER) + names_of(message, _LEAVE),
    )


def prognosis_of(forecast: DERGroupForecast) -> DPrognosis:
    """The D-Prognosis that a forecast made by `forecast_of_prognosis` was.

    Raises:
        BadInput: it is none, or lacks something of it, or an ISP of the day.
    """
    if forecast.name != _PROGNOSIS:
        raise BadInput(f"DERGroupForecast: name {forecast.name!r}: expected {_PROGNOSIS!r}")
    said = texts(forecast.names)
    given: dict[str, object] = dict(values(said, DPrognosis, _LEAVE))
    given["header"] = built(
        Header, values(said, Header, _OF_HEADER) | {"time_stamp": forecast.created, "message_id": forecast.m_rid}
    )
    given["congestion_point"] = forecast.end_device_group.m_rid
    given["power_w"] = _whole_day(forecast, day_of(given))
    return built(DPrognosis, given)


def forecast_of_baseline(
    group: str, day: LocalDay, power_w: Sequence[int], *, m_rid: str, created: datetime
) -> DERGroupForecast:
    """The forecast that a baseline is: what `group` would have drawn, watts by ISP, without the order.

    Raises:
        BadInput: not one value for each ISP of the day.
    """
    if len(power_w) != day.count:
        raise BadInput(
            f"baseline of {group}: has {len(power_w)} values; expected {day.count}, one for each ISP of {day.day}"
        )
    return DERGroupForecast(
        m_rid=m_rid,
        name=_BASELINE,
        created=created,
        end_device_group=EndDeviceGroup(m_rid=group, type="DERGroup"),
        dispatch_schedules=(schedule(day, [nominal(day, n, w) for n, w in enumerate(power_w, 1)]),),
        names=(
            name_of("period", day.day),
            name_of("timezone", day.timezone),
            name_of("isp_minutes", day.isp_minutes),
        ),
    )


def baseline_of(forecast: DERGroupForecast) -> tuple[LocalDay, tuple[int, ...]]:
    """(day, watts by ISP) of a forecast made by `forecast_of_baseline`.

    Raises:
        BadInput: it is none, or lacks its day or an ISP of it.
    """
    if forecast.name != _BASELINE:
        raise BadInput(f"DERGroupForecast: name {forecast.name!r}: expected {_BASELINE!r}")
    day = day_of(values(texts(forecast.names), DPrognosis, _LEAVE))
    return day, _whole_day(forecast, day)


def _whole_day(forecast: DERGroupForecast, day: LocalDay) -> tuple[int, ...]:
    rows = [row for plan in forecast.dispatch_schedules for row in checked(plan, day).curve_data]
    if [row.interval_number for row in rows] != list(range(1, day.count + 1)):
        raise BadInput(
            f"DERGroupForecast: has {len(rows)} intervals; expected one for each of {day.count} ISPs, in order"
        )
    return tuple(watts(row.nominal_y_value) for row in rows)
